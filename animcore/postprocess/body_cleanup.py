"""A finished body: everything that makes a performance physically possible, in the order in which it holds."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from animcore.postprocess import foot_contact, hand_smoothing, self_collision
from animcore.postprocess.filters import Given, in_blocks

Array = NDArray[np.float64]


def finished(pose: Given, translation: Given, rate: float, floor: float | None = None) -> tuple[Given, Given]:
    """Return the motion with calm hands, possible fingers, feet that stand, and arms out of the body.

    Calming moves feet and arms, and a held foot moves the thighs that hands rest on: so the feet follow the filter, and
    the arms come last.

    Args:
        pose: (T, 55, 3) axis-angle of SMPL-X.
        translation: (T, 3) metres.
        rate: frame rate.
        floor: its height in metres; None finds it.
    """
    floor = foot_contact.floor_of(pose, translation) if floor is None else floor
    return in_blocks(partial(_finish_block, rate=rate, floor=floor), pose, translation, rate)


def _finish_block(
    pose: Array, translation: Array, left: Any, following: int, *, rate: float, floor: float
) -> tuple[Array, Array, Any]:
    calm = np.asarray(
        hand_smoothing.clamp_fingers(hand_smoothing.smooth_hands(hand_smoothing.clamp_fingers(pose), rate)), np.float64
    )
    standing, moved, left = foot_contact.lock_block(calm, translation, left, following, rate=rate, floor=floor)
    return np.asarray(self_collision.pushed_out(standing, rate), np.float64), moved, left
