"""Live Link Face CSV, as Epic's app records it and Unreal, Maya and Blender importers read it.

A row a frame: a timecode, the count 61, the 52 ARKit weights, and nine head and eye rotations in radians. The app's
own recordings have JawRight before JawLeft and MouthRight before MouthLeft, other writers the reverse: readers must
match by name, which ours does; the writer keeps the app's order for those that do not.
"""

from __future__ import annotations

import csv
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from animcore.atomic import whole_file
from animcore.errors import InputError
from animcore.motion import Motion
from animcore.names import ARKIT, ARKIT_INDEX
from animcore.rates import frame_of_timecode, timecode

FloatArray = NDArray[np.float32]

_SWAPPED = {"jawLeft": "jawRight", "jawRight": "jawLeft", "mouthLeft": "mouthRight", "mouthRight": "mouthLeft"}
WEIGHT_COLUMNS: tuple[str, ...] = tuple(_SWAPPED.get(name, name) for name in ARKIT)
ROTATION_COLUMNS: tuple[str, ...] = tuple(
    part + axis for part in ("Head", "LeftEye", "RightEye") for axis in ("Yaw", "Pitch", "Roll")
)
HEADER: tuple[str, ...] = (
    "Timecode",
    "BlendShapeCount",
    *(name[0].upper() + name[1:] for name in WEIGHT_COLUMNS),
    *ROTATION_COLUMNS,
)
_COUNT = len(WEIGHT_COLUMNS) + len(ROTATION_COLUMNS)
# Motion's axis-angle (X pitch, Y yaw, Z roll) in the order of the columns; head and eyes turn little, so that the
# components of the axis-angle vector stand for the three angles.
_YAW_PITCH_ROLL = (1, 0, 2)


def write(motion: Motion, path: Path) -> None:
    """Write the ARKit weights and the rotations of head and eyes (0 where absent) of a motion.

    Raises:
        InputError: when the motion has no ARKit weights, or the file cannot be written.
    """
    if motion.arkit is None:
        raise InputError("This motion has no ARKit weights, which a Live Link Face file consists of.")
    weights = motion.arkit[:, [ARKIT_INDEX[name] for name in WEIGHT_COLUMNS]]
    values = np.concatenate([weights, _rotations(motion)], 1)
    first = round(motion.start * motion.rate)
    with whole_file(path) as temporary, temporary.open("w", newline="", encoding="ascii") as handle:
        table = csv.writer(handle, lineterminator="\n")
        table.writerow(HEADER)
        for index, row in enumerate(values):
            table.writerow([timecode(first + index, motion.rate), _COUNT, *(f"{value:.6f}" for value in row)])


def _rotations(motion: Motion) -> FloatArray:
    """(T, 9) radians: yaw, pitch, roll of the head (neck and head together), the left and the right eye."""
    still = np.zeros((motion.frame_count, 3), np.float32)
    head = sum((pose for pose in (motion.neck_pose, motion.head_pose) if pose is not None), still)
    eyes = motion.eye_pose if motion.eye_pose is not None else np.stack([still, still], 1)
    poses = np.stack([head, eyes[:, 0], eyes[:, 1]], 1)[:, :, _YAW_PITCH_ROLL]
    return poses.reshape(motion.frame_count, 9)


def read(path: Path, rate: Fraction) -> Motion:
    """Read a Live Link Face CSV recorded at `rate`; frames that the recording dropped are filled by interpolation.

    Columns are matched by name without regard to case. Weights a little out of 0..1 are clipped.

    Raises:
        InputError: when the file is missing, no such table, or holds something else than numbers.
    """
    try:
        rows = list(csv.reader(path.read_text(encoding="utf-8-sig").splitlines()))
    except OSError as error:
        raise InputError(f"{path.name} cannot be read ({error.strerror}).") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path.name} is not a text table ({error}).") from error
    rows = [row for row in rows if row]
    column = {name.strip().lower(): index for index, name in enumerate(rows[0])} if rows else {}
    if "timecode" not in column or not any(name.lower() in column for name in ARKIT) or len(rows) < 2:
        raise InputError(f"{path.name} is not a Live Link Face recording: it needs a Timecode and ARKit columns.")
    frames = np.array([frame_of_timecode(row[column["timecode"]], rate) for row in rows[1:]])
    if (np.diff(frames) <= 0).any():
        raise InputError(f"{path.name}: the timecodes do not rise; was it recorded at {float(rate):g} fps?")
    weights = np.clip(_columns(rows, column, ARKIT, path), 0.0, 1.0)
    angles = _columns(rows, column, ROTATION_COLUMNS, path).reshape(-1, 3, 3)
    poses = np.empty_like(angles)
    poses[:, :, _YAW_PITCH_ROLL] = angles
    first = round(frames[0])
    wanted = np.arange(first, round(frames[-1]) + 1)
    return Motion(
        rate=rate,
        start=float(first / rate),
        arkit=_interpolated(wanted, frames, weights),
        head_pose=_interpolated(wanted, frames, poses[:, 0]),
        eye_pose=_interpolated(wanted, frames, poses[:, 1:]),
    )


def _columns(rows: list[list[str]], column: dict[str, int], names: tuple[str, ...], path: Path) -> FloatArray:
    """(T, K) values of the named columns; a column that the file lacks is 0."""
    places = [column.get(name.lower()) for name in names]
    try:
        values = [[0.0 if place is None else float(row[place]) for place in places] for row in rows[1:]]
    except (ValueError, IndexError) as error:
        raise InputError(f"{path.name} has a row that is cut off or holds no number ({error}).") from error
    result = np.array(values, np.float32)
    if not np.isfinite(result).all():
        raise InputError(f"{path.name} holds values that are not numbers (NaN or infinite).")
    return result


def _interpolated(wanted: NDArray[np.int64], frames: NDArray[np.float64], values: FloatArray) -> FloatArray:
    flat = values.reshape(len(values), -1)
    columns = [np.interp(wanted, frames, flat[:, index]) for index in range(flat.shape[1])]
    return np.stack(columns, 1).astype(np.float32).reshape(-1, *values.shape[1:])
