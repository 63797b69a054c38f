"""What the body does beneath the arms: it breathes, leans and turns with what is said, and shifts its weight.

Quiet standing sways by millimetres and shifts weight every few seconds (Duarte and Zatsiorsky, 1999); the feet stay
where they are, and the legs follow by inverse kinematics.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from animcore.bodies import limbs, rotations
from animcore.bodies.kinematics import open_body_joints
from animcore.solvers.gesture_arms import minimum_jerk
from animcore.solvers.gesture_lexicon import Style
from animcore.speech.prosody import FPS, Prosody

Array = NDArray[np.float64]

SPINE = ("spine1", "spine2", "spine3")
_SHARES = np.array([0.25, 0.35, 0.40])  # of the bend of the trunk, from below

_BREATH_RATE = 0.24  # Hz
_BREATH = 0.7  # degrees by which the chest rises
_SHOULDERS = 1.1  # degrees by which the shoulders do
_POSTURE = (1.1, 3.2, 1.2)  # degrees about X, Y, Z: spread of how the trunk is held phrase by phrase
_NOD = 1.3  # degrees forward on a full accent
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
_KNEES = np.array([0.12, 0.0, 1.0])  # outward, up, forward


@dataclass(frozen=True)
class Trunk:
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


def move(prosody: Prosody, style: Style, amount: float, generator: np.random.Generator) -> Trunk:
    """Return what the trunk does; `amount` scales it, apart from breath."""
    times = prosody.times
    shift = _shifts(prosody, style, generator) * min(amount, 1.5)
    bend = _postures(prosody, generator) * style.trunk + _stir(times, generator)
    bend[:, 0] += style.lean + _nods(prosody) * style.trunk
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
    return Trunk(np.deg2rad(pelvis), spine, _SHOULDERS * 0.5 * (breath + 1.0), translation)


def legs(trunk: Trunk, style: Style, generator: np.random.Generator) -> dict[str, Array]:
    """Return (T, 3) axis-angle of hips, knees and ankles that keep both feet where they stand."""
    joints, pelvis = open_body_joints(), rotations.to_matrix(trunk.pelvis)
    before = generator.choice([-1.0, 1.0]) * _FORWARD / 2
    found: dict[str, Array] = {}
    for side, outward in (("left", 1.0), ("right", -1.0)):
        limb = limbs.leg(side)
        root = joints[0] + trunk.translation + pelvis @ (limb.places[0] - joints[0])
        ankle = np.array([outward * style.gap / 2, limb.places[2, 1], limb.places[2, 2] + outward * before])
        upper, lower = limbs.reach(limb, root, np.broadcast_to(ankle, root.shape), _KNEES * [outward, 1.0, 1.0])
        foot = rotations.to_matrix(np.deg2rad([0.0, outward * _TOES_OUT, 0.0]))
        turns = {"hip": _from(pelvis) @ upper, "knee": _from(upper) @ lower, "ankle": _from(lower) @ foot}
        found |= {f"{side}_{name}": rotations.from_matrix(turn) for name, turn in turns.items()}
    return found


def _from(turns: Array) -> Array:
    return np.swapaxes(turns, -1, -2)


def _shifts(prosody: Prosody, style: Style, generator: np.random.Generator) -> Array:
    """(T,) metres to the left by which the weight is shifted; now and then it goes to the other leg."""
    count = len(prosody.level)
    result = np.zeros(count)
    starts = np.array([start for start, _ in prosody.phrases], np.float64)
    side = generator.choice([-1.0, 1.0])
    here = side * abs(generator.normal()) * _SHIFT * 0.7
    result[:] = here
    time = generator.uniform(0.3, 1.0) * style.shift
    while time * FPS < count:
        near = starts[np.abs(starts - time) < 1.5]  # people shift where a phrase begins
        begin = float(near[0]) if len(near) else time
        side = -side if generator.random() < 0.75 else side
        there = float(np.clip(side * (0.4 + abs(generator.normal())) * _SHIFT, -_SHIFT_LIMIT, _SHIFT_LIMIT))
        _go(result, begin, generator.uniform(*_SHIFT_TIME), there)
        time = begin + max(2.0, generator.gamma(3.0, style.shift / 3.0))
    return result


def _postures(prosody: Prosody, generator: np.random.Generator) -> Array:
    """(T, 3) degrees: how the trunk is held, phrase by phrase; half-way back to straight in long pauses."""
    result = np.zeros((len(prosody.level), 3))
    for number, (start, end) in enumerate(prosody.phrases):
        posture = generator.normal(size=3) * _POSTURE
        duration = generator.uniform(0.7, 1.2)
        following = prosody.phrases[number + 1][0] if number + 1 < len(prosody.phrases) else np.inf
        for axis in range(3):
            _go(result[:, axis], start - 0.25, duration, posture[axis])
            if following - end > 1.5:
                _go(result[:, axis], end + 0.2, 1.4, posture[axis] * 0.25)
    return result


def _go(values: Array, start: float, duration: float, there: float) -> None:
    """Go in place from the value at `start` to another within `duration` seconds, and stay."""
    first = int(np.clip(round(start * FPS), 0, len(values)))
    if first == len(values):
        return
    here = values[first]
    passed = (np.arange(first, len(values)) / FPS - start) / duration
    moving = passed < 1.0
    values[first:][moving] = here + (there - here) * minimum_jerk(np.clip(passed[moving], 0.0, 1.0))
    values[first:][~moving] = there


def _nods(prosody: Prosody) -> Array:
    """(T,) degrees forward on accents."""
    result = np.zeros(len(prosody.level))
    for time, strength in prosody.accents:
        first, last = max(0, round((time - 0.8) * FPS)), min(len(result), round((time + 0.8) * FPS))
        offset = np.arange(first, last) / FPS - time
        result[first:last] += _NOD * strength * np.exp(-0.5 * (offset / 0.2) ** 2)
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
