"""The gap between the lips of the reference head, in millimetres, and seals of the lips."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from animcore.postprocess.key_reduction import KeyOrder, Mask

Array = NDArray[np.float64]
Floats = NDArray[np.floating[Any]]

SEALED = 0.4  # millimetres; lips that are less apart on average count as sealed
EXACT = 0.02  # millimetres that a sealed mouth may be off after a reduction
CLOSE_LOOK = 10.0  # how much more an error counts where the lips are sealed


@dataclass(frozen=True)
class LipGeometry:
    """The lips under C curves; everything is linear in the curves' values.

    Attributes:
        moved: (C, N, 3) millimetres that each vertex of the lips moves per unit of a curve.
        opened: (C, P) millimetres that each pair of vertices that touch at rest comes apart per unit of a curve.
    """

    moved: Array
    opened: Array

    @property
    def reach(self) -> Array:
        """(C,) millimetres that the lips move at most per unit of each curve."""
        reach: Array = np.linalg.norm(self.moved, axis=2).max(1, initial=0.0)
        return reach

    def error(self, values: Floats, others: Floats) -> float:
        """Return the greatest distance in millimetres between the lips under two sets of curves (T, C)."""
        own = self.reach > 0
        apart = np.asarray(values - others, np.float32)[:, own]
        apart = apart[np.abs(apart).max(1, initial=0.0) > 0]
        if not apart.size:
            return 0.0
        moved = apart @ self.moved[own].reshape(int(own.sum()), -1).astype(np.float32)
        return float(np.sqrt((moved.reshape(len(apart), -1, 3) ** 2).sum(2).max()))

    def opening(self, values: Floats) -> Array:
        """Return (T,) the mean opening of the lips in millimetres; below 0 they are pressed."""
        opening: Array = np.asarray(values, np.float64) @ self.opened.mean(1)
        return opening

    def sealed(self, values: Floats) -> Mask:
        """Return (T,) on which frames the lips are sealed; nowhere where no curve opens them."""
        sealed: Mask = (self.opening(values) < SEALED) & bool(np.abs(self.opened).max(initial=0.0) > 0)
        return sealed

    def importance(self, values: Floats, least: Floats) -> Array:
        """Return (T, C) what an error of each curve counts on each frame, in millimetres per unit.

        Args:
            values: (T, C).
            least: (C,) what it counts wherever lips do not matter, for the sake of brows, head and all the rest.
        """
        closer = np.where(self.sealed(values), CLOSE_LOOK, 1.0)
        importance: Array = np.maximum(self.reach * closer[:, None], least)
        return importance


def keep_sealed(order: KeyOrder, keys: Mask, lips: LipGeometry) -> Mask:
    """Add keys until the lips are sealed as they were: within `EXACT` on every frame on which they are.

    Args:
        order: of the curves (T, C).
        keys: (T, C) the frames that are keys so far.
        lips: under these curves.

    Returns:
        (T, C) the keys with what had to be added.
    """
    keys = keys.copy()
    sealed = lips.sealed(order.values)
    per_curve = np.abs(lips.opened).mean(1)
    share = EXACT / max(1, np.count_nonzero(per_curve))
    while True:
        off = order.evaluated(keys) - order.values
        wrong = sealed & (np.abs(lips.opening(off)) > EXACT)
        if not wrong.any():
            return keys
        keys |= wrong[:, None] & (np.abs(off) * per_curve > share)
