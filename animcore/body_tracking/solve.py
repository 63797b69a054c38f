"""The motion of a recorded body: its pose, its way through the room, feet that stand."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from animcore.body_models.kinematics import INDEX, PARENTS, joint_positions, world_rotations
from animcore.body_tracking import hands, limbs
from animcore.body_tracking.landmarks import MARK, SIDES, BodyLandmarks
from animcore.geometry import rotations
from animcore.motion import Motion
from animcore.postprocess import foot_contact
from animcore.postprocess.filters import smoothed

Array = NDArray[np.float64]

_LENS, _FULL_FRAME = 40.0, 36.0  # millimetres, where it is not known
_FAR = 0.5  # seconds of smoothing of the distance, which trembles most
_FEET = ("left_knee", "right_knee", "left_ankle", "right_ankle")


def motion(seen: BodyLandmarks, rate: Fraction, lens: float | None = None) -> Motion:
    """Return what a body did before a camera: (T, 55) poses of SMPL-X and where it was.

    Args:
        seen: its landmarks.
        rate: frames a second of what is returned.
        lens: millimetres for film of 36 mm width; None where it is not known.
    """
    turned = np.tile(np.eye(3), (len(seen.times), len(PARENTS), 1, 1))
    limbs.trunk(seen, turned)
    for name in ("jaw", "left_eye_smplhf", "right_eye_smplhf"):
        turned[:, INDEX[name]] = turned[:, INDEX["head"]]
    limbs.limbs(seen, turned)
    hands.hands(seen, turned)
    pose = _local(turned)
    translation = _way(seen, pose, lens)
    if seen.sees(*_FEET):
        translation[:, 1] -= foot_contact.floor_of(pose, translation)
        pose, translation = foot_contact.lock_feet(pose, translation, seen.rate, 0.0)
    count = max(1, round((seen.times[-1] - seen.times[0]) * float(rate)) + 1)
    position = np.interp(np.arange(count) / float(rate), seen.times - seen.times[0], np.arange(len(seen.times)))
    uneven = Motion(rate, body_pose=pose.astype(np.float32), translation=translation.astype(np.float32))
    return uneven.sampled(position, rate, float(seen.times[0]))


def _local(turned: Array) -> Array:
    """(T, 55, 3) axis-angle of each joint in its parent's axes, of (T, 55, 3, 3) in the world's."""
    local = turned.copy()
    for joint, parent in enumerate(PARENTS):
        if parent >= 0:
            local[:, joint] = np.swapaxes(turned[:, parent], -1, -2) @ turned[:, joint]
    return rotations.from_matrix(local)


def _way(seen: BodyLandmarks, pose: Array, lens: float | None) -> Array:
    """(T, 3) the translation of the model: what brings its hips, or its shoulders, to where the image shows them."""
    scale = smoothed(seen.scale[:, None], _FAR * seen.rate)[:, 0]
    focal = (lens or _LENS) / _FULL_FRAME * max(seen.size)
    part = "hip" if seen.sees("left_hip", "right_hip") else "shoulder"
    pixels = seen.pixels[:, [MARK[f"{side}_{part}"] for side in SIDES]].mean(1)
    flat = (pixels - np.array(seen.size) / 2) * (1, -1) / scale[:, None]
    depth = -focal / scale
    there = np.concatenate([flat, depth[:, None]], 1)
    joints = joint_positions(world_rotations(pose), np.zeros((len(pose), 3)))
    own = joints[:, [INDEX[f"{side}_{part}"] for side in SIDES]].mean(1)
    way = there - own
    middle = np.median(way, 0)
    return np.asarray(way - (middle[0], middle[1] if part == "shoulder" else 0.0, middle[2]))
