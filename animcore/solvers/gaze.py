"""Eyes of somebody who talks to the viewer: blinks, glances, small saccades, lids that follow the eyes.

Sources of the amounts: spontaneous blinks while talking 15 to 20 a minute, lids closing in about 80 ms and opening in
about 150 ms (Evinger et al., 1991); a saccade lasts 21 ms and 2.2 ms for each degree (Carpenter, 1988).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from animcore.direction import Direction
from animcore.names import ARKIT, ARKIT_INDEX
from animcore.solvers.emotion import Mood
from animcore.speech.prosody import FPS, Prosody

FloatArray = NDArray[np.float32]

STREAM = 2  # keeps the random numbers of the eyes apart from those of the head

_REFRACTORY = 1.0  # seconds without a blink after a blink
_INTERVAL = (2.2, 1.15)  # shape and scale (seconds) of the gamma distribution of the time after that
_TWICE = 0.07  # chance of a second blink right after one
_DRAWN = 0.7  # seconds within which the end of a phrase draws a blink to itself
# Seconds, whole frames of ours. Shut for longer than a frame of film, so that at any rate one frame is shut altogether.
_CLOSING, _HELD, _OPENING = 0.08, 0.06, 0.16

_AWAY = 0.16  # chance that a fixation is a glance away while speaking
_LISTENER = (1.0, 0.7)  # degrees about Y and X: spread of fixations on the viewer's face
_GLANCE = (6.0, 3.5)  # degrees about Y and X: spread of glances away
_STAY = {"viewer": (0.7, 2.4), "away": (0.35, 0.9)}  # seconds, least and most of a fixation
_LIMIT = np.deg2rad(22.0)
_FULL_LOOK = np.deg2rad(30.0)  # rotation at which an eyeLook weight is 1


@dataclass(frozen=True)
class Eyes:
    """What the eyes do at 50 frames a second.

    Attributes:
        pose: (T, 2, 3) axis-angle in radians, left and right eye.
        weights: (T, 52) in 0..1, the eyeBlink and eyeLook shapes; all others 0.
        blinks: (B,) seconds at which the lids begin to close.
    """

    pose: FloatArray
    weights: FloatArray
    blinks: NDArray[np.float64]


def look(prosody: Prosody, head: FloatArray, direction: Direction, mood: Mood | None = None) -> Eyes:
    """Return the eyes for a voice.

    Args:
        prosody: of the voice; its phrases draw blinks and glances.
        head: (T, 3) rotation of the head in radians; the eyes turn against it and stay on the viewer.
        direction: `gaze` scales glances, `blinks` how often the eyes blink; 0 switches either off.
        mood: an emotion changes how often the eyes blink and lets them sink.
    """
    generator = np.random.default_rng([direction.seed, STREAM])
    felt = np.ones(len(prosody.level), np.float32) if mood is None else mood.blink_rate
    blinks = blink_times(prosody, direction.strength("blinks") * min(direction.intensity, 1.0), generator, felt)
    targets = _targets(prosody, generator)
    if mood is not None:
        targets[:, 0] += np.deg2rad(mood.gaze)
    strength = direction.strength("gaze") * direction.intensity
    angles = np.clip(targets * strength - head[:, :2].astype(np.float64) * min(strength, 1.0), -_LIMIT, _LIMIT)
    pose = np.zeros((len(angles), 2, 3), np.float32)
    pose[:, :, :2] = angles[:, None]
    return Eyes(pose, _weights(angles, lids(blinks, len(angles))), blinks)


def blink_times(prosody: Prosody, rate: float, generator: np.random.Generator, felt: FloatArray) -> NDArray[np.float64]:
    """(B,) seconds of the blinks; `rate` and `felt` (T,) multiply how often, 1 is about 17 a minute."""
    duration = len(prosody.level) / FPS
    ends = np.array([end for _, end in prosody.phrases], np.float64)
    times: list[float] = []
    time = generator.uniform(0.4, 2.5)
    while rate > 0 and time < duration - _CLOSING - _OPENING:
        near = ends[(np.abs(ends - time) < _DRAWN) & (ends > (times[-1] if times else 0.0))]
        if len(near):
            time = float(near[0]) + generator.uniform(0.0, 0.12)
        if times and time - times[-1] < 0.35:
            time = times[-1] + 0.35
        times.append(time)
        if generator.random() < _TWICE:
            times.append(time + generator.uniform(0.35, 0.5))
        now = min(round(times[-1] * FPS), len(felt) - 1)
        time = times[-1] + (_REFRACTORY + generator.gamma(*_INTERVAL)) / (rate * float(felt[now]))
    last = duration - _CLOSING - _HELD - _OPENING
    return np.array([round(time * FPS) / FPS for time in times if time < last])


def lids(blinks: NDArray[np.float64], count: int) -> FloatArray:
    """(count,) closure of the lids in 0..1: fast down, a moment shut, slowly up."""
    result = np.zeros(count, np.float32)
    for start in blinks:
        first = round(start * FPS)
        last = min(count, first + round((_CLOSING + _HELD + _OPENING) * FPS) + 1)
        passed = np.arange(last - first) / FPS
        down = np.clip(passed / _CLOSING, 0.0, 1.0)
        up = np.clip((passed - _CLOSING - _HELD) / _OPENING, 0.0, 1.0)
        # the lid starts and stops softly on its way down, and leaves fast and settles slowly on its way up
        closure = down * down * (3 - 2 * down) * (1 - up) ** 1.6
        result[first:last] = np.maximum(result[first:last], closure)
    return result


def _targets(prosody: Prosody, generator: np.random.Generator) -> NDArray[np.float64]:
    """(T, 2) rotation about X and Y in radians towards what is looked at: fixations, and saccades between them."""
    count = len(prosody.level)
    result = np.zeros((count, 2))
    here: NDArray[np.float64] = np.zeros(2)
    time, away = 0.0, False
    while time * FPS < count:
        speaking = prosody.speaking[min(round(time * FPS), count - 1)] > 0
        away = bool(not away and speaking and time > 0 and generator.random() < _AWAY)
        spread = np.deg2rad((_GLANCE if away else _LISTENER)[::-1]) * float(speaking)
        there = np.clip(generator.normal(size=2) * spread, -_LIMIT, _LIMIT)
        stay = generator.uniform(*_STAY["away" if away else "viewer"])
        first, last = round(time * FPS), min(round((time + stay) * FPS), count)
        seconds = 0.021 + 0.0022 * np.rad2deg(np.hypot(*(there - here)))
        passed = np.clip((np.arange(first, last) / FPS - time) / seconds, 0.0, 1.0)
        result[first:last] = here + (there - here) * (passed * passed * (3 - 2 * passed))[:, None]
        here, time = there, time + stay
    return result


def _weights(angles: NDArray[np.float64], closure: FloatArray) -> FloatArray:
    """(T, 52) weights of the lids: blinks, and following the eyes; a shut lid follows no more."""
    weights = np.zeros((len(angles), len(ARKIT)), np.float32)
    down, left = angles[:, 0] / _FULL_LOOK, angles[:, 1] / _FULL_LOOK
    looks = {
        "eyeLookDownLeft": down * (1 - closure),
        "eyeLookDownRight": down * (1 - closure),
        "eyeLookUpLeft": -down * (1 - closure),
        "eyeLookUpRight": -down * (1 - closure),
        "eyeLookOutLeft": left,
        "eyeLookInRight": left,
        "eyeLookInLeft": -left,
        "eyeLookOutRight": -left,
    }
    for name, value in looks.items():
        weights[:, ARKIT_INDEX[name]] = np.clip(value, 0.0, 1.0)
    weights[:, ARKIT_INDEX["eyeBlinkLeft"]] = weights[:, ARKIT_INDEX["eyeBlinkRight"]] = closure
    return weights
