"""Music, drums and breath leave the mouth shut in both variants; a voice over them still opens it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from animcore.audio import recording
from animcore.direction import Direction
from animcore.solvers.speech_face import lip_sync, streaming

ROOT = Path(__file__).resolve().parents[3]
LINE = recording.load(ROOT / "assets" / "voices" / "line.flac").samples[: 5 * 16_000]
RATE = 16_000
SEEN = 1.5  # mm between the lips, from which a viewer sees that the mouth is open
VARIANTS = pytest.mark.parametrize("solve", [lip_sync.solve, streaming.solve], ids=["full", "live"])


def plucked(pitch: float, seconds: float, generator: np.random.Generator) -> np.ndarray:
    """A string (Karplus and Strong, 1983): noise that goes round and loses its edges."""
    period = generator.normal(size=round(RATE / pitch))
    rounds = []
    for _ in range(int(seconds * pitch) + 1):
        rounds.append(period)
        period = 0.498 * (period + np.roll(period, 1))
    return np.concatenate(rounds)[: int(seconds * RATE)]


def organ(pitch: float, seconds: float) -> np.ndarray:
    """A held note: the harmonics of an organ's drawbars, with edges of 20 ms."""
    time = np.arange(int(seconds * RATE)) / RATE
    edge = np.minimum(1, np.minimum(time, seconds - time) / 0.02)
    return edge * sum(np.sin(2 * np.pi * pitch * bar * time) / bar for bar in (0.5, 1, 1.5, 2, 3, 4, 6, 8))


def piece(parts: str, seconds: float = 6.0) -> np.ndarray:
    """Arpeggios of plucked strings, chords of an organ, drums: whichever are named."""
    generator = np.random.default_rng(5)
    sound = 1e-4 * generator.normal(size=int(seconds * RATE) + RATE)
    chords = ((0, 4, 7), (9, 12, 16), (5, 9, 12), (7, 11, 14))
    for index, start in enumerate(np.arange(0, seconds, 0.25)):
        first, chord = int(start * RATE), chords[int(start) % 4]
        notes = []
        if "strings" in parts:
            notes.append(plucked(196 * 2 ** (chord[index % 3] / 12), 0.8, generator))
        if "organ" in parts and start % 1 == 0:
            notes += [0.2 * organ(196 * 2 ** (step / 12), 0.98) for step in chord]
        if "drums" in parts:
            time = np.arange(RATE // 5) / RATE
            low = np.sin(2 * np.pi * 60 * time * np.exp(-time)) if index % 2 == 0 else generator.normal(size=len(time))
            notes.append(np.exp(-25 * time) * low)
        for note in notes:
            sound[first : first + len(note)] += note[: len(sound) - first]
    sound = sound[: int(seconds * RATE)]
    return (0.1 * sound / np.sqrt(np.square(sound).mean())).astype(np.float32)


def breaths(seconds: float = 6.0) -> np.ndarray:
    """In and out every second and a half: noise through the broad hollow of an open mouth."""
    time = np.arange(int(seconds * RATE)) / RATE
    spectrum = np.fft.rfft(np.random.default_rng(6).normal(size=len(time)))
    frequency = np.fft.rfftfreq(len(time), 1 / RATE)
    hollow = np.exp(-0.5 * (np.log2(np.maximum(frequency, 1) / 900) / 0.9) ** 2)
    sound = np.fft.irfft(spectrum * hollow, len(time)) * np.clip(np.sin(2 * np.pi * time / 1.5), 0, None)
    return (0.05 * sound / np.sqrt(np.square(sound).mean())).astype(np.float32)


def seen_open(solve, samples: np.ndarray, heard, lips) -> float:
    """Share of the time in which the mouth is seen to be open."""
    return float(np.mean(lips.gap(solve(heard(samples), Direction()).arkit) > SEEN))


@VARIANTS
@pytest.mark.parametrize("parts", ["strings", "organ", "drums", "strings and drums", "organ and strings and drums"])
def test_music_leaves_the_mouth_shut(solve, parts, heard, lips):
    assert seen_open(solve, piece(parts), heard, lips) < 0.02


@VARIANTS
def test_breath_leaves_the_mouth_shut(solve, heard, lips):
    assert seen_open(solve, breaths(), heard, lips) < 0.02


@VARIANTS
def test_a_voice_opens_it_over_music_too(solve, heard, lips):
    alone = seen_open(solve, LINE, heard, lips)
    assert alone > 0.4
    over = LINE + 0.3 * np.sqrt(np.square(LINE).mean()) / 0.1 * np.resize(piece("strings and drums"), len(LINE))
    assert abs(seen_open(solve, over.astype(np.float32), heard, lips) - alone) < 0.15
