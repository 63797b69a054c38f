"""Rotations of a performance, brought into the local axes of any bone. Imports no bpy.

A pose of the engine is an axis-angle vector (radians) in the axes of the character: X to its left, Y up, Z out of the
face. Rotating the vector by a change of axes gives the same rotation in the other axes, so that no more is needed to
reach the bone's own axes than its rest matrix. Quaternions are in Blender's order w, x, y, z.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from animcore.geometry import rotations

Array = NDArray[np.float64]
Numbers = NDArray[np.floating[Any]]

_STILL = 1e-9  # radians below which a rotation has no axis
_NECK_SHARE = 0.4  # of a head rotation that comes without its own neck track


def local_rotations(poses: Numbers, rest: Array, character_axes: Array) -> Array:
    """Return (T, 3) axis-angle in the bone's local axes.

    Args:
        poses: (T, 3) axis-angle in the character's axes.
        rest: (3, 3) rest orientation of the bone in armature space; its columns are the bone's axes.
        character_axes: (3, 3) whose columns are the character's left, up and forward in armature space.
    """
    return np.asarray(poses, np.float64) @ (np.asarray(rest).T @ np.asarray(character_axes)).T


def character_rotations(local: Numbers, rest: Array, character_axes: Array) -> Array:
    """Undo `local_rotations`: (T, 3) axis-angle in a bone's own axes -> in the character's."""
    return np.asarray(local, np.float64) @ (np.asarray(rest).T @ np.asarray(character_axes))


def split(head: Numbers, neck: Numbers | None, has_head: bool, has_neck: bool) -> tuple[Numbers | None, Numbers | None]:
    """Share the rotation of head and neck (T, 3) among the bones that there are; returns (head, neck).

    A neck track means that the head's is relative to the neck. Without one, the head's is relative to the chest, and
    the neck takes its share of it about the same axis. A rig with one of the two bones gets the whole rotation there.
    """
    if has_head and has_neck:
        return (head, neck) if neck is not None else ((1.0 - _NECK_SHARE) * head, _NECK_SHARE * head)
    whole = (
        head
        if neck is None
        else rotations.from_quaternion(rotations.multiply(rotations.to_quaternion(neck), rotations.to_quaternion(head)))
    )
    return (whole, None) if has_head else (None, whole)


def quaternions(vectors: Numbers) -> Array:
    """Turn axis-angle (T, 3) into unit quaternions (T, 4), continuous in sign over time."""
    return rotations.continuous(rotations.to_quaternion(vectors))


def eulers(vectors: Numbers, order: str) -> Array:
    """Turn axis-angle (T, 3) into Blender's Euler angles (T, 3) for an order such as ``"XYZ"``, without jumps.

    Blender turns about the first axis first: the product of matrices has the letters the other way round.
    """
    angles = rotations.to_euler(rotations.to_matrix(vectors), order[::-1])[:, ::-1]
    found = np.empty_like(angles)
    found[:, ["XYZ".index(axis) for axis in order]] = angles
    return np.unwrap(found, axis=0)


def from_eulers(angles: Numbers, order: str) -> Array:
    """Undo `eulers`: Blender's Euler angles (T, 3) for an order such as ``"XYZ"`` -> axis-angle (T, 3)."""
    inner = [*map("XYZ".index, order[::-1])]
    return rotations.from_matrix(rotations.from_euler(np.asarray(angles, np.float64)[:, inner], order[::-1]))


def angles_and_axes(vectors: Numbers) -> Array:
    """Turn axis-angle vectors (T, 3) into Blender's (T, 4) angle, x, y, z with an axis that never flips."""
    vectors = np.asarray(vectors, np.float64)
    angle = np.linalg.norm(vectors, axis=1)
    moving = angle > _STILL
    if not moving.any():
        return np.tile([0.0, 0.0, 1.0, 0.0], (len(vectors), 1))
    # a still frame keeps the axis of the last moving one; leading still frames take the first axis there is
    source = np.maximum.accumulate(np.where(moving, np.arange(len(angle)), np.argmax(moving)))
    axes = vectors[source] / angle[source][:, None]
    turned = np.einsum("tk,tk->t", axes[1:], axes[:-1]) < 0.0
    sign = np.concatenate(([1.0], np.where(np.cumsum(turned) % 2, -1.0, 1.0)))
    return np.hstack(((angle * sign)[:, None], axes * sign[:, None]))
