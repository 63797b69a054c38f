"""Clouds of Gaussians as a whole: turned, moved, resized, joined."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from animcore.errors import InputError
from animcore.gaussians.gaussians import Gaussians
from animcore.gaussians.spherical_harmonics import rotated
from animcore.geometry import rotations
from animcore.geometry.surface_registration import SimilarityTransform

Origin = tuple[float, float, float]

_FINEST = 1e-4  # of the size of a cloud: positions may be off by as much
_FAR = 1000.0  # metres: nearer clouds stay where they are
HALF_TURN = SimilarityTransform(
    1.0, np.diag([1.0, -1.0, -1.0]), np.zeros(3)
)  # about X: Y down, Z ahead <-> Y up, Z back


def transformed(splats: Gaussians, way: SimilarityTransform) -> Gaussians:
    """Return Gaussians of the world after a similarity; their view-dependent colours turn with them.

    The similarity may mirror too: an ellipsoid is the same through its centre, so the mirror is a turn for it.

    Raises:
        InputError: where they are bound to triangles, which have frames of their own.
    """
    if splats.binding is not None:
        raise InputError("Gaussians that are bound to a mesh are moved by moving the mesh.")
    means, origin = centred(way.points(np.asarray(splats.means, np.float64) + splats.origin))
    turn = rotations.matrix_to_quaternion(way.rotation * np.sign(np.linalg.det(way.rotation)))
    return Gaussians(
        means,
        rotations.multiply(turn, splats.rotations).astype(np.float32),
        np.asarray(splats.scales * np.float32(way.scale), np.float32),
        splats.opacities,
        rotated(splats.harmonics, way.rotation),
        origin=origin,
    )


def centred(positions: NDArray[Any]) -> tuple[NDArray[np.float32], Origin]:
    """Return (N, 3) positions in metres as float32, and the origin that was taken off them: (0, 0, 0) for most.

    Geographic coordinates are so large that float32 would merge points that are centimetres apart into one
    place. They are moved to the whole metre that is nearest to their middle.
    """
    if not np.abs(positions).max(initial=0.0) >= _FAR:
        return positions.astype(np.float32, copy=False), (0.0, 0.0, 0.0)
    middle = np.median(positions, 0)
    size = float(np.median(np.abs(positions - middle).max(1)))
    coarse = float(np.spacing(np.float32(np.abs(middle).max())))
    if not np.isfinite(middle).all() or coarse <= _FINEST * size:
        return positions.astype(np.float32, copy=False), (0.0, 0.0, 0.0)
    x, y, z = np.rint(middle).tolist()
    return (positions - (x, y, z)).astype(np.float32), (x, y, z)


def concatenated(clouds: Sequence[Gaussians]) -> Gaussians:
    """Return several clouds as one; lower degrees of harmonics are filled with zeros up to the highest.

    Raises:
        InputError: where some are bound to triangles and others are not.
    """
    if len({cloud.binding is None for cloud in clouds}) != 1:
        raise InputError("Gaussians of the world and Gaussians that are bound to a mesh cannot become one cloud.")
    most = max(cloud.harmonics.shape[1] for cloud in clouds)
    names = ("rotations", "scales", "opacities")
    means, origin = centred(np.concatenate([cloud.means + np.array(cloud.origin) for cloud in clouds]))
    arrays = {name: np.concatenate([getattr(cloud, name) for cloud in clouds]) for name in names}
    harmonics = np.concatenate([_filled(cloud.harmonics, most) for cloud in clouds])
    bindings = [cloud.binding for cloud in clouds if cloud.binding is not None]
    binding = np.concatenate(bindings) if bindings else None
    return Gaussians(means=means, **arrays, harmonics=harmonics, binding=binding, origin=origin)


def _filled(harmonics: NDArray[Any], most: int) -> NDArray[Any]:
    return np.pad(harmonics, ((0, 0), (0, most - harmonics.shape[1]), (0, 0)))
