"""Foot contact: no foot slides, nothing goes through the floor, and legs stand still on request.

A foot is planted while it is low and slow. It then is held where it stood on the whole, flat on the floor, and the leg
follows by two-bone inverse kinematics. What holding asks for grows and fades over a few frames. A foot that slides on
for long would pull the leg out of reach, so that it is set anew with a small step.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from animcore.body_models import collision_capsules, two_bone_ik
from animcore.body_models.collision_capsules import SIDES
from animcore.body_models.kinematics import INDEX, joint_positions, open_body_joints, world_rotations
from animcore.geometry import rotations
from animcore.postprocess.filters import Given, drop_short_runs, envelope, in_blocks, smoothed, smoothstep, true_runs

Array = NDArray[np.float64]

SLOW = 0.3  # metres a second below which a low foot is planted; steps are several times as fast
LOW = 0.045  # metres of the middle of a sole above the floor, likewise
_STEADY = 0.06  # seconds of smoothing before a foot's speed is taken, so that jitter is no step
_SHORTEST = 0.12  # seconds below which neither standing nor being off the floor counts
_FADE = 0.2  # seconds in which holding grows and fades
_PIECE = 4096  # frames whose joints are held at once
_LEVEL = [0, 2]  # the axes along the floor
_SLIDE = 0.10  # metres that a foot may slide before it is set anew
_STEP, _STEP_HEIGHT = 0.36, 0.03  # seconds and metres of such a step
_STRETCH = 0.996  # of its length that a leg is stretched at most: just inside what `two_bone_ik.reach` gives
_SINK = 0.25  # seconds in which the body sinks and rises to what its legs reach
_NEAR_REST = 0.03  # metres: a floor so near to the one at rest is that one
_FORWARD = 0.04  # metres that a straight leg's knee is taken to be in front
_SWAY = np.array([0.035, 0.015, 0.03])  # metres that hips may sway over legs that stand still
_TURN = np.radians(8.0)  # and turn
_WANDERING = 6.0  # seconds of smoothing: slower motion is wandering, not sway


@dataclass(frozen=True)
class FootContact:
    """A foot that is held from a frame to the one before another.

    Attributes:
        start, end: frames.
        place: (2,) X and Z where its ankle is held.
        flat: (3, 3) how it is turned.
        begun: (2,) where its ankle was when it was set down: what sliding is measured from.
    """

    start: int
    end: int
    place: Array
    flat: Array
    begun: Array


@dataclass(frozen=True)
class _FootTarget:
    """The targets of one foot: position of its ankle and rotation, in each frame."""

    ankle: Array  # (T, 3)
    turn: Array  # (T, 3, 3)
    toes: Array  # (T, 3) axis-angle of the toes' joint
    firm: Array  # (T,) 0..1


def floor_of(pose: Given, translation: Given) -> float:
    """Return the height of the floor: where the lower foot is half of the time, or the T-pose's floor if that is near.

    Args:
        pose: (T, 55, 3) axis-angle of SMPL-X.
        translation: (T, 3) metres.
    """
    return _floor(_soles(pose, translation))


def contacts(pose: Given, translation: Given, rate: float, floor: float | None = None) -> NDArray[np.bool_]:
    """Return (T, 2) whether the left and the right foot is planted: low, flat and slow."""
    soles = _soles(pose, translation)
    return _planted(soles, rate, _floor(soles) if floor is None else floor)


def raise_to_floor(pose: Given, translation: Given, rate: float, floor: float | None = None) -> Array:
    """Return a translation (T, 3) that lifts the body where a foot would go through the floor, and nowhere else."""
    soles = _soles(pose, translation)
    return _lifted(np.asarray(translation, np.float64), soles, rate, _floor(soles) if floor is None else floor)


def lock_feet(pose: Given, translation: Given, rate: float, floor: float | None = None) -> tuple[Given, Given]:
    """Return the pose and the translation with planted feet held exactly, and no foot or toe below the floor.

    Args:
        pose: (T, 55, 3) axis-angle of SMPL-X.
        translation: (T, 3) metres.
        rate: frame rate.
        floor: its height in metres; None finds it (`floor_of`).
    """
    floor = floor_of(pose, translation) if floor is None else floor
    return in_blocks(partial(lock_block, rate=rate, floor=floor), pose, translation, rate)


def lock_block(
    pose: Array, translation: Array, left: list[FootContact | None] | None, following: int, *, rate: float, floor: float
) -> tuple[Array, Array, list[FootContact | None]]:
    """Lock the feet of one block, as a step of `filters.in_blocks`; its state is the contact of each foot."""
    if len(pose) < 2:
        return pose, translation, [None, None]
    turned = world_rotations(pose)
    found = joint_positions(turned, translation)
    soles = collision_capsules.sole_positions(turned, found)
    lifted = _lifted(translation, soles, rate, floor)
    found = found + (lifted - translation)[:, None]
    planted = _planted(soles, rate, floor)
    holds, standing = [], []
    away = ~planted[:, 1]
    for side, before in enumerate(left or [None, None]):
        ankle = _joint("ankle", side)
        stands = _stands(found[:, ankle], turned[:, ankle], planted[:, side], away, rate, before)
        standing.append(next((stand for stand in stands if stand.start <= following < stand.end), None))
        holds.append(_hold(pose, turned, found, side, stands, rate, floor))
        away = holds[side].firm < 1
    return *_stood(pose, lifted, turned, found, holds, rate, floor), standing


def lower_body_still(pose: Given, translation: Given, rate: float, floor: float | None = None) -> tuple[Given, Given]:
    """Return the motion with both feet in one place throughout, and hips that sway above them but go nowhere.

    The feet stand as they stand on the whole under the hips, which keep a few centimetres and degrees of their sway;
    everything above the hips stays as it is, relative to them.
    """
    floor = floor_of(pose, translation) if floor is None else floor
    pose, translation = np.array(pose), np.array(translation)
    if len(pose) < 2:
        return pose, translation
    ankles = np.concatenate([_from_hips(pose[piece]) for piece in _pieces(len(pose))])
    hips = rotations.to_matrix(pose[:, 0])
    middle = _mean_turn(hips)
    centre = np.median(translation, 0)
    sway = translation - smoothed(translation, _WANDERING * rate)
    pose[:, 0] = _near(hips, middle)
    translation[:] = centre + _SWAY * np.tanh(sway / _SWAY)
    facing = _about_up(_yaw(middle))
    under = open_body_joints()[0] + centre + np.median(ankles, 0) @ facing.T
    return in_blocks(partial(_still_block, under=under[:, [0, 2]], rate=rate, floor=floor), pose, translation, rate)


def _still_block(
    pose: Array, translation: Array, left: Array | None, following: int, *, under: Array, rate: float, floor: float
) -> tuple[Array, Array, Array]:
    """Put both feet (2, 2) where they stand all the time, turned as they mostly are."""
    turned = world_rotations(pose)
    found = joint_positions(turned, translation)
    ankles = [_joint("ankle", side) for side in range(2)]
    flat = left if left is not None else np.stack([_flat(turned[:, ankle]) for ankle in ankles])
    stands = [FootContact(0, len(pose), under[side], flat[side], under[side]) for side in range(2)]
    holds = [_hold(pose, turned, found, side, [stands[side]], rate, floor) for side in range(2)]
    return *_stood(pose, translation, turned, found, holds, rate, floor), flat


def _pieces(count: int) -> Iterator[slice]:
    return (slice(first, first + _PIECE) for first in range(0, count, _PIECE))


def _soles(pose: Given, translation: Given) -> Array:
    """(T, 2, 4, 3) of `collision_capsules.soles`, in pieces that fit into memory."""
    found = [np.zeros((0, 2, 4, 3))]
    for piece in _pieces(len(pose)):
        turned = world_rotations(pose[piece])
        found.append(collision_capsules.sole_positions(turned, joint_positions(turned, translation[piece])))
    return np.concatenate(found)


def _floor(soles: Array) -> float:
    at_rest = collision_capsules.floor_at_rest()
    if not len(soles):
        return at_rest
    usual = float(np.median(soles[..., 1].min((1, 2))))
    return at_rest if abs(usual - at_rest) < _NEAR_REST else usual


def _lifted(translation: Array, soles: Array, rate: float, floor: float) -> Array:
    lifted = translation.copy()
    below = np.maximum(floor - soles[..., 1].min((1, 2)), 0.0)
    if below.any():
        lifted[:, 1] += envelope(below, round(_SINK * rate))
    return lifted


def _planted(soles: Array, rate: float, floor: float) -> NDArray[np.bool_]:
    """(T, 2)."""
    if len(soles) < 2:
        return np.ones((len(soles), 2), bool)
    middle = smoothed(soles.mean(2), _STEADY * rate)
    speed = np.linalg.norm(np.gradient(middle, axis=0)[..., [0, 2]], axis=-1) * rate
    planted = (middle[..., 1] - floor < LOW) & (speed < SLOW)
    frames = round(_SHORTEST * rate)
    return np.stack([drop_short_runs(planted[:, side], frames) for side in range(2)], 1)


def _joint(name: str, side: int) -> int:
    return INDEX[f"{SIDES[side]}_{name}"]


def _stands(
    ankle: Array,
    turn: Array,
    planted: NDArray[np.bool_],
    other_away: NDArray[np.bool_],
    rate: float,
    before: FootContact | None,
) -> list[FootContact]:
    """Where a foot is held, and when.

    A foot that has slid by 10 cm since it was set down is set anew, as soon as the other one stands. One that stands in
    the first frame stands as `before`, if that is given.
    """
    stands: list[FootContact] = []
    step = round(_STEP * rate)
    for start, end in true_runs(planted):
        while start < end:
            known = before if start == 0 else None
            begun = known.begun if known else ankle[start, _LEVEL]
            slid = np.linalg.norm(ankle[start:end, _LEVEL] - begun, axis=1) > _SLIDE
            ready = slid & ~_soon(other_away[start:end], step)
            last = start + int(ready.argmax()) if ready.any() else end
            if end - last < step:
                last = end
            place = known.place if known else np.median(ankle[start:last, _LEVEL], 0)
            flat = known.flat if known else _flat(turn[start:last])
            if last > start:
                stands.append(FootContact(start, last, place, flat, begun))
            start = last + step if last < end else end
    return stands


def _soon(marks: NDArray[np.bool_], frames: int) -> NDArray[np.bool_]:
    """(T,) whether there is a mark in a frame or in one of so many after it."""
    padded = np.pad(marks, (0, frames))
    soon: NDArray[np.bool_] = np.lib.stride_tricks.sliding_window_view(padded, frames + 1).any(1)
    return soon


def _hold(
    pose: Array, turned: Array, found: Array, side: int, stands: list[FootContact], rate: float, floor: float
) -> _FootTarget:
    """Where a foot should be: its own way, moved so that it is still where it stands and goes over between that."""
    ankle_joint, toes_joint = _joint("ankle", side), _joint("foot", side)
    actual, turn = found[:, ankle_joint], turned[:, ankle_joint]
    height = floor + open_body_joints()[ankle_joint, 1] - collision_capsules.floor_at_rest()
    offset, swing = np.zeros_like(actual), np.zeros_like(actual)  # what moves and what turns the foot
    firm, lift = np.zeros(len(actual)), np.zeros(len(actual))
    for stand in stands:
        span = slice(stand.start, stand.end)
        offset[span] = np.array([stand.place[0], height, stand.place[1]]) - actual[span]
        swing[span] = rotations.from_matrix(stand.flat @ np.swapaxes(turn[span], -1, -2))
        firm[span] = 1.0
    fade = max(1, round(_FADE * rate))
    for start, end in true_runs(firm == 0):
        before, after = _fades(end - start, start > 0, end < len(firm), fade)
        for values in (offset, swing):
            earlier, later = values[max(start - 1, 0)].copy(), values[min(end, len(values) - 1)].copy()
            values[start:end] = before[:, None] * earlier + after[:, None] * later
        firm[start:end] = np.minimum(before + after, 1.0)
        if start > 0 and end < len(firm) and end - start <= round(_STEP * rate):
            lift[start:end] = _STEP_HEIGHT * np.sin(np.pi * (np.arange(end - start) + 0.5) / (end - start)) ** 2
    held = actual + offset
    held[:, 1] += lift
    return _FootTarget(held, rotations.to_matrix(swing) @ turn, pose[:, toes_joint] * (1 - firm)[:, None], firm)


def _fades(count: int, before: bool, after: bool, fade: int) -> tuple[Array, Array]:
    """(N,) how much of the hold before and of that after counts in each frame of a gap; in a short one they cross."""
    frames = np.arange(1, count + 1)
    if before and after and count < 2 * fade:
        share = smoothstep(frames / (count + 1))
        return 1 - share, share
    early = 1 - smoothstep(frames / (fade + 1)) if before else np.zeros(count)
    late = 1 - smoothstep(frames[::-1] / (fade + 1)) if after else np.zeros(count)
    return early, late


def _stood(
    pose: Array, translation: Array, turned: Array, found: Array, holds: list[_FootTarget], rate: float, floor: float
) -> tuple[Array, Array]:
    """Put the legs under the hips so that the ankles are where they should be."""
    raised = [_above(hold, side, floor) for side, hold in enumerate(holds)]
    sunk = np.zeros(len(pose))
    for side, (hold, ankle) in enumerate(zip(holds, raised, strict=True)):
        sunk = np.maximum(sunk, hold.firm * _too_high(found[:, _joint("hip", side)], ankle, side))
    down = envelope(sunk, round(_SINK * rate)) if sunk.any() else sunk
    translation = translation.copy()
    translation[:, 1] -= down
    moved = found - np.array([0.0, 1.0, 0.0]) * down[:, None, None]
    for side, (hold, ankle) in enumerate(zip(holds, raised, strict=True)):
        _bend(pose, turned, moved, found, side, hold, ankle)
    return pose, translation


def _above(hold: _FootTarget, side: int, floor: float) -> Array:
    """(T, 3) the ankle, raised where the sole or the toes would go through the floor."""
    joints = open_body_joints()
    ankle, ball = joints[_joint("ankle", side)], joints[_joint("foot", side)]
    soles = collision_capsules.open_body_solid().soles[side]
    points = np.einsum("tij,nj->tni", hold.turn, soles[:3] - ankle)
    tip = np.einsum("tij,j->ti", hold.turn, ball - ankle)
    tip = tip + np.einsum("tij,tjk,k->ti", hold.turn, rotations.to_matrix(hold.toes), soles[3] - ball)
    lowest = np.minimum(points[..., 1].min(1), tip[:, 1])
    raised = hold.ankle.copy()
    raised[:, 1] = np.maximum(raised[:, 1], floor - lowest)
    return raised


def _too_high(hip: Array, ankle: Array, side: int) -> Array:
    """(T,) metres that a hip must come down so that its leg reaches the ankle."""
    reach = two_bone_ik.leg(SIDES[side]).lengths.sum() * _STRETCH
    aside = np.sum((ankle - hip)[:, [0, 2]] ** 2, -1)
    tallest = np.sqrt(np.maximum(reach**2 - aside, (0.5 * reach) ** 2))
    high: Array = np.maximum(hip[:, 1] - ankle[:, 1] - tallest, 0.0)
    return high


def _bend(pose: Array, turned: Array, moved: Array, found: Array, side: int, hold: _FootTarget, ankle: Array) -> None:
    """Turn a leg's joints in place; each bone turns on the shortest way, and not where nothing is asked."""
    limb = two_bone_ik.leg(SIDES[side])
    hip, knee, end = limb.joints
    ahead = turned[:, hip] @ np.array([0.0, 0.0, 1.0])
    hint = found[:, knee] - (found[:, hip] + found[:, end]) / 2 + _FORWARD * ahead
    upper, _ = two_bone_ik.solve_two_bone(limb, moved[:, hip], ankle, hint)
    thigh = upper @ limb.bones[0]
    shin = ankle - moved[:, hip] - thigh
    new_hip = two_bone_ik.point_bone(turned[:, hip], limb.bones[0], thigh)
    new_knee = two_bone_ik.point_bone(turned[:, knee], limb.bones[1], shin)
    pose[:, hip] = rotations.from_matrix(_relative(turned[:, 0], new_hip))
    pose[:, knee] = rotations.from_matrix(_relative(new_hip, new_knee))
    pose[:, end] = rotations.from_matrix(_relative(new_knee, hold.turn))
    pose[:, _joint("foot", side)] = hold.toes


def _relative(parent: Array, child: Array) -> Array:
    relative: Array = np.swapaxes(parent, -1, -2) @ child
    return relative


def _from_hips(pose: Given) -> Array:
    """(T, 2, 3) from the pelvis to either ankle, in axes that turn with where the pelvis faces."""
    turned = world_rotations(pose)
    found = joint_positions(turned)
    away = found[:, [_joint("ankle", side) for side in range(2)]] - found[:, :1]
    seen: Array = np.einsum("tji,tsj->tsi", _about_up(_yaw(turned[:, 0])), away)
    return seen


def _flat(turns: Array) -> Array:
    """(3, 3) a foot on the floor that faces where turns (T, 3, 3) face on the whole."""
    return _about_up(_yaw(_mean_turn(turns)))


def _yaw(turn: Array) -> Array:
    """(...,) radians by which turns (..., 3, 3) face to the left of forward."""
    yaw: Array = np.arctan2(turn[..., 0, 2], turn[..., 2, 2])
    return yaw


def _about_up(angle: Array) -> Array:
    return rotations.to_matrix(np.asarray(angle)[..., None] * np.array([0.0, 1.0, 0.0]))


def _mean_turn(turns: Array) -> Array:
    """(3, 3) the mean of turns (T, 3, 3): the nearest turn to the mean matrix (Moakher, 2002)."""
    left, _, right = np.linalg.svd(turns.mean(0))
    mean: Array = left @ np.diag([1.0, 1.0, np.linalg.det(left @ right)]) @ right
    return mean


def _near(turns: Array, middle: Array) -> Array:
    """(T, 3) axis-angle of turns (T, 3, 3) kept within a few degrees of a middle one, softly."""
    away = rotations.from_matrix(middle.T @ turns)
    angle = np.linalg.norm(away, axis=-1, keepdims=True)
    kept = away * (_TURN * np.tanh(angle / _TURN) / np.maximum(angle, 1e-9))
    return rotations.from_matrix(middle @ rotations.to_matrix(kept))
