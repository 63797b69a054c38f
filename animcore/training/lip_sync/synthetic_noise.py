"""Sounds without a voice, made by rule: during them the face rests.

Noise of any colour, breath, wind, music of plucked and held notes, drums, clicks and mains hum. Without them a network
trained on voices alone takes every sound for one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray
from scipy import signal

from animcore.audio.recording import RATE

FloatArray = NDArray[np.float32]
Sound = NDArray[np.float64]

SECONDS = 7
_COUNT = SECONDS * RATE
_SCALE = (0, 2, 4, 5, 7, 9, 11)  # semitones of a major scale


def sounds(count: int, seed: int = 0) -> Iterator[FloatArray]:
    """Yield `count` sounds (N,) of 7 s at 16 kHz, two of them mixed at times; their loudness means nothing."""
    generator = np.random.default_rng([11, seed])
    for index in range(count):
        sound = _normal(_MAKERS[index % len(_MAKERS)](generator))
        if generator.random() < 0.3:
            other = _MAKERS[generator.integers(len(_MAKERS))](generator)
            sound = sound + generator.uniform(0.1, 0.7) * _normal(other)
        yield (0.1 * sound).astype(np.float32)


def _normal(sound: Sound) -> Sound:
    scaled: Sound = sound / np.sqrt(np.square(sound).mean() + 1e-12)
    return scaled


def _noise(generator: np.random.Generator) -> Sound:
    """A fan, a hiss, traffic: steady, or rising and falling slowly."""
    memory = generator.choice([0.0, 0.5, 0.9, 0.98])
    noise = signal.lfilter([1.0], [1.0, -memory], generator.normal(size=_COUNT))
    result: Sound = noise * _swell(generator, generator.uniform(0.0, 0.9), generator.uniform(0.1, 1.0))
    return result


def _breath(generator: np.random.Generator) -> Sound:
    """Breaths in and out: noise through one broad resonance, every one to four seconds."""
    low = generator.uniform(300, 1200)
    band = [low, low * generator.uniform(1.8, 5.0)]
    noise = signal.lfilter(*signal.butter(1, band, "band", fs=RATE), generator.normal(size=_COUNT))
    swell = _swell(generator, 1.0, generator.uniform(0.25, 1.0))
    result: Sound = noise * np.clip(swell - generator.uniform(0.0, 0.6), 0, None) + 1e-3 * generator.normal(size=_COUNT)
    return result


def _swell(generator: np.random.Generator, depth: float, rate: float) -> Sound:
    """(N,) a loudness that rises and falls `rate` times a second, between 1 - depth and 1."""
    phase = 2 * np.pi * (rate * np.arange(_COUNT) / RATE + generator.random())
    wave: Sound = 1 - depth * (0.5 + 0.5 * np.sin(phase))
    return wave


def _music(generator: np.random.Generator) -> Sound:
    """Notes and chords of one scale, plucked or held, one voice or several, in time."""
    beat = generator.uniform(0.12, 0.7)
    base = generator.uniform(80, 400)
    decay, held = generator.uniform(1.0, 12.0), generator.random() < 0.4
    harmonics, fall = int(generator.integers(1, 14)), generator.uniform(0.6, 2.0)
    result = np.zeros(_COUNT + 4 * RATE)
    for start in np.arange(0, SECONDS, beat):
        voices = int(generator.integers(0, 4))
        for step in generator.choice(_SCALE, voices, replace=False):
            pitch = base * 2 ** ((step + 12 * generator.integers(0, 2)) / 12)
            length = beat * (1.0 if held else generator.uniform(1.0, 3.0))
            note = _note(pitch, length, 0.3 if held else decay, harmonics, fall)
            first = int(start * RATE)
            result[first : first + len(note)] += note * generator.uniform(0.4, 1.0)
    return result[:_COUNT] + 1e-4 * generator.normal(size=_COUNT)


def _note(pitch: float, seconds: float, decay: float, harmonics: int, fall: float) -> Sound:
    time = np.arange(int(seconds * RATE)) / RATE
    wave: Sound = np.zeros(len(time))
    for number in range(1, harmonics + 1):
        if number * pitch < RATE / 2:
            wave += np.sin(2 * np.pi * number * pitch * time) * number**-fall
    edge = np.minimum(1, np.minimum(time, seconds - time) / 0.01)
    result: Sound = wave * np.exp(-decay * time) * edge
    return result


def _drums(generator: np.random.Generator) -> Sound:
    """Hits of noise or of a falling tone, in time or at random: drums, steps, keys, clicks."""
    result = np.zeros(_COUNT + RATE)
    gap = generator.uniform(0.1, 0.6)
    steady = generator.random() < 0.5
    tone, decay = generator.uniform(60, 2000), generator.uniform(8, 120)
    time = np.arange(RATE // 2) / RATE
    start = 0.0
    while start < SECONDS:
        hit = generator.normal(size=len(time)) if generator.random() < 0.6 else np.sin(2 * np.pi * tone * time)
        first = int(start * RATE)
        result[first : first + len(time)] += hit * np.exp(-decay * time) * generator.uniform(0.3, 1)
        start += gap if steady else generator.exponential(gap) + 0.03
    return result[:_COUNT] + 1e-4 * generator.normal(size=_COUNT)


def _hum(generator: np.random.Generator) -> Sound:
    """Mains hum and engines: a low tone with harmonics that barely change."""
    pitch = generator.choice([50.0, 60.0, generator.uniform(30, 160)])
    time = np.arange(_COUNT) / RATE
    waver = pitch * time + 0.05 * np.sin(2 * np.pi * generator.uniform(0.1, 1) * time)
    hum = sum(generator.random() / number * np.sin(2 * np.pi * number * waver) for number in range(1, 10))
    result: Sound = np.asarray(hum) + generator.uniform(0.01, 0.3) * generator.normal(size=_COUNT)
    return result


_MAKERS: tuple[Callable[[np.random.Generator], Sound], ...] = (_noise, _breath, _music, _drums, _hum, _music, _breath)
