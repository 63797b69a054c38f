"""Gaussians that ride on triangles: their local frames, and the way into the world and back.

After Qian et al., GaussianAvatars (CVPR 2024): each triangle has a frame whose origin is its centroid, whose first
axis runs along its first edge, whose second along its normal, and whose unit of length is the mean of an edge and the
height on it. A Gaussian keeps its place, turn and size in that frame, so it moves, turns and grows with the triangle.

One text for numpy and torch: functions take arrays of one kind and give the same kind (`array_namespace.namespace`).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from animcore.core.array_namespace import Array, namespace
from animcore.gaussians.gaussians import Gaussians

_LEAST = 1e-9  # metres: a triangle without area gets a frame all the same


class TriangleFrames(NamedTuple):
    """Of F triangles: `origins` (F, 3), `rotations` (F, 3, 3) from local to the world, `sizes` (F,) in metres."""

    origins: Array
    rotations: Array
    sizes: Array

    def of(self, triangles: NDArray[np.int64]) -> TriangleFrames:
        """Return the frames of some triangles (N,)."""
        return TriangleFrames(self.origins[triangles], self.rotations[triangles], self.sizes[triangles])


def frames(vertices: Array, faces: NDArray[np.int64]) -> TriangleFrames:
    """Return the frames of the triangles (F, 3) of a mesh with vertices (V, 3)."""
    xp = namespace(vertices)
    a, b, c = (vertices[faces[:, corner]] for corner in range(3))
    along, length = _unit(b - a)
    normal, _ = _unit(_cross(along, c - a))
    third = _cross(along, normal)
    height = xp.abs(((c - a) * third).sum(-1))
    return TriangleFrames((a + b + c) / 3, xp.stack((along, normal, third), -1), (length + height) / 2)


def to_world(splats: Gaussians, mesh: TriangleFrames) -> Gaussians:
    """Carry bound Gaussians into the world of the mesh whose frames are given.

    Raises:
        ValueError: where they are not bound.
    """
    xp, own = namespace(splats.means), _own(splats, mesh)
    means = (own.rotations @ splats.means[..., None])[..., 0] * own.sizes[:, None] + own.origins
    fewer = len(mesh.sizes) < len(own.sizes)  # the turn of a triangle is costly: not once for each of its Gaussians
    turns = quaternions(mesh.rotations)[splats.binding] if fewer else quaternions(own.rotations)
    rotations = multiplied(turns, splats.rotations)
    scales = splats.scales * xp.stack((own.sizes,) * 3, -1)
    return Gaussians(means, rotations, scales, splats.opacities, splats.harmonics)


def to_local(splats: Gaussians, mesh: TriangleFrames, binding: NDArray[np.int64]) -> Gaussians:
    """Take Gaussians of the world into the frames of the triangles (N,) that shall carry them."""
    xp = namespace(splats.means)
    own = mesh.of(binding)
    back = xp.swapaxes(own.rotations, -1, -2)
    means = (back @ (splats.means - own.origins)[..., None])[..., 0] / own.sizes[:, None]
    rotations = multiplied(quaternions(back), splats.rotations)
    scales = splats.scales / xp.stack((own.sizes,) * 3, -1)
    return Gaussians(means, rotations, scales, splats.opacities, splats.harmonics, binding)


def rotated(splats: Gaussians, rotation: Array, shift: Array) -> Gaussians:
    """Carry Gaussians as a stiff whole: `rotation` (3, 3), then `shift` (3,) metres. Hair goes with the head so."""
    means = splats.means @ rotation.T + shift
    rotations = multiplied(quaternions(rotation[None]), splats.rotations)
    return Gaussians(means, rotations, splats.scales, splats.opacities, splats.harmonics)


def quaternions(rotations: Array) -> Array:
    """Rotation matrices (N, 3, 3) as unit quaternions (N, 4), w first; differentiable, at half turns too.

    Each row of the symmetric matrix of products of the quaternion's parts is the quaternion times one of its parts;
    the row with the largest part is taken (Bar-Itzhack 2000 has the matrix; the choice is Shepperd's, 1978).
    """
    xp = namespace(rotations)
    m = rotations
    w, x, y = m[:, 0, 0] + m[:, 1, 1] + m[:, 2, 2], m[:, 0, 0], m[:, 1, 1]
    z = m[:, 2, 2]
    rows = xp.stack((
        xp.stack((1 + w, m[:, 2, 1] - m[:, 1, 2], m[:, 0, 2] - m[:, 2, 0], m[:, 1, 0] - m[:, 0, 1]), -1),
        xp.stack((m[:, 2, 1] - m[:, 1, 2], 1 + x - y - z, m[:, 0, 1] + m[:, 1, 0], m[:, 0, 2] + m[:, 2, 0]), -1),
        xp.stack((m[:, 0, 2] - m[:, 2, 0], m[:, 0, 1] + m[:, 1, 0], 1 - x + y - z, m[:, 1, 2] + m[:, 2, 1]), -1),
        xp.stack((m[:, 1, 0] - m[:, 0, 1], m[:, 0, 2] + m[:, 2, 0], m[:, 1, 2] + m[:, 2, 1], 1 - x - y + z), -1),
    ), 1)  # fmt: skip
    largest = xp.stack((rows[:, 0, 0], rows[:, 1, 1], rows[:, 2, 2], rows[:, 3, 3]), -1).argmax(-1)
    row = rows[:, 0]
    for part in range(1, 4):  # no index: a GPU would wait for it
        row = xp.where((largest == part)[:, None], rows[:, part], row)
    return _unit(row)[0]


def multiplied(first: Array, second: Array) -> Array:
    """The product of quaternions (..., 4): the second rotation is done first."""
    xp = namespace(first)
    a, b, c, d = (first[..., part] for part in range(4))
    e, f, g, h = (second[..., part] for part in range(4))
    product = (
        a * e - b * f - c * g - d * h,
        a * f + b * e + c * h - d * g,
        a * g - b * h + c * e + d * f,
        a * h + b * g - c * f + d * e,
    )
    return xp.stack(product, -1)


def _own(splats: Gaussians, mesh: TriangleFrames) -> TriangleFrames:
    if splats.binding is None:
        raise ValueError("The Gaussians are bound to no triangles.")
    return mesh.of(splats.binding)


def _unit(vectors: Array) -> tuple[Array, Array]:
    """Unit vectors (N, K) and their lengths (N,) before; none is divided by zero."""
    xp = namespace(vectors)
    length: Any = xp.sqrt((vectors * vectors).sum(-1) + _LEAST**2)
    return vectors / length[..., None], length


def _cross(first: Array, second: Array) -> Array:
    xp = namespace(first)
    a, b, c = first[..., 0], first[..., 1], first[..., 2]
    d, e, f = second[..., 0], second[..., 1], second[..., 2]
    return xp.stack((b * f - c * e, c * d - a * f, a * e - b * d), -1)
