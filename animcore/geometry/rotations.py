"""Rotations in arrays of any shape.

Axis-angle (..., 3) in radians, matrices (..., 3, 3), quaternions (..., 4) in the order w, x, y, z.

Euler angles are named by the order in which the axes stand in the product of matrices, as BVH files write their
channels: "ZXY" is Rz @ Rx @ Ry, which turns about the moving axes Z, then X, then Y.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]

_SMALL = 1e-8  # radians below which an angle has no axis of its own
_AXES = {"X": 0, "Y": 1, "Z": 2}


def to_matrix(vectors: ArrayLike) -> Array:
    """Axis-angle (..., 3) -> matrices (..., 3, 3), by Rodrigues' formula."""
    return quaternion_to_matrix(to_quaternion(vectors))


def to_quaternion(vectors: ArrayLike) -> Array:
    """Axis-angle (..., 3) -> unit quaternions (..., 4)."""
    vectors = np.asarray(vectors, np.float64)
    angle = np.linalg.norm(vectors, axis=-1, keepdims=True)
    # sin(a / 2) / a tends to 1/2
    scale = np.where(angle > _SMALL, np.sin(angle / 2) / np.maximum(angle, _SMALL), 0.5)
    return np.concatenate([np.cos(angle / 2), vectors * scale], -1)


def from_quaternion(quaternions: ArrayLike) -> Array:
    """Unit quaternions (..., 4) -> axis-angle (..., 3) of at most half a turn."""
    quaternions = np.asarray(quaternions, np.float64)
    quaternions = np.where(quaternions[..., :1] < 0, -quaternions, quaternions)
    sine = np.linalg.norm(quaternions[..., 1:], axis=-1, keepdims=True)
    angle = 2 * np.arctan2(sine, quaternions[..., :1])
    vectors: Array = quaternions[..., 1:] * np.where(sine > _SMALL, angle / np.maximum(sine, _SMALL), 2.0)
    return vectors


def from_matrix(matrices: ArrayLike) -> Array:
    """Matrices (..., 3, 3) -> axis-angle (..., 3) of at most half a turn."""
    return from_quaternion(matrix_to_quaternion(matrices))


def quaternion_to_matrix(quaternions: ArrayLike) -> Array:
    """Unit quaternions (..., 4) -> matrices (..., 3, 3)."""
    w, x, y, z = np.moveaxis(np.asarray(quaternions, np.float64), -1, 0)
    rows = (
        (1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)),
        (2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)),
        (2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)),
    )
    return np.stack([np.stack(row, -1) for row in rows], -2)


def matrix_to_quaternion(matrices: ArrayLike) -> Array:
    """Matrices (..., 3, 3) -> unit quaternions (..., 4), exact at every angle.

    The largest of the four components is found first and the others follow from it (Shepperd, 1978).
    """
    m = np.asarray(matrices, np.float64)
    trace = np.trace(m, axis1=-2, axis2=-1)
    diagonal = np.diagonal(m, axis1=-2, axis2=-1)
    squares = np.concatenate([trace[..., None], diagonal], -1) * 2 - trace[..., None] + 1  # 4 times each, squared
    squares[..., 0] = 1 + trace
    largest = np.argmax(squares, -1)
    products = np.empty((*m.shape[:-2], 4, 4))  # 4 times the outer product of the quaternion with itself
    products[..., 0, 1] = products[..., 1, 0] = m[..., 2, 1] - m[..., 1, 2]
    products[..., 0, 2] = products[..., 2, 0] = m[..., 0, 2] - m[..., 2, 0]
    products[..., 0, 3] = products[..., 3, 0] = m[..., 1, 0] - m[..., 0, 1]
    products[..., 1, 2] = products[..., 2, 1] = m[..., 0, 1] + m[..., 1, 0]
    products[..., 1, 3] = products[..., 3, 1] = m[..., 0, 2] + m[..., 2, 0]
    products[..., 2, 3] = products[..., 3, 2] = m[..., 1, 2] + m[..., 2, 1]
    for index in range(4):
        products[..., index, index] = squares[..., index]
    chosen = np.take_along_axis(products, largest[..., None, None], -2)[..., 0, :]
    return normalized(chosen)


def normalized(values: ArrayLike) -> Array:
    """Vectors (..., K) divided by their lengths; one without length stays."""
    values = np.asarray(values, np.float64)
    length = np.linalg.norm(values, axis=-1, keepdims=True)
    result: Array = values / np.where(length > 0, length, 1.0)
    return result


def multiply(first: ArrayLike, second: ArrayLike) -> Array:
    """Hamilton product of quaternions (..., 4): turn by `second`, then by `first`."""
    first, second = np.asarray(first, np.float64), np.asarray(second, np.float64)
    w1, v1, w2, v2 = first[..., :1], first[..., 1:], second[..., :1], second[..., 1:]
    scalar = w1 * w2 - (v1 * v2).sum(-1, keepdims=True)
    return np.concatenate([scalar, w1 * v2 + w2 * v1 + np.cross(v1, v2)], -1)


def inverse(quaternions: ArrayLike) -> Array:
    """The opposite turn of unit quaternions (..., 4)."""
    return np.asarray(quaternions, np.float64) * (1.0, -1.0, -1.0, -1.0)


def continuous(quaternions: ArrayLike) -> Array:
    """Quaternions over time (T, ..., 4) with signs such that neighbours lie in the same half of the sphere."""
    quaternions = np.array(quaternions, np.float64)
    turned = (quaternions[1:] * quaternions[:-1]).sum(-1) < 0
    quaternions[1:] *= np.where(np.cumsum(turned, 0) % 2, -1.0, 1.0)[..., None]
    return quaternions


def slerp(first: ArrayLike, second: ArrayLike, share: ArrayLike) -> Array:
    """Unit quaternions (..., 4) on the shortest way from `first` to `second`; share (...) of it, 0..1."""
    first, second = np.asarray(first, np.float64), np.asarray(second, np.float64)
    way = from_quaternion(multiply(inverse(first), second))
    return multiply(first, to_quaternion(way * np.asarray(share, np.float64)[..., None]))


def between(first: ArrayLike, second: ArrayLike) -> Array:
    """The smallest turns, as quaternions (..., 4), that bring unit vectors `first` (..., 3) onto `second` (..., 3).

    Opposite vectors are joined by half a turn about any axis across them.
    """
    first, second = np.broadcast_arrays(np.asarray(first, np.float64), np.asarray(second, np.float64))
    cosine = (first * second).sum(-1, keepdims=True)
    turn = np.concatenate([1 + cosine, np.cross(first, second)], -1)
    across = np.cross(first, np.eye(3)[np.argmin(np.abs(first), -1)])
    opposite = np.concatenate([np.zeros_like(cosine), across], -1)
    return normalized(np.where(cosine < -1 + 1e-12, opposite, turn))


def swing_and_twist(quaternions: ArrayLike, axis: ArrayLike) -> tuple[Array, Array]:
    """Split turns (..., 4) into a swing after a twist about a unit axis (..., 3): turn = swing * twist."""
    quaternions, axis = np.asarray(quaternions, np.float64), np.asarray(axis, np.float64)
    along = (quaternions[..., 1:] * axis).sum(-1, keepdims=True)
    twist = np.concatenate([quaternions[..., :1], along * axis], -1)
    still = np.linalg.norm(twist, axis=-1, keepdims=True) < _SMALL  # half a turn across the axis: any twist fits
    twist = normalized(np.where(still, (1.0, 0.0, 0.0, 0.0), twist))
    return multiply(quaternions, inverse(twist)), twist


def from_euler(angles: ArrayLike, order: str) -> Array:
    """Euler angles (..., 3) in radians, in the order of `order`, -> matrices (..., 3, 3)."""
    angles = np.asarray(angles, np.float64)
    first, second, third = (_about(axis, angles[..., index]) for index, axis in enumerate(order))
    product: Array = first @ second @ third
    return product


def to_euler(matrices: ArrayLike, order: str) -> Array:
    """Matrices (..., 3, 3) -> Euler angles (..., 3) in the order of `order`, three different axes.

    Where the middle angle is a quarter turn only the sum of the others counts: the last one is 0 then.
    """
    m = np.asarray(matrices, np.float64)
    i, j, k = (_AXES[axis] for axis in order)
    sign = 1.0 if (j - i) % 3 == 1 else -1.0
    middle = np.arcsin(np.clip(sign * m[..., i, k], -1.0, 1.0))
    locked = np.abs(m[..., i, k]) > 1 - 1e-12
    first = np.where(
        locked,
        np.arctan2(sign * m[..., k, j], m[..., j, j]),
        np.arctan2(-sign * m[..., j, k], m[..., k, k]),
    )
    last = np.where(locked, 0.0, np.arctan2(-sign * m[..., i, j], m[..., i, i]))
    return np.stack([first, middle, last], -1)


def _about(axis: str, angle: NDArray[Any]) -> Array:
    """Matrices (..., 3, 3) that turn about one of the axes."""
    vector = np.zeros((*angle.shape, 3))
    vector[..., _AXES[axis]] = angle
    return to_matrix(vector)
