"""Clips that go over into each other without a seam, begin and end in given poses, or go round and round.

Nothing is cross-faded, so that no hand goes through the middle of two gestures: the gap at a seam in position and
in speed is added to the clip after it and dies away within a moment (inertialization: Bollo, "Inertialization:
high-performance animation transitions in Gears of War", GDC 2018), along a curve of fifth degree.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from animcore.body_models.kinematics import open_body_joints
from animcore.errors import InputError
from animcore.geometry import rotations
from animcore.motion import TRACKS, WEIGHT_NAMES, Event, FloatArray, Motion

Array = NDArray[np.float64]

SECONDS = 0.4  # in which a seam dies away unless asked otherwise
_TURNS = frozenset({"jaw_pose", "neck_pose", "head_pose", "eye_pose", "body_pose"})
_LEVEL = [0, 2]  # the axes along the floor


def blend_clips(first: Motion, second: Motion, seconds: float = SECONDS) -> Motion:
    """Return one clip after the other, the second turned and moved along the floor to where the first ends.

    The second is brought to the first one's frame rate. A track that only one of them has stands at rest in the other.
    The audio is kept where both have the same.

    Raises:
        InputError: where one has no frames, or their coefficients belong to two models.
    """
    _check(first, second)
    second = second.resampled(first.rate)
    second = replace(second, **_placed(first, second))
    changed: dict[str, Any] = {}
    for name in TRACKS:
        before, after = getattr(first, name), getattr(second, name)
        if before is None and after is None:
            continue
        before, after = (
            _at_rest(part, clip, like) for part, clip, like in ((before, first, after), (after, second, before))
        )
        goal, speed = _going_on(name, before, first.fps)
        changed[name] = np.concatenate([before, _from(name, after, goal, speed, first.fps, seconds)])
    same = first.audio_sha256 == second.audio_sha256
    shift = first.start + first.frame_count / first.fps - second.start
    return replace(
        first,
        basis=first.basis or second.basis,
        audio_name=first.audio_name if same else None,
        audio_sha256=first.audio_sha256 if same else None,
        origin=first.stated_origin.with_other(second.stated_origin),
        events=(*first.events, *(_later(event, shift) for event in second.events)),
        **changed,
    )


def with_ends(
    motion: Motion, start: Motion | None = None, end: Motion | None = None, seconds: float = SECONDS
) -> Motion:
    """Return the clip beginning and ending still in given poses.

    Args:
        motion: the clip.
        start: a motion whose first frame is the pose; tracks that only one of the two has stay as they are.
        end: likewise.
        seconds: in which the clip leaves the one pose and comes to the other; at most half of the clip each.

    Raises:
        InputError: where one has no frames, or its coefficients belong to another model.
    """
    seconds = min(seconds, motion.frame_count / motion.fps / 2)
    changed: dict[str, Any] = dict(motion.tracks())
    for pose, step in ((start, 1), (end, -1)):
        if pose is None:
            continue
        _check(motion, pose)
        for name in changed.keys() & pose.tracks().keys():
            goal = np.asarray(getattr(pose, name)[0], np.float64)
            still = np.zeros_like(goal)
            changed[name] = _from(name, changed[name][::step], goal, still, motion.fps, seconds)[::step]
    return replace(motion, **changed)


def loop(motion: Motion, seconds: float = SECONDS) -> Motion:
    """Return the clip with an end that leads into its beginning: after the last frame comes the first.

    What the body wanders along the floor is taken out over the whole clip, the rest within the last moment.

    Raises:
        InputError: where there are no frames.
    """
    _check(motion, motion)
    changed: dict[str, Any] = {}
    for name, values in motion.tracks().items():
        if name == "translation":
            values = values.copy()
            share = np.arange(len(values))[:, None] / len(values)
            values[:, _LEVEL] -= share * (values[-1] - values[0])[_LEVEL]
        goal, speed = _going_on(name, values[::-1][-2:], motion.fps)  # what comes before the first frame
        changed[name] = _from(name, values[::-1], goal, speed, motion.fps, seconds)[::-1]
    return replace(motion, **changed)


def _check(first: Motion, second: Motion) -> None:
    if not first.frame_count or not second.frame_count:
        raise InputError("A motion without frames has neither beginning nor end; choose another clip.")
    if first.basis and second.basis and first.basis != second.basis:
        raise InputError(
            f"The expressions of the clips belong to two models, {first.basis} and {second.basis}; make both with one."
        )


def _at_rest(values: FloatArray | None, motion: Motion, like: FloatArray) -> FloatArray:
    return np.zeros((motion.frame_count, *like.shape[1:]), np.float32) if values is None else values


def _later(event: Event, seconds: float) -> Event:
    return replace(event, start=event.start + seconds, end=event.end + seconds)


def _placed(first: Motion, second: Motion) -> dict[str, Any]:
    """The second one's pelvis and translation, turned about the vertical and moved to where the first ends."""
    if first.body_pose is None or second.body_pose is None:
        return {}
    ahead = [rotations.to_matrix(pose[:, 0])[:, :, 2] for pose in (first.body_pose[-1:], second.body_pose[:1])]
    yaw = [np.arctan2(way[0, 0], way[0, 2]) for way in ahead]
    turn = rotations.to_matrix(np.array([0.0, yaw[0] - yaw[1], 0.0]))
    pose = second.body_pose.copy()
    pose[:, 0] = rotations.from_matrix(turn @ rotations.to_matrix(second.body_pose[:, 0]))
    placed = {"body_pose": pose}
    if first.translation is not None and second.translation is not None:
        pelvis = open_body_joints()[0]
        moved = (second.translation + pelvis) @ turn.T - pelvis
        moved[:, _LEVEL] += (first.translation[-1] - moved[0])[_LEVEL]
        placed["translation"] = moved.astype(np.float32)
    return placed


def _going_on(name: str, values: FloatArray, rate: float) -> tuple[Array, Array]:
    """The frame that would come after the last at its speed, and this speed in units a second."""
    last = np.asarray(values[-1], np.float64)
    speed = _way(name, values[-2], last) * rate if len(values) > 1 else np.zeros_like(last)
    return _moved(name, last, speed / rate), speed


def _from(name: str, values: FloatArray, goal: Array, speed: Array, rate: float, seconds: float) -> FloatArray:
    """Values (T, ...) that begin at a frame, at a speed, and are themselves again after so many seconds."""
    own = _way(name, values[0], values[1]) * rate if len(values) > 1 else np.zeros_like(goal)
    away = _way(name, values[0], goal)
    count = min(len(values), round(seconds * rate))
    share = np.arange(count).reshape(-1, *[1] * goal.ndim) / max(count, 1)
    # the curves of fifth degree that leave 1 at rest, and 0 at speed 1, and end at 0 at rest without acceleration
    place = 1 - share**3 * (10 - 15 * share + 6 * share**2)
    push = share - share**3 * (6 - 8 * share + 3 * share**2)
    offset = away * place + (speed - own) * push * (count / rate)
    changed = values.astype(np.float64)
    changed[:count] = _moved(name, changed[:count], offset)
    if name in WEIGHT_NAMES:
        changed = np.clip(changed, 0.0, 1.0)
    return changed.astype(np.float32)


def _way(name: str, start: NDArray[np.floating[Any]], end: NDArray[np.floating[Any]]) -> Array:
    """What leads from one value to another: a difference, or a turn as axis-angle in the parent's axes."""
    if name not in _TURNS:
        return np.asarray(end, np.float64) - start
    turns = rotations.to_quaternion(start), rotations.to_quaternion(end)
    return rotations.from_quaternion(rotations.multiply(turns[1], rotations.inverse(turns[0])))


def _moved(name: str, values: Array, way: Array) -> Array:
    """The reverse: values after a way."""
    if name not in _TURNS:
        return values + way
    return rotations.from_quaternion(rotations.multiply(rotations.to_quaternion(way), rotations.to_quaternion(values)))
