"""A cache of training clips on the disk, memory-mapped, so that data may be larger than memory."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from animcore.audio import recording
from animcore.audio.recording import AudioClip
from animcore.core import reading
from animcore.core.atomic_files import whole_file
from animcore.errors import InputError

FloatArray = NDArray[np.float32]

SOUNDS = (".wav", ".flac", ".mp3", ".ogg", ".m4a")
_APART = 0.5  # seconds by which sound and motion may differ in length without a word
_SHARE = 0.5  # of the longer one that both must last: with less they do not belong together


def cached(place: Path, read: Callable[[], tuple[dict[str, FloatArray], str]]) -> tuple[dict[str, FloatArray], str]:
    """Return the arrays of a clip, mapped from the disk, and the note on it; a missing one is read and written.

    Args:
        place: beginning of the names of its files.
        read: gives arrays by name, and the note.
    """

    def write(target: Path) -> None:
        arrays, note = read()
        for name, values in arrays.items():
            with whole_file(beside(place, f"{name}.npy")) as temporary:
                np.save(temporary, values)
        # the last: where it is, the others are whole
        target.write_text("\n".join([" ".join(arrays), note]), encoding="utf-8")

    def found(target: Path) -> tuple[dict[str, FloatArray], str]:
        names, _, note = target.read_text(encoding="utf-8").partition("\n")
        return {name: reading.mapped(beside(place, f"{name}.npy")) for name in names.split()}, note

    return reading.cached(beside(place, "txt"), found, write)


def beside(place: Path, part: str) -> Path:
    """Return the file of a clip with another ending."""
    return place.with_name(f"{place.name}.{part}")


def hash_of(*paths: Path) -> int:
    """Return a number that changes where one of the files does, by place, size and time."""
    result = 0
    for path in paths:
        facts = path.stat()
        for value in (*str(path.resolve()).encode(), facts.st_size, facts.st_mtime_ns):
            result = (result * 1_000_003 + value) % 2**63
    return result


def together(frames: int, fps: float, motion: str, sound: Path | AudioClip) -> tuple[int, FloatArray, str]:
    """Return how many frames a motion and its audio share, the samples for them, and a note where one was cut.

    Args:
        frames: of the motion.
        fps: frame rate.
        motion: its name, for sentences.
        sound: the file, or decoded audio.

    Raises:
        InputError: where the audio cannot be read, or lasts less than half as long, or more than twice.
    """
    clip = sound if isinstance(sound, AudioClip) else recording.load(sound)
    lasts, heard = frames / fps, clip.duration
    if min(lasts, heard) < _SHARE * max(lasts, heard):
        raise InputError(f"{motion} lasts {lasts:.1f} s and {clip.name} {heard:.1f} s: not of the same clip.")
    note = ""
    if abs(lasts - heard) > _APART:
        note = f"{motion} lasts {lasts:.1f} s and {clip.name} {heard:.1f} s; both were cut to the shorter."
    count = int(min(lasts, heard) * fps + 1e-6)
    return count, clip.samples[: round(count / fps * recording.RATE)], note


def sound_of(motion: Path) -> Path | None:
    """Return the audio of a motion's name next to it, None where there is none."""
    beside_it = (motion.with_suffix(suffix) for suffix in SOUNDS)
    return next((sound for sound in beside_it if sound.is_file()), None)
