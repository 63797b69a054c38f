"""The frames that lend their appearance, and the path of those that lend their detail (Viterbi, 1967).

A frame of the path costs by how much its mouth and pose differ from what is asked, a step by how much the appearance
would jump.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from animcore.pipelines.dub.face_points import OVAL
from animcore.pipelines.dub.pixels import Box, Picture

Array = NDArray[Any]
FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

MOST_BYTES = 400 << 20  # of the crops of a person
MOST_FRAMES = 400
_MARGIN = 0.06  # of the width of the face, around its points
_JUMP = 0.35  # of the difference of two frames: what a step between them costs
_STEP = 0.3  # mm squared that any step costs that is not to the next frame


@dataclass
class Bank:
    """Crops of N frames of one person.

    Attributes:
        crops: each (h, w, 3), 0..1 as float16 or the format's own numbers; channels of the format.
        boxes: where each lies in its frame.
        points: (N, 468, 2) pixels of its frame.
        features: (N, F) of its mouth and pose.
        order: (N,) the frames' numbers in the video.
        model_features: (N, F) without what the landmarks say beyond the model.
        residual: (N, 468, 2) metres, what its landmarks say beyond the model.
    """

    points: FloatArray
    features: FloatArray
    order: NDArray[np.int64]
    model_features: FloatArray
    residual: FloatArray
    crops: list[Array] = field(default_factory=list)
    boxes: list[Box] = field(default_factory=list)

    def add(self, picture: Picture) -> None:
        """Take the crop of the next frame, in the order of `order`."""
        points = self.points[len(self.crops)]
        box = face_box(points, picture.size)
        kind = np.uint8 if picture.most == 255 else np.uint16
        self.crops.append(np.rint(picture.crop(box) * np.iinfo(kind).max).astype(kind))
        self.boxes.append(box)


def face_box(points: FloatArray, size: tuple[int, int]) -> Box:
    """Return the box of the lower face of points (468, 2), from the eyes to under the chin."""
    oval = points[list(OVAL)]
    width = float(np.ptp(oval[:, 0]))
    lower = points[[*OVAL, 4, 5]]
    lower = lower[lower[:, 1] > points[[33, 263], 1].mean()]
    return Box.around(lower, _MARGIN * width, size)


def most_frames(points: FloatArray, size: tuple[int, int]) -> int:
    """Return how many crops of this size are kept."""
    height, width = face_box(points, size).shape
    return int(np.clip(MOST_BYTES // (height * width * 3), 40, MOST_FRAMES))


def choose(wanted: FloatArray, offered: FloatArray, order: IntArray) -> IntArray:
    """Return rows (T,) of the offered frames.

    Args:
        wanted: (T, F) features of what is asked, millimetres.
        offered: (N, F) features of what there is.
        order: (N,) the frames' numbers in the video; neighbours follow without a jump.
    """
    steps = _JUMP * np.sqrt(squares(offered, offered)) + _STEP
    steps[order[None] - order[:, None] == 1] = 0.0
    np.fill_diagonal(steps, 0.0)
    return _shortest(squares(wanted, offered), steps)


def weigh(path: IntArray) -> tuple[IntArray, FloatArray]:
    """Return rows (T, 3) and weights (T, 3) that fade from one frame of a path (T,) to the next where it jumps."""
    before, after = np.concatenate([path[:1], path[:-1]]), np.concatenate([path[1:], path[-1:]])
    rows = np.stack([path, before, after], 1)
    weights = np.tile([0.5, 0.25, 0.25], (len(path), 1))
    for column in (1, 2):
        same = rows[:, column] == path
        weights[same, 0] += weights[same, column]
        weights[same, column] = 0.0
    return rows, weights


def diverse(features: FloatArray, most: int) -> IntArray:
    """Return rows of at most so many frames that differ most from one another (farthest points: Gonzalez, 1985)."""
    if len(features) <= most:
        return np.arange(len(features))
    chosen = [int(squares(features, features.mean(0)[None])[:, 0].argmin())]
    away = np.full(len(features), np.inf)
    while len(chosen) < most:
        away = np.minimum(away, squares(features, features[chosen[-1:]])[:, 0])
        chosen.append(int(away.argmax()))
    return np.sort(np.array(chosen))


def _shortest(costs: FloatArray, steps: FloatArray) -> IntArray:
    """(T,) the path of the least cost."""
    best = costs[0].copy()
    before = np.zeros(costs.shape, np.int32)
    for index in range(1, len(costs)):
        reached = best[:, None] + steps
        before[index] = reached.argmin(0)
        best = reached[before[index], np.arange(len(steps))] + costs[index]
    path = np.empty(len(costs), np.int64)
    path[-1] = best.argmin()
    for index in range(len(costs) - 1, 0, -1):
        path[index - 1] = before[index, path[index]]
    return path


def squares(one: FloatArray, other: FloatArray) -> FloatArray:
    """(A, B) squared distances of rows (A, F) and (B, F)."""
    found = (one**2).sum(1)[:, None] + (other**2).sum(1)[None] - 2 * one @ other.T
    result: FloatArray = np.maximum(found, 0.0)
    return result
