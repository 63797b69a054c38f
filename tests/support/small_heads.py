"""What the tests of heads are made of: cameras around the origin, Gaussians of one colour."""

from __future__ import annotations

import numpy as np

from animcore.gaussians.gaussians import Gaussians
from animcore.rendering.camera import Camera


def looking(angle, height=0.1):
    """A camera a metre away that looks at the origin."""
    away = np.array([np.sin(angle), height, np.cos(angle)])
    back = away / np.linalg.norm(away)
    aside = np.cross([0, 1, 0], back)
    aside /= np.linalg.norm(aside)
    matrix = np.eye(4)
    matrix[:3] = np.stack([aside, np.cross(back, aside), back, away], 1)
    return Camera.from_opengl(matrix, (40, 30), (100.0, 90.0), (19.0, 16.0))


def dots(places, size=0.004, colour=(1.0, 0.0, 0.0), binding=None):
    """Small dense Gaussians of one colour."""
    count = len(places)
    harmonics = (np.tile(colour, (count, 1))[:, None] - 0.5) / 0.28209479177387814
    return Gaussians(
        np.asarray(places, np.float32),
        np.tile(np.float32([1, 0, 0, 0]), (count, 1)),
        np.full((count, 3), size, np.float32),
        np.full(count, 0.95, np.float32),
        harmonics.astype(np.float32),
        binding,
    )
