"""Clouds of Gaussians and scenes with them, for the tests of the preview."""

from __future__ import annotations

from pathlib import Path

import bpy
import numpy as np

from animcore.files.avatars import open_any_splats
from animcore.gaussians.gaussians import Gaussians
from blender_addon.splats.scene.placement import Placed


def cloud(count: int, seed: int = 0, spread: float = 0.1, size: float = 0.01, degree: int = 3) -> Gaussians:
    """Gaussians of any colour around the origin."""
    rng = np.random.default_rng(seed)
    turns = rng.normal(size=(count, 4))
    values = (
        rng.normal(size=(count, 3)) * spread,
        turns / np.linalg.norm(turns, axis=1, keepdims=True),
        np.exp(rng.normal(size=(count, 3)) * 0.5) * size,
        rng.uniform(0.1, 0.95, count),
        rng.normal(size=(count, (degree + 1) ** 2, 3)) * 0.25,
    )
    return Gaussians(*(part.astype(np.float32) for part in values))


def bound_cloud(count: int, triangles: int, seed: int = 0) -> Gaussians:
    """Gaussians that ride on triangles, on the last one too."""
    free = cloud(count, seed, spread=0.2, size=0.05)
    carried = np.arange(count) % triangles
    return Gaussians(free.means, free.rotations, free.scales, free.opacities, free.harmonics, carried.astype(np.int64))


def one(colour: tuple[float, float, float], size: float, place: tuple[float, float, float] = (0, 0, 0)) -> Gaussians:
    """A single round Gaussian, as opaque as one can be."""
    return Gaussians(
        np.array([place], np.float32),
        np.array([[1, 0, 0, 0]], np.float32),
        np.full((1, 3), size, np.float32),
        np.ones(1, np.float32),
        ((np.array([[colour]]) - 0.5) / 0.28209479177387814).astype(np.float32),
    )


def written(splats: Gaussians, folder: Path, name: str = "cloud.ply") -> Path:
    """Write them into a file."""
    open_any_splats.save(splats, folder / name)
    return folder / name


def now() -> bpy.types.Depsgraph:
    """The scene as it is evaluated."""
    return bpy.context.evaluated_depsgraph_get()


def centres(placed: Placed) -> np.ndarray:
    """(N, 3) where its Gaussians are in Blender's world."""
    frames = placed.frames[placed.cloud.frame_of]
    return np.einsum("nij,nj->ni", frames[:, :, :3], placed.cloud.splats.means) + frames[:, :, 3]
