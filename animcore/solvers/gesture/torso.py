"""The trunk: it breathes, leans and turns with speech, and shifts its weight.

Quiet standing sways by millimetres and shifts weight every few seconds (Duarte and Zatsiorsky, 1999); the feet stay
where they are, and the legs follow by inverse kinematics.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from animcore.body_models import two_bone_ik
from animcore.body_models.kinematics import open_body_joints
from animcore.geometry import rotations
from animcore.solvers.gesture.arm_motion import minimum_jerk
from animcore.solvers.gesture.lexicon import GestureStyle
from animcore.speech.prosody import FPS, Prosody

Array = NDArray[np.float64]

SPINE = ("spine1", "spine2", "spine3")
_SHARES = np.array([0.25, 0.35, 0.40])  # of the bend of the trunk, from below

_BREATH_RATE = 0.24  # Hz
_BREATH = 0.7  # degrees by which the chest rises
_SHOULDERS = 1.1  # degrees by which the shoulders do
_POSTURE = (1.1, 3.2, 1.2)  # degrees about X, Y, Z: spread of how the trunk is held phrase by phrase
_NOD, _NOD_TIME = 1.3, 0.2  # degrees forward on a full accent, and seconds, standard deviation
_REACH, _REACH_TIME = 2.6, 0.45  # degrees by which the trunk turns with an arm that reaches out, the same
_STIR = (0.35, 0.5, 0.35)  # degrees: spread of the slow stir that never ends
_STIR_BAND = (0.05, 0.35)  # Hz
_SHIFT = 0.028  # metres, spread of how far the weight goes to one side
_SHIFT_LIMIT = 0.045
_SHIFT_TIME = (0.9, 1.5)  # seconds
_ROLL = 45.0  # degrees of the pelvis to each metre of shift: the hip of the free leg drops
_TURN = 55.0  # degrees of the pelvis about Y to each metre
_SINK = 0.012  # metres by which knees that are not locked lower the body
_DEEPER = 0.10  # of a shift, that it lowers the body more
_FORWARD = 0.03  # metres by which one foot stands before the other
_TOES_OUT = 9.0  # degrees
_OUTWARD = {"left": 1.0, "right": -1.0}  # along X
_KNEES = np.array([0.12, 0.0, 1.0])  # outward, up, forward


@dataclass(frozen=True)
class TorsoMotion:
    """The body without its arms.

    Attributes:
        pelvis: (T, 3) axis-angle.
        spine: (T, 3, 3) axis-angle of the three joints of the spine.
        shoulders: (T,) degrees by which breath raises the shoulders.
        translation: (T, 3) metres.
    """

    pelvis: Array
    spine: Array
    shoulders: Array
    translation: Array


def solve(
    prosody: Prosody,
    style: GestureStyle,
    reaches: Sequence[tuple[float, float]],
    amount: float,
    generator: np.random.Generator,
) -> TorsoMotion:
    """Return what the trunk does.

    Args:
        prosody: of the voice.
        style: of the speaker.
        reaches: when an arm reaches out, seconds, and how far, positive for the right arm: the trunk turns with it.
        amount: scales all of it, apart from breath.
        generator: chooses.
    """
    times = prosody.times
    shift = _shifts(prosody, style, generator) * min(amount, 1.5)
    bend = _postures(prosody, generator) * style.trunk + _stir(times, generator)
    bend[:, 0] += style.lean + _bumps(len(times), prosody.accents, _NOD_TIME) * _NOD * style.trunk
    bend[:, 1] += _bumps(len(times), reaches, _REACH_TIME) * _REACH * style.trunk
    bend *= amount
    pelvis = np.zeros((len(times), 3))
    pelvis[:, 1] = shift * _TURN + 0.3 * bend[:, 1]
    pelvis[:, 2] = -shift * _ROLL
    breath = np.sin(2 * np.pi * _BREATH_RATE * times + generator.uniform(0, 2 * np.pi))
    bend[:, 0] -= _BREATH * breath
    # the spine takes back what the pelvis does, so that the shoulders stay nearly level and to the front
    bend[:, 1:] -= pelvis[:, 1:] * np.array([0.6, 0.9])
    lowered = -_SINK - _DEEPER * np.abs(shift)
    translation = np.stack([shift, lowered, 0.25 * np.abs(shift)], 1)
    spine = np.deg2rad(bend)[:, None, :] * _SHARES[:, None]
    return TorsoMotion(np.deg2rad(pelvis), spine, _SHOULDERS * 0.5 * (breath + 1.0), translation)


def stance(style: GestureStyle, generator: np.random.Generator) -> dict[str, Array]:
    """Return (3,) metres where each ankle stands, by side; one foot is a little before the other."""
    before = generator.choice([-1.0, 1.0]) * _FORWARD / 2
    rest = {side: two_bone_ik.leg(side).places[2] for side in _OUTWARD}
    return {
        side: np.array([outward * style.gap / 2, rest[side][1], rest[side][2] + outward * before])
        for side, outward in _OUTWARD.items()
    }


def legs(trunk: TorsoMotion, part: slice, stance: dict[str, Array]) -> dict[str, Array]:
    """Return (T, 3) axis-angle of hips, knees and ankles that keep both feet where they stand, for a part of a take."""
    joints, pelvis = open_body_joints(), rotations.to_matrix(trunk.pelvis[part])
    found: dict[str, Array] = {}
    for side, outward in _OUTWARD.items():
        limb = two_bone_ik.leg(side)
        root = joints[0] + trunk.translation[part] + pelvis @ (limb.places[0] - joints[0])
        upper, lower = two_bone_ik.solve_two_bone(limb, root, stance[side], _KNEES * [outward, 1.0, 1.0])
        foot = rotations.to_matrix(np.deg2rad([0.0, outward * _TOES_OUT, 0.0]))
        turns = {"hip": _from(pelvis) @ upper, "knee": _from(upper) @ lower, "ankle": _from(lower) @ foot}
        found |= {f"{side}_{name}": rotations.from_matrix(turn) for name, turn in turns.items()}
    return found


def _from(turns: Array) -> Array:
    return np.swapaxes(turns, -1, -2)


def _shifts(prosody: Prosody, style: GestureStyle, generator: np.random.Generator) -> Array:
    """(T,) metres to the left by which the weight is shifted; now and then it goes to the other leg."""
    times = prosody.times
    starts = np.array([-np.inf, *(start for start, _ in prosody.phrases), np.inf])
    side = generator.choice([-1.0, 1.0])
    moves = [(-10.0, 1.0, side * abs(generator.normal()) * _SHIFT * 0.7)]
    time = generator.uniform(0.3, 1.0) * style.shift
    while len(times) and time < times[-1]:
        near = starts[np.searchsorted(starts, time) + np.array([-1, 0])]
        near = near[np.abs(near - time) < 1.5]  # people shift where a phrase begins
        begin = max(float(near[0]) if len(near) else time, moves[-1][0] + 1.0)
        side = -side if generator.random() < 0.75 else side
        there = float(np.clip(side * (0.4 + abs(generator.normal())) * _SHIFT, -_SHIFT_LIMIT, _SHIFT_LIMIT))
        moves.append((begin, generator.uniform(*_SHIFT_TIME), there))
        time = begin + max(2.0, generator.gamma(3.0, style.shift / 3.0))
    return _course(times, moves)


def _postures(prosody: Prosody, generator: np.random.Generator) -> Array:
    """(T, 3) degrees: how the trunk is held, phrase by phrase; nearly back to straight in long pauses."""
    moves: list[tuple[float, float, Array]] = []
    following = [*(start for start, _ in prosody.phrases[1:]), np.inf]
    for (start, end), after in zip(prosody.phrases, following, strict=False):
        posture = generator.normal(size=3) * _POSTURE
        moves.append((start - 0.25, generator.uniform(0.7, 1.2), posture))
        if after - end > 1.5:
            moves.append((end + 0.2, 1.4, posture * 0.25))
    return np.stack([_course(prosody.times, [(*move[:2], move[2][axis]) for move in moves]) for axis in range(3)], 1)


def _course(times: Array, moves: Sequence[tuple[float, float, float]]) -> Array:
    """(T,) values that go, from each start (seconds, rising) on and within a duration, to a value; before them 0."""
    result = np.zeros(len(times))
    here = 0.0
    for number, (start, duration, there) in enumerate(moves):
        until = moves[number + 1][0] if number + 1 < len(moves) else np.inf
        first, last = np.searchsorted(times, (start, until))
        passed = np.append(times[first:last], until) - start
        way = here + (there - here) * minimum_jerk(np.clip(passed / duration, 0.0, 1.0))
        result[first:last], here = way[:-1], float(way[-1])
    return result


def _bumps(count: int, moments: Sequence[tuple[float, float]], width: float) -> Array:
    """(count,) the sum of a Gaussian bump of a standard deviation `width` (seconds) at each time, of each size."""
    result = np.zeros(count)
    for time, size in moments:
        first, last = max(0, round((time - 4 * width) * FPS)), max(0, min(count, round((time + 4 * width) * FPS)))
        offset = np.arange(first, last) / FPS - time
        result[first:last] += size * np.exp(-0.5 * (offset / width) ** 2)
    return result


def _stir(times: Array, generator: np.random.Generator) -> Array:
    """(T, 3) degrees of slow movement: a few sines of unrelated rates, which never drift."""
    rates = np.geomspace(*_STIR_BAND, 5)[:, None] * generator.uniform(0.9, 1.1, (5, 3))
    phases = generator.uniform(0, 2 * np.pi, (5, 3))
    total = np.zeros((len(times), 3))
    for rate, phase in zip(rates, phases, strict=True):
        total += np.sin(2 * np.pi * times[:, None] * rate + phase)
    scaled: Array = total * np.sqrt(2 / 5) * _STIR
    return scaled
