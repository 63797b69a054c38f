"""Poses of arms as joints of SMPL-X, and the way from one to the next as hands go it.

Each move follows the minimum-jerk course of time (Flash and Hogan, 1985). Moves may overlap: the rest
of the one before goes on while the next begins, as submovements do, through the cumulative product of the turns (Kim,
Kim and Shin, 1995). The joints nearer to the fingers are a little later than those nearer to the trunk.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from animcore.body_models import two_bone_ik
from animcore.body_models.kinematics import INDEX, open_body_joints
from animcore.core.vocabulary import SMPLX_JOINTS
from animcore.geometry import rotations
from animcore.solvers.gesture.lexicon import ArmPose, lexicon

Array = NDArray[np.float64]

ARM = 4  # joints before the fingers: collar, shoulder, elbow, wrist
_LATER = (0.0, 0.0, 0.02, 0.045)  # seconds by which these move later than asked; fingers as the last
_FINGERS_LATER = 0.06
_HINT = np.array([0.50, -0.80, -0.38])  # outward, up, forward: where elbows point to
_HANGING = np.array([0.35, -0.10, -0.93])  # the same of an arm that hangs
_FOREARM = 0.6  # share of the roll of the hand that the forearm takes at the elbow
_ROLL = np.deg2rad(70.0)  # middle of the roll that a forearm can do, from the T-pose towards the palm that looks up
_COLLAR = 0.22  # of the angle by which an arm is above the horizontal, that its collar bone is raised
_SPREAD = np.array([1.0, 0.2, -1.0, -0.5])  # of index, middle, pinky, ring


@dataclass(frozen=True)
class ArmKey:
    """A move of one arm: from whatever was before to a pose, from `start` on for `duration` seconds."""

    start: float
    duration: float
    pose: ArmPose


def joints(side: str) -> list[int]:
    """Return the 19 joints of an arm in `vocabulary.SMPLX_JOINTS`: collar, shoulder, elbow, wrist, 15 finger joints."""
    arm = [INDEX[f"{side}_{name}"] for name in ("collar", "shoulder", "elbow", "wrist")]
    return arm + [INDEX[name] for name in SMPLX_JOINTS[25:] if name.startswith(side)]


def posed(side: str, poses: Sequence[ArmPose], fingers: float = 1.0) -> Array:
    """Return (K, 19, 4) quaternions of the joints of an arm for K poses.

    Args:
        side: `left` or `right`.
        poses: what the arm should do.
        fingers: share of the hand's shape against the one at rest; 1 as it is, 0 always at rest.
    """
    wrist, palm, ahead = (
        _sided(side, np.stack([getattr(pose, name) for pose in poses])) for name in ("wrist", "palm", "fingers")
    )
    limb, places = two_bone_ik.arm(side), open_body_joints()
    raised = np.deg2rad([pose.shrug for pose in poses]) + _COLLAR * np.maximum(np.arctan2(wrist[:, 1], 0.6), 0.0)
    outward = 1.0 if side == "left" else -1.0
    collar = rotations.to_matrix(np.outer(raised, [0.0, 0.0, outward]))
    root = places[INDEX[f"{side}_collar"]] + collar @ (limb.places[0] - places[INDEX[f"{side}_collar"]])
    hanging = np.clip((-wrist[:, 1:2] - 0.75) / 0.2, 0.0, 1.0)
    hint = _sided(side, _HINT * (1 - hanging) + _HANGING * hanging)
    upper, lower = two_bone_ik.solve_two_bone(limb, root, limb.places[0] + wrist * limb.lengths.sum(), hint)
    hand = two_bone_ik.frame(ahead, palm) @ two_bone_ik.frame(_fingers_ahead(side), np.array([0.0, -1.0, 0.0])).T
    lower = lower @ _forearm_roll(side, np.swapaxes(lower, -1, -2) @ hand)
    turns = [collar, _from(collar) @ upper, _from(upper) @ lower, _from(lower) @ hand]
    arm = np.stack([rotations.matrix_to_quaternion(turn) for turn in turns], 1)
    return np.concatenate([arm, np.stack([_fingers(side, pose.hand, fingers) for pose in poses])], 1)


def between(poses: Array, keys: Sequence[ArmKey], times: Array) -> Array:
    """Return (T, J, 4) what the joints do over time.

    Args:
        poses: (K + 1, J, 4) of before the first key and of each key.
        keys: in the order of time; their ends never go back.
        times: (T,) seconds, rising: any stretch of the performance.
    """
    later = np.array([*_LATER, *[_FINGERS_LATER] * (poses.shape[1] - ARM)])
    ends = np.array([key.start + key.duration + _FINGERS_LATER for key in keys])
    done = int(np.searchsorted(ends, times[0], side="right")) if len(times) else 0
    result = np.tile(poses[done : done + 1], (len(times), 1, 1))
    for number in range(done, len(keys)):
        key = keys[number]
        if key.start > times[-1]:
            break
        first, last = np.searchsorted(times, (key.start, ends[number]))
        step = rotations.from_quaternion(
            _shortest(rotations.multiply(rotations.inverse(poses[number]), poses[number + 1]))
        )
        passed = (times[first:last, None] - key.start - later) / key.duration
        share = minimum_jerk(np.clip(passed, 0.0, 1.0))
        result[first:last] = rotations.multiply(result[first:last], rotations.to_quaternion(step * share[..., None]))
        result[last : np.searchsorted(times, ends[number + 1]) if number + 1 < len(keys) else None] = poses[number + 1]
    return result


def minimum_jerk(share: Array) -> Array:
    """Return how much of a way is done after this share 0..1 of its time."""
    done: Array = share**3 * (10.0 - 15.0 * share + 6.0 * share**2)
    return done


def _sided(side: str, values: Array) -> Array:
    """Outward, up, forward as X, Y, Z."""
    signed: Array = values * np.array([1.0 if side == "left" else -1.0, 1.0, 1.0])
    return signed


def _from(turns: Array) -> Array:
    return np.swapaxes(turns, -1, -2)


def _fingers_ahead(side: str) -> Array:
    """(3,) from the wrist to the knuckle of the middle finger in the T-pose."""
    places = open_body_joints()
    found: Array = places[INDEX[f"{side}_middle1"]] - places[INDEX[f"{side}_wrist"]]
    return found


def _forearm_roll(side: str, hand: Array) -> Array:
    """(K, 3, 3) the part of the roll of a hand (K, 3, 3 against its forearm) that the forearm takes."""
    along = rotations.normalized(two_bone_ik.arm(side).bones[1])
    _, twist = rotations.swing_and_twist(rotations.matrix_to_quaternion(hand), along)
    angle = rotations.from_quaternion(twist) @ along
    middle = -_ROLL if side == "left" else _ROLL
    angle = middle + (angle - middle + np.pi) % (2 * np.pi) - np.pi
    return rotations.to_matrix(_FOREARM * angle[:, None] * along)


def _fingers(side: str, hand: str, share: float) -> Array:
    """(15, 4) quaternions of a hand's shape."""
    known = lexicon().hands
    bend, spread = known[hand]
    calm, calm_spread = known["relaxed"]
    bend, spread = calm + (bend - calm) * share, calm_spread + (spread - calm_spread) * share
    places, palm = open_body_joints(), np.array([0.0, -1.0, 0.0])
    first = joints(side)[ARM:]
    turns = []
    for number, joint in enumerate(first):
        finger, part = divmod(number, 3)
        start, end = (joint, joint + 1) if part < 2 else (joint - 1, joint)
        along = rotations.normalized(places[end] - places[start])
        toward = palm if finger < len(_SPREAD) else _across_palm(side, places[start])
        turn = rotations.normalized(np.cross(along, toward)) * np.deg2rad(bend[number])
        if part == 0 and finger < len(_SPREAD):
            sideways = np.deg2rad(spread * _SPREAD[finger]) * (-1.0 if side == "left" else 1.0)
            turn = turn - palm * sideways
        turns.append(turn)
    return rotations.to_quaternion(np.stack(turns))


def _across_palm(side: str, thumb: Array) -> Array:
    """(3,) from the thumb to below the middle of the palm, where it bends to."""
    places = open_body_joints()
    middle = (places[INDEX[f"{side}_middle1"]] + places[INDEX[f"{side}_ring1"]]) / 2
    return rotations.normalized(middle + np.array([0.0, -0.03, 0.0]) - thumb)


def _shortest(quaternions: Array) -> Array:
    """The same turns by the shorter way."""
    return np.where(quaternions[..., :1] < 0, -quaternions, quaternions)
