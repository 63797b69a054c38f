"""Takes and ground truths of any kind, as lips over time, and weights where there are any."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from animcore import errors, files
from animcore.core import reading
from animcore.core.frame_rates import exact_rate
from animcore.errors import BROKEN_FILE, AnimcoreError, InputError
from animcore.evaluation.face import lip_tracking
from animcore.evaluation.face.reference_face import ReferenceFace
from animcore.files.animation_curves import FormatOptions
from animcore.motion import Motion

Array = NDArray[np.floating[Any]]

VIDEOS = frozenset({".mp4", ".mov", ".mkv", ".avi", ".webm", ".m4v", ".mpg"})
SOUNDS = (".flac", ".wav", ".mp3", ".ogg", ".opus", ".m4a", ".aac", ".aif", ".aiff")
FEWEST = 5  # frames below which neither a correlation nor a lag means anything


@dataclass(frozen=True)
class FaceTake:
    """A face over time; frame i is at ``start + i / rate`` seconds.

    Attributes:
        path: where it comes from.
        rate: frame rate.
        opening: (T,) distance of the lips over that of the outer eye corners; NaN where a tracker lost the face.
        width: (T,) distance of the mouth's corners, likewise.
        start: seconds of the first frame; 0 is the start of the audio.
        weights: (T, 52) ARKit weights in the order of `vocabulary.ARKIT`, or None for a recorded face.
        notes: sentences on what was noticed and mended when it was read.
    """

    path: Path
    rate: Fraction
    opening: Array
    width: Array
    start: float = 0.0
    weights: Array | None = None
    notes: tuple[str, ...] = ()

    @property
    def times(self) -> Array:
        """(T,) seconds of the frames."""
        return self.start + np.arange(len(self.opening)) / float(self.rate)

    @property
    def duration(self) -> float:
        """Seconds from the first frame to the end of the last."""
        return len(self.opening) / float(self.rate)

    def at(self, times: Array, face: ReferenceFace) -> tuple[Array, Array, Array | None]:
        """Opening, width and weights at other times, between frames by linear interpolation; the ends are held.

        Weights are interpolated where there are any, as an animation system does.
        """
        if self.weights is None:
            return np.interp(times, self.times, self.opening), np.interp(times, self.times, self.width), None
        columns = [np.interp(times, self.times, column) for column in self.weights.T]
        weights = np.stack(columns, 1)
        return face.opening(weights), face.width(weights), weights


def load(path: str | Path, face: ReferenceFace, setup: FormatOptions | None = None) -> FaceTake:
    """Read a take: a motion of any format, curves or tracked lips in an `.npz`, or a video whose face is tracked.

    Raises:
        InputError: when it is missing, broken, of no known kind, has no face weights, or has too few frames.
    """
    path = Path(path)
    if path.is_dir():
        raise InputError(f"{path} is a folder, where a file was expected; give a folder as --truth too.")
    if not path.is_file():
        raise InputError(f"There is no file {path}.")
    take = _read(path, face, setup)
    known = int((np.isfinite(take.opening) & np.isfinite(take.width)).sum())
    if known < FEWEST:
        raise InputError(f"{path.name} has {known} frame(s) with a face; at least {FEWEST} are needed to judge it.")
    return take


def _read(path: Path, face: ReferenceFace, setup: FormatOptions | None) -> FaceTake:
    if path.suffix.lower() in VIDEOS:
        rate, opening, width = lip_tracking.track(path)
        return FaceTake(path, rate, opening, width)
    arrays = _arrays(path) if path.suffix.lower() == ".npz" else {}
    try:
        if {"opening", "width", "fps"} <= arrays.keys():
            return _tracked(path, arrays)
    except BROKEN_FILE as error:
        if isinstance(error, AnimcoreError):
            raise
        raise InputError(f"{path.name} does not hold numbers where curves should be ({error}).") from error
    _, motion, notes = files.load_any(path, setup)
    return replace(from_motion(motion, path, face), notes=tuple(f"{path.name}: {note}" for note in notes))


def from_motion(motion: Motion, path: Path, face: ReferenceFace) -> FaceTake:
    """Take the weights of a motion.

    Raises:
        InputError: where it has none.
    """
    if motion.arkit is None:
        has = ", ".join(motion.tracks()) or "nothing"
        raise InputError(f"{path.name} has no ARKit face weights to judge (it holds {has}).")
    weights = motion.arkit.astype(np.float64)
    return FaceTake(path, motion.rate, face.opening(weights), face.width(weights), motion.start, weights)


def _arrays(path: Path) -> Mapping[str, NDArray[Any]]:
    """The arrays of an `.npz`, landmarks and other bulk left unread; nothing is unpickled."""
    wanted = {"opening", "width", "fps", "start"}
    with errors.readable(f"{path.name} is not a readable .npz", "make it again"):
        return reading.arrays(path, wanted)


def _tracked(path: Path, arrays: Mapping[str, NDArray[Any]]) -> FaceTake:
    opening, width = (arrays[name].astype(np.float64) for name in ("opening", "width"))
    if opening.ndim != 1 or opening.shape != width.shape:
        raise InputError(f"{path.name}: opening {opening.shape} and width {width.shape} must be equally long curves.")
    opening, width = (np.where(np.isfinite(curve), curve, np.nan) for curve in (opening, width))
    return FaceTake(path, _rate(path, arrays), opening, width, _start(path, arrays))


def _rate(path: Path, arrays: Mapping[str, NDArray[Any]]) -> Fraction:
    try:
        return exact_rate(float(arrays["fps"]))
    except (InputError, TypeError, ValueError) as error:
        raise InputError(f"{path.name}: its fps is not a frame rate ({errors.reason(error)}).") from error


def _start(path: Path, arrays: Mapping[str, NDArray[Any]]) -> float:
    start = float(arrays["start"]) if "start" in arrays else 0.0  # NaN is reported by `_read`
    if not np.isfinite(start):
        raise InputError(f"{path.name}: {start} is not a time to start at.")
    return start


def from_zero(take: FaceTake) -> FaceTake:
    """Return the same take beginning with the audio, whatever start its file states."""
    return replace(take, start=0.0)


def readable(path: Path) -> bool:
    """Whether a file is of a kind that may hold a take: captions, skeletons and the like do not."""
    faces = (form for form in files.FORMATS.values() if "arkit" in form.carries)
    suffixes = {form.suffix.rsplit(".", 1)[-1].lower() for form in faces} | {"npz"}
    return path.suffix.lower() in VIDEOS or path.suffix.lower().lstrip(".") in suffixes


def sound_beside(path: Path) -> Path | None:
    """Return the audio of a take: of the video, or an audio file of its name next to it; None without one."""
    if path.suffix.lower() in VIDEOS and path.is_file() and lip_tracking.has_sound(path):
        return path
    stem = files.stem(path)
    return next((path.with_name(stem + suffix) for suffix in SOUNDS if path.with_name(stem + suffix).is_file()), None)
