"""Reads the `.npz` that the engine writes (docs/formats/motion.md). Imports no bpy, and nothing of the engine."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .errors import AddonError

FORMAT = "animcore.motion"
VERSION = 1

FloatArray = NDArray[np.float32]


@dataclass(frozen=True)
class Motion:
    """A performance of T frames; frame i is at ``start + i / rate`` seconds of the sound.

    Attributes:
        rate: frames a second, exact.
        start: seconds of the first frame.
        names: K names of the columns of `weights`.
        weights: (T, K) float32, 0..1.
        jaw, neck, head: (T, 3) axis-angle in radians (X to the character's left, Y up, Z out of the face), or None.
        eyes: (T, 2, 3) the same for the left and the right eye, or None.
    """

    rate: Fraction
    start: float
    names: tuple[str, ...]
    weights: FloatArray
    jaw: FloatArray | None = None
    neck: FloatArray | None = None
    head: FloatArray | None = None
    eyes: FloatArray | None = None

    @property
    def frame_count(self) -> int:
        """T, the number of frames."""
        return len(self.weights)


def load(path: Path) -> Motion:
    """Read a motion file; nothing is unpickled.

    Raises:
        AddonError: when the file is missing, broken, of another kind or of a version this extension does not know.
    """
    try:
        with np.load(path, allow_pickle=False) as data:
            contents = {name: data[name] for name in data.files}
        kind, version = str(contents.get("format")), int(contents.get("version", 0))
        if kind != FORMAT or version != VERSION:
            raise AddonError(
                f"{path.name} is {kind} version {version}, and this extension reads {FORMAT} version {VERSION}: "
                "update the extension and the engine together."
            )
        return _motion(contents)
    except (OSError, KeyError, ValueError, TypeError, EOFError, ZeroDivisionError, zipfile.BadZipFile) as error:
        raise AddonError(f"The engine's result {path.name} cannot be read ({error}); generate again.") from error


def _motion(contents: dict[str, NDArray]) -> Motion:
    numerator, denominator = (int(value) for value in contents["fps_rational"])
    weights = np.ascontiguousarray(contents["arkit"], np.float32)
    names = tuple(str(name) for name in contents["names"])
    motion = Motion(
        rate=Fraction(numerator, denominator),
        start=float(contents["start"]),
        names=names,
        weights=weights,
        jaw=_track(contents, "jaw_pose", (3,)),
        neck=_track(contents, "neck_pose", (3,)),
        head=_track(contents, "head_pose", (3,)),
        eyes=_track(contents, "eye_pose", (2, 3)),
    )
    if weights.ndim != 2 or weights.shape[1] != len(names) or not len(weights) or not np.isfinite(weights).all():
        raise ValueError(f"face weights {weights.shape} for {len(names)} names")
    return motion


def _track(contents: dict[str, NDArray], name: str, shape: tuple[int, ...]) -> FloatArray | None:
    """A pose track of the file with T frames of `shape`, or None where the file has none."""
    if name not in contents:
        return None
    values = np.ascontiguousarray(contents[name], np.float32)
    if values.shape != (len(contents["arkit"]), *shape) or not np.isfinite(values).all():
        raise ValueError(f"track {name} of shape {values.shape}")
    return values
