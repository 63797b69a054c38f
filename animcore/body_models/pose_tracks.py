"""The pose tracks of a motion as the poses of a model's joints.

A motion's neck turns on the chest and its head on the neck, as in SMPL-X. FLAME names the same two joints otherwise:
its root is where a body's neck is, and what it calls the neck is where a body's head is. So a motion's neck turns
FLAME's root, and its head FLAME's neck, with the same result on the face.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from animcore.core.vocabulary import SMPLX_JOINTS
from animcore.motion import Motion

FLAME_JOINTS = ("neck", "head", "jaw", "left_eye_smplhf", "right_eye_smplhf")  # a body's names of FLAME's five joints
_HEAD_TRACKS = ("neck_pose", "head_pose", "jaw_pose", "eye_pose")
_PLACES = [SMPLX_JOINTS.index(name) for name in FLAME_JOINTS]


def smplx_pose(motion: Motion) -> NDArray[np.float32]:
    """Return (T, 55, 3) axis-angle in radians: the body's track, with those of the head in their joints' place."""
    pose = np.zeros((motion.frame_count, len(SMPLX_JOINTS), 3), np.float32)
    if motion.body_pose is not None:
        pose[:] = motion.body_pose
    tracks: dict[str, Any] = motion.tracks()
    for name, place in zip(_HEAD_TRACKS, (*_PLACES[:3], _PLACES[3:]), strict=True):
        if name in tracks:
            pose[:, place] = tracks[name]
    return pose


def flame_pose(motion: Motion) -> NDArray[np.float32]:
    """Return (T, 5, 3) axis-angle in radians: FLAME's root, neck, jaw, left eye and right eye."""
    return smplx_pose(motion)[:, _PLACES]
