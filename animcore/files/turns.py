"""Rotations over time as scene files hold them: quaternions x, y, z, w and axis-angle vectors, in numpy."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]

_STILL = 1e-12  # radians below which a rotation has no axis


def quaternions(vectors: ArrayLike) -> FloatArray:
    """Turn axis-angle (..., 3) radians into unit quaternions (..., 4)."""
    vectors = np.asarray(vectors, np.float64)
    angle = np.linalg.norm(vectors, axis=-1, keepdims=True)
    scale = np.where(angle > _STILL, np.sin(angle / 2) / np.maximum(angle, _STILL), 0.5)
    return np.concatenate((vectors * scale, np.cos(angle / 2)), -1)


def vectors(turns: ArrayLike) -> FloatArray:
    """Turn unit quaternions (..., 4) into axis-angle (..., 3) of at most half a turn."""
    turns = np.asarray(turns, np.float64)
    turns = np.where(turns[..., 3:] < 0, -turns, turns)
    sine = np.linalg.norm(turns[..., :3], axis=-1, keepdims=True)
    angle = 2 * np.arctan2(sine, turns[..., 3:])
    return np.asarray(turns[..., :3] * np.where(sine > _STILL, angle / np.maximum(sine, _STILL), 2.0))


def multiply(first: ArrayLike, second: ArrayLike) -> FloatArray:
    """Hamilton product of quaternions (..., 4): rotate by `second`, then by `first`."""
    one, two = np.broadcast_arrays(np.asarray(first, np.float64), np.asarray(second, np.float64))
    a, s, b, t = one[..., :3], one[..., 3:], two[..., :3], two[..., 3:]
    return np.concatenate((s * b + t * a + np.cross(a, b), s * t - np.sum(a * b, -1, keepdims=True)), -1)


def inverse(turns: ArrayLike) -> FloatArray:
    """Return the inverse of unit quaternions (..., 4)."""
    return np.asarray(turns, np.float64) * (-1.0, -1.0, -1.0, 1.0)


def unit(turns: ArrayLike) -> FloatArray:
    """Return quaternions (..., 4) at length 1; one without length becomes no rotation."""
    turns = np.asarray(turns, np.float64)
    length = np.linalg.norm(turns, axis=-1, keepdims=True)
    return np.where(length > _STILL, turns / np.maximum(length, _STILL), (0.0, 0.0, 0.0, 1.0))


def continuous(turns: FloatArray) -> FloatArray:
    """Return quaternions (T, 4) whose sign never jumps from one frame to the next."""
    flips = np.cumsum(np.einsum("tk,tk->t", turns[1:], turns[:-1]) < 0) % 2
    return turns * np.concatenate(([1.0], 1.0 - 2.0 * flips))[:, None]


def matrix(turn: ArrayLike) -> FloatArray:
    """Return the (3, 3) matrix of one unit quaternion."""
    x, y, z, w = np.asarray(turn, np.float64)
    return np.array(
        [
            (1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)),
            (2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)),
            (2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)),
        ]
    )


def of_matrix(rotation: FloatArray) -> FloatArray:
    """Return the unit quaternion of a (3, 3) rotation matrix: the eigenvector of Bar-Itzhack (2000), which is robust."""
    m = rotation
    table = np.array(
        [
            [m[0, 0] - m[1, 1] - m[2, 2], m[1, 0] + m[0, 1], m[2, 0] + m[0, 2], m[2, 1] - m[1, 2]],
            [m[1, 0] + m[0, 1], m[1, 1] - m[0, 0] - m[2, 2], m[2, 1] + m[1, 2], m[0, 2] - m[2, 0]],
            [m[2, 0] + m[0, 2], m[2, 1] + m[1, 2], m[2, 2] - m[0, 0] - m[1, 1], m[1, 0] - m[0, 1]],
            [m[2, 1] - m[1, 2], m[0, 2] - m[2, 0], m[1, 0] - m[0, 1], m[0, 0] + m[1, 1] + m[2, 2]],
        ]
    )
    return np.asarray(np.linalg.eigh(table)[1][:, -1])


def between(turns: FloatArray, before: NDArray[np.int64], share: FloatArray) -> FloatArray:
    """Interpolate on the shortest way (slerp) from `turns[before]` to the next ones by `share` (T,) of 0..1."""
    start, end = turns[before], turns[np.minimum(before + 1, len(turns) - 1)]
    way = vectors(multiply(end, inverse(start)))
    return multiply(quaternions(way * share[:, None]), start)
