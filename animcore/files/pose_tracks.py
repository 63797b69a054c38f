"""What files of bodies have in common: tracks of a motion out of poses, and turns of whole worlds."""

from __future__ import annotations

from typing import Any

import numpy as np

from animcore.core.vocabulary import SMPLX_JOINTS
from animcore.files.animation_curves import Array
from animcore.geometry import rotations
from animcore.motion import Motion

TRACKS = ("jaw_pose", "neck_pose", "head_pose", "eye_pose", "body_pose", "translation")
_JAW, _NECK, _HEAD = (SMPLX_JOINTS.index(name) for name in ("jaw", "neck", "head"))
_EYES = [SMPLX_JOINTS.index("left_eye_smplhf"), SMPLX_JOINTS.index("right_eye_smplhf")]


def tracks_of(poses: Array, translation: Array) -> dict[str, Any]:
    """Return the tracks of a motion that (T, 55, 3) poses and (T, 3) positions hold."""
    return {
        "body_pose": poses,
        "jaw_pose": poses[:, _JAW],
        "neck_pose": poses[:, _NECK],
        "head_pose": poses[:, _HEAD],
        "eye_pose": poses[:, _EYES],
        "translation": translation,
    }


def after(first: Array, second: Array) -> Array:
    """Axis-angle (..., 3) of turning by `second` and then by `first`."""
    turn = rotations.multiply(rotations.to_quaternion(first), rotations.to_quaternion(second))
    return np.asarray(rotations.from_quaternion(turn), np.float32)


def of_translation(motion: Motion) -> Array:
    """(T, 3) metres; 0 where the motion has none."""
    still = np.zeros((motion.frame_count, 3), np.float32)
    return still if motion.translation is None else motion.translation
