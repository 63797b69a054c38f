"""The compressed PLY of SuperSplat: 16 bytes a Gaussian, and a byte for each further harmonic. Read, never written.

After PlayCanvas' own reader and writer (splat-transform): Gaussians go in chunks of 256, in Morton's order. An element
`chunk` holds the least and the largest position, logarithm of the scale and, in files of later versions, colour of each
chunk; `vertex` holds four numbers of 32 bits: position and scale as 11, 10 and 11 bits between these ends, the rotation
as the place of the largest of w x y z in 2 bits and the three others in 10 each, colour and opacity in bytes; `sh`,
where there is one, holds the other harmonics from -4 to 4 in bytes, all of red first.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from animcore.errors import InputError
from animcore.files.splats.base import Array, Notes, exponential, harmonics, quaternions
from animcore.gaussians.gaussians import HARMONIC_0, Gaussians

Names = tuple[str, str, str]

VERTEX = ("packed_position", "packed_rotation", "packed_scale", "packed_color")
_CHUNK = 256  # Gaussians
_REACH = 4.0  # of harmonics, either way
_ENDS = (  # of positions, logarithms of scales and colours
    (("min_x", "min_y", "min_z"), ("max_x", "max_y", "max_z")),
    (("min_scale_x", "min_scale_y", "min_scale_z"), ("max_scale_x", "max_scale_y", "max_scale_z")),
    (("min_r", "min_g", "min_b"), ("max_r", "max_g", "max_b")),
)


def decoded(vertex: NDArray[Any], chunk: NDArray[Any], rest: NDArray[Any] | None, name: str) -> tuple[Gaussians, Notes]:
    """Return the Gaussians of the elements of such a file, tables with named columns.

    Args:
        vertex: (N,) with the columns of `VERTEX`.
        chunk: (N / 256,) with the ends of what the vertices lie between.
        rest: (N,) the element `sh`, where the file has one.
        name: of the file, for sentences.

    Raises:
        InputError: where elements do not fit each other or lack a column.
    """
    position, rotation, scale, colour = (_whole(_column(vertex, one, name), np.uint32) for one in VERTEX)
    count = len(vertex)
    if len(chunk) != math.ceil(count / _CHUNK) or (rest is not None and len(rest) != count):
        raise InputError(f"{name} is broken: it has {len(chunk)} chunks for {count} Gaussians; export it again.")
    place, size, tint = _ENDS
    colours = np.stack([colour >> shift & 255 for shift in (24, 16, 8)], 1) / 255
    if tint[0][0] in (chunk.dtype.names or ()):
        colours = _between(colours, chunk, tint, name)
    three = np.stack([rotation >> shift & 1023 for shift in (20, 10, 0)], 1) / 1023
    constant = (colours - 0.5) / HARMONIC_0
    table, notes = harmonics(constant, _rest(rest, count, name), name)
    return Gaussians(
        _between(_of_11_10_11(position), chunk, place, name).astype(np.float32),
        quaternions((three - 0.5) * math.sqrt(2), (rotation >> 30).astype(np.int64)),
        exponential(_between(_of_11_10_11(scale), chunk, size, name)),
        ((colour & 255) / 255).astype(np.float32),
        table,
    ), notes


def _column(table: NDArray[Any], name: str, where: str) -> NDArray[Any]:
    if name not in (table.dtype.names or ()):
        raise InputError(f"{where} is a compressed PLY of SuperSplat without {name}; save it there again.")
    return np.asarray(table[name])


def _of_11_10_11(values: NDArray[np.uint32]) -> NDArray[np.float64]:
    """(N, 3) in 0..1."""
    return np.stack([(values >> 21) / 2047, (values >> 11 & 1023) / 1023, (values & 2047) / 2047], 1)


def _between(shares: NDArray[Any], chunk: NDArray[Any], ends: tuple[Names, Names], where: str) -> NDArray[np.float64]:
    """(N, 3) values interpolated between the ends of the chunks."""
    least, largest = (np.stack([_column(chunk, one, where) for one in names], 1) for names in ends)
    low, high = (np.repeat(end.astype(np.float64), _CHUNK, 0)[: len(shares)] for end in (least, largest))
    with np.errstate(invalid="ignore", over="ignore"):  # infinite ones are left out later, with a note
        return np.asarray(low + (high - low) * shares)


def _rest(table: NDArray[Any] | None, count: int, name: str) -> Array:
    """(N, K - 1, 3) harmonics above the constant one."""
    if table is None:
        return np.zeros((count, 0, 3), np.float32)
    names = [f"f_rest_{index}" for index in range(len(table.dtype.names or ()))]
    if len(names) % 3:
        raise InputError(f"{name} has {len(names)} values f_rest, no multiple of three colours; export it again.")
    stored = np.stack([_whole(_column(table, one, name), np.uint8) for one in names], 1)
    steps = (np.arange(256) + 0.5) / 256
    steps[[0, 255]] = 0, 1  # the ends stand for themselves, other bytes for the middle of their step
    values = ((steps - 0.5) * 2 * _REACH).astype(np.float32)
    return np.asarray(values[stored].reshape(count, 3, -1).transpose(0, 2, 1))


def _whole(values: NDArray[Any], kind: type[Any]) -> NDArray[Any]:
    """Values as whole numbers; a file that is text holds them as others, and nonsense stays nonsense."""
    with np.errstate(invalid="ignore"):
        return values.astype(kind)
