"""Rotations of a performance, brought into the local axes of any bone. Imports no bpy.

A pose of the engine is an axis-angle vector (radians) in the axes of the character: X to its left, Y up, Z out of the
face. Rotating the vector by a change of axes gives the same rotation in the other axes, so that no more is needed to
reach the bone's own axes than its rest matrix. Quaternions are in Blender's order w, x, y, z.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_STILL = 1e-9  # radians below which a rotation has no axis
_NECK_SHARE = 0.4  # of a head rotation that comes without its own neck track


def local_rotations(poses: NDArray, rest: Array, character_axes: Array) -> Array:
    """Return (T, 3) axis-angle in the bone's local axes.

    Args:
        poses: (T, 3) axis-angle in the character's axes.
        rest: (3, 3) rest orientation of the bone in armature space; its columns are the bone's axes.
        character_axes: (3, 3) whose columns are the character's left, up and forward in armature space.
    """
    return np.asarray(poses, np.float64) @ (np.asarray(rest).T @ np.asarray(character_axes)).T


def character_rotations(local: NDArray, rest: Array, character_axes: Array) -> Array:
    """Undo `local_rotations`: (T, 3) axis-angle in a bone's own axes -> in the character's."""
    return np.asarray(local, np.float64) @ (np.asarray(rest).T @ np.asarray(character_axes))


def split(head: NDArray, neck: NDArray | None, has_head: bool, has_neck: bool) -> tuple[NDArray | None, NDArray | None]:
    """Share the rotation of head and neck (T, 3) among the bones that there are; returns (head, neck).

    A neck track means that the head's is relative to the neck. Without one, the head's is relative to the chest, and
    the neck takes its share of it about the same axis. A rig with one of the two bones gets the whole rotation there.
    """
    if has_head and has_neck:
        return (head, neck) if neck is not None else ((1.0 - _NECK_SHARE) * head, _NECK_SHARE * head)
    whole = head if neck is None else axis_angles(multiply(quaternions(neck), quaternions(head)))
    return (whole, None) if has_head else (None, whole)


def quaternions(vectors: NDArray) -> Array:
    """Turn axis-angle (T, 3) into unit quaternions (T, 4), continuous in sign over time."""
    vectors = np.asarray(vectors, np.float64)
    angle = np.linalg.norm(vectors, axis=1, keepdims=True)
    # sin(a/2)/a -> 1/2 for a still head
    scale = np.where(angle > _STILL, np.sin(angle / 2.0) / np.maximum(angle, _STILL), 0.5)
    result = np.hstack((np.cos(angle / 2.0), vectors * scale))
    turned = np.einsum("tk,tk->t", result[1:], result[:-1]) < 0.0
    result[1:] *= np.where(np.cumsum(turned) % 2, -1.0, 1.0)[:, None]
    return result


def multiply(first: Array, second: Array) -> Array:
    """Hamilton product of quaternions (T, 4): rotate by `second`, then by `first`."""
    w1, v1, w2, v2 = first[:, :1], first[:, 1:], second[:, :1], second[:, 1:]
    scalar = w1 * w2 - np.sum(v1 * v2, axis=1, keepdims=True)
    return np.hstack((scalar, w1 * v2 + w2 * v1 + np.cross(v1, v2)))


def axis_angles(rotations: Array) -> Array:
    """Turn unit quaternions (T, 4) into axis-angle vectors (T, 3) of at most half a turn."""
    rotations = np.where(rotations[:, :1] < 0.0, -rotations, rotations)
    sine = np.linalg.norm(rotations[:, 1:], axis=1, keepdims=True)
    angle = 2.0 * np.arctan2(sine, rotations[:, :1])
    return rotations[:, 1:] * np.where(sine > _STILL, angle / np.maximum(sine, _STILL), 2.0)


def eulers(vectors: NDArray, order: str) -> Array:
    """Turn axis-angle (T, 3) into Blender's Euler angles (T, 3) for an order such as ``"XYZ"``, without jumps."""
    first, middle, last = ("XYZ".index(axis) for axis in order)
    sign = 1.0 if (middle - first) % 3 == 1 else -1.0
    matrix = _matrices(quaternions(vectors))
    angles = np.empty((len(matrix), 3))
    angles[:, middle] = np.arcsin(np.clip(-sign * matrix[:, last, first], -1.0, 1.0))
    angles[:, first] = np.arctan2(sign * matrix[:, last, middle], matrix[:, last, last])
    angles[:, last] = np.arctan2(sign * matrix[:, middle, first], matrix[:, first, first])
    return np.unwrap(angles, axis=0)


def from_eulers(angles: NDArray, order: str) -> Array:
    """Undo `eulers`: Blender's Euler angles (T, 3) for an order such as ``"XYZ"`` -> axis-angle (T, 3)."""
    angles = np.asarray(angles, np.float64)
    rotation = np.tile([1.0, 0.0, 0.0, 0.0], (len(angles), 1))
    for axis in ("XYZ".index(letter) for letter in order):
        turn = np.zeros((len(angles), 4))
        turn[:, 0], turn[:, 1 + axis] = np.cos(angles[:, axis] / 2.0), np.sin(angles[:, axis] / 2.0)
        rotation = multiply(turn, rotation)  # the first letter turns first, about the outer axes
    return axis_angles(rotation)


def angles_and_axes(vectors: NDArray) -> Array:
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


def _matrices(rotations: Array) -> Array:
    """Rotation matrices (T, 3, 3) of unit quaternions (T, 4)."""
    w, x, y, z = rotations.T
    rows = (
        (1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)),
        (2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)),
        (2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)),
    )
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)
