"""Motion: the one record that travels through the house. Seconds and named tracks, and nothing about Blender.

The axes of every pose: X to the character's left, Y up, Z forward out of the face (right-handed). So +X rotates the
head to nod down and the jaw to open, +Y turns to the character's left. Poses are axis-angle in radians.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from animcore.core import reading
from animcore.core.atomic_files import whole_file
from animcore.core.origin import Origin, Source, from_text
from animcore.core.vocabulary import ARKIT, SMPLX_JOINTS, TONGUE
from animcore.errors import InputError, readable

FORMAT = "animcore.motion"
VERSION = 1


EventKind = Literal["phoneme", "word", "beat", "emotion"]
FloatArray = NDArray[np.float32]

_BLOCK = 4096  # frames that are worked on at once

# The shape of one frame of each track; None stands for any length.
TRACKS: dict[str, tuple[int | None, ...]] = {
    "arkit": (len(ARKIT),),
    "tongue": (len(TONGUE),),
    "expression": (None,),
    "jaw_pose": (3,),
    "neck_pose": (3,),
    "head_pose": (3,),
    "eye_pose": (2, 3),
    "body_pose": (len(SMPLX_JOINTS), 3),
    "translation": (3,),
}
WEIGHT_NAMES: dict[str, tuple[str, ...]] = {"arkit": ARKIT, "tongue": TONGUE}
_NAME_KEYS: dict[str, str] = {"arkit": "names", "tongue": "tongue_names"}


@dataclass(frozen=True)
class Event:
    """Something that lasts from `start` to `end` (seconds): a phoneme, a word, a beat, a span of emotion."""

    kind: EventKind
    label: str
    start: float
    end: float


@dataclass(frozen=True)
class Motion:
    """A performance of T frames; frame i is at ``start + i / rate`` seconds. Any track may be absent (None).

    Attributes:
        rate: frames a second, exact (24000/1001 stays so); `fps` is the same as a float.
        start: time of the first frame in seconds; 0 is the start of the sound.
        arkit: (T, 52) float32 in 0..1, ARKit blendshape weights in the order of `names.ARKIT`.
        tongue: (T, 16) float32 in 0..1, in the order of `names.TONGUE`.
        expression: (T, E) float32, coefficients of the expression basis of a FLAME model.
        basis: the name of that model (`open-head`, `flame2020` ...): coefficients of two bases never mix.
        jaw_pose, neck_pose, head_pose: (T, 3) float32, axis-angle in radians.
        eye_pose: (T, 2, 3) float32, axis-angle of the left and the right eye in radians.
        body_pose: (T, 55, 3) float32, axis-angle of the joints of `names.SMPLX_JOINTS` relative to their parents.
        translation: (T, 3) float32, metres.
        audio_name, audio_sha256: the sound this was made from, or None.
        events: what happens when, in seconds.
        origin: how it was made, where that is known.
    """

    rate: Fraction
    start: float = 0.0
    arkit: FloatArray | None = None
    tongue: FloatArray | None = None
    expression: FloatArray | None = None
    basis: str | None = None
    jaw_pose: FloatArray | None = None
    neck_pose: FloatArray | None = None
    head_pose: FloatArray | None = None
    eye_pose: FloatArray | None = None
    body_pose: FloatArray | None = None
    translation: FloatArray | None = None
    audio_name: str | None = None
    audio_sha256: str | None = None
    events: tuple[Event, ...] = ()
    origin: Origin | None = None

    def __post_init__(self) -> None:
        """Check the rate, and every track's shape, length, finiteness and range.

        Raises:
            InputError: where one of them is wrong.
        """
        if self.rate <= 0:
            raise InputError(f"The frame rate must be above 0, not {self.rate}.")
        if (self.expression is None) != (self.basis is None):
            raise InputError("Expression coefficients and the name of the model they belong to go together.")
        lengths = set()
        for name, values in self.tracks().items():
            if not _has_shape(values, TRACKS[name]):
                raise InputError(f"The track {name} must have the shape (T, {_shape(name)}), not {values.shape}.")
            if not np.isfinite(values).all():
                raise InputError(f"The track {name} holds values that are not numbers (NaN or infinite).")
            if name in WEIGHT_NAMES and values.size and (values.min() < 0.0 or values.max() > 1.0):
                raise InputError(
                    f"The weights of {name} must lie in 0..1; they reach {values.min():g}..{values.max():g}."
                )
            lengths.add(len(values))
        if len(lengths) > 1:
            raise InputError(f"The tracks of a motion must be equally long; these have {sorted(lengths)} frames.")

    @property
    def fps(self) -> float:
        """Frames a second as a float."""
        return float(self.rate)

    @property
    def frame_count(self) -> int:
        """T, the number of frames; 0 where there is no track."""
        return next((len(values) for values in self.tracks().values()), 0)

    @property
    def times(self) -> NDArray[np.float64]:
        """(T,) seconds of the frames."""
        return self.start + np.arange(self.frame_count) * (self.rate.denominator / self.rate.numerator)

    @property
    def stated_origin(self) -> Origin:
        """How it was made: what is known, else the sound at least."""
        if self.origin is not None or not self.audio_sha256:
            return self.origin or Origin()
        return Origin(sources=(Source("audio", self.audio_name or "", self.audio_sha256),))

    def tracks(self) -> dict[str, FloatArray]:
        """Return the tracks that are present, by name."""
        present = {name: getattr(self, name) for name in TRACKS}
        return {name: values for name, values in present.items() if values is not None}

    def resampled(self, rate: Fraction) -> Motion:
        """Return the same performance at another frame rate, by linear interpolation between frames.

        Between neighbouring frames rotations are small, and linear interpolation of axis-angle is slerp to first
        order. T frames last T / rate seconds: every new frame that starts within them is there; those behind the last
        old frame hold its values.
        """
        if rate == self.rate or self.frame_count == 0:
            return replace(self, rate=rate)
        count = math.ceil(self.frame_count / self.rate * rate)
        return self.sampled(np.arange(count) * float(self.rate / rate), rate, self.start)

    def sampled(self, position: NDArray[np.float64], rate: Fraction, start: float) -> Motion:
        """Return the tracks at positions (T',) in frames of this motion, which may lie between and beyond them.

        Args:
            position: where each new frame lies, in frames from this motion's first; those beyond its ends hold it.
            rate: frames a second of the result.
            start: seconds of its first frame; events stay as they are.
        """
        position = np.clip(position, 0, self.frame_count - 1)
        before = position.astype(np.int64)
        after = np.minimum(before + 1, self.frame_count - 1)
        share = (position - before).astype(np.float32)

        def between(values: FloatArray) -> FloatArray:
            mixed = np.empty((len(position), *values.shape[1:]), np.float32)
            for first in range(0, len(position), _BLOCK):  # hours at once would take three times their memory
                part = slice(first, first + _BLOCK)
                weight = share[part].reshape(-1, *[1] * (values.ndim - 1))
                mixed[part] = values[before[part]] * (1 - weight) + values[after[part]] * weight
            return mixed

        changed: dict[str, Any] = {name: between(values) for name, values in self.tracks().items()}
        for name in WEIGHT_NAMES.keys() & changed.keys():
            np.clip(changed[name], 0.0, 1.0, out=changed[name])  # rounding may pass 1 by one bit
        return replace(self, rate=rate, start=start, **changed)

    def save(self, path: Path) -> None:
        """Write the `.npz` that docs/formats/motion.md describes. Equal motions give equal files.

        Raises:
            InputError: when the file cannot be written.
        """
        contents: dict[str, Any] = {
            "format": FORMAT,
            "version": VERSION,
            "fps": self.fps,
            "fps_rational": np.array([self.rate.numerator, self.rate.denominator], np.int64),
            "start": self.start,
            "audio_name": self.audio_name or "",
            "audio_sha256": self.audio_sha256 or "",
            "basis": self.basis or "",
            "provenance": self.stated_origin.text(),
        }
        contents |= {f"event_{part.name}": _column(self.events, part.name) for part in fields(Event)}
        for name, values in self.tracks().items():
            contents[name] = values
            if name in WEIGHT_NAMES:
                contents[_NAME_KEYS[name]] = np.array(WEIGHT_NAMES[name])
        with whole_file(path) as temporary, temporary.open("wb") as handle:
            np.savez_compressed(handle, **contents)

    @classmethod
    def load(cls, path: Path) -> Motion:
        """Read a `.npz` written by `save`. Nothing is unpickled; weights are matched by their names.

        Raises:
            InputError: when the file is missing, broken, of another kind or of a version this one does not know.
        """
        with readable(f"{path.name} is not a readable motion file", "make it again"):
            contents = reading.arrays(path)
        if str(contents.get("format")) != FORMAT:
            raise InputError(f"{path.name} is an .npz, but not a motion of Animcore: it has no format {FORMAT!r}.")
        if contents.get("version") != VERSION:
            raise InputError(
                f"{path.name} has version {contents.get('version')} of the motion format; this Animcore reads "
                f"version {VERSION}. Update Animcore, or export the file again."
            )
        try:
            with readable(f"{path.name} lacks a part of the motion format", "make it again"):
                return cls(**_arguments(contents))
        except InputError as error:
            named = path.name in str(error)
            raise error if named else InputError(f"{path.name}: {error}") from error


def _has_shape(values: FloatArray, frame: tuple[int | None, ...]) -> bool:
    """Whether `values` are frames of that shape."""
    if values.ndim != 1 + len(frame):
        return False
    return all(wanted in (None, size) for wanted, size in zip(frame, values.shape[1:], strict=True))


def _shape(name: str) -> str:
    return ", ".join("E" if size is None else str(size) for size in TRACKS[name])


def _column(events: Iterable[Event], part: str) -> NDArray[Any]:
    """One field of all events as an array: text, or seconds as float64."""
    values = [getattr(event, part) for event in events]
    return np.array(values, np.float64) if part in ("start", "end") else np.array(values, np.str_)


def _arguments(contents: dict[str, NDArray[Any]]) -> dict[str, Any]:
    """Turn the arrays of a file into the arguments of `Motion`."""
    numerator, denominator = (int(value) for value in contents["fps_rational"])
    arguments: dict[str, Any] = {
        "rate": Fraction(numerator, denominator),
        "start": float(contents["start"]),
        "audio_name": str(contents["audio_name"]) or None,
        "audio_sha256": str(contents["audio_sha256"]) or None,
        "basis": str(contents.get("basis", "")) or None,
        "events": tuple(_events(contents)),
        "origin": from_text(str(contents["provenance"])) if "provenance" in contents else None,
    }
    for name in sorted(TRACKS.keys() & contents.keys()):
        values = contents.pop(name).astype(np.float32, copy=False)  # no second copy of long motions
        arguments[name] = _in_order(values, contents[_NAME_KEYS[name]], name) if name in WEIGHT_NAMES else values
    return arguments


def _events(contents: dict[str, NDArray[Any]]) -> Iterable[Event]:
    columns = [contents[f"event_{part.name}"].tolist() for part in fields(Event)]
    for kind, label, start, end in zip(*columns, strict=True):
        if kind not in get_args(EventKind):
            raise InputError(f"There is no kind of event {kind!r}; the kinds are {', '.join(get_args(EventKind))}.")
        yield Event(kind, label, start, end)


def _in_order(values: FloatArray, names: NDArray[Any], track: str) -> FloatArray:
    """Bring weights (T, K) with K names into our order; a shape that the file lacks stays 0."""
    if values.ndim != 2 or values.shape[1] != len(names):
        raise InputError(f"The track {track} has the shape {values.shape} for {len(names)} names.")
    column = {str(name).lower(): index for index, name in enumerate(names)}
    ordered = np.zeros((len(values), len(WEIGHT_NAMES[track])), np.float32)
    for index, name in enumerate(WEIGHT_NAMES[track]):
        if name.lower() in column:
            ordered[:, index] = values[:, column[name.lower()]]
    return ordered
