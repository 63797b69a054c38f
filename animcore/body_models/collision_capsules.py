"""The open body as capsules and spheres: where its soles are, and how deep its arms are in its trunk, head and thighs.

The numbers are fitted to the skin by `tools/build_body_solid.py`; half of the skin lies within 10 mm of the capsules.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from animcore.body_models.kinematics import INDEX, open_body_joints
from animcore.core import reading
from animcore.core.shipped import shipped

Array = NDArray[np.float64]
Indices = NDArray[np.int64]

SIDES = ("left", "right")
_SOLID = shipped("assets/retarget/solid.npz")
_PIECE = 1024  # frames whose distances are held at once
_TOES = 3  # the last point of a sole goes with the toes, the others with the ankle


@dataclass(frozen=True)
class CollisionBody:
    """The body in its T-pose; metres.

    Attributes:
        capsule_part: (C,) `trunk`, `neck`, `head` or `thigh`.
        capsule_joint: (C,) the joint that carries each.
        capsule_ends: (C, 2, 3); two equal ends are a sphere.
        capsule_radius: (C,).
        sphere_side: (S,) `left` or `right`: the forearms' and hands' spheres.
        sphere_joint, sphere_centre, sphere_radius: (S,), (S, 3), (S,).
        sphere_share: (S,) how far along the forearm, 0 at the elbow; 1 for all of the hand.
        soles: (2, 4, 3) heel, inner and outer ball and tip of the toes of the left and the right foot.
    """

    capsule_part: NDArray[np.str_]
    capsule_joint: Indices
    capsule_ends: Array
    capsule_radius: Array
    sphere_side: NDArray[np.str_]
    sphere_joint: Indices
    sphere_centre: Array
    sphere_radius: Array
    sphere_share: Array
    soles: Array


@functools.cache
def open_body_solid() -> CollisionBody:
    """Return the open body's capsules, spheres and soles."""
    arrays: dict[str, Any] = dict(reading.arrays(_SOLID))
    for name, values in arrays.items():
        if values.dtype == np.float32:
            arrays[name] = values.astype(np.float64)
    return CollisionBody(**arrays)


def floor_at_rest() -> float:
    """Return the height of the open body's soles in its T-pose with no translation, metres."""
    return float(open_body_solid().soles[..., 1].min())


def pose_capsules(points: Array, joints: Indices, turned: Array, found: Array) -> Array:
    """Return (T, N, ..., 3) points of the T-pose where their joints carry them.

    Args:
        points: (N, ..., 3) in the T-pose.
        joints: (N,) the joint that each goes with.
        turned: (T, 55, 3, 3) of `kinematics.world_rotations`.
        found: (T, 55, 3) of `kinematics.joint_positions`.
    """
    own = open_body_joints()[joints]
    away = points - own.reshape(len(own), *[1] * (points.ndim - 2), 3)
    moved: Array = np.einsum("tnij,n...j->tn...i", turned[:, joints], away, optimize=True)
    return moved + found[:, joints].reshape(len(found), len(joints), *[1] * (points.ndim - 2), 3)


def sole_positions(turned: Array, found: Array) -> Array:
    """Return (T, 2, 4, 3) heel, inner and outer ball and tip of the toes of the left and the right foot."""
    solid = open_body_solid()
    joints = [[INDEX[f"{side}_ankle"]] * _TOES + [INDEX[f"{side}_foot"]] for side in SIDES]
    moved = pose_capsules(solid.soles.reshape(-1, 3), np.array(joints).ravel(), turned, found)
    return moved.reshape(len(found), *solid.soles.shape)


def penetrations(turned: Array, found: Array) -> tuple[Array, Array]:
    """Return how deep each sphere of the arms is in the rest of the body, and the shortest way out.

    Returns:
        (T, S) metres, the deepest over all capsules, below 0 where the sphere is outside; (T, S, 3) unit vectors.
    """
    solid = open_body_solid()
    depth = np.empty((len(found), len(solid.sphere_joint)))
    way = np.empty((*depth.shape, 3))
    for first in range(0, len(found), _PIECE):
        piece = slice(first, first + _PIECE)
        centres = pose_capsules(solid.sphere_centre, solid.sphere_joint, turned[piece], found[piece])
        ends = pose_capsules(solid.capsule_ends, solid.capsule_joint, turned[piece], found[piece])
        depth[piece], way[piece] = _deepest(np.moveaxis(centres, -1, 0), np.moveaxis(ends, -1, 0), solid)
    return depth, way


def _deepest(centres: Array, ends: Array, solid: CollisionBody) -> tuple[Array, Array]:
    """(T, S) and (T, S, 3) of spheres (3, T, S) in capsules (3, T, C, 2): whole planes are what numpy is fast with."""
    centres = np.ascontiguousarray(centres)
    depth = np.full(centres.shape[1:], -np.inf)
    way = np.zeros_like(centres)
    for index, radius in enumerate(solid.capsule_radius):
        start, bone = ends[:, :, index, 0], ends[:, :, index, 1] - ends[:, :, index, 0]
        away = centres - start[..., None]
        share = sum(away[axis] * bone[axis][:, None] for axis in range(3))
        share = np.clip(share / np.maximum((bone * bone).sum(0), 1e-12)[:, None], 0.0, 1.0)
        away -= share * bone[..., None]
        distance = np.sqrt(away[0] ** 2 + away[1] ** 2 + away[2] ** 2)
        here = radius + solid.sphere_radius - distance
        deeper = here > depth
        np.copyto(depth, here, where=deeper)
        np.copyto(way, away / np.maximum(distance, 1e-9), where=deeper)
    return depth, np.moveaxis(way, 0, -1)
