"""Animcore's own motion files (docs/formats/motion.md): the one format that holds everything."""

from __future__ import annotations

from pathlib import Path

from animcore.files.animation_curves import AnimationCurves, FileFormat, FormatOptions
from animcore.files.face_curves import weight_arrays
from animcore.motion import TRACKS, Motion


def encode(motion: Motion, _setup: FormatOptions) -> AnimationCurves:
    """Take every track as it is."""
    facts = {name: getattr(motion, name) for name in ("audio_name", "audio_sha256", "basis", "origin")}
    return AnimationCurves(motion.rate, motion.start, motion.tracks(), motion.events, facts=facts)


def decode(animation: AnimationCurves, _setup: FormatOptions) -> Motion:
    """Take every track as it is."""
    return Motion(animation.rate, animation.start, **animation.curves, **animation.facts, events=animation.events)  # type: ignore[arg-type]


def write(animation: AnimationCurves, path: Path, setup: FormatOptions) -> None:
    """Write the motion file."""
    decode(animation, setup).save(path)


def read(path: Path, setup: FormatOptions) -> AnimationCurves:
    """Read a motion file, or plain arrays of weights (weight_arrays.py)."""
    if weight_arrays.is_one(path):
        return weight_arrays.read(path, setup)
    return encode(Motion.load(path), setup)


FORMAT = FileFormat(
    title="Animcore motion",
    suffix=".npz",
    carries=(*TRACKS, "events"),
    encode=encode,
    write=write,
    read=read,
    decode=decode,
    tolerance=0.0,
    keeps_clock=True,
)
