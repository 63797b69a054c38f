"""Brows that speak along: raised a little on the strongest syllables and while a phrase builds up."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from animcore.core.vocabulary import ARKIT, ARKIT_INDEX
from animcore.direction import Direction
from animcore.speech.prosody import FPS, Prosody

FloatArray = NDArray[np.float32]

STREAM = 3  # keeps the random numbers of the brows apart from those of head and eyes

_STRONG = 0.45  # strength of an accent from which brows may rise
_CHANCE = 0.6  # that they do
_RAISE = (0.12, 0.38)  # of browInnerUp, least and most
_OUTER = 0.6  # of browOuterUp against browInnerUp
_RISE, _FALL = 0.12, 0.28  # seconds: standard deviations before and after the top


def solve(prosody: Prosody, direction: Direction) -> FloatArray:
    """Return weights (T, 52) in 0..1 of the brows; all other shapes are 0."""
    generator = np.random.default_rng([direction.seed, STREAM])
    lift = np.zeros(len(prosody.level))
    for time, strength in prosody.accents:
        size, chance = generator.uniform(*_RAISE) * strength, generator.random()
        if strength >= _STRONG and chance < _CHANCE:
            _raise(lift, time, size)
    lift *= direction.strength("brows") * direction.intensity
    weights = np.zeros((len(lift), len(ARKIT)), np.float32)
    weights[:, ARKIT_INDEX["browInnerUp"]] = np.clip(lift, 0.0, 1.0)
    for side in ("Left", "Right"):
        weights[:, ARKIT_INDEX[f"browOuterUp{side}"]] = np.clip(_OUTER * lift, 0.0, 1.0)
    return weights


def _raise(lift: NDArray[np.float64], time: float, size: float) -> None:
    """Let (T,) reach `size` at `time`, in place; neighbouring raises join, they do not add up."""
    first = max(0, round((time - 4 * _RISE) * FPS))
    last = max(first, min(len(lift), round((time + 4 * _FALL) * FPS) + 1))
    offset = np.arange(first, last) / FPS - time
    width = np.where(offset < 0, _RISE, _FALL)
    lift[first:last] = np.maximum(lift[first:last], size * np.exp(-0.5 * (offset / width) ** 2))
