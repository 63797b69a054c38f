"""Motion: the one record that travels through the house. Seconds and named tracks, and nothing about Blender.

The axes of every pose: X to the character's left, Y up, Z forward out of the face (right-handed). So +X rotates the
head to nod down and the jaw to open, +Y turns to the character's left. Poses are axis-angle in radians.
"""

from __future__ import annotations

import difflib
import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal, get_args, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from animcore.core import curve_plot, reading
from animcore.core.array_writer import write_arrays
from animcore.core.atomic_files import whole_file
from animcore.core.compared_by_value import ComparedByValue
from animcore.core.frame_rates import FrameRate, as_rate
from animcore.core.origin import Origin, Source, from_text
from animcore.core.vocabulary import ARKIT, SMPLX_JOINTS, TONGUE
from animcore.errors import InputError, readable

FORMAT = "animcore.motion"
VERSION = 1


EventKind = Literal["phoneme", "word", "beat", "emotion"]
FloatArray = NDArray[np.float32]

_BLOCK = 4096  # frames that are worked on at once
_PLOTTED = 8  # curves in a plot of which no names are given

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
_WEIGHTS: dict[str, tuple[str, int]] = {
    shape: (track, column) for track, names in WEIGHT_NAMES.items() for column, shape in enumerate(names)
}


@dataclass(frozen=True)
class Event:
    """Something that lasts from `start` to `end` (seconds): a phoneme, a word, a beat, a span of emotion."""

    kind: EventKind
    label: str
    start: float
    end: float


@dataclass(frozen=True, init=False, repr=False, eq=False)
class Motion(ComparedByValue):
    """A performance of T frames; frame i is at ``start + i / rate`` seconds. Any track may be absent (None).

    Attributes:
        rate: frames a second, exact (24000/1001 stays so); `fps` is the same as a float.
        start: time of the first frame in seconds; 0 is the start of the sound.
        arkit: (T, 52) float32 in 0..1, ARKit blendshape weights in the order of `vocabulary.ARKIT`.
        tongue: (T, 16) float32 in 0..1, in the order of `vocabulary.TONGUE`.
        expression: (T, E) float32, coefficients of the expression basis of a FLAME model.
        basis: the name of that model (`open-head`, `flame2020` ...): coefficients of two bases never mix.
        jaw_pose, neck_pose, head_pose: (T, 3) float32, axis-angle in radians.
        eye_pose: (T, 2, 3) float32, axis-angle of the left and the right eye in radians.
        body_pose: (T, 55, 3) float32, axis-angle of the joints of `vocabulary.SMPLX_JOINTS` relative to their parents.
        translation: (T, 3) float32, metres.
        audio_name, audio_sha256: the sound this was made from, or None.
        events: what happens when, in seconds.
        origin: how it was made, where that is known; it does not count when motions are compared.

    Examples:
        A nod of one second at 29.97 frames a second:

        >>> import numpy as np
        >>> turn = np.zeros((30, 3))
        >>> turn[:, 0] = 0.2 * np.sin(np.linspace(0, np.pi, 30))
        >>> nod = ac.Motion(29.97, head_pose=turn)
        >>> nod
        Motion(1.00 s: 30 frames at 29.97 fps; head_pose)
        >>> nod.rate
        Fraction(30000, 1001)
        >>> nod[0.5:].frame_count  # the second half: slices are in seconds
        15
        >>> nod.resampled("24").frame_count
        25
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
    origin: Origin | None = field(default=None, compare=False)

    __iter__ = None  # or Python would try the numbers 0, 1, 2 ... as keys

    def __init__(
        self,
        rate: FrameRate,
        start: float = 0.0,
        arkit: ArrayLike | None = None,
        tongue: ArrayLike | None = None,
        expression: ArrayLike | None = None,
        basis: str | None = None,
        jaw_pose: ArrayLike | None = None,
        neck_pose: ArrayLike | None = None,
        head_pose: ArrayLike | None = None,
        eye_pose: ArrayLike | None = None,
        body_pose: ArrayLike | None = None,
        translation: ArrayLike | None = None,
        audio_name: str | None = None,
        audio_sha256: str | None = None,
        events: Iterable[Event] = (),
        origin: Origin | None = None,
    ) -> None:
        """Take a rate of any kind and tracks as arrays or lists.

        Raises:
            InputError: where a rate, or a track's shape, length, finiteness or range is wrong.
        """
        tracks = {
            "arkit": arkit,
            "tongue": tongue,
            "expression": expression,
            "jaw_pose": jaw_pose,
            "neck_pose": neck_pose,
            "head_pose": head_pose,
            "eye_pose": eye_pose,
            "body_pose": body_pose,
            "translation": translation,
        }
        values: dict[str, Any] = {name: _as_track(given, name) for name, given in tracks.items()}
        values |= {"rate": as_rate(rate), "start": float(start), "basis": basis, "events": tuple(events)}
        values |= {"audio_name": audio_name, "audio_sha256": audio_sha256, "origin": origin}
        for name, value in values.items():
            object.__setattr__(self, name, value)
        self._check()

    def _check(self) -> None:
        """Check the rate, and every track's shape, length, finiteness and range."""
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

    def __repr__(self) -> str:
        parts = [f"{self.duration:.2f} s: {self.frame_count} frames at {self.fps:.5g} fps", ", ".join(self.tracks())]
        parts += [f"{len(self.events)} events"] if self.events else []
        parts += [f"audio {self.audio_name}"] if self.audio_name else []
        return f"Motion({'; '.join(part for part in parts if part)})"

    @overload
    def __getitem__(self, key: str) -> FloatArray: ...

    @overload
    def __getitem__(self, key: slice) -> Motion: ...

    def __getitem__(self, key: str | slice) -> FloatArray | Motion:
        """Return a track or the weights (T,) of a blendshape by name, or the part between two times in seconds.

        `motion["jawOpen"]` and `motion["head_pose"]` are arrays; `motion[1.5:3]` is a motion of the frames from second
        1.5 up to, but without, second 3, at the times that they had, with the events that reach into them.

        Raises:
            InputError: where there is nothing of that name, or the key is neither.
        """
        if isinstance(key, str):
            return self._named(key)
        if not isinstance(key, slice) or key.step is not None:
            raise InputError(
                f"A motion is asked for a name or for seconds, motion['jawOpen'] or motion[1.5:3], not for {key!r}."
            )
        return self._between(key.start, key.stop)

    def _named(self, key: str) -> FloatArray:
        track, column = _WEIGHTS.get(key, (key, None))
        if track not in TRACKS:
            near = difflib.get_close_matches(key, [*TRACKS, *_WEIGHTS], 1)
            raise InputError(f"There is no track or blendshape {key!r}{f'; is it {near[0]}' if near else ''}.")
        values: FloatArray | None = getattr(self, track)
        if values is None:
            raise InputError(f"This motion has no track {track}; it has {', '.join(self.tracks()) or 'none'}.")
        return values if column is None else values[:, column]

    def _between(self, begin: float | None, end: float | None) -> Motion:
        """The frames from `begin` up to, but without, `end` in seconds; None for all before or after."""
        count = self.frame_count
        first, last = (
            default if second is None else min(max(math.ceil((second - self.start) * self.fps - 1e-6), 0), count)
            for second, default in ((begin, 0), (end, count))
        )
        first = min(first, last)
        shown = (self.start + first / self.fps, self.start + last / self.fps)
        parts: dict[str, Any] = {name: values[first:last] for name, values in self.tracks().items()}
        events = (one for one in self.events if one.start < shown[1] and max(one.end, one.start + 1e-9) > shown[0])
        return replace(self, start=shown[0], events=tuple(events), **parts)

    @property
    def duration(self) -> float:
        """Seconds from the first frame to the end of the last."""
        return self.frame_count / self.fps

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
        """How it was made, as far as known, else the audio at least."""
        if self.origin is not None or not self.audio_sha256:
            return self.origin or Origin()
        return Origin(sources=(Source("audio", self.audio_name or "", self.audio_sha256),))

    def tracks(self) -> dict[str, FloatArray]:
        """Return the tracks that are present, by name."""
        present = {name: getattr(self, name) for name in TRACKS}
        return {name: values for name, values in present.items() if values is not None}

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON: `tracks` are lists of frames, `names` those of the weights' columns."""
        return {
            "format": FORMAT,
            "version": VERSION,
            "fps": self.fps,
            "rate": str(self.rate),
            "start": self.start,
            "audio_name": self.audio_name,
            "audio_sha256": self.audio_sha256,
            "basis": self.basis,
            "provenance": json.loads(self.stated_origin.text()),
            "events": [asdict(event) for event in self.events],
            "names": {name: list(names) for name, names in WEIGHT_NAMES.items() if name in self.tracks()},
            "tracks": {name: values.tolist() for name, values in self.tracks().items()},
        }

    def plot(self, names: Sequence[str] | None = None, axes: Any = None) -> Any:
        """Draw weights over seconds; returns the matplotlib `Axes`.

        Args:
            names: blendshapes; the eight that move most where none are given.
            axes: to draw into; new ones where none are given.

        Raises:
            InputError: without matplotlib, or where there is no blendshape of a name.
        """
        return curve_plot.draw(self.times, self._curves(names), repr(self), axes)

    def _repr_png_(self) -> bytes | None:
        """Show a plot in notebooks where matplotlib is there; the text else."""
        curves = self._curves(None)
        return curve_plot.png(self.times, curves, repr(self)) if curves and curve_plot.is_possible() else None

    def _curves(self, names: Sequence[str] | None) -> dict[str, FloatArray]:
        if names is None:
            there = self.tracks() if self.frame_count else {}
            shapes = [name for name, (track, _) in _WEIGHTS.items() if track in there]
            names = sorted(shapes, key=lambda name: -float(np.std(self[name])))[:_PLOTTED]
        return {name: self[name] for name in names}

    def resampled(self, rate: FrameRate) -> Motion:
        """Return the same performance at another frame rate, by linear interpolation between frames.

        Between neighbouring frames rotations are small, and linear interpolation of axis-angle is slerp to first
        order. T frames last T / rate seconds: every new frame that starts within them is there; those behind the last
        old frame hold its values.
        """
        rate = as_rate(rate)
        if rate == self.rate or self.frame_count == 0:
            return replace(self, rate=rate)
        count = math.ceil(self.frame_count / self.rate * rate)
        return self.sampled(np.arange(count) * float(self.rate / rate), rate, self.start)

    def sampled(self, position: ArrayLike, rate: FrameRate, start: float) -> Motion:
        """Return the tracks at positions (T',) in frames of this motion, which may lie between and beyond them.

        Args:
            position: where each new frame lies, in frames from this motion's first; those beyond its ends hold it.
            rate: frames a second of the result.
            start: seconds of its first frame; events stay as they are.
        """
        rate = as_rate(rate)
        position = np.clip(np.asarray(position, np.float64), 0, self.frame_count - 1)
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

    def save(self, path: str | Path) -> None:
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
        with whole_file(Path(path)) as temporary, temporary.open("wb") as handle:
            write_arrays(handle, contents)

    @classmethod
    def load(cls, path: str | Path) -> Motion:
        """Read a `.npz` written by `save`. Nothing is unpickled; weights are matched by their names.

        Raises:
            InputError: when the file is missing, broken, of another kind or of a later version.
        """
        path = Path(path)
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


def _as_track(given: ArrayLike | None, name: str) -> FloatArray | None:
    """The values of a track as float32, the same array where it is one already."""
    if given is None:
        return None
    try:
        return np.asarray(given, np.float32)
    except (TypeError, ValueError) as error:
        raise InputError(
            f"The track {name} must be numbers of the shape (T, {_shape(name)}), not {type(given).__name__}."
        ) from error


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
