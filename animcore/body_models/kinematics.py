"""The open body's joints, and where poses of SMPL-X put them; numpy alone."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from numpy.typing import NDArray

from animcore.core import reading
from animcore.core.shipped import shipped
from animcore.core.vocabulary import SMPLX_JOINTS
from animcore.geometry import rotations

Array = NDArray[np.float64]

_JOINTS = shipped("assets/retarget/joints.npz")

# The parent of each joint of SMPL-X (kintree_table of its files).
PARENTS: tuple[int, ...] = (
    -1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19, 15, 15, 15,
    20, 25, 26, 20, 28, 29, 20, 31, 32, 20, 34, 35, 20, 37, 38,
    21, 40, 41, 21, 43, 44, 21, 46, 47, 21, 49, 50, 21, 52, 53,
)  # fmt: skip
INDEX: dict[str, int] = {name: index for index, name in enumerate(SMPLX_JOINTS)}
FINGERS: dict[str, tuple[str, ...]] = {
    side: tuple(name for name in SMPLX_JOINTS if name.startswith(side) and name[-1].isdigit())
    for side in ("left", "right")
}


@functools.cache
def open_body_joints() -> Array:
    """Return (55, 3) the joints of the open body in its T-pose, metres."""
    data = reading.arrays(_JOINTS)
    places: Array = data["places"].astype(np.float64)
    return places


def world_rotations(body_pose: NDArray[np.floating[Any]]) -> Array:
    """Return (T, 55, 3, 3) the turn of each joint from the T-pose in the world's axes, of (T, 55, 3) axis-angle."""
    local = rotations.to_matrix(body_pose)
    turned = np.empty_like(local)
    for joint, parent in enumerate(PARENTS):
        turned[:, joint] = turned[:, parent] @ local[:, joint] if parent >= 0 else local[:, joint]
    return turned


def joint_positions(turned: Array, translation: NDArray[np.floating[Any]] | None = None) -> Array:
    """Return (T, 55, 3) where the open body's joints are, metres.

    Args:
        turned: (T, 55, 3, 3) of `world_rotations`.
        translation: (T, 3) metres of the SMPL-X model; None stays where the T-pose is.
    """
    joints = open_body_joints()
    found = np.empty((len(turned), len(joints), 3))
    found[:, 0] = joints[0] if translation is None else joints[0] + np.asarray(translation, np.float64)
    for joint, parent in enumerate(PARENTS):
        if parent >= 0:
            found[:, joint] = found[:, parent] + turned[:, parent] @ (joints[joint] - joints[parent])
    return found


def unknown_fingers(body_pose: NDArray[np.floating[Any]]) -> frozenset[str]:
    """Return the fingers that (T, 55, 3) poses do not animate: 0 all the time, as in files without hands."""
    hands = [joints for joints in FINGERS.values() if not body_pose[:, [INDEX[joint] for joint in joints]].any()]
    return frozenset(joint for joints in hands for joint in joints)


def place_on_ground(body_pose: NDArray[np.floating[Any]], translation: NDArray[np.floating[Any]]) -> Array:
    """Return (T, 3) the way of the pelvis from where it is at rest, with the lowest foot of the clip on the floor.

    Files put their origin anywhere (on the floor, at the pelvis, where the capture began); a character is put where its
    artist placed it: the first frame over its place, and never through the floor.

    Args:
        body_pose: (T, 55, 3) axis-angle.
        translation: (T, 3) metres of the SMPL-X model.
    """
    feet = [INDEX[f"{side}_{joint}"] for side in ("left", "right") for joint in ("ankle", "foot")]
    moved = np.asarray(translation, np.float64)
    above = (joint_positions(world_rotations(body_pose), moved) - open_body_joints())[:, feet, 1]
    start: Array = np.array([moved[0, 0], above.min(), moved[0, 2]])
    return moved - start
