"""Live Link Face CSV, as Epic's app records it and Unreal, Maya and Blender importers read it.

A row a frame: a timecode, the count 61, the 52 ARKit weights, and nine head and eye rotations in radians. The app's
own recordings have JawRight before JawLeft and MouthRight before MouthLeft, other writers the reverse: readers must
match by name, which ours does; the writer keeps the app's order for those that do not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from animcore.core.atomic_files import whole_file
from animcore.core.frame_rates import timecode
from animcore.core.vocabulary import ARKIT
from animcore.errors import InputError
from animcore.files import blendshape_names
from animcore.files.animation_curves import AnimationCurves, Array, FileFormat, FormatOptions
from animcore.files.face_curves.livelink_timecodes import times_of
from animcore.files.frame_times import fill_gaps, to_even_frames
from animcore.files.text_tables import table_of
from animcore.motion import Motion
from animcore.retarget import name_normalization

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
_FARTHEST = 1.6  # radians: a face turned further is not tracked any more; larger values are degrees
_COUNT = len(WEIGHT_COLUMNS) + len(ROTATION_COLUMNS)
# Motion's axis-angle (X pitch, Y yaw, Z roll) in the order of the columns; head and eyes turn little, so that the
# components of the axis-angle vector stand for the three angles.
_YAW_PITCH_ROLL = (1, 0, 2)


def encode(motion: Motion, _setup: FormatOptions) -> AnimationCurves:
    """Take the ARKit weights and the rotations of head and eyes (0 where absent) of a motion.

    Raises:
        InputError: when the motion has no ARKit weights.
    """
    if motion.arkit is None:
        raise InputError("This motion has no ARKit weights, which a Live Link Face file consists of.")
    curves = dict(zip(ARKIT, motion.arkit.T, strict=True)) | dict(
        zip(ROTATION_COLUMNS, _rotations(motion).T, strict=True)
    )
    return AnimationCurves(motion.rate, motion.start, curves)


def decode(animation: AnimationCurves, _setup: FormatOptions) -> Motion:
    """Give the weights and rotations back; weights a little out of 0..1 are clipped."""
    angles = animation.matrix(ROTATION_COLUMNS).reshape(-1, 3, 3)
    poses = np.empty_like(angles)
    poses[:, :, _YAW_PITCH_ROLL] = angles
    return Motion(
        rate=animation.rate,
        start=animation.start,
        arkit=np.clip(animation.matrix(ARKIT), 0.0, 1.0),
        head_pose=poses[:, 0],
        eye_pose=poses[:, 1:],
    )


def write(animation: AnimationCurves, path: Path, _setup: FormatOptions) -> None:
    """Write the table.

    Raises:
        InputError: when the file cannot be written.
    """
    names = (*WEIGHT_COLUMNS, *ROTATION_COLUMNS)
    first = float(animation.start * animation.rate)
    with whole_file(path) as temporary, temporary.open("w", newline="\n", encoding="ascii") as handle:
        handle.write(",".join(HEADER) + "\n")
        form = ",".join(["%.6f"] * len(names))
        for index, row in enumerate(animation.rows(names)):
            handle.write(f"{timecode(first + index, animation.rate)},{_COUNT},{form % tuple(row)}\n")


def _rotations(motion: Motion) -> FloatArray:
    """(T, 9) radians: yaw, pitch, roll of the head (neck and head together), the left and the right eye."""
    still = np.zeros((motion.frame_count, 3), np.float32)
    head = sum((pose for pose in (motion.neck_pose, motion.head_pose) if pose is not None), still)
    eyes = motion.eye_pose if motion.eye_pose is not None else np.stack([still, still], 1)
    poses = np.stack([head, eyes[:, 0], eyes[:, 1]], 1)[:, :, _YAW_PITCH_ROLL]
    return poses.reshape(motion.frame_count, 9)


def read(path: Path, setup: FormatOptions) -> AnimationCurves:
    """Read a Live Link Face CSV; frames that it dropped are filled by interpolation.

    Columns are matched by name without regard to case, separators and how a side is written. Where `setup.rate` is
    not given, it is found from the timecodes.

    Raises:
        InputError: when the file is missing, no such table, or holds something else than numbers.
    """
    table = table_of(path)
    codes = table.column("Timecode")
    spelled = _spelled(table.header)
    if not codes or not any(name in spelled for name in ARKIT):
        raise InputError(f"{path.name} is not a Live Link Face recording: it needs a Timecode and ARKit columns.")
    times = times_of(codes, path.name, setup.rate)
    values = table.numbers(tuple(spelled.values()), np.float32)[times.order]
    curves, gaps = fill_gaps(times.seconds, tuple(spelled), values, path.name)
    columns, more = _noticed(curves, path)
    animation = to_even_frames(
        times.seconds, columns, path.name, times.rate, (*times.notes, *table.notes, *gaps, *more)
    )
    still = np.zeros(animation.frame_count)
    return replace(animation, curves={name: animation.curves.get(name, still) for name in (*ARKIT, *ROTATION_COLUMNS)})


def _spelled(header: Sequence[str]) -> dict[str, str]:
    """Our name -> the column's: ``JawOpen``, ``jaw_open`` and ``eyeBlink_L`` are read alike."""
    found = name_normalization.match((*ARKIT, *ROTATION_COLUMNS), header)
    return {ours: theirs for ours, (theirs, *more) in found.items() if not more}


def _noticed(columns: dict[str, Array], path: Path) -> tuple[dict[str, Array], tuple[str, ...]]:
    """Weights in 0..1 and rotations in radians, and a sentence where they were not."""
    rotations = {name: values for name, values in columns.items() if name in ROTATION_COLUMNS}
    weights, notes = blendshape_names.noticed(
        {key: columns[key] for key in columns.keys() - rotations.keys()}, path.name
    )
    largest = max((float(np.abs(values).max()) for values in rotations.values()), default=0.0)
    if largest > _FARTHEST:
        note = f"{path.name}: rotations reach {largest:.0f}, so they were read as degrees and turned into radians."
        return weights | {name: np.radians(values) for name, values in rotations.items()}, (*notes, note)
    return weights | rotations, notes


FORMAT = FileFormat(
    title="Live Link Face CSV",
    suffix=".csv",
    carries=("arkit", "neck_pose", "head_pose", "eye_pose"),
    encode=encode,
    write=write,
    read=read,
    decode=decode,
    tolerance=2e-6,
    keeps_clock=True,
)
