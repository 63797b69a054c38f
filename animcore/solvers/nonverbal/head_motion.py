"""Head motion of a speaker: learned from people, sampled anew with every seed.

A small network (`head_network`) predicts, from the last motion of the head and from prosody, the distribution of the
next step is; a take is one draw after the other. So spread, speed and rhythm are people's, heads rest in pauses and
come alive with the voice, and nothing is ever the same twice. What people do on stressed syllables it learns too, but
more weakly than they do it: a small nod is added. In long pauses the head comes back to the middle and breathes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from animcore.direction import Direction
from animcore.solvers.nonverbal import head_network
from animcore.solvers.nonverbal.head_network import HeadNetwork
from animcore.solvers.speech_face.emotion import EmotionCurves
from animcore.speech.prosody import FPS, Prosody, smooth

FloatArray = NDArray[np.float32]

STREAM = 1  # keeps the random numbers of the head apart from those of the eyes
NECK_SHARE = 0.4  # of the rotation; the head takes the rest

# Degrees about X (nod), Y (turn), Z (tilt).
_BREATH = 0.25  # degrees of nod with each breath, all that is left in silence
_NOD = 0.6  # degrees of nod at an accent of strength 1
_LIMIT = (26.0, 34.0, 24.0)  # approached softly

_STAYS = 1.2  # seconds of a pause in which the head stays where it is, and moves as the network has it
_RETURN = 0.5  # seconds, standard deviation with which it goes back to the middle after that, and comes alive again
_NOD_TIME = 0.1  # seconds, standard deviation of a nod
_NOD_LATE = 0.15  # seconds from the loudest moment of a syllable to the lowest of its nod, as in the training data
_BREATH_RATE = 0.24  # Hz


@dataclass(frozen=True)
class HeadMotion:
    """Poses (T, 3) of neck and head in radians, axis-angle, at 50 FPS."""

    neck: FloatArray
    head: FloatArray

    @property
    def total(self) -> FloatArray:
        """(T, 3) of both together, exact to first order for angles as small as these."""
        return self.neck + self.head

    def nodding(self, added: FloatArray) -> HeadMotion:
        """Return the movement with (T, 3) radians more, which neck and head share as they share all of it."""
        return HeadMotion(self.neck + np.float32(NECK_SHARE) * added, self.head + np.float32(1 - NECK_SHARE) * added)


def solve(
    prosody: Prosody, direction: Direction, mood: EmotionCurves | None = None, model: HeadNetwork | None = None
) -> HeadMotion:
    """Return the movement of neck and head for a voice, in a mood.

    Args:
        prosody: of the voice.
        direction: seed, intensity and the strength of `head`.
        mood: moves the head more or less, and holds it higher or lower.
        model: another network than the shipped one; benchmarks measure networks that were not trained on a speaker.

    Raises:
        AnimcoreError: when the network's file is missing or broken.
    """
    generator = np.random.default_rng([direction.seed, STREAM])
    count = len(prosody.level)
    if not count:
        empty = np.zeros((0, 3), np.float32)
        return HeadMotion(empty, empty)
    breath = _BREATH * np.sin(2 * np.pi * (_BREATH_RATE * prosody.times + generator.random()))
    degrees = np.zeros((count, 3))
    if prosody.phrases:
        degrees = (model or head_network.load(head_network.MODEL)).walk(prosody, generator)
        degrees[:, 0] += _nods(prosody, generator)
        degrees *= _alive(prosody)[:, None]
    degrees[:, 0] += breath
    if mood is not None:
        degrees = degrees * mood.movement[:, None] + mood.head
    limit = np.array(_LIMIT)
    strength = direction.strength("head") * direction.intensity
    radians = np.deg2rad(limit * np.tanh(strength * degrees / limit)).astype(np.float32)
    return HeadMotion(radians * np.float32(NECK_SHARE), radians * np.float32(1 - NECK_SHARE))


def _alive(prosody: Prosody) -> FloatArray:
    """(T,) share in 0..1 of its movement that a head has: all in speech and short pauses, none in long ones."""
    alive = np.zeros(len(prosody.level), np.float32)
    for start, end in prosody.phrases:
        alive[max(0, round((start - _RETURN) * FPS)) : round((end + _STAYS) * FPS)] = 1.0
    return smooth(alive, _RETURN)


def _nods(prosody: Prosody, generator: np.random.Generator) -> NDArray[np.float64]:
    """(T,) degrees: down just after accents, with a small lift before."""
    total = np.zeros(len(prosody.level))
    for time, strength in prosody.accents:
        size = _NOD * strength * generator.uniform(0.3, 1.2)
        _add_bump(total, time + _NOD_LATE, _NOD_TIME, size)
        _add_bump(total, time + _NOD_LATE - 2.6 * _NOD_TIME, _NOD_TIME, -0.35 * size)
    return total


def _add_bump(values: NDArray[np.float64], time: float, width: float, size: float) -> None:
    """Add a Gaussian bump of a standard deviation `width` (seconds) in place."""
    first = max(0, round((time - 4 * width) * FPS))
    last = max(first, min(len(values), round((time + 4 * width) * FPS) + 1))
    offset = np.arange(first, last) / FPS - time
    values[first:last] += size * np.exp(-0.5 * (offset / width) ** 2)
