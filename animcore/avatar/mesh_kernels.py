"""The compiled loop of the mesh rasterizer."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

Array = NDArray[Any]

_LEAST = 1e-12


@njit(nogil=True, cache=True)
def fill(corners: Array, depths: Array, names: Array, triangle: Array, barycentric: Array, depth: Array) -> None:
    """Draw triangles with corners (F, 3, 2) in pixels and depths (F, 3) into a picture; see `mesh_raster.Fragments`."""
    height, width = triangle.shape
    for one in range(len(corners)):
        ax, ay = corners[one, 0, 0], corners[one, 0, 1]
        bx, by = corners[one, 1, 0] - ax, corners[one, 1, 1] - ay
        cx, cy = corners[one, 2, 0] - ax, corners[one, 2, 1] - ay
        area = bx * cy - by * cx
        if abs(area) <= _LEAST:
            continue
        left, right = ax + min(0.0, bx, cx), ax + max(0.0, bx, cx)
        top, bottom = ay + min(0.0, by, cy), ay + max(0.0, by, cy)
        for y in range(math.ceil(max(top - 0.5, 0.0)), math.floor(min(bottom - 0.5, height - 1.0)) + 1):
            for x in range(math.ceil(max(left - 0.5, 0.0)), math.floor(min(right - 0.5, width - 1.0)) + 1):
                aside, below = x + 0.5 - ax, y + 0.5 - ay
                second, third = (aside * cy - below * cx) / area, (bx * below - by * aside) / area
                first = 1 - second - third
                if first < 0 or second < 0 or third < 0:
                    continue
                u, v, w = first / depths[one, 0], second / depths[one, 1], third / depths[one, 2]
                far = np.float32(1 / (u + v + w))
                if far < depth[y, x]:
                    depth[y, x], triangle[y, x] = far, names[one]
                    total = u + v + w
                    barycentric[y, x, 0], barycentric[y, x, 1], barycentric[y, x, 2] = u / total, v / total, w / total
