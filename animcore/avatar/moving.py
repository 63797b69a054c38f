"""Clouds of Gaussians as a whole: turned, moved, resized, joined."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from animcore.avatar.harmonics import turned
from animcore.avatar.splats import Splats
from animcore.bodies import rotations
from animcore.bodies.correspondence import Similarity
from animcore.errors import InputError

HALF_TURN = Similarity(1.0, np.diag([1.0, -1.0, -1.0]), np.zeros(3))  # about X: Y down, Z ahead <-> Y up, Z back


def moved(splats: Splats, way: Similarity) -> Splats:
    """Return Gaussians of the world after a similarity; what is seen of them turns with them.

    The similarity may mirror too: an ellipsoid is the same through its centre, so the mirror is a turn for it.

    Raises:
        InputError: where they are bound to triangles, whose frames know nothing of the world.
    """
    if splats.binding is not None:
        raise InputError("Gaussians that are bound to a mesh are moved by moving the mesh.")
    turn = rotations.matrix_to_quaternion(way.rotation * np.sign(np.linalg.det(way.rotation)))
    return Splats(
        way.points(np.asarray(splats.means, np.float64)).astype(np.float32),
        rotations.multiply(turn, splats.rotations).astype(np.float32),
        np.asarray(splats.scales * np.float32(way.scale), np.float32),
        splats.opacities,
        turned(splats.harmonics, way.rotation),
    )


def joined(clouds: Sequence[Splats]) -> Splats:
    """Return several clouds as one; lower degrees of harmonics are filled with zeros up to the highest.

    Raises:
        InputError: where some are bound to triangles and others are not.
    """
    if len({cloud.binding is None for cloud in clouds}) != 1:
        raise InputError("Gaussians of the world and Gaussians that are bound to a mesh cannot become one cloud.")
    most = max(cloud.harmonics.shape[1] for cloud in clouds)
    names = ("means", "rotations", "scales", "opacities")
    arrays = {name: np.concatenate([getattr(cloud, name) for cloud in clouds]) for name in names}
    harmonics = np.concatenate([_filled(cloud.harmonics, most) for cloud in clouds])
    bindings = [cloud.binding for cloud in clouds if cloud.binding is not None]
    return Splats(**arrays, harmonics=harmonics, binding=np.concatenate(bindings) if bindings else None)


def _filled(harmonics: NDArray[Any], most: int) -> NDArray[Any]:
    return np.pad(harmonics, ((0, 0), (0, most - harmonics.shape[1]), (0, 0)))
