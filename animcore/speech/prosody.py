"""How a voice is carried: where it speaks, where phrases end, and which syllables it stresses. numpy alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from animcore.audio import AudioClip

FloatArray = NDArray[np.float32]

FPS = 50
_WINDOW = 640  # samples: 40 ms hold two periods of a deep voice
_BAND = (200.0, 3800.0)  # Hz: where vowels carry their loudness; hiss and rumble lie outside
_BATCH = 2048  # frames

_FLOOR = -62.0  # dB full scale, below which nobody speaks
_BELOW_LOUD = -28.0  # dB below the clip's loud frames, below which nobody speaks
_PAUSE = 0.2  # seconds; shorter gaps belong to the phrase (the closure of a stop lasts up to 0.15 s)
_SHORTEST_PHRASE = 0.12  # seconds; a click is no phrase

_SYLLABLE = 0.05  # seconds, standard deviation of the smoothing that leaves one bump a syllable
_SURROUNDINGS = 0.6  # seconds, standard deviation of what a syllable is compared with
_ACCENT_APART = 0.28  # seconds
_ACCENT_LEAST = 1.0  # dB above the surroundings
_ACCENT_FULL = 12.0  # dB above the surroundings of an accent of strength 1


@dataclass(frozen=True)
class Prosody:
    """How a voice is carried, at 50 frames a second; frame i is at i / 50 s.

    Attributes:
        level: (T,) float32, dB full scale of the band of vowels.
        speaking: (T,) float32, 1 within phrases and 0 outside.
        phrases: start and end of each phrase in seconds.
        accents: time in seconds and strength (0..1) of each stressed syllable.
    """

    level: FloatArray
    speaking: FloatArray
    phrases: tuple[tuple[float, float], ...]
    accents: tuple[tuple[float, float], ...]

    @property
    def times(self) -> NDArray[np.float64]:
        """(T,) seconds of the frames."""
        return np.arange(len(self.level)) / FPS


def analyse(clip: AudioClip, count: int, mouth: FloatArray | None = None) -> Prosody:
    """Listen to a clip.

    Args:
        clip: the recording.
        count: frames wanted (T).
        mouth: (T,) how far the mouth is open, 0..1; where it stays shut for long, what is heard is no speech of this
            face (music, noise) and makes no phrase.
    """
    level = np.concatenate([np.zeros(0, np.float32), *_levels(clip.samples, clip.rate, count)])
    spans = [] if clip.facts.silent or not count else _phrases(level, mouth)
    speaking = np.zeros(count, np.float32)
    for first, last in spans:
        speaking[first:last] = 1.0
    accents = [accent for span in spans for accent in _accents(level, *span)]
    return Prosody(level, speaking, tuple((a / FPS, b / FPS) for a, b in spans), tuple(accents))


def smooth(values: FloatArray, seconds: float) -> FloatArray:
    """Return (T,) smoothed with a Gaussian of this standard deviation; the ends are held."""
    reach = max(1, round(3 * seconds * FPS))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / (seconds * FPS)) ** 2)
    padded = np.pad(values.astype(np.float64), reach, mode="edge")
    smoothed: FloatArray = np.convolve(padded, kernel / kernel.sum(), mode="valid").astype(np.float32)
    return smoothed


def _levels(samples: FloatArray, rate: int, count: int) -> Iterator[FloatArray]:
    """Level in dB of `count` frames in batches; frame i is centred at i / 50 s."""
    hop, half = rate // FPS, _WINDOW // 2
    frequency = np.fft.rfftfreq(_WINDOW, 1 / rate)
    band = (frequency >= _BAND[0]) & (frequency <= _BAND[1])
    window = np.hanning(_WINDOW).astype(np.float32)
    scale = 2 / (_WINDOW * np.square(window).sum())
    for first in range(0, count, _BATCH):
        frames = min(_BATCH, count - first)
        start, stop = first * hop - half, (first + frames - 1) * hop + half
        part = samples[max(start, 0) : max(min(stop, len(samples)), 0)]
        part = np.pad(part, (max(-start, 0), stop - start - max(-start, 0) - len(part)))
        views = np.lib.stride_tricks.sliding_window_view(part, _WINDOW)[::hop]
        power = np.square(np.abs(np.fft.rfft(views * window, axis=1)))[:, band].sum(1) * scale
        yield (10 * np.log10(power + 1e-12)).astype(np.float32)


def _phrases(level: FloatArray, mouth: FloatArray | None) -> list[tuple[int, int]]:
    """Spans of frames (first, one past the last) in which somebody speaks."""
    heard = level > max(_FLOOR, float(np.percentile(level, 95)) + _BELOW_LOUD)
    if mouth is not None:
        heard &= smooth(mouth, 0.15) > 0.02
    edges = np.flatnonzero(np.diff(np.concatenate([[False], heard, [False]]).astype(np.int8))).reshape(-1, 2)
    spans: list[tuple[int, int]] = []
    for first, last in edges.tolist():
        if spans and first - spans[-1][1] < _PAUSE * FPS:
            spans[-1] = (spans[-1][0], last)
        else:
            spans.append((first, last))
    return [(first, last) for first, last in spans if last - first >= _SHORTEST_PHRASE * FPS]


def _accents(level: FloatArray, first: int, last: int) -> Iterator[tuple[float, float]]:
    """Stressed syllables of one phrase: peaks that stand out of their surroundings, the strongest first to be kept."""
    part = np.maximum(level[first:last], level[first:last].max() - 30)
    rise = smooth(part, _SYLLABLE) - smooth(part, _SURROUNDINGS)
    peaks = [i for i in range(1, len(rise) - 1) if rise[i - 1] < rise[i] >= rise[i + 1] and rise[i] > _ACCENT_LEAST]
    kept: list[int] = []
    taken, apart = np.zeros(len(rise), bool), round(_ACCENT_APART * FPS)
    for peak in sorted(peaks, key=lambda index: -float(rise[index])):
        if not taken[peak]:
            kept.append(peak)
            taken[max(0, peak - apart + 1) : peak + apart] = True
    for peak in sorted(kept):
        yield (first + peak) / FPS, float(min(rise[peak] / _ACCENT_FULL, 1.0))
