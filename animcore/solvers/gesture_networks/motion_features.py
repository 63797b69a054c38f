"""Bodies as the numbers that gesture networks learn: rotations in six numbers, a way on the floor, feet that stand.

The layout of a frame is that of EMAGE (Liu et al., CVPR 2024), so that its published weights fit: 55 rotations of six
numbers, each the first two rows of the joint's matrix (Zhou et al., CVPR 2019), then the speed along X, the height and
the speed along Z in metres, then whether each of ankles and feet stands; 337 numbers, 30 times a second.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from animcore.body_models import kinematics
from animcore.core.vocabulary import SMPLX_JOINTS
from animcore.geometry import rotations

FloatArray = NDArray[np.float32]
Array = NDArray[np.floating[Any]]

FPS = 30
ROTATIONS = 6 * len(SMPLX_JOINTS)
WIDTH = ROTATIONS + 7

_LEGS = ("hip", "knee", "ankle", "foot")
_LOWER = {"pelvis", *(f"{side}_{part}" for side in ("left", "right") for part in _LEGS)}
_FACE = {"jaw", "left_eye_smplhf", "right_eye_smplhf"}
# The joints of each part in the order of its numbers.
PARTS: dict[str, tuple[int, ...]] = {
    "upper": tuple(i for i, name in enumerate(SMPLX_JOINTS[:22]) if name not in _LOWER),
    "hands": tuple(range(25, 55)),
    "lower": tuple(i for i, name in enumerate(SMPLX_JOINTS) if name in _LOWER),
}
# The columns of a frame that each part takes: 78, 180 and 61 of them.
COLUMNS: dict[str, NDArray[np.int64]] = {
    part: np.concatenate(
        [np.array([6 * joint + k for joint in joints for k in range(6)]), *([np.arange(ROTATIONS, WIDTH)] * last)]
    )
    for part, joints, last in ((part, joints, int(part == "lower")) for part, joints in PARTS.items())
}
_FEET = [kinematics.INDEX[f"{side}_{part}"] for part in ("ankle", "foot") for side in ("left", "right")]
_STANDS = 0.3  # metres a second under which a foot stands: EMAGE's centimetre a frame
_FACE_JOINTS = [SMPLX_JOINTS.index(name) for name in sorted(_FACE)]


def encode(pose: Array, translation: Array) -> FloatArray:
    """Return (T, 337) of a body at 30 frames a second: pose (T, 55, 3) axis-angle, translation (T, 3) metres.

    Jaw and eyes are left at rest: they belong to the face.
    """
    pose = np.array(pose, np.float64)
    pose[:, _FACE_JOINTS] = 0.0
    way = np.asarray(translation, np.float64)
    moving = np.stack([_speed(way[:, 0]), way[:, 1], _speed(way[:, 2])], 1)
    feet = kinematics.joint_positions(kinematics.world_rotations(pose), way)[:, _FEET]
    speed = np.linalg.norm(np.diff(feet, axis=0, append=feet[-1:]), axis=-1) * FPS
    return np.concatenate([to_6d(pose), moving, speed < _STANDS], 1, dtype=np.float32)


def decode(frames: Array) -> tuple[FloatArray, FloatArray]:
    """Return pose (T, 55, 3) and translation (T, 3), starting at x = z = 0, of frames (T, 337)."""
    frames = np.asarray(frames, np.float64)
    pose = rotations.from_matrix(matrices(frames[:, :ROTATIONS].reshape(len(frames), -1, 6)))
    moving = frames[:, ROTATIONS : ROTATIONS + 3]
    way = np.concatenate([np.zeros((1, 3)), np.cumsum(moving[:-1], 0) / FPS])[: len(frames)]
    way[:, 1] = moving[:, 1]
    return pose.astype(np.float32), way.astype(np.float32)


def rest(count: int) -> FloatArray:
    """Return (count, 337) of a still body in the T-pose, without foot contacts."""
    frames = np.zeros((count, WIDTH), np.float32)
    frames[:, :ROTATIONS] = np.tile([1, 0, 0, 0, 1, 0], len(SMPLX_JOINTS))
    return frames


def to_6d(pose: Array) -> Array:
    """Return (T, 6 J) of axis-angle (T, J, 3): the first two rows of each joint's matrix."""
    rows: Array = rotations.to_matrix(pose)[..., :2, :].reshape(len(pose), -1)
    return rows


def matrices(rows: Array) -> Array:
    """Return matrices (..., 3, 3) of (..., 6): the rows made perpendicular and of length 1."""
    first = rotations.normalized(rows[..., :3])
    second = rows[..., 3:] - (first * rows[..., 3:]).sum(-1, keepdims=True) * first
    second = rotations.normalized(second)
    return np.stack([first, second, np.cross(first, second)], -2)


def resampled(
    pose: Array, translation: Array, rate: float, wanted: float, count: int | None = None
) -> tuple[FloatArray, FloatArray]:
    """Return a body of `rate` FPS at another rate: rotations on the shortest way, positions straight.

    Args:
        pose: (T, 55, 3) axis-angle, T of at least 1.
        translation: (T, 3).
        rate: frame rate of the body given.
        wanted: FPS of the one returned.
        count: frames wanted; the last one is held. None for as many as last as long.
    """
    count = round(len(pose) / rate * wanted) if count is None else count
    position = np.minimum(np.arange(count) * (rate / wanted), len(pose) - 1)
    before = position.astype(np.int64)
    after = np.minimum(before + 1, len(pose) - 1)
    share = position - before
    turns = rotations.to_quaternion(pose)
    between = rotations.slerp(turns[before], turns[after], np.broadcast_to(share[:, None], (count, pose.shape[1])))
    way = translation[before] * (1 - share[:, None]) + translation[after] * share[:, None]
    return rotations.from_quaternion(between).astype(np.float32), way.astype(np.float32)


def _speed(values: Array) -> Array:
    """Metres a second to the next frame; the last frame goes on as the one before."""
    steps = np.diff(values) * FPS
    return np.append(steps, steps[-1:] if len(steps) else [0.0])
