"""NumPy archives (`.npz`) of unknown origin: read without unpickling anything, and the units of their arrays."""

from __future__ import annotations

import math
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from animcore.core import reading
from animcore.core.array_writer import write_arrays
from animcore.core.atomic_files import whole_file
from animcore.core.frame_rates import exact_rate
from animcore.errors import InputError, readable
from animcore.files.animation_curves import Array, FormatOptions

Contents = dict[str, NDArray[Any]]

RATE_NAMES = ("mocap_frame_rate", "mocap_framerate", "fps", "frame_rate")
_TURN = 2 * np.pi * 1.02  # no axis-angle is longer than a whole turn, so more is degrees
_FAR = 20.0  # metres from the origin on the median frame: further away the unit is centimetres


def contents_of(path: Path, wanted: tuple[str, ...]) -> tuple[Contents, tuple[str, ...]]:
    """Read the arrays of these names that a file has, and give a sentence for each that is pickled and so not read.

    Raises:
        InputError: when the file is no archive of arrays, broken, or unpacks to more than memory should hold.
    """
    pickled: list[str] = []
    with readable(f"{path.name} is not a readable .npz file", "make it again"):
        found = reading.arrays(path, (*wanted, "format"), pickled=pickled)
    if "format" in found:
        raise InputError(f"{path.name} is a motion of Animcore under another name; give it the name .npz.")
    notes = (f"{path.name}: {name} is a pickled object, which could run code; it was not read." for name in pickled)
    return found, tuple(notes)


def save(contents: Mapping[str, Any], path: str | Path) -> None:
    """Write arrays into a compressed archive.

    Raises:
        InputError: when the file cannot be written.
    """
    path = Path(path)
    with whole_file(path) as temporary, temporary.open("wb") as handle:
        write_arrays(handle, contents)


def rate_in(contents: Contents, setup: FormatOptions, path: Path) -> Fraction:
    """Return the frame rate that a file states under any of its names, else the one that is given with it.

    Raises:
        InputError: when neither is known.
    """
    for name in (name for name in RATE_NAMES if name in contents):
        stated = contents[name]
        if stated.size != 1 or stated.dtype.kind not in "fiu":
            raise InputError(f"{path.name}: {name} is not a frame rate.")
        return exact_rate(float(stated.reshape(-1)[0]))
    if setup.rate is None:
        raise InputError(f"{path.name} does not state its frame rate; give it (--fps).")
    return setup.rate


def frames_of(contents: Contents, name: str, width: int, path: Path) -> Array:
    """Return (T, width) finite numbers of the array `name`.

    Raises:
        InputError: where it is absent or has another shape.
    """
    if name not in contents:
        raise InputError(f"{path.name} has no {name}; is it of another kind?")
    values = contents[name]
    if values.dtype.kind not in "fiu":
        raise InputError(f"{path.name}: {name} holds no numbers.")
    values = values.reshape(len(values), math.prod(values.shape[1:])) if values.ndim else values.reshape(1, 1)
    if values.shape[1] != width:
        raise InputError(f"{path.name}: {name} has the shape {contents[name].shape}; (T, {width}) is expected.")
    if not np.isfinite(values).all():
        raise InputError(f"{path.name}: {name} holds values that are not numbers (NaN or infinite).")
    return np.asarray(values, np.float32)


def radians(poses: Array, path: Path) -> tuple[Array, tuple[str, ...]]:
    """Return axis-angle (T, 3 J) in radians; an angle above a whole turn shows that they are degrees."""
    longest = float(np.linalg.norm(poses.reshape(-1, 3), axis=1).max(initial=0.0))
    if longest <= _TURN:
        return poses, ()
    note = f"{path.name}: rotations reach {longest:.0f}, so they were read as degrees and turned into radians."
    return np.radians(poses), (note,)


def metres(translation: Array, path: Path) -> tuple[Array, tuple[str, ...]]:
    """Return positions (T, 3) in metres; a take that happens far from the origin is in centimetres or millimetres."""
    middle = float(np.median(np.linalg.norm(translation, axis=1))) if len(translation) else 0.0
    if middle <= _FAR:
        return translation, ()
    unit, share = ("millimetres", 1000.0) if middle > 50 * _FAR else ("centimetres", 100.0)
    note = f"{path.name}: the body is {middle:.0f} away from the origin, so its positions were read as {unit}."
    return translation / share, (note,)
