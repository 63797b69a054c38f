"""Ways in which a voice may reach a solver: in noise, by phone, whispered, shouted, sung, from a child, late."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, signal

from animcore import loudness
from animcore.audio import RATE, AudioClip

FloatArray = NDArray[np.float64]
_ORDER = 18  # of the linear prediction that parts a voice into throat and mouth
_HOP = 160
CHILD = 1.25  # by which a child's voice and formants stand higher
LATE = 0.025  # seconds


def heard(clip: AudioClip, samples: FloatArray) -> AudioClip:
    """Return the clip with other samples (N,)."""
    kept = samples.astype(np.float32)
    return replace(clip, samples=kept, facts=replace(clip.facts, loudness=loudness.integrated(kept, RATE)))


def noisy(samples: FloatArray, below: float) -> FloatArray:
    """White noise so many dB below the voice."""
    noise = np.random.default_rng(0).normal(size=len(samples))
    return samples + noise * np.sqrt(np.square(samples).mean()) * 10 ** (-below / 20)


def by_phone(samples: FloatArray) -> FloatArray:
    """300 to 3400 Hz and coarse steps, as of a telephone."""
    band = signal.sosfilt(signal.butter(6, [300, 3400], "band", fs=RATE, output="sos"), samples)
    loud = np.abs(band).max() + 1e-9
    coded = np.sign(band) * np.log1p(255 * np.abs(band) / loud) / np.log(256)
    coded = np.round(coded * 127) / 127
    return np.sign(coded) * (np.expm1(np.abs(coded) * np.log(256)) / 255) * loud


def whispered(samples: FloatArray) -> FloatArray:
    """The mouth as it is, breath for a throat."""
    return _spoken_again(samples, np.random.default_rng(0).normal(size=len(samples)))


def sung(samples: FloatArray) -> FloatArray:
    """The mouth as it is, the throat on notes of half a second with vibrato."""
    times = np.arange(len(samples)) / RATE
    notes = np.array([0, 4, 7, 5, 2, 0])[(times * 2).astype(int) % 6]
    pitch = 220 * 2 ** ((notes + 0.4 * np.sin(2 * np.pi * 5.5 * times)) / 12)
    phase = np.cumsum(pitch / RATE)
    return _spoken_again(samples, np.diff(np.floor(phase), prepend=0.0) * 8)


def shouted(samples: FloatArray) -> FloatArray:
    """Strained, clipped, and brighter by 6 dB an octave above 500 Hz."""
    bright = signal.sosfilt(signal.butter(1, 500, "high", fs=RATE, output="sos"), samples) * 3 + 0.3 * samples
    level = 3 * np.sqrt(np.square(bright).mean()) + 1e-9
    return np.tanh(2 * bright / level) * 0.5


def childlike(samples: FloatArray) -> FloatArray:
    """Higher in pitch and formants; it is over sooner by the same factor."""
    return signal.resample(samples, round(len(samples) / CHILD))


def late(samples: FloatArray) -> FloatArray:
    """25 ms later: the frames fall elsewhere in the sound."""
    return np.concatenate([np.zeros(round(LATE * RATE)), samples])


WAYS: dict[str, Callable[[FloatArray], FloatArray]] = {
    "25 ms late": late,
    "noise 20 dB below": lambda samples: noisy(samples, 20),
    "noise 10 dB below": lambda samples: noisy(samples, 10),
    "telephone": by_phone,
    "whispered": whispered,
    "shouted": shouted,
    "sung": sung,
    "a child's": childlike,
}


def _spoken_again(samples: FloatArray, source: FloatArray) -> FloatArray:
    """Say something with another throat: linear prediction (Makhoul, 1975) every 10 ms, `source` in its place."""
    window = signal.windows.hann(4 * _HOP, sym=False)
    result = np.zeros(len(samples) + 4 * _HOP)
    padded = np.pad(samples, (2 * _HOP, 4 * _HOP))
    sources = np.pad(source, (2 * _HOP, 4 * _HOP))
    for start in range(0, len(samples), _HOP):
        part = padded[start : start + 4 * _HOP] * window
        lags = np.correlate(part, part, "full")[len(part) - 1 : len(part) + _ORDER]
        lags[0] += 1e-6 + 1e-4 * lags[0]
        mouth = linalg.solve_toeplitz(lags[:-1], lags[1:])
        power = max(lags[0] - mouth @ lags[1:], 0.0) / len(part)
        throat = sources[start : start + 4 * _HOP]
        throat = throat / (np.sqrt(np.square(throat).mean()) + 1e-9) * np.sqrt(power)
        made = signal.lfilter([1.0], np.concatenate([[1.0], -mouth]), throat)
        result[start : start + 4 * _HOP] += made * window
    return result[2 * _HOP :][: len(samples)]
