"""Flow between two images of a face: thin-plate splines over its points (Bookstein, 1989), on a coarse grid."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from animcore.pipelines.dub.pixels import Box
from animcore.pipelines.dub.sampling import smoothed

Array = NDArray[Any]
FloatArray = NDArray[np.float64]
Mask = NDArray[np.bool_]

# Landmarks around what is replaced: under the nose, outside the folds beside the mouth, inside the line of the chin.
RIM = (
    2, 97, 98, 203, 206, 207, 214, 135, 169, 170, 140, 171, 175, 396, 369, 395, 394, 364, 434, 427, 426, 423, 327, 326,
)  # fmt: skip
NODES = 40  # steps of the grid across a face
_STIFF = 1e-5  # of the splines: how far they may miss a point, which strays by itself
_CLOSE = 0.012  # of the width of the face: of points closer together than this one is taken


class Flow:
    """What carries displacements of points to every pixel of a box.

    Attributes:
        box: in the image.
        step: pixels between nodes of the grid.
        nodes: (gh, gw, 2) their columns and rows in the image.
    """

    def __init__(self, points: FloatArray, box: Box, face_width: float) -> None:
        """Prepare for displacements of points (N, 2), pixels of the image."""
        self.box = box
        self.step = max(2, round(face_width / NODES))
        height, width = box.shape
        rows, columns = (np.arange(-(-(side - 1) // self.step) + 1) * self.step for side in (height, width))
        rows, columns = _at_least_two(rows, self.step), _at_least_two(columns, self.step)
        self.nodes = np.stack(np.meshgrid(columns + box.left + 0.5, rows + box.top + 0.5), -1).astype(float)
        middle, size = points.mean(0), face_width
        controls = (points - middle) / size
        self._base, self._inverse = _spline(controls, (self.nodes.reshape(-1, 2) - middle) / size)

    def sources(self, displacement: FloatArray) -> FloatArray:
        """(gh, gw, 2) where each node comes from in the other image, whose points are displaced (N, 2) from these.

        The left upper corner of that image is 0, so the middle of its first pixel is 0.5.
        """
        coefficients = (self._inverse @ displacement).astype(np.float32)
        return self.nodes + (self._base @ coefficients).reshape(self.nodes.shape)


def _at_least_two(values: Array, step: int) -> Array:
    return values if len(values) > 1 else np.array([0, step])


def _spline(controls: FloatArray, places: FloatArray) -> tuple[NDArray[np.float32], FloatArray]:
    """A thin-plate spline of N controls at P places: (P, N + 3) its parts there, (N + 3, N) their amounts."""
    count = len(controls)
    system = np.zeros((count + 3, count + 3))
    system[:count, :count] = _kernel(((controls[:, None] - controls[None]) ** 2).sum(2)) + _STIFF * np.eye(count)
    system[:count, count] = system[count, :count] = 1
    system[:count, count + 1 :] = controls
    system[count + 1 :, :count] = controls.T
    near, far = controls.astype(np.float32), places.astype(np.float32)
    squares = (far**2).sum(1)[:, None] + (near**2).sum(1)[None] - 2 * far @ near.T
    base = np.concatenate([_kernel(np.maximum(squares, 0)), np.ones((len(far), 1), np.float32), far], 1)
    # the values at the controls alone are given: the last three equations have 0 on their right side
    return base, np.linalg.inv(system)[:, :count]


def _kernel(squares: Array) -> Array:
    return squares * np.log(np.maximum(squares, 1e-12)) / 2


def spread_out(points: FloatArray, face_width: float, first: tuple[int, ...]) -> NDArray[np.int64]:
    """Rows of points (N, 2), the `first` before all others, of which no two are too close together for a spline."""
    chosen: list[int] = []
    least = (_CLOSE * face_width) ** 2
    for index in [*first, *(one for one in range(len(points)) if one not in first)]:
        if not chosen or ((points[chosen] - points[index]) ** 2).sum(1).min() > least:
            chosen.append(index)
    return np.array(chosen)


def inside(polygon: FloatArray, box: Box) -> Mask:
    """(h, w) which pixels of a box lie in a polygon (N, 2) of the image."""
    height, width = box.shape
    columns = np.arange(width) + box.left + 0.5
    crossings = np.zeros((height, width), np.int32)
    for (x0, y0), (x1, y1) in zip(polygon, np.roll(polygon, -1, 0), strict=True):
        low, high = sorted((y0, y1))
        first = max(int(np.ceil(low - box.top - 0.5)), 0)
        last = min(int(np.ceil(high - box.top - 0.5)), height)
        if first >= last:
            continue
        rows = np.arange(first, last)
        at = x0 + (rows + box.top + 0.5 - y0) * (x1 - x0) / (y1 - y0)
        crossings[first:last] += columns[None] > at[:, None]
    return crossings % 2 == 1


def rounded(polygon: FloatArray, parts: int = 4) -> FloatArray:
    """Return a closed curve (parts N, 2) through the corners of a polygon (Catmull and Rom, 1974)."""
    before, after, beyond = np.roll(polygon, 1, 0), np.roll(polygon, -1, 0), np.roll(polygon, -2, 0)
    t = (np.arange(parts) / parts)[None, :, None]
    own, before, after, beyond = (one[:, None] for one in (polygon, before, after, beyond))
    curve = 0.5 * (
        2 * own + (after - before) * t + (2 * before - 5 * own + 4 * after - beyond) * t**2
        + (3 * own - before - 3 * after + beyond) * t**3
    )  # fmt: skip
    return np.asarray(curve.reshape(-1, 2))


def soft(mask: Mask, feather: float) -> NDArray[np.float32]:
    """(h, w) 0 outside of a mask, rising smoothly to 1 within about `feather` pixels inside of it."""
    share = np.clip(2 * smoothed(mask.astype(np.float32), feather / 2.5) - 1, 0, 1)
    return np.asarray(share * share * (3 - 2 * share), np.float32)


def grown(mask: Mask, reach: float) -> Mask:
    """A mask grown by about some pixels to all sides."""
    return np.asarray(smoothed(mask.astype(np.float32), reach / 1.5) > 0.02)
