"""A finished body: everything that makes a performance physically possible, in the order in which it holds."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from animcore.finish import collisions, feet, hands

Array = NDArray[np.float64]
Given = NDArray[np.floating[Any]]


def finished(pose: Given, translation: Given, rate: float, floor: float | None = None) -> tuple[Array, Array]:
    """Return the motion with calm hands, possible fingers, feet that stand, and arms out of the body.

    Calming moves feet and arms, and a held foot moves the thighs that hands rest on: so the feet follow the filter, and
    the arms come last.

    Args:
        pose: (T, 55, 3) axis-angle of SMPL-X.
        translation: (T, 3) metres.
        rate: frames a second.
        floor: its height in metres; None finds it.
    """
    calm = hands.within_limits(hands.calmed(hands.within_limits(pose), rate))
    standing, moved = feet.locked(calm, translation, rate, floor)
    return collisions.pushed_out(standing, rate), moved
