"""Head movement of somebody who talks: postures phrase by phrase, nods on stressed syllables, a little sway.

The amounts follow real speakers (rotation spreads by 2 to 5 degrees an axis, nine tenths of it slower than 1 Hz, at
5 to 10 degrees a second on average); this is a calm speaker among them. A seed chooses among equally good takes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from animcore.direction import Direction
from animcore.solvers.emotion import Mood
from animcore.speech.prosody import FPS, Prosody, smooth

FloatArray = NDArray[np.float32]

STREAM = 1  # keeps the random numbers of the head apart from those of the eyes
NECK_SHARE = 0.4  # of the rotation; the head takes the rest

# Degrees about X (nod), Y (turn), Z (tilt).
_POSTURE = (2.4, 3.6, 2.6)  # spread of the posture that a phrase is held in
_SHIFT = (1.2, 2.0, 1.4)  # spread of the change of posture at a strong accent
_SWAY = (0.7, 0.9, 0.8)  # spread of the sway while speaking
_BREATH = 0.25  # degrees of nod with each breath, all that is left in silence
_NOD = 3.0  # degrees of nod at an accent of strength 1
_SETTLE = 1.6  # degrees by which the head sinks at the end of a phrase
_LIMIT = (13.0, 17.0, 12.0)

_EASE = 0.22  # seconds, standard deviation with which postures are reached
_NOD_TIME = 0.11  # seconds, standard deviation of a nod
_NOD_EARLY = 0.04  # seconds by which a nod is ahead of the loudest moment of its syllable
_SWAY_BAND = (0.06, 0.45)  # Hz
_BREATH_RATE = 0.24  # Hz
_STRONG = 0.55  # strength of an accent from which the posture may change too
_SHIFTS = 0.6  # chance that it does


@dataclass(frozen=True)
class HeadMotion:
    """Poses (T, 3) of neck and head in radians, axis-angle, at 50 frames a second."""

    neck: FloatArray
    head: FloatArray

    @property
    def total(self) -> FloatArray:
        """(T, 3) of both together, exact to first order for angles as small as these."""
        return self.neck + self.head


def move(prosody: Prosody, direction: Direction, mood: Mood | None = None) -> HeadMotion:
    """Return the movement of neck and head for a voice, in a mood."""
    generator = np.random.default_rng([direction.seed, STREAM])
    count = len(prosody.level)
    if not count:
        empty = np.zeros((0, 3), np.float32)
        return HeadMotion(empty, empty)
    talking = smooth(prosody.speaking, 0.4)
    degrees = np.stack([smooth(axis, _EASE) for axis in _postures(prosody, generator).T], 1)
    degrees += _sway(prosody.times, generator) * talking[:, None]
    degrees[:, 0] += _nods(prosody, generator)
    degrees[:, 0] += _BREATH * np.sin(2 * np.pi * (_BREATH_RATE * prosody.times + generator.random()))
    if mood is not None:
        degrees = degrees * mood.movement[:, None] + mood.head
    limit = np.array(_LIMIT)
    strength = direction.strength("head") * direction.intensity
    radians = np.deg2rad(limit * np.tanh(strength * degrees / limit)).astype(np.float32)
    return HeadMotion(radians * np.float32(NECK_SHARE), radians * np.float32(1 - NECK_SHARE))


def _postures(prosody: Prosody, generator: np.random.Generator) -> NDArray[np.float64]:
    """(T, 3) degrees, in steps: one posture a phrase, changed at strong accents, back near the middle in pauses."""
    count = len(prosody.level)
    result = np.zeros((count, 3))
    strong = np.array([time for time, strength in prosody.accents if strength >= _STRONG], np.float64)
    following = [*prosody.phrases[1:], (count / FPS, 0.0)]
    for (start, end), (next_start, _) in zip(prosody.phrases, following, strict=False):
        posture = generator.normal(size=3) * _POSTURE
        inside = strong[np.searchsorted(strong, start) : np.searchsorted(strong, end)]
        changes = inside[generator.random(len(inside)) < _SHIFTS]
        edges = [start, *changes.tolist(), end]
        for index in range(len(edges) - 1):
            if index:
                posture = 0.6 * posture + generator.normal(size=3) * _SHIFT
            result[round(edges[index] * FPS) : round(edges[index + 1] * FPS)] = posture
        last, rest = round(end * FPS), round(next_start * FPS)
        result[last:rest] = 0.35 * posture * np.exp(-np.arange(rest - last) / (1.5 * FPS))[:, None]
    return result


def _sway(times: NDArray[np.float64], generator: np.random.Generator) -> NDArray[np.float64]:
    """(T, 3) degrees of slow movement: a few sines of unrelated rates, which never drift."""
    rates = np.geomspace(*_SWAY_BAND, 7)[:, None] * generator.uniform(0.9, 1.1, (7, 3))
    phases = generator.uniform(0, 2 * np.pi, (7, 3))
    total = np.zeros((len(times), 3))
    for rate, phase in zip(rates, phases, strict=True):
        total += np.sin(2 * np.pi * times[:, None] * rate + phase)
    scaled: NDArray[np.float64] = total * np.sqrt(2 / 7) * _SWAY
    return scaled


def _nods(prosody: Prosody, generator: np.random.Generator) -> NDArray[np.float64]:
    """(T,) degrees: down on accents with a small lift before, and a settling at the end of phrases."""
    total = np.zeros(len(prosody.level))
    for time, strength in prosody.accents:
        size = _NOD * strength * generator.uniform(0.3, 1.2)
        _add_bump(total, time - _NOD_EARLY, _NOD_TIME, size)
        _add_bump(total, time - _NOD_EARLY - 2.6 * _NOD_TIME, _NOD_TIME, -0.35 * size)
    for start, end in prosody.phrases:
        _add_bump(total, end, 0.25, _SETTLE * min((end - start) / 1.5, 1.0))
    return total


def _add_bump(values: NDArray[np.float64], time: float, width: float, size: float) -> None:
    """Add a Gaussian bump of a standard deviation `width` (seconds) in place."""
    first = max(0, round((time - 4 * width) * FPS))
    last = max(first, min(len(values), round((time + 4 * width) * FPS) + 1))
    offset = np.arange(first, last) / FPS - time
    values[first:last] += size * np.exp(-0.5 * (offset / width) ** 2)
