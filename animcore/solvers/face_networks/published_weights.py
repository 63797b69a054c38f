"""What published weights have in common: which files, what they were taught on VOCASET and BIWI, our names for theirs.

The weights were taught raw vertices, so that the mean is 0 and the spread 1. Frame rates, periods, people and their
order are facts of the authors' repositories.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from torch import Tensor

from animcore.errors import InputError
from animcore.solvers import checkpoints
from animcore.solvers.face_networks.base import FaceModel
from animcore.solvers.face_networks.output_space import MeshTopology, OutputSpace

Kind = TypeVar("Kind", bound=FaceModel)

VOCASET = (
    "FaceTalk_170728_03272_TA", "FaceTalk_170904_00128_TA", "FaceTalk_170725_00137_TA", "FaceTalk_170915_00223_TA",
    "FaceTalk_170811_03274_TA", "FaceTalk_170913_03279_TA", "FaceTalk_170904_03276_TA", "FaceTalk_170912_03278_TA",
)  # fmt: skip
BIWI = ("F2", "F3", "F4", "M3", "M4", "M5")
_BUFFERS = ("mean", "spread")  # ours, which the authors' models do not have


@dataclass(frozen=True)
class PublishedWeights:
    """A file of published weights and the facts of its name.

    Attributes:
        path: of the file.
        space: the frames: vertices at 30 (VOCASET) or 25 (BIWI) FPS.
        speakers: the people it was taught, in their order.
        period: frames after which positions repeat.
        per_frame: states of audio to each frame.
        topology: the mesh, where its file lies next to the weights.
    """

    path: Path
    space: OutputSpace
    speakers: tuple[str, ...]
    period: int
    per_frame: int
    topology: MeshTopology | None


def find_weights(folder: Path, endings: tuple[str, ...]) -> PublishedWeights:
    """Return the weights of a folder, `vocaset` or `biwi` with one of some endings.

    Raises:
        InputError: where there are none, or the mesh next to them is another one.
    """
    for ending in endings:
        for name, vertices, fps, people in (("vocaset", 5023, 30, VOCASET), ("biwi", 23370, 25, BIWI)):
            path = folder / f"{name}{ending}"
            if path.is_file():
                space = OutputSpace("vertices", 3 * vertices, fps, "flame" if name == "vocaset" else "biwi")
                return PublishedWeights(
                    path, space, people, fps, 50 // fps if fps == 25 else 1, MeshTopology.beside(folder, vertices)
                )
    raise InputError(f"There are no published weights in {folder}.")


def one_of(folder: Path, patterns: tuple[str, ...]) -> Path:
    """Return the file of a folder that has one of some names.

    Raises:
        InputError: where there is none, or more than one.
    """
    files = sorted(path for pattern in patterns for path in folder.glob(pattern))
    if not files:
        raise InputError(f"There are no published weights in {folder}.")
    if len(files) > 1:
        names = ", ".join(path.name for path in files)
        raise InputError(f"{folder} holds {names}; put each into a folder of its own, with its mesh next to it.")
    return files[0]


def tensors(path: Path, passed: tuple[str, ...] = ()) -> dict[str, Tensor]:
    """Return the weights of a file by name, out of `state_dict` where that holds them and without `module.`.

    Args:
        path: of the file.
        passed: packages of which objects may be stored with them; see `checkpoints.pickled`.

    Raises:
        InputError: where the file is cut off, damaged, would run code, or holds something else.
    """
    content: Any = checkpoints.pickled(path, passed)
    if isinstance(content.get("state_dict"), Mapping):
        content = content["state_dict"]
    if not all(isinstance(values, Tensor) for values in content.values()):
        raise InputError(f"{path} does not hold the weights of a network by name; download it again.")
    return {name.removeprefix("module."): values for name, values in content.items()}


def length(weights: Mapping[str, Tensor], name: str, path: Path, axis: int = 0) -> int:
    """Return a size of a tensor, the first one usually, which is a size of the network.

    Raises:
        InputError: where it is not there.
    """
    if name not in weights or not weights[name].ndim:
        raise InputError(f"The weights in {path} are those of another model: they have no {name}.")
    return weights[name].shape[axis]


def renamed(
    weights: Mapping[str, Tensor], prefixes: Mapping[str, str], unused: tuple[str, ...] = ()
) -> dict[str, Tensor]:
    """Return weights under our names: other beginnings, and weight norm as PyTorch keeps it today.

    Args:
        weights: by the authors' names.
        prefixes: beginnings of theirs and ours.
        unused: names that are passed over: tables that are made anew.
    """
    found = {}
    for name, values in weights.items():
        if name in unused:
            continue
        for theirs, ours in prefixes.items():
            if name.startswith(theirs):
                name = ours + name.removeprefix(theirs)
        for old, new in (("conv.weight_g", "original0"), ("conv.weight_v", "original1")):
            name = name.replace(f"pos_conv_embed.{old}", f"pos_conv_embed.conv.parametrizations.weight.{new}")
        found[name] = values
    return found


def filled(model: Kind, weights: dict[str, Tensor], source: PublishedWeights) -> Kind:
    """Return the model with these weights, and with the mesh next to them.

    Raises:
        InputError: where weights are missing, too many, of other shapes, or no numbers.
    """
    weights |= {name: getattr(model, name) for name in _BUFFERS}
    checkpoints.load_tensors(model, weights, str(source.path), "its layout")
    model.topology = source.topology
    return model.eval()
