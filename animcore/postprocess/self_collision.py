"""Forearms and hands that keep out of the trunk, the head and the thighs."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from animcore.body_models import collision_capsules, two_bone_ik
from animcore.body_models.collision_capsules import SIDES
from animcore.body_models.kinematics import INDEX, joint_positions, world_rotations
from animcore.geometry import rotations
from animcore.postprocess.filters import Given, envelope, in_blocks, smoothed, true_runs

Array = NDArray[np.float64]

TOUCHING = 0.004  # metres that skin gives: no deeper is a touch
_ENOUGH = 0.003  # metres beyond that which may be left
_AIM = 0.002  # metres beyond the touch that an arm is pushed out, so that few rounds are enough
_ROUNDS = 14
_PIECE = 4096  # frames measured at once
_AROUND = 0.4  # seconds before and after in which an arm makes way
_STEADY = 0.25  # seconds over which the way out is the same
_DEEP = 0.02  # metres: how much deeper frames count for the way out
_BACK = 0.03  # metres that a straight arm's elbow is taken to be behind it


def penetration(pose: Given) -> Array:
    """Return (T,) metres that the deepest part of forearms and hands is in the rest of the body; 0 where none is.

    Of capsules and spheres (`body_models.collision_capsules`), which lie within about 10 mm of the skin.

    Args:
        pose: (T, 55, 3) axis-angle of SMPL-X.
    """
    depths = [np.zeros(0)]
    for first in range(0, len(pose), _PIECE):
        turned = world_rotations(pose[first : first + _PIECE])
        depths.append(_deepest(turned, joint_positions(turned)))
    return np.concatenate(depths)


def pushed_out(pose: Given, rate: float) -> Given:
    """Return the pose with arms moved out of the body; frames in which nothing is near stay as they are.

    Where a forearm or a hand is inside, its arm makes way smoothly within 0.4 seconds before and after,
    by turning shoulder and elbow; the hand keeps its direction.

    Args:
        pose: (T, 55, 3) axis-angle of SMPL-X.
        rate: frame rate.
    """
    return in_blocks(partial(_push_block, rate=rate), pose, np.zeros((len(pose), 3)), rate)[0]


def push_out(pose: NDArray[np.floating[Any]], rate: float) -> None:
    """Do in place what `pushed_out` does."""
    in_blocks(partial(_push_block, rate=rate), pose, np.zeros((len(pose), 3), pose.dtype), rate, in_place=True)


def _push_block(
    pose: Array, translation: Array, left: None, following: int, *, rate: float
) -> tuple[Array, Array, None]:
    turned = world_rotations(pose)
    found = joint_positions(turned)
    inside = _deepest(turned, found) > TOUCHING
    around = round(_AROUND * rate)
    if inside.any() and around:
        inside = envelope(inside.astype(np.float64), 3 * around) > 1e-9
    for start, end in true_runs(inside):
        _make_way(pose[start:end], turned[start:end], found[start:end], rate)
    return pose, translation, left


def _deepest(turned: Array, found: Array) -> Array:
    depth, _ = collision_capsules.penetrations(turned, found)
    deepest: Array = np.maximum(depth.max(1, initial=0.0), 0.0)
    return deepest


def _make_way(pose: Array, turned: Array, found: Array, rate: float) -> None:
    """Move the arms of a pose in place; at its ends nothing is near."""
    arms = [_ArmCorrection(side, turned, found) for side in SIDES]
    now, there = turned.copy(), found.copy()
    for _ in range(_ROUNDS):
        depth, way = collision_capsules.penetrations(now, there)
        if depth.max() < TOUCHING + _ENOUGH:
            break
        for arm in arms:
            wrist, elbow = _asked(depth[:, arm.spheres], way[:, arm.spheres], arm.spheres)
            arm.wrist += _spread(wrist, rate)
            arm.elbow += _spread(elbow, rate)
            arm.reach(now, there)
    for arm in arms:
        arm.turn(pose, now)


class _ArmCorrection:
    """One arm as it was, and by how much its wrist and its elbow are to be moved from there: (T, 3) metres each."""

    def __init__(self, side: str, turned: Array, found: Array) -> None:
        self.spheres = np.flatnonzero(collision_capsules.open_body_solid().sphere_side == side)
        self.limb = two_bone_ik.arm(side)
        self.collar = INDEX[f"{side}_collar"]
        self.hand = [index for name, index in INDEX.items() if name.startswith(side) and name[-1] in "123"]
        self.turned, self.found = turned, found
        self.wrist, self.elbow = np.zeros((len(found), 3)), np.zeros((len(found), 3))
        upper, lower, end = self.limb.joints
        behind = turned[:, INDEX["spine3"]] @ np.array([0.0, 0.0, -_BACK])
        self.hint = found[:, lower] - (found[:, upper] + found[:, end]) / 2 + behind
        self.usual, _ = two_bone_ik.solve_two_bone(self.limb, found[:, upper], found[:, end], self.hint)

    def reach(self, now: Array, there: Array) -> None:
        """Put the arm where it is to be, in the turns (T, 55, 3, 3) and places (T, 55, 3) of the whole body."""
        limb = self.limb
        upper, lower, end = limb.joints
        root, target = self.found[:, upper], self.found[:, end] + self.wrist
        moved, _ = two_bone_ik.solve_two_bone(limb, root, target, self.hint + self.elbow)
        # only what changes is added, since a stretched arm is not met exactly
        middle = self.found[:, lower] + (moved - self.usual) @ limb.bones[0]
        now[:, upper] = two_bone_ik.point_bone(self.turned[:, upper], limb.bones[0], middle - root)
        there[:, lower] = root + now[:, upper] @ limb.bones[0]
        now[:, lower] = two_bone_ik.point_bone(self.turned[:, lower], limb.bones[1], target - there[:, lower])
        there[:, end] = there[:, lower] + now[:, lower] @ limb.bones[1]
        there[:, self.hand] = self.found[:, self.hand] + (there[:, end] - self.found[:, end])[:, None]

    def turn(self, pose: Array, now: Array) -> None:
        """Write the arm's joints into a pose (T, 55, 3)."""
        parent = self.collar
        for joint in self.limb.joints:
            pose[:, joint] = rotations.from_matrix(np.swapaxes(now[:, parent], -1, -2) @ now[:, joint])
            parent = joint


def _asked(depth: Array, way: Array, spheres: NDArray[np.int64]) -> tuple[Array, Array]:
    """(T, 3) and (T, 3) how far a wrist and an elbow should move so that no sphere (T, S) of the arm is inside.

    A sphere along the forearm is moved by both ends, each by as much as takes the least movement in all.
    """
    share = collision_capsules.open_body_solid().sphere_share[spheres]
    excess = np.where(depth > TOUCHING, depth - TOUCHING + _AIM, 0.0)
    weight = excess**2 / np.maximum((excess**2).sum(1, keepdims=True), 1e-12)
    most = excess.max(1, keepdims=True)
    both = share**2 + (1 - share) ** 2
    asked = []
    for part in (share / both, (1 - share) / both):
        ways = np.einsum("ts,tsi->ti", weight * part, way)
        asked.append(most * ways)
    return asked[0], asked[1]


def _spread(asked: Array, rate: float) -> Array:
    """(T, 3) a smooth way that goes at least as far as asked, in the directions of the frames around."""
    size = np.linalg.norm(asked, axis=1)
    if not size.any():
        return np.zeros_like(asked)
    known = asked * np.minimum(1.0, _DEEP / np.maximum(size, 1e-9))[:, None]
    direction = rotations.normalized(smoothed(known, _STEADY * rate))
    return envelope(size, max(1, round(_AROUND * rate)))[:, None] * direction
