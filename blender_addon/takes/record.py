"""Take metadata, stored with its actions: the generated curves, the manual edits, and the settings of the request.

It travels in the file as one property of the action, so that edits survive another solve, a reduction can be taken
back, and a change of the frame rate is no loss. Imports no bpy.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from animcore.core.vocabulary import ARKIT
from animcore.postprocess import edit_layers, region_smoothing
from animcore.postprocess.key_reduction import Kind
from animcore.postprocess.lip_closure import LipGeometry
from animcore.postprocess.region_smoothing import NOTHING, RegionAdjustment
from animcore.retarget.reference_head import reference
from animcore.retarget.source_tracks import INDEX

from ..errors import AddonError

Array = NDArray[np.float64]
Single = NDArray[np.float32]

PROPERTY = "animcore_record"  # custom property of an action
VERSION = 1

# what the unpacking of bytes raises that somebody else has written
_BROKEN = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError, MemoryError, zlib.error)
_FARTHEST = 10_000_000  # frames from 0, either way: ten times what Blender takes
_TURN = 100.0  # millimetres of skin that a radian of a bone of the face or the head counts
_SHIFT = 1000.0  # millimetres that a unit of a bone's location counts
_UNKNOWN = 5.0  # millimetres that a weight counts whose shape the reference head does not have


@dataclass(frozen=True)
class Curve:
    """One F-curve of a take.

    Attributes:
        path, index: of the property.
        region: of `animcore.core.vocabulary.REGIONS`.
        rest: its value at rest; None for a part of an axis, which has none.
        low, high: limits of the curve when it is exaggerated; None where nothing limits it.
        tracks: what a unit of it does, in weights of the engine's tracks.
    """

    path: str
    index: int
    region: str
    rest: float | None = 0.0
    low: float | None = None
    high: float | None = None
    tracks: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Settings:
    """The polish of a take.

    Attributes:
        touches: what is done to the curves, by region.
        keys_per_second: of each curve that moves, on average; 0 for a key on every frame.
        kind: of the pieces between keys.
        edits: how much of the hand edits shows, 0..1.
    """

    touches: Mapping[str, RegionAdjustment] = field(default_factory=dict)
    keys_per_second: float = 0.0
    kind: Kind = "bezier"
    edits: float = 1.0


@dataclass(frozen=True)
class Record:
    """The curves of one action over T moments, and what they are made of.

    Attributes:
        rate: samples per second.
        start: seconds of the sound at the first one.
        scene_rate: the frame rate that the keys stand at.
        sound_frame: the frame at which the sound starts.
        curves: C.
        generated: (T, C) as the engine solved it.
        layer: (T, C) hand edits, 0 where there are none.
        written: (T, C) as the curves were when Animcore wrote them last.
        shown: how much of the layer they held then, 0..1.
    """

    rate: Fraction
    start: float
    scene_rate: Fraction
    sound_frame: int
    curves: tuple[Curve, ...]
    generated: Single
    layer: Single
    written: Single
    shown: float = 1.0

    @property
    def times(self) -> Array:
        """(T,) seconds of the sound."""
        times: Array = self.start + np.arange(len(self.generated)) * float(1 / self.rate)
        return times

    @property
    def frames(self) -> Array:
        """(T,) the frames that the moments are at now, whole ones unless the scene's rate was changed since."""
        if self.rate == self.scene_rate:
            return self.sound_frame + round(self.start * self.rate) + np.arange(len(self.generated), dtype=np.float64)
        return self.sound_frame + self.times * float(self.scene_rate)

    @cached_property
    def lips(self) -> LipGeometry:
        """The lips of the reference head under the curves."""
        face = reference()
        does = self._tracks()
        upper, lower = face.lip_pairs.T
        moved = 1000.0 * face.delta[:, np.unique(face.lip_pairs)].astype(np.float64)
        opened = 1000.0 * (face.delta[:, upper, 1] - face.delta[:, lower, 1]).astype(np.float64)
        return LipGeometry(np.tensordot(does, moved, 1), does @ opened)

    @property
    def importance(self) -> Array:
        """(C,) what an error of a curve counts where the lips do not matter, in millimetres per unit."""
        reach = 1000.0 * np.linalg.norm(reference().delta, axis=2).max(1)
        kinds = {"location": _SHIFT, "rotation_quaternion": 2 * _TURN, "rotation_euler": _TURN,
                 "rotation_axis_angle": _TURN, "value": _UNKNOWN}  # fmt: skip
        least = np.array([kinds.get(curve.path.rpartition(".")[2], _UNKNOWN) for curve in self.curves])
        skin: Array = np.abs(self._tracks()) @ reach
        return np.where(skin > 0, skin / 2.0, least)

    def base(self, settings: Settings) -> Array:
        """(T, C) the curves without hand edits."""
        values = self.generated.astype(np.float64)
        for region in {curve.region for curve in self.curves}:
            touch = settings.touches.get(region, NOTHING)
            if touch != NOTHING:
                own = [index for index, curve in enumerate(self.curves) if curve.region == region]
                rest = np.array([_or(self.curves[index].rest, np.nan) for index in own])
                values[:, own] = region_smoothing.adjust_region(values[:, own], rest, float(self.rate), touch)
                low = [_or(self.curves[index].low, -np.inf) for index in own]
                high = [_or(self.curves[index].high, np.inf) for index in own]
                values[:, own] = np.clip(values[:, own], low, high)
        return values

    def composed(self, settings: Settings) -> Array:
        """(T, C) the curves with the hand edits."""
        return self.base(settings) + settings.edits * self.layer

    def with_edits(self, current: Array) -> Record:
        """Return the record with what was changed by hand since it was written; (T, C) `current` as it is now."""
        change = edit_layers.absorb(np.zeros_like(current), current, self.written)
        # an edit that is made while the layer shows by half is meant to be seen as it is made
        layer = np.where(change != 0.0, self.layer + change / (self.shown or 1.0), self.layer)
        return replace(self, layer=np.where(np.abs(layer) > edit_layers.TOLERANCE, layer, 0.0).astype(np.float32))

    def packed(self) -> bytes:
        """Return the record as bytes, for a property of the action."""
        arrays = {"generated": self.generated, "layer": self.layer, "written": self.written}
        if not self.layer.any():
            del arrays["layer"]
        if np.array_equal(self.written, self.generated):
            del arrays["written"]
        parts = {name: _squeezed(values) for name, values in arrays.items()}
        header = {
            "version": VERSION,
            "rate": [self.rate.numerator, self.rate.denominator],
            "start": self.start,
            "scene_rate": [self.scene_rate.numerator, self.scene_rate.denominator],
            "sound_frame": self.sound_frame,
            "shown": self.shown,
            "frames": len(self.generated),
            "curves": [[c.path, c.index, c.region, c.rest, c.low, c.high, dict(c.tracks)] for c in self.curves],
            "sizes": {name: len(part) for name, part in parts.items()},
        }
        return json.dumps(header, separators=(",", ":")).encode() + b"\n" + b"".join(parts.values())

    @classmethod
    def unpacked(cls, data: bytes) -> Record:
        """Read what `packed` wrote.

        Raises:
            AddonError: when it is broken or was written by a newer Animcore.
        """
        try:
            first, _, rest = data.partition(b"\n")
            header = json.loads(first)
            if header["version"] != VERSION:
                raise AddonError("The take was made by a newer Animcore; update the extension.")
            curves = tuple(Curve(*values) for values in header["curves"])
            shape = (int(header["frames"]), len(curves))
            arrays: dict[str, Single] = {}
            for name, size in header["sizes"].items():
                arrays[name], rest = _unsqueezed(rest[:size], shape), rest[size:]
            generated = arrays["generated"]
            found = cls(
                Fraction(*header["rate"]),
                float(header["start"]),
                Fraction(*header["scene_rate"]),
                int(header["sound_frame"]),
                curves,
                generated,
                arrays.get("layer", np.zeros_like(generated)),
                arrays.get("written", generated),
                float(header["shown"]),
            )
            found._check()
            return found
        except _BROKEN as error:
            raise AddonError(
                f"The metadata of the take cannot be read ({error}): its keys stay, but cannot be polished; "
                "generate again."
            ) from error

    def _check(self) -> None:
        """Raise ValueError where something is of another kind than it has to be, or no number."""
        numbers = [self.start, self.shown]
        for curve in self.curves:
            limits = [value for value in (curve.rest, curve.low, curve.high) if value is not None]
            if not all(isinstance(value, (int, float)) for value in (*limits, *curve.tracks.values())):
                raise ValueError("a curve has no numbers")
            if not (isinstance(curve.path, str) and isinstance(curve.index, int) and isinstance(curve.region, str)):
                raise ValueError("a curve has no path")
            numbers += [*limits, *curve.tracks.values()]
        arrays = (np.array(numbers, np.float64), self.generated, self.layer, self.written)
        if not all(np.isfinite(values).all() for values in arrays) or min(self.rate, self.scene_rate) <= 0:
            raise ValueError("not all of it is numbers")
        if abs(self.sound_frame) > _FARTHEST:
            raise ValueError("it begins nowhere")

    def _tracks(self) -> Array:
        """(C, 52) what the curves do, in ARKit weights."""
        does = np.zeros((len(self.curves), len(ARKIT)))
        for row, curve in zip(does, self.curves, strict=True):
            for name, weight in curve.tracks.items():
                if INDEX.get(name, len(ARKIT)) < len(ARKIT):
                    row[INDEX[name]] = weight
        return does


def _or(value: float | None, other: float) -> float:
    return other if value is None else value


def _squeezed(values: Single) -> bytes:
    """Pack (T, C) without loss: neighbours in time share their high bytes, so each byte stands with its own."""
    words = np.ascontiguousarray(values.T, np.float32).view(np.uint32)
    steps = np.diff(words, axis=1, prepend=np.uint32(0))
    return zlib.compress(steps.ravel().view(np.uint8).reshape(-1, 4).T.tobytes(), 1)


def _unsqueezed(data: bytes, shape: tuple[int, int]) -> Single:
    """Undo `_squeezed`; `shape` is (T, C)."""
    size = 4 * shape[0] * shape[1]
    machine = zlib.decompressobj()
    raw = machine.decompress(data, size + 1)  # and no more, whatever the data claim
    if len(raw) != size or not machine.eof:
        raise ValueError("too short")
    steps: Any = np.frombuffer(raw, np.uint8).reshape(4, -1).T.copy().view(np.uint32).reshape(shape[::-1])
    words = np.cumsum(steps, axis=1, dtype=np.uint32)
    return np.ascontiguousarray(words.view(np.float32).T)
