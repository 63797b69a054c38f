"""Lip closures of a transcript: they are made at p, b, m, f and v, and nowhere else.

A place of articulation that the network is unsure of becomes certain amid its phoneme, and fades where
the transcript has other phonemes. Where the transcript is wrong, or a letter is silent, the audio has nothing of the
phoneme, and the network keeps its own opinion.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from animcore.motion import Event
from animcore.speech.pronunciation import PHONEMES

FloatArray = NDArray[np.float32]

_MADE_BY: dict[str, frozenset[str]] = {"bilabial": frozenset("pbm"), "labiodental": frozenset("fv")}
_INSIDE = 0.02  # seconds after its start and before its end between which a phoneme's place is certain,
_LEAST = 0.04  # for as long as this at least
_RAMP = 0.04  # seconds in which it comes and goes
_NEAR = 0.1  # seconds around a phoneme in which the network may detect its place by itself
_DOUBTED = 0.3  # share that is left of a place where the transcript has none
_EVIDENCE = (0.02, 0.15)  # probability of the phoneme in the audio from which, and up to which, the transcript counts


def enforce_closures(certain: dict[str, FloatArray], spoken: Sequence[Event], phonemes: FloatArray, fps: float) -> None:
    """Bring the certainties of the lips' places, in place, to the transcript.

    Args:
        certain: how far each place takes effect, (T,) in 0..1.
        spoken: phonemes with their times; other events are passed over.
        phonemes: (T, 40) probabilities of `pronunciation.PHONEMES` in the audio.
        fps: frame rate.
    """
    events = [event for event in spoken if event.kind == "phoneme" and event.label in PHONEMES]
    for place, makers in _MADE_BY.items():
        own = certain[place]
        heard = phonemes[:, [PHONEMES.index(name) for name in sorted(makers)]].sum(1)
        made, near, covered = (np.zeros(len(own), np.float32) for _ in range(3))
        for event in events:
            if event.label not in makers:
                _raise(covered, event.start, event.end, 1.0, fps)
                continue
            _raise(near, event.start - _NEAR, event.end + _NEAR, 1.0, fps)
            middle = (event.start + event.end) / 2
            start = min(event.start + _INSIDE, middle - _LEAST / 2)
            end = max(event.end - _INSIDE, middle + _LEAST / 2)
            _raise(made, start, end, _trust(heard, event, fps), fps)
        kept = 1 - (1 - _DOUBTED) * np.clip(covered - near, 0.0, 1.0)
        certain[place] = np.maximum(own * kept, made)


def _raise(values: FloatArray, start: float, end: float, level: float, fps: float) -> None:
    """Raise values (T,), in place, to a level between two seconds, with a ramp on each side."""
    first = max(0, int((start - _RAMP) * fps))
    times = np.arange(first, min(len(values), int((end + _RAMP) * fps) + 2)) / fps
    outside = np.maximum(np.maximum(start - times, times - end), 0.0)
    part = values[first : first + len(times)]
    np.maximum(part, level * np.clip(1 - outside / _RAMP, 0.0, 1.0), out=part)


def _trust(heard: FloatArray, event: Event, fps: float) -> float:
    """How far the audio (T,) bears out a phoneme, 0..1."""
    low, high = _EVIDENCE
    part = heard[max(0, int(event.start * fps) - 1) : int(np.ceil(event.end * fps)) + 2]
    return float(np.clip((part.max(initial=0.0) - low) / (high - low), 0.0, 1.0))
