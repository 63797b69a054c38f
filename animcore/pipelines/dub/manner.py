"""From what a solver performs to what this person's mouth does: weights of the mouth in the person's own manner.

Where the video has the person's voice, the solver performs that too, and a ridge regression (Hoerl and Kennard, 1970)
from its mouth to the tracked one is fitted, checked by leaving blocks of frames out, and given back the range that such
a fit takes away. Where that explains too little, each weight is brought to its tracked range instead, quantile by
quantile. Closed lips of the solver are closed lips of the person.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from animcore.pipelines.dub.face_points import MOUTH, MOUTH_COLUMNS

Array = NDArray[Any]
FloatArray = NDArray[np.float64]

_QUANTILES = (0.02, 0.25, 0.5, 0.75, 0.98)
_RIDGE = 0.3  # of the solver's variance
_BLOCKS = 4
_TRUSTED = 0.35  # correlation of left-out frames from which the fit is used
_FEWEST = 50  # frames with face and voice
_MOST_GAIN = 2.5
_SEALED = 0.012, 0.035  # the solver's opening of the lips over the eyes' distance: closed, and not closed any more
_CLOSED_SHARE = 0.06  # of the frames, those with the least opening, show how the person closes the lips
_VERTICAL = [
    MOUTH.index(name) for name in (
        "jawOpen", "mouthClose", "mouthLowerDownLeft", "mouthLowerDownRight", "mouthUpperUpLeft", "mouthUpperUpRight",
        "mouthShrugLower", "mouthShrugUpper", "mouthRollLower", "mouthRollUpper", "mouthPressLeft", "mouthPressRight",
    )
]  # fmt: skip


@dataclass(frozen=True)
class Manner:
    """Brings a solver's weights to the person.

    Attributes:
        solver: (5, M) quantiles of the solver's weights.
        tracked: (5, M) of the person's.
        matrix: (M + 1, M) of the fit, or None where it explains too little.
        agreement: correlation of the fit's opening of the jaw with the tracked one in left-out frames; NaN without it.
        closed: (M,) weights of the person's closed lips.
    """

    solver: FloatArray
    tracked: FloatArray
    matrix: FloatArray | None
    agreement: float
    closed: FloatArray

    def apply(self, weights: FloatArray, solver_opening: FloatArray) -> FloatArray:
        """(T, M) the person's weights of `MOUTH` for the solver's (T, 52) and its opening of the lips (T,)."""
        own = weights[:, MOUTH_COLUMNS]
        if self.matrix is not None:
            made = np.concatenate([np.ones((len(own), 1)), own], 1) @ self.matrix
        else:
            made = np.stack([_mapped(own[:, k], self.solver[:, k], self.tracked[:, k]) for k in range(own.shape[1])], 1)
        span = self.tracked[-1] - self.tracked[0]
        made = np.clip(made, self.tracked[0] - 0.15 * span, self.tracked[-1] + 0.25 * span)
        seal = np.clip((_SEALED[1] - solver_opening) / (_SEALED[1] - _SEALED[0]), 0, 1)[:, None]
        made[:, _VERTICAL] = (1 - seal) * made[:, _VERTICAL] + seal * self.closed[_VERTICAL]
        made[:, MOUTH.index("mouthClose")] = np.minimum(
            made[:, MOUTH.index("mouthClose")], made[:, MOUTH.index("jawOpen")]
        )
        return np.clip(made, 0.0, 1.0)


def fit(tracked: FloatArray, openings: FloatArray, own: FloatArray | None, new: FloatArray) -> Manner:
    """Fit a person's manner.

    Args:
        tracked: (T, 52) weights of frames in which the face was found.
        openings: (T,) of the lips, as tracked.
        own: (T, 52) what the solver makes of the person's own voice in these frames, or None.
        new: (S, 52) what it makes of the new voice.
    """
    mouth = tracked[:, MOUTH_COLUMNS]
    quantiles = np.quantile(mouth, _QUANTILES, axis=0)
    basis = new if own is None else np.concatenate([own, new])
    count = max(3, round(_CLOSED_SHARE * len(openings)))
    closed = mouth[np.argsort(openings)[:count]].mean(0)
    matrix, agreement = None, float("nan")
    if own is not None and len(own) >= _FEWEST:
        matrix, agreement = _fitted(own[:, MOUTH_COLUMNS], mouth)
    return Manner(np.quantile(basis[:, MOUTH_COLUMNS], _QUANTILES, axis=0), quantiles, matrix, agreement, closed)


def _fitted(own: FloatArray, mouth: FloatArray) -> tuple[FloatArray | None, float]:
    """The fit with the range given back, or None, and how well its jaw follows in left-out frames."""
    jaw = MOUTH.index("jawOpen")
    blocks = np.array_split(np.arange(len(own)), _BLOCKS)
    guessed = np.empty_like(mouth)
    for block in blocks:
        others = np.setdiff1d(np.arange(len(own)), block)
        guessed[block] = _with_one(own[block]) @ _ridge(own[others], mouth[others])
    agreement = correlation(guessed[:, jaw], mouth[:, jaw])
    if not agreement > _TRUSTED:
        return None, agreement
    matrix = _ridge(own, mouth)
    made = _with_one(own) @ matrix
    gain = np.clip(mouth.std(0) / np.maximum(made.std(0), 1e-4), 1.0, _MOST_GAIN)
    mean = mouth.mean(0)
    matrix = matrix * gain
    matrix[0] += mean - gain * mean
    return matrix, agreement


def _ridge(own: FloatArray, mouth: FloatArray) -> FloatArray:
    mean, target = own.mean(0), mouth.mean(0)
    centred = own - mean
    gram = centred.T @ centred / len(own)
    gram += np.eye(len(gram)) * (_RIDGE * np.trace(gram) / len(gram) + 1e-6)
    slopes = np.linalg.solve(gram, centred.T @ (mouth - target) / len(own))
    return np.concatenate([(target - mean @ slopes)[None], slopes])


def _with_one(values: FloatArray) -> FloatArray:
    return np.concatenate([np.ones((len(values), 1)), values], 1)


def _mapped(values: FloatArray, of: FloatArray, to: FloatArray) -> FloatArray:
    """Values brought from the quantiles of one distribution to those of another, linear between."""
    if of[-1] - of[0] < 1e-3:
        return np.full_like(values, to[2])
    rising = np.maximum.accumulate(of + np.arange(len(of)) * 1e-6)
    inner = np.interp(values, rising, to)
    slope = (to[-1] - to[0]) / (rising[-1] - rising[0])
    return np.asarray(inner + slope * (np.maximum(values - rising[-1], 0) + np.minimum(values - rising[0], 0)))


def correlation(one: FloatArray, other: FloatArray) -> float:
    """Return the correlation (Pearson) of two curves (T,); 0 where one of them does not move."""
    one, other = one - one.mean(), other - other.mean()
    return float((one * other).sum() / max(np.sqrt((one**2).sum() * (other**2).sum()), 1e-12))
