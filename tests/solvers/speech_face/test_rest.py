"""Sounds that are no voice leave the mouth at rest."""

from __future__ import annotations

import numpy as np
import pytest

from animcore.audio import recording
from animcore.direction import Direction
from animcore.solvers.speech_face import lip_sync

COUNT = 64_000  # 4 s at 16 kHz


def hiss(generator: np.random.Generator) -> np.ndarray:
    return 0.1 * generator.normal(size=COUNT)


def wind(generator: np.random.Generator) -> np.ndarray:
    noise = np.cumsum(generator.normal(size=COUNT))
    return 0.003 * (noise - np.convolve(noise, np.ones(2000) / 2000, "same"))


def breath(generator: np.random.Generator) -> np.ndarray:
    swell = np.clip(np.sin(2 * np.pi * 0.5 * np.arange(COUNT) / 16_000), 0, 1)
    return 0.02 * swell * np.convolve(generator.normal(size=COUNT), np.ones(8) / 8, "same")


def music(generator: np.random.Generator) -> np.ndarray:
    """Plucked chords, a new one every half second."""
    time = np.arange(8_000) / 16_000
    chords = [(220, 277, 330), (247, 311, 370), (196, 247, 294), (165, 208, 247)] * 2
    notes = [
        sum(np.sin(2 * np.pi * note * harmonic * time) / harmonic for note in chord for harmonic in range(1, 6))
        for chord in chords
    ]
    return 0.03 * np.concatenate([note * np.exp(-3 * time) for note in notes])


@pytest.fixture(scope="module")
def spoken_opening(lips) -> float:
    """Millimetres that a voice opens the mouth by."""
    line = recording.load(lip_sync.MODEL.parents[1] / "voices" / "line.flac")
    return float(np.percentile(lips.gap(lip_sync.solve(line, Direction()).arkit), 95))


@pytest.mark.parametrize("make", [hiss, wind, breath, music])
def test_what_is_no_voice_does_not_open_the_mouth(make, heard, lips, spoken_opening):
    motion = lip_sync.solve(heard(make(np.random.default_rng(0))), Direction())
    assert np.percentile(lips.gap(motion.arkit), 95) < 0.2 * spoken_opening


def test_intensity_nought_is_a_still_face(spoken_line):
    motion = lip_sync.solve(recording.load(spoken_line), Direction(intensity=0.0))
    assert not motion.arkit.any()
    assert not motion.tongue.any()
