"""Forearms and hands that keep out of the trunk, the head and the thighs."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from animcore.bodies import limbs, rotations, solid
from animcore.bodies.kinematics import INDEX, places, world_turns
from animcore.bodies.solid import SIDES
from animcore.finish.filters import envelope, runs, smoothed

Array = NDArray[np.float64]
Given = NDArray[np.floating[Any]]

TOUCHING = 0.004  # metres that skin gives: no deeper is a touch
_ENOUGH = 0.003  # metres beyond that which may be left
_AIM = 0.002  # metres beyond the touch that an arm is pushed out, so that few rounds are enough
_ROUNDS = 14
_AROUND = 0.35  # seconds before and after in which an arm makes way
_STEADY = 0.12  # seconds over which the way out is the same
_DEEP = 0.02  # metres: how much deeper frames count for the way out
_BACK = 0.03  # metres that a straight arm's elbow is taken to be behind it


def penetration(pose: Given) -> Array:
    """Return (T,) metres that the deepest part of forearms and hands is in the rest of the body; 0 where none is.

    Of capsules and spheres (`bodies.solid`), which lie within about 10 mm of the skin.

    Args:
        pose: (T, 55, 3) axis-angle of SMPL-X.
    """
    turned = world_turns(pose)
    depth, _ = solid.penetrations(turned, places(turned))
    deepest: Array = np.maximum(depth.max(1, initial=0.0), 0.0)
    return deepest


def pushed_out(pose: Given, rate: float) -> Array:
    """Return the pose with arms moved out of the body; frames in which nothing is near stay as they are.

    Where a forearm or a hand is inside, its arm makes way smoothly from a third of a second before to a third after,
    by turning shoulder and elbow; the hand keeps its direction.

    Args:
        pose: (T, 55, 3) axis-angle of SMPL-X.
        rate: frames a second.
    """
    pose = np.array(pose, np.float64)
    inside = penetration(pose) > TOUCHING
    around = round(_AROUND * rate)
    if inside.any() and around:
        inside = envelope(inside.astype(np.float64), 3 * around) > 1e-9
    for start, end in runs(inside):
        pose[start:end] = _made_way(pose[start:end], rate)
    return pose


def _made_way(pose: Array, rate: float) -> Array:
    """The same for frames at whose ends nothing is near."""
    turned = world_turns(pose)
    found = places(turned)
    own = [np.flatnonzero(solid.open_body_solid().sphere_side == side) for side in SIDES]
    wrists, elbows = np.zeros((2, len(pose), 3)), np.zeros((2, len(pose), 3))
    moved = pose
    now, there = turned, found
    for _ in range(_ROUNDS):
        depth, way = solid.penetrations(now, there)
        if depth.max() < TOUCHING + _ENOUGH:
            break
        moved = pose.copy()
        for side, spheres in enumerate(own):
            wrist, elbow = _asked(depth[:, spheres], way[:, spheres], spheres)
            wrists[side] += _spread(wrist, rate)
            elbows[side] += _spread(elbow, rate)
            _reach(moved, turned, found, side, wrists[side], elbows[side])
        now = world_turns(moved)
        there = places(now)
    return moved


def _asked(depth: Array, way: Array, spheres: NDArray[np.int64]) -> tuple[Array, Array]:
    """(T, 3) and (T, 3) how far a wrist and an elbow should move so that no sphere (T, S) of the arm is inside.

    A sphere along the forearm is moved by both ends, each by as much as takes the least movement in all.
    """
    share = solid.open_body_solid().sphere_share[spheres]
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


def _reach(pose: Array, turned: Array, found: Array, side: int, wrist: Array, elbow: Array) -> None:
    """Turn an arm in place so that its wrist and, as far as it can, its elbow are moved by (T, 3) metres."""
    limb = limbs.arm(SIDES[side])
    upper, lower, end = limb.joints
    root = found[:, upper]
    behind = turned[:, INDEX["spine3"]] @ np.array([0.0, 0.0, -_BACK])
    hint = found[:, lower] - (root + found[:, end]) / 2 + behind
    before, _ = limbs.reach(limb, root, found[:, end], hint)
    after, _ = limbs.reach(limb, root, found[:, end] + wrist, hint + elbow)
    # only what changes is added, since a stretched arm is not met exactly
    middle = found[:, lower] + (after - before) @ limb.bones[0]
    new_upper = limbs.pointed(turned[:, upper], limb.bones[0], middle - root)
    middle = root + new_upper @ limb.bones[0]
    new_lower = limbs.pointed(turned[:, lower], limb.bones[1], found[:, end] + wrist - middle)
    collar = turned[:, INDEX[f"{SIDES[side]}_collar"]]
    for joint, parent, turn in (
        (upper, collar, new_upper),
        (lower, new_upper, new_lower),
        (end, new_lower, turned[:, end]),
    ):
        pose[:, joint] = rotations.from_matrix(np.swapaxes(parent, -1, -2) @ turn)
