"""The nine mouth shapes of Rhubarb and Preston Blair: weights into shapes by what the lips look like, and back.

Which of the shapes a frame is nearest to is decided on the default character's lips: each shape stands for ARKit
weights, and the distance of two mouths is that of their lips' vertices (root mean square), with the tongue's tip on
top. Over time the sequence is taken that is nearest in sum where every change costs something (dynamic programming,
Viterbi 1967), so that a mouth between two shapes does not flicker.
"""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from animcore.names import ARKIT, TONGUE

FloatArray = NDArray[np.float32]

MOUTHS = "ABCDEFGHX"
# Rhubarb Lip Sync's letters and what Preston Blair's sheet, Papagayo and Moho call them.
PRESTON_BLAIR = dict(zip(MOUTHS, ("MBP", "etc", "E", "AI", "O", "U", "FV", "L", "rest"), strict=True))

_SMILE, _STRETCH = ("mouthSmileLeft", "mouthSmileRight"), ("mouthStretchLeft", "mouthStretchRight")
_LOWER, _UPPER = ("mouthLowerDownLeft", "mouthLowerDownRight"), ("mouthUpperUpLeft", "mouthUpperUpRight")
_PRESS = ("mouthPressLeft", "mouthPressRight")
_WEIGHTS: dict[str, dict[str | tuple[str, ...], float]] = {
    "A": {_PRESS: 0.3, "mouthRollLower": 0.1, "mouthRollUpper": 0.1},
    "B": {"jawOpen": 0.06, _STRETCH: 0.2, _LOWER: 0.25, _UPPER: 0.1, _SMILE: 0.1},
    "C": {"jawOpen": 0.22, _LOWER: 0.2, _UPPER: 0.12, _STRETCH: 0.1},
    "D": {"jawOpen": 0.5, _LOWER: 0.25, _UPPER: 0.15},
    "E": {"jawOpen": 0.26, "mouthFunnel": 0.4, "mouthPucker": 0.15},
    "F": {"jawOpen": 0.08, "mouthPucker": 0.75, "mouthFunnel": 0.2},
    "G": {"jawOpen": 0.05, "mouthRollLower": 0.5, _UPPER: 0.2},
    "H": {"jawOpen": 0.2, _LOWER: 0.15, _UPPER: 0.1, "tongueTipUp": 0.8},
    "X": {},
}
_TIP = TONGUE.index("tongueTipUp")
_TIP_DISTANCE = 4.0  # millimetres that a raised tongue counts for, as far as lips move from B to D
_CHANGE = 0.1  # mm^2 s: what a change of shape costs; a closure for p of 60 ms differs by far more
_REST = 0.25  # seconds; lips that stay closed longer rest, a closure of p, b or m is shorter
_BLEND = 0.06  # seconds from one shape to the next when cues become movement

_PACKAGE = Path(__file__).resolve().parents[1]
_INSTALLED = _PACKAGE / "assets" / "character" / "face_basis.npz"  # inside the package; in a checkout beside it
_LIPS = _INSTALLED if _INSTALLED.exists() else _PACKAGE.parent / _INSTALLED.relative_to(_PACKAGE)


def nearest(arkit: FloatArray, tongue: FloatArray | None, rate: float) -> NDArray[np.int64]:
    """Return (T,) indices into `MOUTHS` for weights (T, 52) and, where there is a tongue, (T, 16), at `rate` a second.

    Without a tongue H is never chosen. Of closed lips, A and X, those are A that are closed for a p, b or m: no longer
    than 0.25 s, and with speech on both sides.
    """
    table, gram = _table(), _gram()
    faces, tips = table[:, : len(ARKIT)], table[:, len(ARKIT) + _TIP]
    # |w - p|^2 without |w|^2, which is the same for every shape
    costs = np.einsum("mk,kl,ml->m", faces, gram, faces) - 2 * arkit.astype(np.float64) @ gram @ faces.T
    if tongue is None:
        costs[:, MOUTHS.index("H")] = np.inf
    else:
        costs += (tongue[:, _TIP, None] - tips) ** 2 * _TIP_DISTANCE**2
    costs[:, 0] = np.minimum(costs[:, 0], costs[:, -1])
    path = _cheapest(costs[:, :-1], _CHANGE * rate)
    edges = np.flatnonzero(np.diff(path)) + 1
    for start, end in zip((0, *edges), (*edges, len(path)), strict=True):
        if path[start] == 0 and (end - start > _REST * rate or start == 0 or end == len(path)):
            path[start:end] = MOUTHS.index("X")
    return path


def weights(mouths: NDArray[np.int64], rate: float) -> tuple[FloatArray, FloatArray]:
    """Return ARKit (T, 52) and tongue (T, 16) weights of shapes (T,); from one to the next they move straight."""
    width = max(1, round(_BLEND * rate)) | 1
    padded = np.pad(_table()[mouths], ((width // 2 + 1, width // 2), (0, 0)), "edge")
    total = np.cumsum(padded, 0)
    smooth = ((total[width:] - total[:-width]) / width).clip(0.0, 1.0).astype(np.float32)
    return smooth[:, : len(ARKIT)], smooth[:, len(ARKIT) :]


def _cheapest(costs: NDArray[np.float64], change: float) -> NDArray[np.int64]:
    """(T,) the sequence of columns of costs (T, K) that costs least where each change costs `change`."""
    count = len(costs)
    came_from = np.zeros(costs.shape, np.int64)
    stay = np.arange(costs.shape[1])
    total = costs[0].copy()
    for frame in range(1, count):
        best = int(total.argmin())
        changed = total[best] + change < total
        came_from[frame] = np.where(changed, best, stay)
        total = np.where(changed, total[best] + change, total) + costs[frame]
    path = np.empty(count, np.int64)
    path[-1] = total.argmin()
    for frame in range(count - 1, 0, -1):
        path[frame - 1] = came_from[frame, path[frame]]
    return path


@functools.cache
def _table() -> NDArray[np.float64]:
    """(9, 68) ARKit and tongue weights of the shapes."""
    names = (*ARKIT, *TONGUE)
    table = np.zeros((len(MOUTHS), len(names)))
    for row, mouth in zip(table, MOUTHS, strict=True):
        for shape, weight in _WEIGHTS[mouth].items():
            for name in (shape,) if isinstance(shape, str) else shape:
                row[names.index(name)] = weight
    return table


@functools.cache
def _gram() -> NDArray[np.float64]:
    """(52, 52) mean products of what two shapes move the lips by, in square millimetres."""
    with np.load(_LIPS, allow_pickle=False) as data:
        delta = data["lip_delta"].astype(np.float64) * 1000.0
        order = [list(data["names"]).index(name) for name in ARKIT]
    flat = delta[order].reshape(len(ARKIT), -1)
    return np.asarray(flat @ flat.T / delta.shape[1])
