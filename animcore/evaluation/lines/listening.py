"""What the speech network heard in a line: phonemes, where somebody speaks, and the mouth that the audio calls for."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from animcore.audio.recording import AudioClip
from animcore.evaluation.face import reference_face
from animcore.solvers.speech_face import lip_sync
from animcore.speech.pronunciation import PHONEMES

Array = NDArray[np.floating[Any]]
Mask = NDArray[np.bool_]
Span = tuple[float, float]

_SILENT = 0.5  # probability of silence above which nobody speaks
_BELOW = -30.0  # dB below the loud frames, below which nobody speaks whatever the network says
_PAUSE = 0.25  # seconds; shorter gaps belong to speech
_FLOOR = -100.0  # dB full scale of digital silence


@dataclass(frozen=True)
class Heard:
    """A recording as the network heard it, T frames at `fps`; frame i is at i / fps seconds.

    Attributes:
        clip: the recording.
        fps: frame rate.
        phonemes: (T, 40) probabilities of `pronunciation.PHONEMES`.
        weights: (T, 52) ARKit weights that the network answers, before any direction.
        level: (T,) dB full scale.
    """

    clip: AudioClip
    fps: float
    phonemes: Array
    weights: Array
    level: Array

    @property
    def times(self) -> Array:
        """(T,) seconds of the frames."""
        return np.arange(len(self.level)) / self.fps

    @cached_property
    def loud(self) -> float:
        """The level of the loud frames, dB full scale."""
        return float(np.percentile(self.level, 95)) if len(self.level) else _FLOOR

    @cached_property
    def speaking(self) -> Mask:
        """(T,) whether somebody speaks, short gaps within."""
        heard = (self.phonemes[:, 0] < _SILENT) & (self.level > self.loud + _BELOW)
        return closed_gaps(heard, round(_PAUSE * self.fps))

    @cached_property
    def opening(self) -> Array:
        """(T,) how far the audio calls for open lips, in millimetres of the default head."""
        return opening_mm(self.weights)

    def said(self, names: str) -> Array:
        """(T,) the probability that one of these phonemes of one letter each is said."""
        return self.phonemes[:, [PHONEMES.index(name) for name in names]].sum(1)


def listen(clip: AudioClip) -> Heard:
    """Listen to a clip; what the network has just answered for the solver is not asked again.

    Raises:
        AnimcoreError: when the network's file is missing or broken.
    """
    answer = lip_sync.answers(clip)
    count = len(answer.weights)
    size = clip.rate // answer.fps
    samples = np.pad(clip.samples, (size // 2, max(0, count * size - len(clip.samples) - size // 2)))
    power = np.square(samples[: count * size].reshape(count, size)).mean(1)
    level = np.maximum(10 * np.log10(power + 1e-10), _FLOOR)
    return Heard(clip, float(answer.fps), answer.phonemes, answer.weights, level)


def opening_mm(weights: Array) -> Array:
    """(T,) how far weights (T, 52) part the lips of the default head beyond rest, in millimetres."""
    face = reference_face.default()
    opening: Array = face.opening(weights) * face.eye_distance * reference_face.MM
    return opening


def closed_gaps(mask: Mask, most: int) -> Mask:
    """(T,) with gaps of fewer than `most` frames between two true ones filled."""
    filled = mask.copy()
    for first, last in runs(~mask):
        if first > 0 and last < len(mask) and last - first < most:
            filled[first:last] = True
    return filled


def runs(mask: Mask) -> list[tuple[int, int]]:
    """Return first frame and the one past the last of each stretch in which a mask (T,) is true."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(np.int8)))
    return [(int(first), int(last)) for first, last in edges.reshape(-1, 2)]


def longest(mask: Mask) -> tuple[int, int]:
    """Return the longest stretch in which a mask (T,) is true; (0, 0) where it never is."""
    return max(runs(mask), key=lambda span: span[1] - span[0], default=(0, 0))
