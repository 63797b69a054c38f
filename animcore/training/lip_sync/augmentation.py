"""Other rooms, microphones and voices out of one recording."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import signal

from animcore.audio import loudness
from animcore.audio.recording import RATE

FloatArray = NDArray[np.float32]


def at_loudness(samples: FloatArray, target: float) -> FloatArray:
    """Return the samples (N,) brought to `target` LUFS; silence stays as it is."""
    level = loudness.integrated_loudness(samples, RATE)
    return samples if level is None else (samples * 10 ** ((target - level) / 20)).astype(np.float32)


def faster(samples: FloatArray, factor: float) -> FloatArray:
    """Play samples (N,) faster by a factor: pitch, formants and tempo change together, as with another speaker."""
    result: FloatArray = signal.resample(samples, round(len(samples) / factor)).astype(np.float32)
    return result


def roughened(samples: FloatArray, generator: np.random.Generator) -> FloatArray:
    """Tilt the spectrum, add a room, noise and a telephone band, each at random. Returns samples of the same length."""
    sound: NDArray[np.float64] = samples.astype(np.float64)
    if generator.random() < 0.5:
        corner = np.exp(generator.uniform(np.log(300), np.log(4000)))
        low = signal.lfilter(*signal.butter(1, corner, fs=RATE), sound)
        sound = sound + generator.uniform(-0.6, 1.5) * low
    if generator.random() < 0.4:
        sound = signal.fftconvolve(sound, _room(generator))[: len(samples)]
    if generator.random() < 0.6:
        sound = sound + _noise(sound, generator)
    if generator.random() < 0.25:
        band = [generator.uniform(100, 300), generator.uniform(2800, 4500)]
        sound = signal.lfilter(*signal.butter(4, band, "band", fs=RATE), sound)
    return sound.astype(np.float32)


def _room(generator: np.random.Generator) -> NDArray[np.float64]:
    """An impulse response: the direct sound and a tail of noise that falls by 60 dB in 0.08 to 0.5 s."""
    count = int(generator.uniform(0.08, 0.5) * RATE)
    tail = generator.normal(size=count) * np.exp(-6.9 * np.arange(count) / count)
    response: NDArray[np.float64] = tail * generator.uniform(0.05, 0.5) / np.sqrt(np.square(tail).sum())
    response[0] = 1.0
    return response


def _noise(sound: NDArray[np.float64], generator: np.random.Generator) -> NDArray[np.float64]:
    """White, pink-like or brown noise, 5 to 30 dB below the audio."""
    memory = generator.choice([0.0, 0.7, 0.97])
    noise = signal.lfilter([1.0], [1.0, -memory], generator.normal(size=len(sound)))
    share = np.sqrt(np.square(sound).mean() / np.square(noise).mean())
    scaled: NDArray[np.float64] = noise * share * 10 ** (-generator.uniform(5, 30) / 20)
    return scaled
