"""Which triangle of a mesh each pixel shows: with compiled loops where numba is installed, else with numpy alone.

Textures, displacement and coverage are looked up from the fragments (`avatar.head`), in numpy or in torch, where the
look-up has gradients; the fragments themselves have none.
"""

from __future__ import annotations

import functools
import importlib.util
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from animcore.avatar.camera import Camera

Array = NDArray[Any]

NEAR = 0.01  # metres before the camera; triangles that reach nearer are not drawn
_LEAST = 1e-12  # square pixels: thinner triangles are edges
_WORK = 1 << 21  # pixels of triangles at a time


class Fragments(NamedTuple):
    """What a camera sees of a mesh.

    Attributes:
        triangle: (H, W) int32 the nearest one, -1 where there is none.
        barycentric: (H, W, 3) float32 the place in it, in space: 1 in sum; 0 where there is none.
        depth: (H, W) float32 metres along the camera's axis, infinite where there is none.
    """

    triangle: Array
    barycentric: Array
    depth: Array


def draw_mesh(vertices: Array, faces: Array, camera: Camera, backend: str = "auto") -> Fragments:
    """Draw the triangles (F, 3) of a mesh with vertices (V, 3) metres, both sides of them.

    Args:
        vertices: in the world.
        faces: of vertices.
        camera: of the picture.
        backend: `numba`, `numpy`, or `auto` for the faster one that is installed.
    """
    turn, shift = camera.world_to_camera[:3, :3], camera.world_to_camera[:3, 3]
    there = np.asarray(vertices, np.float64) @ turn.T + shift
    with np.errstate(divide="ignore", invalid="ignore"):
        flat = there[:, :2] / there[:, 2:] * camera.focal + camera.centre
    corners, depths = flat[faces], there[:, 2][faces]
    kept = np.flatnonzero((depths > NEAR).all(1) & np.isfinite(corners).all((1, 2)))
    size = camera.height, camera.width
    drawn = Fragments(np.full(size, -1, np.int32), np.zeros((*size, 3), np.float32), np.full(size, np.inf, np.float32))
    fill = _compiled() if backend == "numba" or (backend == "auto" and _has_numba()) else _filled
    fill(corners[kept], depths[kept], kept.astype(np.int32), *drawn)
    return drawn


@functools.cache
def _has_numba() -> bool:
    return importlib.util.find_spec("numba") is not None


@functools.cache
def _compiled() -> Callable[..., None]:
    from animcore.avatar.mesh_kernels import fill

    return fill


def _filled(corners: Array, depths: Array, names: Array, triangle: Array, barycentric: Array, depth: Array) -> None:
    """Draw with numpy: triangles of about one size together, each over all pixels of a square around it."""
    size = np.array(triangle.shape[::-1])
    low = np.maximum(np.ceil(corners.min(1) - 0.5), 0).astype(np.int64)
    high = np.minimum(np.floor(corners.max(1) - 0.5), size - 1).astype(np.int64)
    side = (high - low).max(1) + 1
    found: list[tuple[Array, ...]] = []
    for chosen, across in _alike(side, (high >= low).all(1)):
        found.append(_inside(corners[chosen], depths[chosen], names[chosen], low[chosen], high[chosen], across, size))
    if not found:
        return
    pixel, far, share, name = (np.concatenate(parts) for parts in zip(*found, strict=True))
    order = np.lexsort((-name, -far))  # the nearest is written last, of equal ones the first triangle
    pixel, far, share, name = pixel[order], far[order], share[order], name[order]
    triangle.reshape(-1)[pixel] = name
    depth.reshape(-1)[pixel] = far
    barycentric.reshape(-1, 3)[pixel] = share


def _alike(side: Array, seen: Array) -> Iterator[tuple[Array, int]]:
    """Yield triangles whose squares are about equally large, in pieces, with the side of the largest of them."""
    step = 1
    while (side[seen] > step // 2).any():
        chosen = np.flatnonzero(seen & (side > step // 2) & (side <= step))
        for piece in np.array_split(chosen, max(1, len(chosen) * step * step // _WORK)):
            if len(piece):
                yield piece, int(side[piece].max())
        step *= 2


def _inside(
    corners: Array, depths: Array, names: Array, low: Array, high: Array, across: int, size: Array
) -> tuple[Array, ...]:
    """Pixels (P,) in triangles, their depths (P,), barycentric places (P, 3) and triangles (P,)."""
    steps = np.arange(across)
    x, y = low[:, 0, None, None] + steps[None, None], low[:, 1, None, None] + steps[None, :, None]
    a, b, c = (corners[:, corner, :, None, None] for corner in range(3))
    area = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])
    with np.errstate(divide="ignore", invalid="ignore"):
        right, below = x + 0.5 - a[:, 0], y + 0.5 - a[:, 1]
        second = (right * (c[:, 1] - a[:, 1]) - below * (c[:, 0] - a[:, 0])) / area
        third = ((b[:, 0] - a[:, 0]) * below - (b[:, 1] - a[:, 1]) * right) / area
        first = 1 - second - third
        hit = (np.abs(area) > _LEAST) & (first >= 0) & (second >= 0) & (third >= 0)
    hit &= (x <= high[:, 0, None, None]) & (y <= high[:, 1, None, None])
    one, row, column = np.nonzero(hit)
    share = np.stack([first[hit], second[hit], third[hit]], 1) / depths[one]
    total = share.sum(1)
    pixel = (low[one, 1] + row) * size[0] + low[one, 0] + column
    return pixel, (1 / total).astype(np.float32), (share / total[:, None]).astype(np.float32), names[one]
