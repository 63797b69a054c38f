"""Gaussians drawn in plain steps, a tile at a time: with NumPy alone, or with torch, where it is the oracle.

One text serves both. On numpy arrays it needs no other package, which is how Blender draws in background mode; on
tensors every gradient comes from autograd, and the fast rasterizers are measured against it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from animcore.core.array_namespace import alike, namespace
from animcore.rendering.camera import Camera
from animcore.rendering.projection import DENSEST, DONE, FAINTEST, ProjectedGaussians, project

Array = Any  # a numpy array or a torch tensor

TILE = 16  # pixels along each side
_PIECE = 64  # Gaussians blended at a time: their numbers in a tile stay in a CPU's cache


def render(
    means: Array, rotations: Array, scales: Array, opacities: Array, colours: Array, camera: Camera,
    limit: Array | None = None, shifts: Array | None = None,
) -> Array:  # fmt: skip
    """Draw; see `rasterize.rasterize_torch` for the arguments.

    Returns:
        (5, H, W): colour over black, depth times alpha, alpha.
    """
    xp = namespace(means)
    found = project(means, rotations, scales, opacities, colours, camera, shifts)
    limit = alike(np.full((camera.height, camera.width), np.inf) if limit is None else limit, means)
    rows = []
    for top in range(0, camera.height, TILE):
        bottom = min(top + TILE, camera.height)
        strip = _chosen(found, 1, top, bottom)
        tiles = []
        for left in range(0, camera.width, TILE):
            right = min(left + TILE, camera.width)
            covered = limit[top:bottom, left:right].reshape(-1)
            corner = (left, top, right, bottom)
            tiles.append(_tile(_chosen(strip, 0, left, right), corner, covered).reshape(bottom - top, -1, 5))
        rows.append(xp.concatenate(tiles, 1))
    return xp.moveaxis(xp.concatenate(rows, 0), -1, 0)


def _chosen(found: ProjectedGaussians, axis: int, first: int, last: int) -> ProjectedGaussians:
    """The ellipses that can reach pixels first .. last - 1 along an axis."""
    place, reach = found.centres[:, axis], found.reaches[:, axis]
    mask = (place + reach > first) & (place - reach < last)
    return ProjectedGaussians(*(values[mask] for values in found))


def _tile(found: ProjectedGaussians, corner: tuple[int, int, int, int], limit: Array) -> Array:
    """The pixels (P, 5) of a tile: left, top, right and bottom are given, and the depths (P,) of what hides."""
    xp = namespace(limit)
    left, top, right, bottom = corner
    y, x = np.mgrid[top:bottom, left:right].reshape(2, -1) + 0.5
    x, y = alike(x, limit), alike(y, limit)
    passing = xp.ones_like(limit)
    drawn = alike(np.zeros((len(x), 5)), limit) + found.depths[:0].sum()  # with gradients though nothing is drawn
    for first in range(0, len(found.depths), _PIECE):
        piece = ProjectedGaussians(*(values[first : first + _PIECE] for values in found))
        alpha = _alpha(piece, x, y, limit)
        after = passing * xp.cumprod(1 - alpha, 0)
        before = xp.concatenate((passing[None], after[:-1]), 0)
        weights = xp.where(after >= DONE, before * alpha, xp.zeros_like(alpha))
        depths = piece.depths[:, None]
        drawn = drawn + weights.T @ xp.concatenate((piece.colours, depths, xp.ones_like(depths)), 1)
        passing = after[-1]
        if not bool((passing >= DONE).any()):
            break
    return drawn


def _alpha(piece: ProjectedGaussians, x: Array, y: Array, limit: Array) -> Array:
    """How much of each pixel (P,) each Gaussian (G,) covers: (G, P)."""
    xp = namespace(x)
    aside, below = x[None] - piece.centres[:, :1], y[None] - piece.centres[:, 1:]
    xx, xy, yy = (piece.conics[:, part : part + 1] for part in range(3))
    power = -0.5 * (xx * aside * aside + yy * below * below) - xy * aside * below
    alpha = xp.clip(piece.opacities[:, None] * xp.exp(power), None, DENSEST)
    shown = (alpha >= FAINTEST) & (piece.depths[:, None] <= limit[None])
    return xp.where(shown, alpha, xp.zeros_like(alpha))
