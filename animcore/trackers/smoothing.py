"""Smoothing of points that are seen one image after another."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]


class OneEuroFilter:
    """Smooths what stands still and follows what moves (Casiez, Roussel, Vogel: "1 € Filter", 2012).

    Args:
        slowest: Hz, below which everything is kept, of what stands still.
        speed: how much higher that frequency is for a speed of one size of the object a second.
        speed_cutoff: Hz, at which the speed itself is smoothed.
    """

    def __init__(self, slowest: float, speed: float, speed_cutoff: float = 1.0) -> None:
        self.slowest, self.speed, self.speed_cutoff = slowest, speed, speed_cutoff
        self._time = 0.0
        self._raw: Array | None = None
        self._smooth: Array = np.zeros(0)
        self._velocity: Array = np.zeros(0)

    def __call__(self, values: Array, time: float, size: float = 1.0) -> Array:
        """Return the smoothed values.

        Args:
            values: of any shape, always the same.
            time: seconds, later than before.
            size: of the object, in the unit of the values.
        """
        if self._raw is None:
            self._smooth, self._velocity = values, np.zeros_like(values)
        else:
            rate = 1 / max(time - self._time, 1e-6)
            velocity = (values - self._raw) / size * rate
            self._velocity = self._velocity + _share(self.speed_cutoff, rate) * (velocity - self._velocity)
            cutoff = self.slowest + self.speed * np.abs(self._velocity)
            self._smooth = self._smooth + _share(cutoff, rate) * (values - self._smooth)
        self._time, self._raw = time, values
        return self._smooth


def _share(cutoff: Any, rate: float) -> Any:
    """How much of a new value a low-pass filter of a frequency takes."""
    return 1 / (1 + rate / (2 * np.pi * cutoff))
