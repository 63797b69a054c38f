"""The compiled loop of the mesh rasterizer: a depth buffer, a band of the image each thread."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from animcore.rendering.gaussian_rasterizers.numba_backend import workers
from animcore.rendering.gaussian_rasterizers.numba_kernels import compiled
from animcore.rendering.projection import NEAR

Array = NDArray[Any]
Number = Any  # a float64 or an integer of the compiled loop


def drawn(corners: Array, boxes: Array, size: tuple[int, int]) -> tuple[Array, Array]:
    """Return triangles (H, W) and barycentrics over depth (H, W, 3); see `rasterize` for the arguments."""
    triangle, weights = np.full(size, -1, np.int32), np.zeros((*size, 3))
    nearest = np.zeros(size)

    def band(first: int, last: int) -> None:
        _band(first, last, corners, boxes, nearest, triangle, weights)

    with workers(len(corners)) as team:
        team.share(band, size[0])
    return triangle, weights


# Without fast mathematics: neighbours must round their common edge alike
@compiled
def _band(
    first: Number, last: Number, corners: Array, boxes: Array, nearest: Array, triangle: Array, weights: Array
) -> None:
    """Draw the rows first .. last - 1."""
    for face in range(len(corners)):
        left, right = boxes[face, 0], boxes[face, 2]
        top, bottom = max(boxes[face, 1], first), min(boxes[face, 3], last - 1)
        if right < left or bottom < top:
            continue
        ax, ay, az = corners[face, 0, 0], corners[face, 0, 1], corners[face, 0, 2]
        bx, by, bz = corners[face, 1, 0], corners[face, 1, 1], corners[face, 1, 2]
        cx, cy, cz = corners[face, 2, 0], corners[face, 2, 1], corners[face, 2, 2]
        a0, a1, a2 = by * cz - bz * cy, bz * cx - bx * cz, bx * cy - by * cx
        b0, b1, b2 = cy * az - cz * ay, cz * ax - cx * az, cx * ay - cy * ax
        c0, c1, c2 = ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx
        volume = ax * a0 + ay * a1 + az * a2
        if volume == 0.0:
            continue
        for row in range(top, bottom + 1):
            y = row + 0.5
            for column in range(left, right + 1):
                x = column + 0.5
                a = (a0 * x + a1 * y + a2) / volume
                b = (b0 * x + b1 * y + b2) / volume
                c = (c0 * x + c1 * y + c2) / volume
                closeness = a + b + c
                if a >= 0.0 and b >= 0.0 and c >= 0.0 and nearest[row, column] < closeness < 1 / NEAR:
                    nearest[row, column] = closeness
                    triangle[row, column] = face
                    weights[row, column, 0], weights[row, column, 1], weights[row, column, 2] = a, b, c
