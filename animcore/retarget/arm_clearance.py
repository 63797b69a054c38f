"""Hanging arms next to hips that are wider than those a motion was made for: how far they have to spread.

The hips of a character stand out under its shoulders by so and so much; where that is more than on the SMPL-X body, its
hands would be as much nearer to its thighs, or in them. The arms are turned outward by the angle that brings them back,
as far as their hands are down.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from animcore.body_models.kinematics import INDEX, joint_positions
from animcore.core.vocabulary import SMPLX_JOINTS
from animcore.geometry import rotations

Array = NDArray[np.float64]

HALF_WIDTH = 0.182  # metres: of the open body next to its thighs, where its hands hang (vertices of open_body.npz)
_BAND = (0.10, -0.5)  # of a thigh's length above and below the hip joints: where hands hang
_FEWEST = 12  # vertices that determine the width of a body
_SMALLEST, _LARGEST = 0.01, 0.35  # radians; stouter bodies would look like scarecrows
_DOWN, _UP = 0.05, 0.35  # metres of SMPL-X's wrist over its pelvis: spread fully, and not at all
_ARM = ("shoulder", "elbow", "wrist")


def half_width(points: NDArray[np.floating[Any]], joints: Mapping[str, Array]) -> float | None:
    """Return how far a body extends next to its thighs, metres, or None where too little of it is there.

    Args:
        points: (V, 3) vertices of the character in its rest pose, in the engine's axes.
        joints: where its joints are, (3,) each; those of arms and legs count.
    """
    if not {"left_hip", "right_hip", "left_knee", "left_shoulder", "left_elbow", "left_wrist"} <= joints.keys():
        return None
    middle = (joints["left_hip"] + joints["right_hip"]) / 2
    thigh = float(np.linalg.norm(joints["left_knee"] - joints["left_hip"]))
    points = np.asarray(points, np.float64) - middle
    points = points[(points[:, 1] < _BAND[0] * thigh) & (points[:, 1] > _BAND[1] * thigh)]
    points[:, 0] = np.abs(points[:, 0])  # both sides on the left one
    here = {joint: place - middle for joint, place in joints.items()}
    hand = here["left_wrist"] + 0.4 * (here["left_wrist"] - here["left_elbow"])
    arm = [here["left_shoulder"], here["left_elbow"], hand]
    to_arm = np.minimum(*(_distance(points, one, other) for one, other in pairwise(arm)))
    to_leg = _distance(points, here["left_hip"], here["left_knee"])
    beside = points[to_leg < to_arm, 0]
    return float(beside.max()) if len(beside) >= _FEWEST else None


def spread(half: float | None, joints: Mapping[str, Array], source: Array, scale: float) -> float:
    """Return the angle in radians by which the arms have to spread when they hang; 0 where they need not.

    Args:
        half: metres, of `half_width`.
        joints: where the character's joints are, (3,) each.
        source: (55, 3) joints of the SMPL-X body in its T-pose.
        scale: lengths of the character over those of that body.
    """
    wanted = {f"{side}_{part}" for side in ("left", "right") for part in (*_ARM, "hip")}
    if half is None or not wanted <= joints.keys():
        return 0.0
    out = (joints["left_shoulder"][0] - joints["right_shoulder"][0]) / 2
    theirs = (source[INDEX["left_shoulder"], 0] - source[INDEX["right_shoulder"], 0]) / 2
    nearer = (half - out) - scale * (HALF_WIDTH - theirs)
    arm = [joints[f"left_{part}"] for part in _ARM]
    length = sum(float(np.linalg.norm(other - one)) for one, other in pairwise(arm))
    angle = float(np.arcsin(np.clip(nearer / max(length, 1e-6), 0.0, 1.0)))
    return min(angle, _LARGEST) if angle > _SMALLEST else 0.0


def spread_arms(turned: Array, angle: float) -> Array:
    """Return world turns (T, 55, 3, 3) with the arms that hang turned outward by an angle, about the chest's front."""
    found, at = turned.copy(), joint_positions(turned)
    front = turned[:, INDEX["spine3"]] @ np.array((0.0, 0.0, 1.0))
    for side, sign in (("left", 1.0), ("right", -1.0)):
        height = at[:, INDEX[f"{side}_wrist"], 1] - at[:, INDEX["pelvis"], 1]
        share = np.clip((_UP - height) / (_UP - _DOWN), 0.0, 1.0)
        share = share * share * (3.0 - 2.0 * share)  # starts and ends without a jerk
        outward = rotations.to_matrix(sign * angle * share[:, None] * front)
        arm = [INDEX[joint] for joint in SMPLX_JOINTS if _is_of_arm(joint, side)]
        found[:, arm] = outward[:, None] @ turned[:, arm]
    return found


def _is_of_arm(joint: str, side: str) -> bool:
    """Whether a joint is of the arm from the shoulder outwards, fingers too."""
    return joint.startswith(side) and (joint.partition("_")[2] in _ARM or joint[-1].isdigit())


def _distance(points: Array, start: Array, end: Array) -> Array:
    """(V,) metres of points (V, 3) from a line between two places."""
    way = end - start
    along = np.clip((points - start) @ way / max(float(way @ way), 1e-12), 0.0, 1.0)
    return np.asarray(np.linalg.norm(points - start - along[:, None] * way, axis=1))
