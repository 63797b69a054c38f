"""Blinks of a speaker: how often, when, and how the lids move.

Sources: 17 blinks a minute at rest and 26 in conversation (Bentivoglio et al., Movement Disorders 12, 1997), 10.5 to
32.5 in conversation and 8 to 21 in silence among normal adults (Doughty, Optometry and Vision Science 78, 2001). A
spontaneous blink lasts about a third of a second, lids fall in less than 0.1 s and rise in twice that (VanderWerf et
al., Journal of Neurophysiology 89, 2003). Speakers blink where phrases end and in pauses (Nakano and Kitazawa,
Experimental Brain Research 205, 2010), and with gaze shifts, the likelier the wider (Evinger et al., Experimental Brain
Research 100, 1994). About half of the blinks of people are not complete (Ousler et al., Clinical Ophthalmology 8,
2014); ours are, since half a blink reads as a mistake on a face that is drawn.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from animcore.speech.prosody import FPS, Prosody, smooth

FloatArray = NDArray[np.float32]

_SPEAKING, _QUIET = 23.0, 15.0  # blinks a minute: a little below the means of people, which those who stare at us raise
_TALK = 0.8  # seconds, standard deviation in which one rate goes over into the other
_SHAPE = 2.6  # of the gamma distribution of the time between blinks: skewed to the right, as log-normal as in people
_APART = 0.36  # seconds from one blink to the next at least
_TWICE = 0.05  # chance of a second blink right after one

_DRAWN = 0.9  # seconds within which the end of a phrase draws a blink to itself
_AFTER_END = (-0.04, 0.22)  # seconds after the end at which the lids begin to close
_SHIFT_LEAST, _SHIFT_SURE = 6.0, 35.0  # degrees of a gaze shift that draws no blink yet, and that always does
_BEFORE_SHIFT = 0.03  # seconds by which the lids begin to close before the eyes go

# Seconds. Closing and shut are whole frames of ours; shut for longer than a frame of video, so that at any rate one
# frame is shut altogether.
_CLOSING, _SHUT = 0.08, 0.06
_OPENING, _OPENING_SPREAD = 0.19, 0.28  # median, and spread of its logarithm
_LONGEST = 0.34
_SETTLES = 0.7  # exponent of the time of opening: below 1 it starts fast and settles slowly


def blink_times(
    prosody: Prosody,
    amount: float,
    generator: np.random.Generator,
    felt: FloatArray,
    shifts: Sequence[tuple[float, float]] = (),
    heard: Sequence[float] = (),
) -> NDArray[np.float64]:
    """Return the seconds (B,) at which the lids begin to close.

    Args:
        prosody: of the voice; the ends of its phrases draw blinks, and there are more while it speaks.
        amount: factor on how often; 0 gives none.
        generator: chooses.
        felt: (T,) factor of an emotion on their rate.
        shifts: time in seconds and size in degrees of the gaze shifts.
        heard: seconds at which the other speaker draws blinks.
    """
    count = len(prosody.level)
    last = count / FPS - _CLOSING - _SHUT - _LONGEST
    if amount <= 0 or last <= 0:
        return np.zeros(0)
    talk = np.clip(smooth(prosody.speaking, _TALK), 0, 1)
    passed = np.cumsum(amount * felt * (_QUIET + (_SPEAKING - _QUIET) * talk)) / (60 * FPS)  # blinks due until then
    draws = [time - _BEFORE_SHIFT for time, size in shifts
             if generator.random() < min(amount, 1) * (size - _SHIFT_LEAST) / (_SHIFT_SURE - _SHIFT_LEAST)]  # fmt: skip
    ends = np.sort(np.array([*(end for _, end in prosody.phrases), *heard], np.float64))
    found: list[float] = []
    due = generator.uniform(0.2, 1.0)
    while due < passed[-1] or draws:
        time = float(np.searchsorted(passed, due)) / FPS
        shifted = draws and draws[0] <= time
        time = draws.pop(0) if shifted else _drawn(time, ends, found, generator)
        if found and time - found[-1] < _APART:
            due += 0.1  # too soon after a blink that was drawn
            continue
        if generator.random() < _TWICE:
            found.append(time)
            time += generator.uniform(_APART, _APART + 0.15)
        found.append(time)
        now = passed[min(max(round(time * FPS), 0), count - 1)]
        due = float(now) + generator.gamma(_SHAPE, 1 / _SHAPE)
    return np.array([round(time * FPS) / FPS for time in found if 0 <= time < last])


def lid_curves(starts: NDArray[np.float64], count: int, generator: np.random.Generator) -> FloatArray:
    """Return (count,) closure of the lids in 0..1: fast down, a moment shut, slowly up, some slower."""
    result = np.zeros(count, np.float32)
    openings = np.minimum(_OPENING * np.exp(_OPENING_SPREAD * generator.normal(size=len(starts))), _LONGEST)
    for start, opening in zip(starts, openings, strict=True):
        first = round(start * FPS)
        last = min(count, first + round((_CLOSING + _SHUT + opening) * FPS) + 1)
        passed = np.arange(last - first) / FPS
        down = np.clip(passed / _CLOSING, 0.0, 1.0)
        up = np.clip((passed - _CLOSING - _SHUT) / opening, 0.0, 1.0) ** _SETTLES
        closure = _soft(down) * (1 - _soft(up))
        result[first:last] = np.maximum(result[first:last], closure)
    return result


def _drawn(time: float, ends: NDArray[np.float64], found: list[float], generator: np.random.Generator) -> float:
    """Return the time of a blink, moved to the end of a phrase that is near and not taken yet."""
    free = ends[ends > (found[-1] + _APART if found else 0.0)]
    if len(free):
        nearest = float(free[np.abs(free - time).argmin()])
        if abs(nearest - time) < _DRAWN:
            return nearest + generator.uniform(*_AFTER_END)
    return time


def _soft(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """0..1 with a soft start and a soft stop."""
    return values * values * (3 - 2 * values)
