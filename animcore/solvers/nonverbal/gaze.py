"""Eyes of a speaker on the viewer, or on a point: glances, saccades, lids that follow, and what the head adds.

Sources. Saccades last 21 ms and 2.2 ms for each degree (Carpenter, Movements of the Eyes, 1988); their top speed is
about 1.65 times the mean one, earlier than the middle (Becker, 1989; van Opstal and van Gisbergen, 1987). Speakers look
at the other 41 % of the time, listeners 75 % (Argyle and Ingham, 1972); speakers 28 to 70 % (Kendon, Acta Psychologica
26, 1967), who saw them look away as long turns begin and in hesitations, and back as turns end. Glances away last about
2 s while speaking and 1 s while listening, 5 and 7 s apart (Andrist, Mutlu and Gleicher, IVA 2013). Heads help where
the eyes would leave their usual range (Stahl, Experimental Brain Research 126, 1999). Eyes turn without torsion
(Listing's law). The pupils are 63 mm apart (Dodgson, 2004).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from animcore.core.vocabulary import ARKIT, ARKIT_INDEX
from animcore.direction import Direction
from animcore.geometry import rotations
from animcore.solvers.nonverbal import blinks
from animcore.solvers.nonverbal.listener import ListenerMotion
from animcore.solvers.speech_face.emotion import EmotionCurves
from animcore.speech.prosody import FPS, Prosody, smooth

FloatArray = NDArray[np.float32]
Array = NDArray[np.float64]

STREAM = 2  # keeps the random numbers of the eyes apart from those of the head

# Seconds between glances away and of a glance, on average, while speaking and while not; a little more than those of
# Andrist et al., since none falls near the start or the end of a turn.
_BETWEEN, _GLANCE = {True: 3.6, False: 6.5}, {True: 2.1, False: 1.3}
_EVEN = 5.0  # shape of their gamma distributions: the higher the more alike
_CONTACT = {"calm": 1.0, "lively": 1.0, "shy": 0.45, "presenter": 1.8}  # factor of a style on the time between glances

_TURN_PAUSE = 1.0  # seconds of silence that end a turn
_LONG_TURN = 3.0  # seconds from which a turn is thought about as it begins
_THINKS = 0.65  # chance that it is; with the glances of any other time 0.7 (Kendon, 1967) look away
_THOUGHT = (0.8, 2.0)  # seconds into the turn that it lasts
_EARLY = 0.3  # seconds by which it begins before the voice
_HESITATION = 0.3  # seconds from which a pause within a turn is one
_HESITATES = 0.45  # chance to look away in it
_RETURN, _STAYS = 0.8, 0.7  # seconds before and after the end of a turn in which the eyes are on the other
_SETTLED = 0.3  # seconds of the start, which is on the other too; and the shortest glance

# Degrees.
_FACE = (0.7, 1.0)  # up and down, sideways: spread of fixations on the face of the other
_AWAY_SIDE = (9.0, 3.0)  # mean and spread of how far to the side a glance goes
_AWAY_HEIGHTS, _AWAY_HEIGHT_SPREAD = (-6.0, 1.0, 6.0), 2.0  # up in thought, level, down
_WANDER = (1.5, 2.5)  # spread of the fixations of a glance
_STAY = {False: (0.35, 0.9), True: (0.35, 0.5)}  # seconds of a fixation: least, and mean of the addition; on, away
_WIDEST = 20.0  # of a glance to one side or height, however strong

_USUAL = 12.0  # degrees that the eyes go alone
_HEAD_SHARE = 0.7  # of what lies beyond, which the head takes
_HEAD_EASE = 0.13  # seconds, standard deviation with which it does; it starts as the eyes go and arrives after them

_LIMIT = np.deg2rad(28.0)
_FULL_LOOK = np.deg2rad(30.0)  # rotation at which an eyeLook weight is 1
_HALF_APART = 0.0315  # metres from the middle between the eyes to each
_EYES_FROM_PIVOT = np.array([0.0, 0.09, 0.09])  # metres from where the head turns to the middle between the eyes

# Share of the way that a saccade has gone, over its time.
_PROFILE_TIME = np.linspace(0, 1, 101)
_PROFILE = np.cumsum(_PROFILE_TIME**1.25 * (1 - _PROFILE_TIME) ** 1.75)
_PROFILE /= _PROFILE[-1]


@dataclass(frozen=True)
class EyeMotion:
    """What the eyes do at 50 FPS.

    Attributes:
        pose: (T, 2, 3) axis-angle in radians, left and right eye.
        weights: (T, 52) in 0..1, the eyeBlink and eyeLook shapes; all others 0.
        blinks: (B,) seconds at which the lids begin to close.
        head: (T, 3) axis-angle in radians that head and neck have to add for these eyes: large gaze shifts are shared.
    """

    pose: FloatArray
    weights: FloatArray
    blinks: Array
    head: FloatArray


@dataclass(frozen=True)
class Fixation:
    """Where the eyes go at `time` (seconds): degrees about X (down) and Y (left) relative to the gaze target."""

    time: float
    down: float
    left: float


def solve(
    prosody: Prosody,
    head: FloatArray,
    direction: Direction,
    mood: EmotionCurves | None = None,
    listening: ListenerMotion | None = None,
) -> EyeMotion:
    """Return the eyes for a voice.

    Args:
        prosody: of the voice; its turns, pauses and phrases draw glances and blinks.
        head: (T, 3) rotation of the head in radians; the eyes turn against it and stay where they look.
        direction: `gaze` scales glances, `blinks` how often the eyes blink; 0 switches either off. `target` is what is
            looked at; without one it is the viewer, far ahead.
        mood: an emotion changes how often the eyes blink and lets them sink.
        listening: to a speaker who is the gaze target: the eyes stay there during replies, and blink with them.
    """
    count = len(prosody.level)
    generator = np.random.default_rng([direction.seed, STREAM])
    fixations = list(plan_fixations(prosody, direction.style, generator, listening))
    felt = np.ones(count, np.float32) if mood is None else mood.blink_rate
    strength = direction.strength("gaze") * direction.intensity
    keep = min(strength, 1.0)
    starts = blinks.blink_times(
        prosody, direction.strength("blinks") * min(direction.intensity, 1.0), generator, felt,
        [(time, strength * size) for time, size in _shifts(fixations)],
        () if listening is None else listening.blinks,
    )  # fmt: skip
    closure = blinks.lid_curves(starts, count, generator)
    angles = np.deg2rad(np.clip(strength * follow_fixations(fixations, prosody.times), -_WIDEST, _WIDEST))
    if mood is not None:
        angles[:, 0] += strength * np.deg2rad(mood.gaze)
    angles += keep * _home(direction)
    added = _head_share(angles) * min(direction.strength("head"), 1.0)
    pose = _turns(angles, keep * (head + added), None if direction.target is None else _distance(direction), keep)
    return EyeMotion(pose.astype(np.float32), _weights(pose, closure), starts, added.astype(np.float32))


def plan_fixations(
    prosody: Prosody, style: str, generator: np.random.Generator, listening: ListenerMotion | None = None
) -> Iterator[Fixation]:
    """Yield the fixations of a take in the order of time, the first one at 0."""
    away = _away(prosody, _CONTACT[style], generator, listening)
    bounds = [0, *(np.flatnonzero(np.diff(away)) + 1).tolist(), len(away)] if len(away) else []
    for first, last in pairwise(bounds):
        middle, spread = np.zeros(2), np.array(_FACE)
        if away[first]:
            side = generator.choice([-1.0, 1.0]) * generator.normal(*_AWAY_SIDE)
            middle = np.array([generator.normal(generator.choice(_AWAY_HEIGHTS), _AWAY_HEIGHT_SPREAD), side])
            spread = np.array(_WANDER)
        time = first / FPS + generator.uniform(0, 1 / FPS)  # within the frame: people keep to no frame rate
        while time < last / FPS:
            down, left = middle + spread * np.clip(generator.normal(size=2), -2, 2)
            yield Fixation(time if first or time >= 1 / FPS else 0.0, float(down), float(left))
            least, more = _STAY[bool(away[first])]
            time += least + generator.exponential(more)


def follow_fixations(fixations: list[Fixation], times: Array) -> Array:
    """Return (T, 2) degrees about X and Y at any times (seconds, rising): fixations, and saccades between them."""
    result = np.zeros((len(times), 2))
    here = np.zeros(2)
    bounds = [*np.searchsorted(times, [fixation.time for fixation in fixations]).tolist(), len(times)]
    for fixation, (first, last) in zip(fixations, pairwise(bounds), strict=True):
        there = np.array([fixation.down, fixation.left])
        if fixation.time == 0:
            here = there  # a take begins where it looks
        seconds = saccade_seconds(float(np.hypot(*(there - here))))
        gone = np.interp((times[first:last] - fixation.time) / seconds, _PROFILE_TIME, _PROFILE)
        result[first:last] = here + (there - here) * gone[:, None]
        here = there
    return result


def saccade_seconds(degrees: float) -> float:
    """Return how long a saccade of this size takes: the main sequence."""
    return 0.021 + 0.0022 * degrees


def _shifts(fixations: list[Fixation]) -> list[tuple[float, float]]:
    """Time in seconds and size in degrees of each saccade."""
    return [
        (after.time, float(np.hypot(after.down - before.down, after.left - before.left)))
        for before, after in pairwise(fixations)
    ]


def _away(
    prosody: Prosody, contact: float, generator: np.random.Generator, listening: ListenerMotion | None
) -> NDArray[np.bool_]:
    """(T,) whether the eyes are off the one who is talked to."""
    count = len(prosody.level)
    away = np.zeros(count, bool)
    turns = prosody.turns(_TURN_PAUSE)
    in_turn = np.zeros(count, bool)
    for start, end in turns:
        in_turn[round(start * FPS) : round(end * FPS)] = True
    time = 0.0
    while time * FPS < count:
        speaking = bool(in_turn[round(time * FPS) if time * FPS < count - 1 else -1])
        time += generator.gamma(_EVEN, contact * _BETWEEN[speaking] / _EVEN)
        lasts = generator.gamma(_EVEN, _GLANCE[speaking] / _EVEN)
        away[round(time * FPS) : round((time + lasts) * FPS)] = True
        time += lasts
    for start, end in () if listening is None else listening.looks():
        away[max(0, round(start * FPS)) : max(0, round(end * FPS))] = False
    for start, end in _thoughts(prosody, turns, min(1.0, 1 / contact), generator):
        away[max(0, round(start * FPS)) : round(end * FPS)] = True
    for _, end in turns:
        away[max(0, round((end - _RETURN) * FPS)) : round((end + _STAYS) * FPS)] = False
    away[: round(_SETTLED * FPS)] = False
    return _without_short(away, round(_SETTLED * FPS))


def _thoughts(
    prosody: Prosody, turns: list[tuple[float, float]], amount: float, generator: np.random.Generator
) -> Iterator[tuple[float, float]]:
    """Start and end of pauses for thought: as long turns begin, and in hesitations within them."""
    for start, end in turns:
        thinks, until = generator.random() < _THINKS * amount, start + generator.uniform(*_THOUGHT)
        if thinks and end - start >= _LONG_TURN:
            yield start - _EARLY, until
    for (_, end), (start, _) in pairwise(prosody.phrases):
        hesitates, until = generator.random() < _HESITATES * amount, start + generator.uniform(0.1, _THOUGHT[0])
        if hesitates and _HESITATION <= start - end < _TURN_PAUSE:
            yield end, until


def _without_short(away: NDArray[np.bool_], least: int) -> NDArray[np.bool_]:
    """(T,) without glances, and then without looks between glances, of fewer frames than `least`."""
    for kind in (True, False):
        edges = np.flatnonzero(np.diff(np.concatenate([[False], away == kind, [False]]).astype(np.int8))).reshape(-1, 2)
        for first, last in edges.tolist():
            if last - first < least and first > 0:
                away[first:last] = not kind
    return away


def _home(direction: Direction) -> Array:
    """(2,) radians about X and Y towards who is looked at, from the middle between the eyes."""
    if direction.target is None:
        return np.zeros(2)
    x, y, z = direction.target
    return np.array([-np.arctan2(y, np.hypot(x, z)), np.arctan2(x, z)])


def _distance(direction: Direction) -> float:
    """Metres to the target."""
    return float(np.linalg.norm(direction.target or 0.0))


def _head_share(angles: Array) -> Array:
    """(T, 3) radians of the head for where the eyes go, (T, 2): what lies beyond their usual range, and later."""
    size = np.linalg.norm(angles, axis=1, keepdims=True)
    goal = angles * (_HEAD_SHARE * np.maximum(0, 1 - np.deg2rad(_USUAL) / np.maximum(size, 1e-9)))
    late = round(2 * _HEAD_EASE * FPS)
    added = np.zeros((len(angles), 3))
    if len(angles):
        for axis in range(2):
            delayed = np.pad(goal[:, axis], (late, 0), mode="edge")[: len(goal)]
            added[:, axis] = smooth(delayed.astype(np.float32), _HEAD_EASE)
    return added


def _turns(angles: Array, head: Array, distance: float | None, keep: float) -> Array:
    """Return (T, 2, 3) axis-angle of left and right eye in the head.

    Args:
        angles: (T, 2) radians about X and Y of where the eyes look, whatever the head does.
        head: (T, 3) rotation of the head in radians.
        distance: metres of the gaze target, on which both eyes converge; None is far, and they stay parallel.
        keep: 0..1, share of that meeting.
    """
    down, left = angles.T
    towards = np.stack([np.sin(left) * np.cos(down), -np.sin(down), np.cos(left) * np.cos(down)], 1)
    turned = rotations.to_matrix(head)
    pose = np.zeros((len(angles), 2, 3))
    for index, side in enumerate((1.0, -1.0)):
        seen = towards
        if distance is not None:
            eye = _EYES_FROM_PIVOT + np.array([keep * side * _HALF_APART, 0.0, 0.0])
            seen = towards * distance - (turned @ eye - _EYES_FROM_PIVOT)
        x, y, z = np.einsum("tji,tj->it", turned, seen)
        aside = np.hypot(x, y)
        pose[:, index, :2] = np.stack([-y, x], 1) * (np.arctan2(aside, z) / np.maximum(aside, 1e-12))[:, None]
    return np.clip(pose, -_LIMIT, _LIMIT)


def _weights(pose: Array, closure: FloatArray) -> FloatArray:
    """(T, 52) weights of the lids: blinks, and following the eyes (T, 2, 3); a shut lid follows no more."""
    weights = np.zeros((len(pose), len(ARKIT)), np.float32)
    for index, (side, inner) in enumerate((("Left", -1.0), ("Right", 1.0))):
        down, left = pose[:, index, 0] / _FULL_LOOK, pose[:, index, 1] / _FULL_LOOK
        looks = {"Down": down * (1 - closure), "Up": -down * (1 - closure), "In": inner * left, "Out": -inner * left}
        for way, value in looks.items():
            weights[:, ARKIT_INDEX[f"eyeLook{way}{side}"]] = np.clip(value, 0.0, 1.0)
        weights[:, ARKIT_INDEX[f"eyeBlink{side}"]] = closure
    return weights
