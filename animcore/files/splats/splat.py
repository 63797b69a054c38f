"""`.splat` files, as the first viewers in browsers read them: 32 bytes a Gaussian, no header, no view dependence.

Three float32 of the position, three of the scale (not its logarithm), red, green, blue and opacity as bytes, and
w x y z of the rotation as bytes, 128 being 0. After antimatter15's viewer. Axes and units are not stated.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from animcore.core.atomic_files import whole_file
from animcore.errors import InputError
from animcore.files.splats.base import Notes, SplatFormat, bytes_of, check_count, content
from animcore.gaussians.gaussians import HARMONIC_0, Gaussians

_ROW = np.dtype([("mean", "<f4", 3), ("scale", "<f4", 3), ("colour", "u1", 4), ("rotation", "u1", 4)])


def read(path: Path) -> tuple[Gaussians, Notes]:
    """Read a `.splat`.

    Raises:
        InputError: when it is cut off, or no such file.
    """
    data = content(path)
    if len(data) % _ROW.itemsize:
        raise InputError(
            f"{path.name} is cut off, or no .splat file: {len(data):,} bytes are no multiple of {_ROW.itemsize}; "
            "copy it again."
        )
    count = check_count(len(data) // _ROW.itemsize, path.name)
    table = np.frombuffer(data, _ROW, count)
    if np.abs(np.nan_to_num(table["scale"])).max() > 1e6 or (table["scale"] < 0).any():
        raise InputError(f"{path.name} is not a .splat file: what would be its scales are none; export it again.")
    colours = table["colour"].astype(np.float32) / 255
    turns = (table["rotation"].astype(np.float32) - 128) / 128
    turns[~turns.any(1)] = (1, 0, 0, 0)  # four times 128: no rotation
    constant = (colours[:, :3] - 0.5) / HARMONIC_0
    scales = np.array(table["scale"])
    return Gaussians(np.array(table["mean"]), turns, scales, colours[:, 3], constant[:, None].astype(np.float32)), ()


def write(splats: Gaussians, path: Path) -> None:
    """Write a `.splat`; colours are those that the constant harmonic gives.

    Raises:
        InputError: when it cannot be written.
    """
    table = np.empty(splats.count, _ROW)
    table["mean"], table["scale"] = splats.means, splats.scales
    table["colour"][:, :3] = bytes_of(255 * (0.5 + HARMONIC_0 * splats.harmonics[:, 0]))
    table["colour"][:, 3] = bytes_of(255 * splats.opacities)
    table["rotation"] = bytes_of(splats.rotations * 128 + 128)
    with whole_file(path) as temporary:
        temporary.write_bytes(table.tobytes())


FORMAT = SplatFormat(".splat", (".splat",), read, write, upright=False)
