"""The 55 joints of SMPL-X in files: one array out of the tracks of a motion, and back."""

from __future__ import annotations

from typing import Any

import numpy as np

from animcore.bodies import rotations
from animcore.files.sheet import Array
from animcore.motion import Motion
from animcore.names import SMPLX_JOINTS

JOINT = {name: index for index, name in enumerate(SMPLX_JOINTS)}
EYES = [JOINT["left_eye_smplhf"], JOINT["right_eye_smplhf"]]
_JAW, _NECK, _HEAD = JOINT["jaw"], JOINT["neck"], JOINT["head"]
TRACKS = ("jaw_pose", "neck_pose", "head_pose", "eye_pose", "body_pose", "translation")


def of_motion(motion: Motion) -> Array:
    """Return (T, 55, 3): the body's pose, in which the tracks of jaw, neck, head and eyes take their joints' place."""
    count = motion.frame_count
    poses = np.zeros((count, len(SMPLX_JOINTS), 3), np.float32)
    if motion.body_pose is not None:
        poses[:] = motion.body_pose
    parts = ((_JAW, motion.jaw_pose), (_NECK, motion.neck_pose), (_HEAD, motion.head_pose), (EYES, motion.eye_pose))
    for joint, values in parts:
        if values is not None:
            poses[:, joint] = values
    return poses


def to_tracks(poses: Array) -> dict[str, Array]:
    """Return the tracks of a motion that (T, 55, 3) poses hold."""
    return {
        "body_pose": poses,
        "jaw_pose": poses[:, _JAW],
        "neck_pose": poses[:, _NECK],
        "head_pose": poses[:, _HEAD],
        "eye_pose": poses[:, EYES],
    }


def after(first: Array, second: Array) -> Array:
    """Axis-angle (..., 3) of turning by `second` and then by `first`."""
    turn = rotations.multiply(rotations.to_quaternion(first), rotations.to_quaternion(second))
    return np.asarray(rotations.from_quaternion(turn), np.float32)


def of_translation(motion: Motion) -> Array:
    """(T, 3) metres; 0 where the motion has none."""
    still = np.zeros((motion.frame_count, 3), np.float32)
    return still if motion.translation is None else motion.translation


def tracks_of(poses: Array, translation: Array) -> dict[str, Any]:
    """Return the arguments of a Motion for (T, 55, 3) poses and (T, 3) positions."""
    return {**to_tracks(poses), "translation": translation}
