"""Animcore's own motion files (docs/formats/motion.md): the one format that holds everything."""

from __future__ import annotations

from pathlib import Path

from animcore.files.animation_curves import Format, Setup, Sheet
from animcore.files.face_curves import weight_arrays
from animcore.motion import TRACKS, Motion


def encode(motion: Motion, _setup: Setup) -> Sheet:
    """Take every track as it is."""
    facts = {name: getattr(motion, name) for name in ("audio_name", "audio_sha256", "basis", "origin")}
    return Sheet(motion.rate, motion.start, motion.tracks(), motion.events, facts=facts)


def decode(sheet: Sheet, _setup: Setup) -> Motion:
    """Take every track as it is."""
    return Motion(sheet.rate, sheet.start, **sheet.curves, **sheet.facts, events=sheet.events)  # type: ignore[arg-type]


def write(sheet: Sheet, path: Path, setup: Setup) -> None:
    """Write the motion file."""
    decode(sheet, setup).save(path)


def read(path: Path, setup: Setup) -> Sheet:
    """Read a motion file, or plain arrays of weights (weight_arrays.py)."""
    if weight_arrays.is_one(path):
        return weight_arrays.read(path, setup)
    return encode(Motion.load(path), setup)


FORMAT = Format(
    title="Animcore motion",
    suffix=".npz",
    carries=(*TRACKS, "events"),
    encode=encode,
    write=write,
    read=read,
    decode=decode,
    tolerance=0.0,
)
