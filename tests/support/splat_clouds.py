"""Clouds of Gaussians for tests, and what makes two of them look the same."""

from __future__ import annotations

import numpy as np

from animcore.gaussians.gaussians import Gaussians, validated
from animcore.geometry import rotations


def cloud(count: int = 200, degree: int = 3, seed: int = 0, bound: bool = False) -> Gaussians:
    """A head's worth of space, every kind of value."""
    random = np.random.default_rng(seed)
    harmonics = random.normal(size=(count, (degree + 1) ** 2, 3)) * 0.1
    harmonics[:, 0] = random.uniform(-1.5, 1.5, (count, 3))
    splats = Gaussians(
        random.normal(size=(count, 3)) * 0.1 + (0.0, 1.6, 0.0),
        random.normal(size=(count, 4)),
        np.exp(random.uniform(-8, -4, (count, 3))),
        random.uniform(0.01, 0.99, count),
        harmonics,
        random.integers(0, 9976, count) if bound else None,
    )
    return validated(splats, "a cloud")


def covariances(splats: Gaussians) -> np.ndarray:
    """(N, 3, 3): what of rotation and scale is seen; equal for quaternions that differ by a half turn of the axes."""
    axes = rotations.quaternion_to_matrix(splats.rotations) * np.asarray(splats.scales, np.float64)[:, None]
    return axes @ axes.transpose(0, 2, 1)


def far(splats: Gaussians, other: Gaussians) -> dict[str, float]:
    """The largest difference of each kind of value; of shapes relative to their size."""
    ours, theirs = covariances(splats), covariances(other)
    size = np.linalg.norm(theirs, axis=(1, 2))
    shared = min(splats.harmonics.shape[1], other.harmonics.shape[1])
    rest = splats.harmonics[:, 1:shared] - other.harmonics[:, 1:shared]
    return {
        "means": float(np.abs(splats.means - other.means).max()),
        "shapes": float((np.linalg.norm(ours - theirs, axis=(1, 2)) / size).max()),
        "opacities": float(np.abs(splats.opacities - other.opacities).max()),
        "colours": float(np.abs(splats.harmonics[:, 0] - other.harmonics[:, 0]).max()),
        "harmonics": float(np.abs(rest).max(initial=0.0)),
    }
