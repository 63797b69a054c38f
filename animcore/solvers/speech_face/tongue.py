"""The tongue: its 16 shapes from the detected phonemes.

Each phoneme has a target for the shapes it needs and a dominance, how far it insists: neighbours blend by both (the
dominance functions of Cohen and Massaro, 1993), so that the tongue is free for the vowels while the lips make a p and
yet reaches the gum at every t. Targets follow the places of articulation of the phonetic textbooks (Ladefoged and
Johnson, A Course in Phonetics); their sizes were set by eye on the shipped character. The shapes to one side stay 0.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from animcore.core.vocabulary import TONGUE
from animcore.speech.pronunciation import PHONEMES

FloatArray = NDArray[np.float32]

# phonemes: dominance, and their target shapes
_TARGETS: dict[str, tuple[float, dict[str, float]]] = {
    "sil": (0.15, {}),
    "p b m f v hh": (0.01, {}),
    "t d n": (3.0, {"tongueTipUp": 0.9, "tongueUp": 0.3}),
    "l": (2.5, {"tongueTipUp": 0.95, "tongueNarrow": 0.35}),
    "s z": (2.0, {"tongueTipUp": 0.45, "tongueUp": 0.35, "tongueWide": 0.3}),
    "sh zh": (2.0, {"tongueUp": 0.5, "tongueTipUp": 0.25, "tongueIn": 0.2, "tongueNarrow": 0.2}),
    "ch jh": (2.5, {"tongueTipUp": 0.7, "tongueUp": 0.5, "tongueIn": 0.1}),
    "th dh": (2.5, {"tongueStretch": 0.6, "tongueTipUp": 0.2, "tongueWide": 0.2}),
    "k g ng": (2.5, {"tongueUp": 0.85, "tongueTipDown": 0.3, "tongueIn": 0.35}),
    "r er": (1.5, {"tongueRollUp": 0.5, "tongueIn": 0.3, "tongueUp": 0.3, "tongueNarrow": 0.3}),
    "y iy": (1.2, {"tongueUp": 0.6, "tongueWide": 0.45, "tongueStretch": 0.15}),
    "ih ey": (1.0, {"tongueUp": 0.4, "tongueWide": 0.35}),
    "eh": (1.0, {"tongueUp": 0.2, "tongueWide": 0.25}),
    "ae": (1.0, {"tongueDown": 0.3, "tongueWide": 0.25}),
    "ah": (0.8, {"tongueDown": 0.15}),
    "aa aw": (1.0, {"tongueDown": 0.5, "tongueIn": 0.2}),
    "ay": (1.0, {"tongueDown": 0.3, "tongueUp": 0.1, "tongueWide": 0.15}),
    "ao oy": (1.0, {"tongueDown": 0.35, "tongueIn": 0.3}),
    "ow": (1.0, {"tongueIn": 0.3, "tongueUp": 0.1, "tongueNarrow": 0.2}),
    "uh uw w": (1.0, {"tongueIn": 0.4, "tongueUp": 0.35, "tongueNarrow": 0.3}),
}
_SPREAD = 0.025  # seconds: standard deviation of the time over which neighbours blend
_CHUNK = 8192  # frames that are blended at a time


def solve(probabilities: FloatArray, fps: float, strength: float) -> FloatArray:
    """Return (T, 16) weights of the tongue in 0..1, in the order of `vocabulary.TONGUE`.

    Args:
        probabilities: (T, 40) of the phonemes of `pronunciation.PHONEMES`.
        fps: frame rate.
        strength: factor on all weights.
    """
    dominance, targets = _table()
    tongue = np.empty((len(probabilities), len(TONGUE)), np.float32)
    reach = round(4 * _SPREAD * fps)
    for first in range(0, len(probabilities), _CHUNK):
        # the margins make the chunks seamless
        start = max(0, first - reach)
        part = probabilities[start : first + _CHUNK + reach]
        weight = _blended(part * dominance, reach, fps)
        place = first - start
        wanted = (weight @ targets) / (weight.sum(1, keepdims=True) + 1e-6)
        tongue[first : first + _CHUNK] = wanted[place : place + min(_CHUNK, len(probabilities) - first)]
    clipped: FloatArray = np.clip(tongue * np.float32(strength), 0.0, 1.0, out=tongue)
    return clipped


def silent_past(fps: float) -> FloatArray:
    """Return the past (P, 40) that `follow` begins with: silence."""
    past = np.zeros((round(4 * _SPREAD * fps), len(PHONEMES)), np.float32)
    past[:, PHONEMES.index("sil")] = 1.0
    return past


def follow(past: FloatArray, probabilities: FloatArray, fps: float, strength: float) -> tuple[FloatArray, FloatArray]:
    """Move the tongue as `move` does, but from the audio so far alone.

    Args:
        past: (P, 40) probabilities before these, of `nothing` or of the last call.
        probabilities: (T, 40) of the phonemes now.
        fps: frame rate.
        strength: factor on all weights.

    Returns:
        Weights (T, 16), and the past for the next call.
    """
    dominance, targets = _table()
    heard = np.concatenate([past, probabilities])
    share = np.exp(-0.5 * (np.arange(len(past), -1, -1) / (_SPREAD * fps)) ** 2).astype(np.float32)
    weight = np.stack([share @ heard[place : place + len(share)] for place in range(len(probabilities))]) * dominance
    wanted = (weight @ targets) / (weight.sum(1, keepdims=True) + 1e-6)
    clipped: FloatArray = np.clip(wanted * np.float32(strength), 0.0, 1.0)
    return clipped, heard[len(probabilities) :]


@cache
def _table() -> tuple[FloatArray, FloatArray]:
    """(40,) dominance and (40, 16) targets of the phonemes."""
    dominance = np.zeros(len(PHONEMES), np.float32)
    targets = np.zeros((len(PHONEMES), len(TONGUE)), np.float32)
    for names, (insists, shapes) in _TARGETS.items():
        for name in names.split():
            dominance[PHONEMES.index(name)] = insists
            for shape, level in shapes.items():
                targets[PHONEMES.index(name), TONGUE.index(shape)] = level
    return dominance, targets


def _blended(values: FloatArray, reach: int, fps: float) -> FloatArray:
    """Values (T, K) spread over time by a Gaussian."""
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / (_SPREAD * fps)) ** 2)
    kernel /= kernel.sum()
    padded = np.pad(values, ((reach, reach), (0, 0)), mode="edge")
    spread = np.zeros_like(values)
    for place, share in enumerate(kernel):
        spread += np.float32(share) * padded[place : place + len(values)]
    return spread
