"""LPIPS: the perceptual distance of two images, by the features of networks trained on photographs.

Zhang, Isola, Efros, Shechtman and Wang, "The Unreasonable Effectiveness of Deep Features as a Perceptual Metric", CVPR
2018, version 0.1: five layers of AlexNet or VGG16, each place's features at unit length, squared differences weighted
by channel, mean over places, sum over layers.

The weights are a user's own: of the networks in torchvision's layout of names (`alexnet-owt-7be5be79.pth`,
`vgg16-397923af.pth`), of the channels in that of the package lpips (`alex.pth`, `vgg.pth`), or both in one file
(`lpips_alex.safetensors`), which `tools/lpips_weights.py` makes. Nothing is downloaded here.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

import torch
from torch import Tensor, nn

from animcore.errors import InputError
from animcore.solvers import checkpoints

Net = Literal["alex", "vgg"]

FOLDER = "ANIMCORE_LPIPS"  # the variable of the environment that names the folder of the weights
SMALLEST = 32  # pixels along a side: below it the last layers are empty
_SHIFT, _SCALE = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)  # of images -1..1: ImageNet's mean and spread


@dataclass(frozen=True)
class _LpipsArchitecture:
    """One network: its convolutions and poolings, its name, and where its weights may be."""

    title: str
    convolutions: tuple[tuple[int, int, int, int], ...]  # channels, kernel, stride, padding
    pooled: tuple[int, ...]  # numbers of the convolutions that a pooling comes before
    pooling: tuple[int, int]  # kernel and stride
    seen: tuple[int, ...]  # numbers of the convolutions whose output is compared, behind their ReLU
    files: tuple[str, ...]


_PLANS: dict[Net, _LpipsArchitecture] = {
    "alex": _LpipsArchitecture(
        "AlexNet",
        ((64, 11, 4, 2), (192, 5, 1, 2), (384, 3, 1, 1), (256, 3, 1, 1), (256, 3, 1, 1)),
        (1, 2),
        (3, 2),
        (0, 1, 2, 3, 4),
        ("lpips_alex.safetensors", "alexnet*.pth", "alexnet*.safetensors", "alex.pth"),
    ),
    "vgg": _LpipsArchitecture(
        "VGG16",
        tuple((width, 3, 1, 1) for width in (*[64] * 2, *[128] * 2, *[256] * 3, *[512] * 6)),
        (2, 4, 7, 10),
        (2, 2),
        (1, 3, 6, 9, 12),
        ("lpips_vgg.safetensors", "vgg16-*.pth", "vgg16-*.safetensors", "vgg.pth"),
    ),
}


class Lpips(nn.Module):
    """LPIPS with random weights; `load` gives it those of files. The names of its weights are the published ones."""

    def __init__(self, net: Net = "alex") -> None:
        super().__init__()
        plan = _PLANS[net]
        self.features = nn.Sequential(*_layers(plan))
        convolutions = [place for place, layer in enumerate(self.features) if isinstance(layer, nn.Conv2d)]
        self._seen = tuple(convolutions[number] + 1 for number in plan.seen)
        for index, number in enumerate(plan.seen):
            weighing = nn.Conv2d(plan.convolutions[number][0], 1, 1, bias=False)
            self.add_module(f"lin{index}", nn.ModuleDict({"model": nn.Sequential(nn.Identity(), weighing)}))
        self.requires_grad_(False).eval()

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """Return the distance of two images, 0 for equal ones; gradients go to both.

        Args:
            first: (H, W, 3), 0..1; the weights follow it to its device.
            second: the same of the other image.

        Raises:
            InputError: where the images are of two sizes, or smaller than 32 x 32.
        """
        if first.shape != second.shape or first.ndim != 3 or first.shape[2] != 3 or min(first.shape[:2]) < SMALLEST:
            sizes = " and ".join(" x ".join(map(str, image.shape)) for image in (first, second))
            raise InputError(f"LPIPS compares two images of one size, 32 x 32 x 3 at least; these are {sizes}.")
        self.to(first.device)
        total = first.new_zeros(())
        for index, (one, other) in enumerate(zip(self._shown(first), self._shown(second), strict=True)):
            weighing = cast(nn.ModuleDict, self.get_submodule(f"lin{index}"))["model"]
            total = total + weighing((one - other) ** 2).mean()
        return total

    def _shown(self, image: Tensor) -> Iterator[Tensor]:
        """The features of an image: (1, C, h, w) of each layer, of unit length over C."""
        values = (image * 2 - 1 - image.new_tensor(_SHIFT)) / image.new_tensor(_SCALE)
        values = values.movedim(-1, 0)[None].to(next(self.parameters()).dtype)
        for place, layer in enumerate(self.features):
            values = layer(values)
            if place in self._seen:
                # unlike the root of a sum of squares, this norm has a gradient where all features are 0
                yield values / (torch.linalg.vector_norm(values, dim=1, keepdim=True) + 1e-10)


def load(net: Net = "alex", folder: Path | None = None) -> Lpips:
    """Return LPIPS with the weights that are at hand; nothing in a file is run.

    Args:
        net: of AlexNet, with which LPIPS is reported, or VGG16, which is sterner in training.
        folder: of the weights; None for that in `ANIMCORE_LPIPS`, else where PyTorch keeps what it downloaded and where
            the package lpips is installed.

    Raises:
        InputError: where weights are missing, cut off, or of another network.
    """
    plan, places = _PLANS[net], _places(folder)
    files = [path for place in places for pattern in plan.files for path in sorted(place.glob(pattern))]
    found = {name: values for path in files for name, values in checkpoints.tensors(path).items()}
    network = Lpips(net)
    wanted = network.state_dict()
    if not wanted.keys() <= found.keys():
        where = " and ".join(map(str, places))
        what = f"{plan.files[-1]} of the package lpips" if "features.0.weight" in found else plan.files[0]
        raise InputError(
            f"LPIPS needs weights that are not in {where}: {what}. Make them with tools/lpips_weights.py FOLDER, and "
            f"set {FOLDER} to that folder."
        )
    kept = {name: found[name] for name in wanted}  # a network's classifier is of no use here
    checkpoints.load_tensors(network, kept, " and ".join(path.name for path in files), f"LPIPS with {plan.title}")
    return network


def _layers(plan: _LpipsArchitecture) -> Iterator[nn.Module]:
    before = 3
    for number, (width, kernel, stride, padding) in enumerate(plan.convolutions):
        if number in plan.pooled:
            yield nn.MaxPool2d(*plan.pooling)
        yield nn.Conv2d(before, width, kernel, stride, padding)
        yield nn.ReLU()
        before = width


def _places(folder: Path | None) -> list[Path]:
    """Folders in which weights may be."""
    named = os.environ.get(FOLDER)
    if folder is not None or named:
        return [folder if folder is not None else Path(str(named)).expanduser()]
    places = [Path(torch.hub.get_dir()) / "checkpoints"]
    package = importlib.util.find_spec("lpips")  # asked for its folder alone: it would bring torchvision
    if package is not None and package.origin:
        places.append(Path(package.origin).parent / "weights" / "v0.1")
    return places
