"""A float32 array that grows at its end, for audio whose length is not known."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]


class GrowingArray:
    """A float32 array that grows at its end without ever holding a second copy of itself."""

    def __init__(self, expected: int) -> None:
        self.values = np.zeros(max(expected, 1), np.float32)
        self.count = 0

    def reserve(self, expected: int) -> None:
        """Allocate the expected size at once; nothing was written yet."""
        self.values.resize(max(expected, len(self.values)), refcheck=False)

    def extend(self, more: FloatArray) -> None:
        """Append (N,) float32."""
        needed = self.count + len(more)
        if needed > len(self.values):
            # realloc moves pages, it does not copy them; no view of the array exists while it grows
            self.values.resize(needed + needed // 4, refcheck=False)
        self.values[self.count : needed] = more
        self.count = needed

    def finish(self) -> FloatArray:
        """Return what was written, (count,) float32; the array is not to grow any more."""
        self.values.resize(self.count, refcheck=False)
        return self.values
