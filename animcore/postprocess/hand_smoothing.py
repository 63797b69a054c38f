"""Hands that neither tremble nor move faster than people can, and fingers that bend as fingers do."""

from __future__ import annotations

import functools
from functools import partial

import numpy as np
from numpy.typing import NDArray

from animcore.body_models.kinematics import INDEX, PARENTS, open_body_joints
from animcore.core.vocabulary import SMPLX_JOINTS
from animcore.geometry import rotations
from animcore.postprocess.filters import Given, envelope, in_blocks, smoothed

Array = NDArray[np.float64]

# The mean over elite players of the fastest turn of a shoulder in a tennis serve (Reid, Elliott and Alderson, "Shoulder
# joint kinetics of the elite wheelchair tennis serve", Br J Sports Med 2007, table 2): joints are slower when people
# talk.
FASTEST = 10.8  # radians a second
# What a minimum-jerk stroke (Flash and Hogan 1985) of that peak speed and of a quarter of a second needs: its peak
# acceleration is 5.77 / 1.875 times its peak speed over its duration.
HARDEST = 5.77 / 1.875 * FASTEST / 0.25  # radians a second squared

# Hz, of which half the power passes: a hand trembles with a peak between 6 and 12 Hz (Lakie et al., J Physiol 2015),
# and intended motion is slower.
_MEANT = 5.0
_HALF = 0.1325  # standard deviation of a Gaussian in seconds times the frequency that it halves the power of
_ROUNDS = 14  # of smoothing where a joint is too fast, each wider than the one before
_WIDER = 1.4

_CALMED = tuple(
    INDEX[name]
    for name in SMPLX_JOINTS
    if name.startswith("spine") or name.endswith(("collar", "shoulder", "elbow", "wrist")) or name[-1] in "123"
)
_FINGERS = ("index", "middle", "ring", "pinky")
# Degrees of bending backwards and forwards, to either side and about itself, of each knuckle from the palm on. Ranges
# of motion of the American Academy of Orthopaedic Surgeons ("Joint Motion", 1965): 45 back to 90, 0 to 100, 0 to 90;
# a little beyond in the outer two, as relaxed fingers and captures have it.
_KNUCKLES = ((-45.0, 95.0, 25.0, 20.0), (-10.0, 110.0, 8.0, 12.0), (-15.0, 90.0, 8.0, 12.0))
_THUMB = (60.0, 70.0, 90.0)  # degrees of each joint of the thumb, whichever way


def smooth_hands(pose: Given, rate: float) -> Given:
    """Return the pose (T, 55, 3) with trunk, arms and fingers free of tremor, and no joint faster than people's.

    A zero-phase low-pass at 5 Hz, so that strokes keep their size and their time. Then,
    where a joint still is faster than `FASTEST` or speeds up harder than `HARDEST`, it is smoothed further there alone.
    Head and legs stay as they are.
    """
    return in_blocks(partial(_calm_block, rate=rate), pose, np.zeros((len(pose), 3)), rate)[0]


def _calm_block(
    pose: Array, translation: Array, left: None, following: int, *, rate: float
) -> tuple[Array, Array, None]:
    if len(pose) < 3:
        return pose, translation, left
    turns = rotations.continuous(rotations.to_quaternion(pose[:, _CALMED]))
    calm = _smoothed_turns(turns, _HALF / _MEANT * rate)
    pose[:, _CALMED] = rotations.from_quaternion(_slowed(calm, rate))
    return pose, translation, left


def clamp_fingers(pose: Given) -> Array:
    """Return the pose (T, 55, 3) with fingers bent no farther than fingers bend."""
    pose = np.array(pose, np.float64)
    joints, axes, low, high = _finger_limits()
    along = np.einsum("tji,jki->tjk", pose[:, joints], axes)
    pose[:, joints] = np.einsum("tjk,jki->tji", np.clip(along, low, high), axes)
    for side in ("left", "right"):
        for index, limit in enumerate(_THUMB):
            joint = INDEX[f"{side}_thumb{index + 1}"]
            angle = np.linalg.norm(pose[:, joint], axis=-1, keepdims=True)
            pose[:, joint] *= np.minimum(1.0, np.radians(limit) / np.maximum(angle, 1e-9))
    return pose


@functools.cache
def _finger_limits() -> tuple[list[int], Array, Array, Array]:
    """The joints, for each three axes in rows (bending towards the palm, to the side, about itself), least and most."""
    joints, axes, low, high = [], [], [], []
    places = open_body_joints()
    for side in ("left", "right"):
        for finger in _FINGERS:
            for index, (back, front, aside, about) in enumerate(_KNUCKLES):
                joint = INDEX[f"{side}_{finger}{index + 1}"]
                # the last joint has no next: its bone goes on as the one before it
                bone = places[joint + 1] - places[joint] if index < 2 else places[joint] - places[PARENTS[joint]]
                bone = rotations.normalized(bone)
                bend = rotations.normalized(np.cross(bone, (0.0, -1.0, 0.0)))  # palms face down in the T-pose
                joints.append(joint)
                axes.append(np.stack([bend, np.cross(bend, bone), bone]))
                low.append((back, -aside, -about))
                high.append((front, aside, about))
    return joints, np.array(axes), np.radians(low), np.radians(high)


def _slowed(turns: Array, rate: float) -> Array:
    """Turns (T, J, 4), smoothed where they are too fast until they no longer are."""
    turns = turns.copy()
    joints = np.arange(turns.shape[1])
    width = 1.0
    for _ in range(_ROUNDS):
        fast = _too_fast(turns[:, joints], rate)
        joints, fast = joints[fast.any(0)], fast[:, fast.any(0)]
        if not len(joints):
            break
        reach = int(np.ceil(3 * width))
        share = np.stack([np.clip(envelope(column, reach), 0, 1) for column in fast.T.astype(np.float64)], 1)
        softer = _smoothed_turns(turns[:, joints], width)
        turns[:, joints] = rotations.normalized(turns[:, joints] + (softer - turns[:, joints]) * share[..., None])
        width *= _WIDER
    return turns


def _too_fast(turns: Array, rate: float) -> NDArray[np.bool_]:
    """(T, J) whether a joint turns too fast to or from a frame, or changes its speed too hard in it.

    A small turn is twice the way that its unit quaternion goes.
    """
    step = 2 * np.diff(turns, axis=0) * rate
    quick = np.einsum("tjk,tjk->tj", step, step) > FASTEST**2
    change = np.diff(step, axis=0) * rate
    fast = np.zeros(turns.shape[:2], bool)
    fast[1:] |= quick
    fast[:-1] |= quick
    fast[1:-1] |= np.einsum("tjk,tjk->tj", change, change) > HARDEST**2
    return fast


def _smoothed_turns(turns: Array, frames: float) -> Array:
    """Turns (T, J, 4) under a Gaussian: the mean of nearby unit quaternions is the mean turn to first order."""
    return rotations.normalized(smoothed(turns, frames))
