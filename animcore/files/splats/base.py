"""What all files of Gaussians share: the description of a format, limits, and the curves that values are stored in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from animcore.core import reading
from animcore.errors import InputError
from animcore.gaussians.gaussians import Gaussians

Array = NDArray[np.float32]
Notes = tuple[str, ...]

MOST = 50_000_000  # Gaussians: no program draws so many, so a file that claims more is broken or hostile
SHARPEST = 1e-6  # opacities are kept from 0 and 1 by this where a file holds their logits, which have no end there
SMALLEST = 1e-9  # metres: scales where a file holds their logarithms
WIDTHS = (1, 4, 9, 16)  # coefficients a colour of the degrees 0 to 3
OTHER_THREE = ((1, 2, 3), (0, 2, 3), (0, 1, 3), (0, 1, 2))  # the three smallest where one of w x y z is largest
_DEGREE_4 = 25


@dataclass(frozen=True)
class SplatFormat:
    """One kind of file of Gaussians.

    Attributes:
        title: for people.
        suffixes: of its files, the usual one first; ("",) is a folder.
        read: gives the Gaussians of a file, and sentences on what was noticed in it.
        write: puts Gaussians into a file, whole or not at all.
        upright: whether the format itself states that Y is up; others store numbers without their axes.
        bound: whether it can hold Gaussians that are bound to triangles.
    """

    title: str
    suffixes: tuple[str, ...]
    read: Callable[[Path], tuple[Gaussians, Notes]]
    write: Callable[[Gaussians, Path], None]
    upright: bool
    bound: bool = False


def content(path: Path) -> bytes:
    """Return the bytes of a file.

    Raises:
        InputError: where it cannot be read.
    """
    return reading.content(path)


def check_count(count: int, name: str) -> int:
    """Return a number of Gaussians that a file claims.

    Raises:
        InputError: where it is 0 or no file has so many.
    """
    if count < 1:
        raise InputError(f"{name} holds no Gaussians; choose another file, or export it again.")
    if count > MOST:
        raise InputError(f"{name} claims {count:,} Gaussians; it is broken, or too large to be read here.")
    return count


def check_length(have: int, needed: int, name: str) -> None:
    """Check that what a header announces is there.

    Raises:
        InputError: where bytes are missing.
    """
    if have < needed:
        raise InputError(f"{name} is cut off: {needed:,} bytes are announced, {have:,} are there; copy it again.")


def harmonics(constant: NDArray[Any], rest: NDArray[Any], name: str) -> tuple[Array, Notes]:
    """Return (N, K, 3) of the constant harmonics (N, 3) and of the others (N, K - 1, 3).

    A fourth degree, which some programs write and no rasterizer here draws, is left out with a sentence.

    Raises:
        InputError: where they are those of no degree.
    """
    table = np.concatenate([constant[:, None], rest], 1).astype(np.float32, copy=False)
    if table.shape[1] == _DEGREE_4:
        return table[:, : WIDTHS[-1]], (f"{name}: harmonics of degree 4 were left out; those to degree 3 are kept.",)
    if table.shape[1] not in WIDTHS:
        raise InputError(
            f"{name} has {table.shape[1]} spherical harmonics a colour; degrees 0 to 3 have 1, 4, 9 or 16. "
            "Export it with one of these."
        )
    return table, ()


def logistic(values: NDArray[Any]) -> Array:
    """Return 0..1 of logits; infinite ones are 0 and 1."""
    with np.errstate(over="ignore"):
        return np.asarray(1 / (1 + np.exp(-np.asarray(values, np.float64))), np.float32)


def logit(values: NDArray[Any]) -> Array:
    """Return the logits of 0..1, those of 0 and 1 as far out as `SHARPEST` lies."""
    inside = np.clip(np.asarray(values, np.float64), SHARPEST, 1 - SHARPEST)
    return np.asarray(np.log(inside / (1 - inside)), np.float32)


def quaternions(three: NDArray[Any], largest: NDArray[Any]) -> Array:
    """Return (N, 4) unit w x y z of their three smallest values (N, 3), and of which one is largest (N,), 0 to 3."""
    found = np.zeros((len(three), 4))
    np.put_along_axis(found, np.array(OTHER_THREE)[largest], three, 1)
    found[np.arange(len(found)), largest] = np.sqrt(np.maximum(0.0, 1 - (np.asarray(three) ** 2).sum(1)))
    return found.astype(np.float32)


def exponential(values: NDArray[Any]) -> Array:
    """Return the scales of logarithms; those too large for a number are infinite."""
    with np.errstate(over="ignore"):
        return np.asarray(np.exp(values), np.float32)


def logarithm(values: NDArray[Any]) -> Array:
    """Return the logarithms of scales."""
    return np.asarray(np.log(np.maximum(values, SMALLEST)), np.float32)


def bytes_of(values: NDArray[Any]) -> NDArray[np.uint8]:
    """Return 0..255 of numbers: rounded, what lies outside is clipped."""
    return np.asarray(np.clip(np.rint(values), 0, 255), np.uint8)
