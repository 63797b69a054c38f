"""Which frames lend their appearance: chosen by dynamic programming over the video, and weighted by what they show.

Each of K passes is a shortest path (Viterbi, 1967) through the frames that may lend: a frame costs by how much its
mouth and pose differ from what is asked, a step by how much the appearance would jump. Frames of earlier passes are
dear to later ones, so the passes give different frames.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_JUMP = 0.35  # of the difference of two frames: what a step between them costs
_STEP = 0.3  # mm squared that any step costs that is not to the next frame
_TAKEN = 1e3  # what a frame costs that another pass has taken


def choose(wanted: FloatArray, offered: FloatArray, order: IntArray, count: int, allowed: Array | None) -> IntArray:
    """Return rows (T, K) of the offered frames, the best pass first.

    Args:
        wanted: (T, F) features of what is asked, millimetres.
        offered: (N, F) features of what there is.
        order: (N,) the frames' numbers in the video; neighbours follow without a jump.
        count: K.
        allowed: (T, N) False where a frame may not lend; None where all may.
    """
    costs = _squares(wanted, offered)
    if allowed is not None:
        costs = np.where(allowed, costs, costs + _TAKEN**2)
    steps = _JUMP * np.sqrt(_squares(offered, offered)) + _STEP
    follows = order[None] - order[:, None] == 1
    steps[follows] = 0.0
    np.fill_diagonal(steps, 0.0)
    chosen = []
    for _ in range(min(count, len(offered))):
        path = _shortest(costs, steps)
        chosen.append(path)
        costs[np.arange(len(path)), path] += _TAKEN
    return np.stack(chosen, 1)


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
    chosen = [int(_squares(features, features.mean(0)[None])[:, 0].argmin())]
    away = np.full(len(features), np.inf)
    while len(chosen) < most:
        away = np.minimum(away, _squares(features, features[chosen[-1:]])[:, 0])
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


def _squares(one: FloatArray, other: FloatArray) -> FloatArray:
    """(A, B) squared distances."""
    found = (one**2).sum(1)[:, None] + (other**2).sum(1)[None] - 2 * one @ other.T
    return np.maximum(found, 0.0)
