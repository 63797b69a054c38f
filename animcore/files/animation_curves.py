"""What a file of any format holds: named curves and events. Every format writes and reads `AnimationCurves`.

Between Motion and a file there are two steps: `encode` chooses and converts what the format can hold (ARKit weights
into a rig's shapes, axis-angle into Euler angles), `write` puts it down. Reading goes the other way. So a file can be
compared with its intended contents, curve by curve, in its own terms.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from animcore.core.vocabulary import ARKIT, TONGUE
from animcore.errors import InputError
from animcore.motion import Event, Motion

Array = NDArray[np.floating[Any]]

_BLOCK = 4096  # frames


@dataclass(frozen=True)
class FormatOptions:
    """Settings of a file; every format uses its own.

    Attributes:
        rate: frame rate, for reading files that do not state theirs.
        profile: name of the rig profile (rigs/*.toml) whose shapes the curves are for; None for ARKit's own names.
        mesh: name, or path in the scene, of the mesh that carries the shapes (Unity, Godot).
        model: name (`open-head`) or file of the FLAME or SMPL-X model that coefficients belong to.
        character: `.blend` or `.glb` of the character that goes into the file; None for the default one.
        bones: whether a scene is also read bone by bone, as `facts["bones"]` (scenes/bone_motion.py).
    """

    rate: Fraction | None = None
    profile: str | None = None
    mesh: str = "Head"
    model: str = "open-head"
    character: Path | None = None
    bones: bool = False


@dataclass(frozen=True)
class AnimationCurves:
    """Named curves of T frames each, and events. Frame i is at ``start + i / rate`` seconds.

    Attributes:
        rate: frame rate, exact.
        start: seconds of the first frame.
        curves: name -> (T,) or (T, ...) values, in the units of the file.
        events: what happens when, in seconds.
        lacks: a sentence for each thing of the motion that the file or the rig cannot hold.
        notes: a sentence for each thing that was noticed and mended on reading (degrees taken for radians ...).
        facts: other contents of a file (gender, betas, name of the audio), by name.
    """

    rate: Fraction
    start: float = 0.0
    curves: Mapping[str, Array] = field(default_factory=dict)
    events: tuple[Event, ...] = ()
    lacks: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check that the curves are finite and equally long.

        Raises:
            InputError: where they are not.
        """
        lengths = {len(values) for values in self.curves.values()}
        if len(lengths) > 1:
            raise InputError(f"The curves of one file must be equally long; these have {sorted(lengths)} frames.")
        for name, values in self.curves.items():
            if not np.isfinite(values).all():
                raise InputError(f"The curve {name} holds values that are not numbers (NaN or infinite).")

    @property
    def frame_count(self) -> int:
        """T, the number of frames; 0 where there is no curve."""
        return next((len(values) for values in self.curves.values()), 0)

    def matrix(self, names: tuple[str, ...]) -> NDArray[np.float32]:
        """Return (T, K) the named curves side by side, matched without regard to case; one that is absent is 0."""
        found = {name.lower(): values for name, values in self.curves.items()}
        still = np.zeros(self.frame_count)
        columns = [found.get(name.lower(), still) for name in names]
        return np.stack(columns, 1).astype(np.float32) if columns else np.zeros((self.frame_count, 0), np.float32)

    def rows(self, names: tuple[str, ...]) -> Iterator[list[float]]:
        """Go through the frames of named curves, as `matrix` has them, without holding all as Python's numbers."""
        found = {name.lower(): values for name, values in self.curves.items()}
        for first in range(0, self.frame_count, _BLOCK):
            part = {name: values[first : first + _BLOCK] for name, values in found.items()}
            yield from replace(self, curves=part).matrix(names).tolist()


@dataclass(frozen=True)
class FileFormat:
    """One file format.

    Attributes:
        title: what people call it.
        suffix: of its files, with the dot.
        carries: the tracks of Motion that it can hold; with `events` where it holds those.
        encode: Motion -> AnimationCurves.
        write: writes AnimationCurves into a file.
        read: gets it back.
        decode: AnimationCurves -> Motion.
        tolerance: the largest difference between intended and read values that is mere rounding.
        needs_rate: whether its files do not state their frame rate.
        limit: the largest difference of a weight, of radians or of metres in a file that another program wrote.
        keeps_clock: whether its times can be those of a clock, hours from 0, without losing frames.
    """

    title: str
    suffix: str
    carries: tuple[str, ...]
    encode: Callable[[Motion, FormatOptions], AnimationCurves]
    write: Callable[[AnimationCurves, Path, FormatOptions], None]
    read: Callable[[Path, FormatOptions], AnimationCurves]
    decode: Callable[[AnimationCurves, FormatOptions], Motion]
    tolerance: float = 1e-5
    needs_rate: bool = False
    limit: float = 1e-3
    keeps_clock: bool = False


def face_weights(motion: Motion, _setup: FormatOptions) -> AnimationCurves:
    """Encode ARKit and tongue weights under the engine's own names.

    Raises:
        InputError: when the motion has no ARKit weights.
    """
    if motion.arkit is None:
        raise InputError("This motion has no face weights, which this format consists of.")
    curves: dict[str, Array] = dict(zip(ARKIT, motion.arkit.T, strict=True))
    if motion.tongue is not None:
        curves |= dict(zip(TONGUE, motion.tongue.T, strict=True))
    return AnimationCurves(motion.rate, motion.start, curves, motion.events)


def face_motion(animation: AnimationCurves, _setup: FormatOptions) -> Motion:
    """Decode curves that have the engine's own names; weights a little out of 0..1 are clipped."""
    has_tongue = not {name.lower() for name in TONGUE}.isdisjoint(name.lower() for name in animation.curves)
    return Motion(
        rate=animation.rate,
        start=animation.start,
        arkit=np.clip(animation.matrix(ARKIT), 0.0, 1.0),
        tongue=np.clip(animation.matrix(TONGUE), 0.0, 1.0) if has_tongue else None,
        events=animation.events,
    )


def largest_errors(wanted: AnimationCurves, found: AnimationCurves) -> dict[str, float]:
    """Return the largest absolute difference of each wanted curve from what was read back; infinite where it is absent.

    Curves are matched without regard to case; a different number of frames makes every difference infinite. `events`
    is the largest difference of their times in seconds, infinite where others were read back.
    """
    present = {name.lower(): values for name, values in found.curves.items()}
    errors = {}
    for name, values in wanted.curves.items():
        other = present.get(name.lower())
        if other is None or np.shape(other) != np.shape(values):
            errors[name] = float("inf")
        else:
            errors[name] = max(
                (float(np.max(np.abs(np.asarray(a) - b), initial=0.0)) for a, b in _both(other, values)), default=0.0
            )
    if wanted.events:
        errors["events"] = _event_error(wanted.events, found.events)
    return errors


def _both(one: Array, other: Array) -> Iterator[tuple[Array, Array]]:
    """Two curves side by side in pieces: the difference of hours at once takes as much memory as both."""
    for first in range(0, len(one), _BLOCK):
        yield one[first : first + _BLOCK], other[first : first + _BLOCK]


def _event_error(wanted: tuple[Event, ...], found: tuple[Event, ...]) -> float:
    if [(one.kind, one.label) for one in wanted] != [(one.kind, one.label) for one in found]:
        return float("inf")
    pairs = zip(wanted, found, strict=True)
    return max(max(abs(one.start - other.start), abs(one.end - other.end)) for one, other in pairs)
