"""Folders of batches as a run leaves them, without a run: records in a ledger, motions and recordings where wanted."""

from __future__ import annotations

import wave
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np

from animcore.core.vocabulary import ARKIT, ARKIT_INDEX
from animcore.motion import Event, Motion
from animcore.pipelines.batch import ledger
from animcore.pipelines.batch.ledger import Entry, Ledger
from animcore.pipelines.batch.records import LineRecord

RATE = 16_000
WORDS = ("Bring", "me", "five", "blue", "bottles", "before", "the", "storm")


def write_sound(path: Path, seconds: float, seed: int = 0) -> Path:
    """A recording that swells like speech: syllables of harmonics with pauses between them."""
    times = np.arange(round(seconds * RATE)) / RATE
    generator = np.random.default_rng(seed)
    pitch = 110 + 30 * generator.random()
    phase = 2 * np.pi * pitch * times + 2 * np.sin(2 * np.pi * 0.7 * times)
    voice = sum(np.sin(k * phase) / k for k in range(1, 12))
    swell = np.clip(np.sin(2 * np.pi * 3.1 * times), 0, 1) * np.clip(np.sin(np.pi * times / seconds) * 3, 0, 1)
    samples = 0.2 * voice * swell + 0.0005 * generator.standard_normal(len(times))
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as handle:
        handle.setnchannels(1)
        handle.setsampwidth(2)
        handle.setframerate(RATE)
        handle.writeframes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())
    return path


def made_motion(seconds: float, words: Sequence[str] = WORDS, seed: int = 0) -> Motion:
    """A mouth that opens three times a second, a head that nods, and words."""
    generator = np.random.default_rng(seed)
    count = round(seconds * 30)
    times = np.arange(count) / 30
    arkit = np.zeros((count, len(ARKIT)), np.float32)
    arkit[:, ARKIT_INDEX["jawOpen"]] = 0.4 * np.clip(np.sin(2 * np.pi * 3.1 * times), 0, 1)
    arkit[:, ARKIT_INDEX["mouthSmileLeft"]] = arkit[:, ARKIT_INDEX["mouthSmileRight"]] = 0.2 * generator.random()
    arkit[:, ARKIT_INDEX["browInnerUp"]] = 0.3 * np.clip(np.sin(times), 0, 1)
    blink = np.exp(-(((times % 2.3) - 1.1) ** 2) / 0.004)
    arkit[:, ARKIT_INDEX["eyeBlinkLeft"]] = arkit[:, ARKIT_INDEX["eyeBlinkRight"]] = blink
    head = np.zeros((count, 3), np.float32)
    head[:, 0] = 0.06 * np.sin(1.7 * times)
    edges = np.linspace(0.15, seconds - 0.15, len(words) + 1)
    events = [Event("word", word, float(a), float(b)) for word, a, b in zip(words, edges, edges[1:], strict=False)]
    return Motion(Fraction(30), arkit=arkit, head_pose=head, events=events)


def finding(kind: str, sentence: str, severity: float, worst: float = 1.0) -> dict:
    """A fault as a scorer gives it."""
    return {"kind": kind, "sentence": sentence, "value": 0.5, "limit": 0.9, "severity": severity,
            "start": worst - 0.1, "end": worst + 0.1, "worst": worst}  # fmt: skip


def write_batch(folder: Path, records: Sequence[LineRecord], table: str = "lines.csv") -> Path:
    """Write a ledger with these records."""
    folder.mkdir(parents=True, exist_ok=True)
    ledger.write_header(folder, {"id": "test", "table": str(folder / table)})
    written = Ledger(folder)
    for record in records:
        written.append(Entry(record), flush=False)
    written.flush()
    written.close()
    return folder


def real_line(folder: Path, name: str, row: int, seconds: float = 2.4, **more: object) -> LineRecord:
    """A line with its recording and its motion on the disk."""
    audio = write_sound(folder / "voices" / f"{name}.wav", seconds, row)
    words = str(more.get("text", " ".join(WORDS))).split()
    motion = folder / f"{name}.motion.npz"
    motion.parent.mkdir(parents=True, exist_ok=True)
    made_motion(seconds, words, row).save(motion)
    record = LineRecord(name, name.rpartition("/")[2], row, audio, " ".join(words), "en", "anna", status="done",
                        motion=motion, files={"npz": motion}, seconds_audio=seconds)  # fmt: skip
    return replace(record, **more)
