"""The measures, each a function of arrays. Frames in which a curve is unknown (NaN) are left out.

Vertices come in any unit, and the results are in it; the room gives millimetres. Where a paper and its published code
differ, the code is followed, because the figures in the literature come out of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]

CLOSED = 0.15  # of the 95th percentile of the opening: below it the lips count as closed
REACH = 2  # frames that r_open and r_width may be moved by, as the audio of a video is often off by as much
LAG_REACH, LAG_STEP = 0.3, 0.005  # seconds
ALIKE = 0.3  # correlation below which two curves have nothing in common to be late with


def lip_distances(lips: Array, truth: Array) -> Array:
    """(T,) the largest distance of a lip vertex in each frame, from (T, V, 3) and (T, V, 3).

    Its mean over frames is the lip vertex error as the papers word it (Richard et al., MeshTalk, ICCV 2021; Fan et al.,
    FaceFormer, CVPR 2022: the maximal L2 error of all lip vertices of a frame, averaged). The mean of its squares is
    what the published code of CodeTalker (Xing et al., CVPR 2023, `cal_metric.py`) prints under that name, and with it
    papers that compare with its table.
    """
    distances: Array = np.linalg.norm(lips - truth, axis=2).max(1)
    return distances


def vertex_distances(face: Array, truth: Array) -> Array:
    """(T,) the mean distance of all vertices in each frame; its mean over frames is the mean vertex error (MVE).

    After the published code of FaceDiffuser (Stan et al., MIG 2023, `compute_objective_metrics.py`).
    """
    distances: Array = np.linalg.norm(face - truth, axis=2).mean(1)
    return distances


def activity(displacements: Array) -> Array:
    """(T, V) squared distances from rest of (T, V, 3) displacements: what FDD compares the spread of."""
    squares: Array = np.square(displacements).sum(2)
    return squares


def dynamics_deviation(predicted: Array, truth: Array) -> float:
    """FDD, the upper-face dynamics deviation: how much more the truth moves over time than the prediction.

    Of (T, V) `activity` of the upper face: the standard deviation over time of each vertex, the truth's less the
    prediction's, averaged over vertices; in squared units, above 0 where the prediction moves too little. After the
    published code of CodeTalker (Xing et al., CVPR 2023, `cal_metric.py`).
    """
    return float(truth.std(0).mean() - predicted.std(0).mean())


def jitter(vertices: Array, fps: float) -> float:
    """Root of the mean squared third derivative of (T, V, 3) vertices over time, units per second cubed.

    The smoothness cost of Flash and Hogan, "The coordination of arm movements", J. Neuroscience 1985, by third
    differences. It grows with the cube of the frame rate, so that only curves at equal rates compare. NaN below four
    frames.
    """
    if len(vertices) < 4:
        return float("nan")
    third = np.diff(vertices, n=3, axis=0) * fps**3
    return float(np.sqrt(np.square(third).sum(2).mean()))


def diversity(takes: Sequence[Array]) -> float:
    """Mean distance between each two of K >= 2 takes (T, V, 3) of one recording, over pairs, frames and vertices.

    After the published code of FaceDiffuser (Stan et al., MIG 2023, `compute_diversity`).
    """
    pairs = [float(vertex_distances(first, second).mean()) for first, second in combinations(takes, 2)]
    return sum(pairs) / len(pairs)


def correlation(a: Array, b: Array) -> float:
    """Pearson's r of two curves (T,); 0 where one of them is flat."""
    known = np.isfinite(a) & np.isfinite(b)
    if not known.any():
        return float("nan")
    a, b = a[known] - a[known].mean(), b[known] - b[known].mean()
    return float((a * b).sum() / (np.sqrt((a * a).sum() * (b * b).sum()) + 1e-12))


def best_correlation(a: Array, b: Array, reach: int = REACH) -> float:
    """Return Pearson's r of two curves (T,), the best of moving one of them by up to `reach` frames either way."""
    count = len(a)
    shifts = range(-min(reach, count - 1), min(reach, count - 1) + 1)
    return max(correlation(a[max(0, k) : count + min(0, k)], b[max(0, -k) : count + min(0, -k)]) for k in shifts)


def lag(times: Array, truth: Array, own_times: Array, curve: Array) -> float:
    """Seconds that a curve (S,) at `own_times` comes after the truth (T,) at `times`, below 0 where it is early.

    The move within 0.3 s either way that correlates best, in steps of 5 ms; the smallest of equals. NaN where
    even that correlates below 0.3.
    """
    steps = round(LAG_REACH / LAG_STEP)
    moves = sorted(range(-steps, steps + 1), key=abs)
    scores = [correlation(np.interp(times + move * LAG_STEP, own_times, curve), truth) for move in moves]
    best = int(np.nanargmax(scores))
    return moves[best] * LAG_STEP if scores[best] >= ALIKE else float("nan")


def closed(opening: Array) -> NDArray[np.bool_]:
    """(T,) whether the lips are closed: opened less than 15 % of the 95th percentile of this face's own opening."""
    return np.asarray(opening < CLOSED * np.nanpercentile(opening, 95))


def closure_f1(opening: Array, truth: Array) -> float:
    """F1 of the frames with closed lips, of two openings (T,), each closed by its own measure; 0 where none are."""
    known = np.isfinite(opening) & np.isfinite(truth)
    guess, wanted = closed(opening)[known], closed(truth)[known]
    return float(2 * (guess & wanted).sum() / max(guess.sum() + wanted.sum(), 1))


def liveliness(opening: Array) -> float:
    """Mean step of a curve (T,) over its spread: how fast the mouth moves for how far it opens; 0 for a flat curve."""
    return float(np.nanmean(np.abs(np.diff(opening))) / (np.nanstd(opening) + 1e-9))
