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
from animcore.files.sheet import Format, Setup, Sheet
from animcore.motion import Motion
from animcore.names import ARKIT
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
_USUAL_RATE = Fraction(60)  # of the app, for files of which nothing else is known
_COUNT = len(WEIGHT_COLUMNS) + len(ROTATION_COLUMNS)
# Motion's axis-angle (X pitch, Y yaw, Z roll) in the order of the columns; head and eyes turn little, so that the
# components of the axis-angle vector stand for the three angles.
_YAW_PITCH_ROLL = (1, 0, 2)


def encode(motion: Motion, _setup: Setup) -> Sheet:
    """Take the ARKit weights and the rotations of head and eyes (0 where absent) of a motion.

    Raises:
        InputError: when the motion has no ARKit weights.
    """
    if motion.arkit is None:
        raise InputError("This motion has no ARKit weights, which a Live Link Face file consists of.")
    curves = dict(zip(ARKIT, motion.arkit.T, strict=True)) | dict(
        zip(ROTATION_COLUMNS, _rotations(motion).T, strict=True)
    )
    return Sheet(motion.rate, motion.start, curves)


def decode(sheet: Sheet, _setup: Setup) -> Motion:
    """Give the weights and rotations back; weights a little out of 0..1 are clipped."""
    angles = sheet.matrix(ROTATION_COLUMNS).reshape(-1, 3, 3)
    poses = np.empty_like(angles)
    poses[:, :, _YAW_PITCH_ROLL] = angles
    return Motion(
        rate=sheet.rate,
        start=sheet.start,
        arkit=np.clip(sheet.matrix(ARKIT), 0.0, 1.0),
        head_pose=poses[:, 0],
        eye_pose=poses[:, 1:],
    )


def write(sheet: Sheet, path: Path, _setup: Setup) -> None:
    """Write the table.

    Raises:
        InputError: when the file cannot be written.
    """
    values = sheet.matrix((*WEIGHT_COLUMNS, *ROTATION_COLUMNS))
    first = round(sheet.start * sheet.rate)
    with whole_file(path) as temporary, temporary.open("w", newline="", encoding="ascii") as handle:
        table = csv.writer(handle, lineterminator="\n")
        table.writerow(HEADER)
        for index, row in enumerate(values):
            table.writerow([timecode(first + index, sheet.rate), _COUNT, *(f"{value:.6f}" for value in row)])


def _rotations(motion: Motion) -> FloatArray:
    """(T, 9) radians: yaw, pitch, roll of the head (neck and head together), the left and the right eye."""
    still = np.zeros((motion.frame_count, 3), np.float32)
    head = sum((pose for pose in (motion.neck_pose, motion.head_pose) if pose is not None), still)
    eyes = motion.eye_pose if motion.eye_pose is not None else np.stack([still, still], 1)
    poses = np.stack([head, eyes[:, 0], eyes[:, 1]], 1)[:, :, _YAW_PITCH_ROLL]
    return poses.reshape(motion.frame_count, 9)


def read(path: Path, setup: Setup) -> Sheet:
    """Read a Live Link Face CSV recorded at `setup.rate`; frames that it dropped are filled by interpolation.

    Columns are matched by name without regard to case.

    Raises:
        InputError: when the file is missing, no such table, or holds something else than numbers.
    """
    rate = setup.rate or _USUAL_RATE
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
    names = (*ARKIT, *ROTATION_COLUMNS)
    values = _columns(rows, column, names, path)
    first = round(frames[0])
    wanted = np.arange(first, round(frames[-1]) + 1)
    curves = zip(names, _interpolated(wanted, frames, values).T, strict=True)
    return Sheet(rate, float(first / rate), dict(curves))


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
    columns = [np.interp(wanted, frames, values[:, index]) for index in range(values.shape[1])]
    return np.stack(columns, 1).astype(np.float32)


FORMAT = Format(
    title="Live Link Face CSV",
    suffix=".csv",
    carries=("arkit", "neck_pose", "head_pose", "eye_pose"),
    encode=encode,
    write=write,
    read=read,
    decode=decode,
    tolerance=2e-6,
)
