"""Random music, played by the instruments of General MIDI: during music alone the face rests.

Pieces of a few bars by rule: a scale, a metre, chords in turn, and parts for bass, chords, tune and drums, each for an
random instrument. Voices and what imitates them (choirs, "oohs", synthetic voices) never play. Needs Debian's
`fluidsynth` and `fluid-soundfont-gm` (Frank Wen and others, MIT); only what a network learns from it is shipped.
"""

from __future__ import annotations

import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from animcore.audio import recording
from animcore.core.atomic_files import whole_file

FloatArray = NDArray[np.float32]
Note = tuple[float, float, int, int]  # start and length in beats, key, velocity

SOUNDS = Path("/usr/share/sounds/sf2/FluidR3_GM.sf2")
SECONDS = 16
_TICKS = 96  # of a beat
_DRUMS = 9  # channel
_VOICES = {52, 53, 54, 85, 91}  # choir, oohs, synthetic voice, lead voice, choir pad
_BASS = range(32, 40)
_TUNEFUL = [program for program in range(112) if program not in _VOICES]
_NOISES = (*range(112, 123), 124, 125, 126, 127)  # bells, drums, surf, telephone, helicopter, applause, gunshot
_SCALES = ((0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10), (0, 2, 3, 5, 7, 9, 10), (0, 2, 4, 7, 9), (0, 3, 5, 7, 10))
_CHORDS = (0, 3, 4, 5, 1, 2)  # degrees that chords stand on
_HITS = (35, 36, 38, 40, 42, 44, 46, 49, 51, 54, 56, 39, 70, 75, 60, 64)


def pieces(folder: Path, count: int, seed: int = 0) -> Iterator[FloatArray]:
    """Play (once; kept in the folder) and yield `count` pieces (N,) at 16 kHz; their loudness means nothing."""
    folder.mkdir(parents=True, exist_ok=True)
    for index in range(count):
        sound = folder / f"{seed}-{index:04d}.wav"
        if not sound.exists():
            score = sound.with_suffix(".mid")
            score.write_bytes(composed(np.random.default_rng([23, seed, index])))
            with whole_file(sound) as temporary:
                _play(score, temporary)
        yield recording.load(sound).samples[: SECONDS * recording.RATE]


def _play(score: Path, sound: Path) -> None:
    subprocess.run(
        [
            "fluidsynth",
            "-q",
            "-n",
            "-i",
            "-g",
            "0.6",
            "-r",
            str(recording.RATE),
            "-F",
            str(sound),
            str(SOUNDS),
            str(score),
        ],
        stdout=subprocess.DEVNULL,
        check=True,
    )


def composed(generator: np.random.Generator) -> bytes:
    """Return a piece of about `SECONDS` as a MIDI file."""
    tempo = generator.uniform(55, 180)
    beats = int(SECONDS * tempo / 60) + 1
    bar = int(generator.choice([2, 3, 4, 4]))
    scale = _SCALES[generator.integers(len(_SCALES))]
    root = int(generator.integers(36, 60))
    degrees = generator.choice(_CHORDS, -(-beats // bar))
    parts: list[tuple[int, int, list[Note]]] = []
    if generator.random() < 0.6:
        parts.append((0, int(generator.choice(_BASS)), _bass(degrees, bar, beats, scale, root - 12, generator)))
    for channel in range(1, 1 + int(generator.integers(0, 3))):
        chords = _chords(degrees, bar, beats, scale, root + 12, generator)
        parts.append((channel, int(generator.choice(_TUNEFUL)), chords))
    for channel in range(3, 3 + int(generator.integers(1, 3))):
        tune = _tune(degrees, bar, beats, scale, root + 12 * int(generator.integers(0, 3)), generator)
        program = int(generator.choice(_TUNEFUL if generator.random() < 0.9 else _NOISES))
        parts.append((channel, program, tune))
    if generator.random() < 0.5:
        parts.append((_DRUMS, 0, _beaten(beats, generator)))
    return _file(parts, tempo)


def _key(scale: tuple[int, ...], root: int, degree: int) -> int:
    octave, place = divmod(degree, len(scale))
    return int(np.clip(root + 12 * octave + scale[place], 21, 108))


def _bass(
    degrees: NDArray[np.int64], bar: int, beats: int, scale: tuple[int, ...], root: int, generator: np.random.Generator
) -> list[Note]:
    each = float(generator.choice([0.5, 1.0, 2.0]))
    times = np.arange(0, beats, each)
    leap = generator.choice([0, 0, 4], len(times))
    return [
        (float(time), each * 0.9, _key(scale, root, int(degrees[int(time) // bar]) + int(step)), 90)
        for time, step in zip(times, leap, strict=True)
    ]


def _chords(
    degrees: NDArray[np.int64], bar: int, beats: int, scale: tuple[int, ...], root: int, generator: np.random.Generator
) -> list[Note]:
    """Three or four keys of every other degree; held for a bar, struck on each beat, or one after the other."""
    held = float(generator.choice([0.25, 0.5, 1.0, bar]))
    broken = generator.random() < 0.4
    size = int(generator.integers(3, 5))
    notes = []
    for index, time in enumerate(np.arange(0, beats, held)):
        keys = [_key(scale, root, int(degrees[int(time) // bar]) + 2 * step) for step in range(size)]
        struck = [keys[index % size]] if broken else keys
        notes += [(float(time), held * 0.95, key, int(generator.integers(50, 85))) for key in struck]
    return notes


def _tune(
    degrees: NDArray[np.int64], bar: int, beats: int, scale: tuple[int, ...], root: int, generator: np.random.Generator
) -> list[Note]:
    """Steps up and down from the chord's tone, in notes of a quarter to two beats, with rests."""
    notes: list[Note] = []
    time, degree = 0.0, int(degrees[0])
    sung = generator.uniform(0.6, 1.0)  # share of the time that it plays
    while time < beats:
        length = float(generator.choice([0.25, 0.5, 0.5, 1.0, 1.0, 2.0]))
        degree = int(np.clip(degree + generator.integers(-2, 3), -2, 14))
        if generator.random() < sung:
            notes.append((time, length * generator.uniform(0.5, 1.0), _key(scale, root, degree), 100))
        time += length
    return notes


def _beaten(beats: int, generator: np.random.Generator) -> list[Note]:
    """Drums of one bar, repeated."""
    notes: list[Note] = []
    for key in generator.choice(_HITS, int(generator.integers(2, 6)), replace=False):
        pattern = generator.random(16) < generator.uniform(0.1, 0.6)
        notes += [
            (place / 4, 0.2, int(key), int(generator.integers(50, 110)))
            for place in range(4 * beats)
            if pattern[place % 16]
        ]
    return notes


def _file(parts: list[tuple[int, int, list[Note]]], tempo: float) -> bytes:
    """A MIDI file of one track: parts as channel, program and notes."""
    events: list[tuple[float, int, bytes]] = [(0, 0, b"\xff\x51\x03" + struct.pack(">I", int(6e7 / tempo))[1:])]
    for channel, program, notes in parts:
        events.append((0, 0, bytes([0xC0 | channel, program])))
        for start, length, key, velocity in notes:
            events.append((start, 2, bytes([0x90 | channel, key, velocity])))
            events.append((start + length, 1, bytes([0x80 | channel, key, 0])))
    track, now = b"", 0
    for time, _, event in sorted(events):
        ticks = round(time * _TICKS)
        track += _delay(ticks - now) + event
        now = ticks
    track += b"\x00\xff\x2f\x00"
    return struct.pack(">4sIHHH4sI", b"MThd", 6, 0, 1, _TICKS, b"MTrk", len(track)) + track


def _delay(ticks: int) -> bytes:
    """A number in groups of seven bits, as MIDI writes times."""
    groups = [ticks & 0x7F]
    while ticks := ticks >> 7:
        groups.append(0x80 | ticks & 0x7F)
    return bytes(reversed(groups))
