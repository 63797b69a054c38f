"""Smoothing, exaggeration and timing of curves, region by region."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from animcore.errors import InputError

Array = NDArray[np.float64]
Floats = NDArray[np.floating[Any]]

SMOOTHEST = 500.0  # milliseconds
FURTHEST = 1000.0  # milliseconds
STRONGEST = 3.0
_REACH = 3.0  # widths of the bell that count on each side


@dataclass(frozen=True)
class RegionAdjustment:
    """The smoothing of the curves of one region.

    Attributes:
        smoothing: milliseconds, 0..500: half the width at half height of the bell that the curves are averaged under.
        exaggeration: factor from the position at rest, 0..3.
        offset: milliseconds that the curves come later, -1000..1000.
    """

    smoothing: float = 0.0
    exaggeration: float = 1.0
    offset: float = 0.0

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            InputError: where one of them is wrong.
        """
        if not 0.0 <= self.smoothing <= SMOOTHEST:
            raise InputError(f"Smoothing must lie within 0..{SMOOTHEST:g} ms, not {self.smoothing:g}.")
        if not 0.0 <= self.exaggeration <= STRONGEST:
            raise InputError(f"Exaggeration must lie within 0..{STRONGEST:g}, not {self.exaggeration:g}.")
        if not -FURTHEST <= self.offset <= FURTHEST:
            raise InputError(f"A timing offset must lie within -{FURTHEST:g}..{FURTHEST:g} ms, not {self.offset:g}.")


NOTHING = RegionAdjustment()


def adjust_region(values: Floats, rest: Floats, rate: float, touch: RegionAdjustment) -> Array:
    """Return curves (T, C) smoothed, exaggerated and moved in time.

    Args:
        values: (T, C).
        rest: (C,) the value of each curve at rest; NaN for a curve that must not be exaggerated (an axis).
        rate: frame rate.
        touch: the settings.
    """
    result = np.array(values, np.float64)
    if touch.offset:
        frames = np.arange(len(result)) - touch.offset / 1000.0 * rate
        result = np.stack([np.interp(frames, np.arange(len(result)), column) for column in result.T], 1)
    if touch.smoothing:
        result = smoothed(result, touch.smoothing / 1000.0 * rate)
    if touch.exaggeration != 1.0:
        result = np.where(np.isnan(rest), result, rest + touch.exaggeration * (result - rest))
    return result


def smoothed(values: Floats, half_width: float) -> Array:
    """Return curves (T, C) under a bell (Gauss) that is `half_width` frames wide at half height; nothing comes late."""
    sigma = half_width / np.sqrt(2.0 * np.log(2.0))
    reach = int(np.ceil(_REACH * sigma))
    if reach == 0:
        return np.array(values, np.float64)
    bell = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    bell /= bell.sum()
    held = np.pad(np.asarray(values, np.float64), ((reach, reach), (0, 0)), mode="edge")
    return np.stack([np.convolve(column, bell, "valid") for column in held.T], 1)
