"""The network of the head: its audio features, its memory, and the sampling of the next step; numpy alone.

It is a mixture density network (Bishop, 1994) that runs on its own output, as Graves (2013) writes by hand: from the
last steps of the head and from the voice around now, it tells how likely every next step is, and one is drawn. Four
Gaussians hold together that a head rests, glides and snaps. `animcore/training/head_motion/train.py` trains it.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from animcore.core import reading
from animcore.core.shipped import shipped
from animcore.errors import BROKEN_FILE, AnimcoreError
from animcore.speech.prosody import FPS, Prosody, smooth

FloatArray = NDArray[np.float32]
Array = NDArray[np.float64]

MODEL = shipped("assets/solvers/head.npz")

STEP = 4  # frames: 80 ms, so that head motion below 5 Hz is covered, and nothing of a tracker's jitter above
SECONDS = STEP / FPS
HISTORY = 8  # velocities remembered: 0.64 s
BACK, AHEAD = 6, 8  # steps of audio before and after
HEARD = 3  # curves of the voice
GAUSSIANS = 4
DRAWN = 10  # numbers a Gaussian has: its weight, its mean (3), its scale (6)
POSITION = 3.0  # factor that brings positions to the size of velocities

_TEMPER = 8.0  # seconds from one temper of a speaker to the next
_CONSTANT = 0.5  # share of the variance of tempers that is a take's own and does not change
_EXTREME = 2.0  # standard deviations of temper at most
_SETTLES = 10.0  # seconds of a take at which half of its mean posture is taken away
_LEAD = 75  # steps run before the first frame, so that a take does not begin in the middle of the range
_FASTEST = 6.0  # of the typical speed; the fastest of the training data is 5.2
_LOUD_RANGE = 12.0  # dB below the loudest syllables at which loudness counts as 0; it reaches from -1 to 1
_ACCENT = 0.06  # seconds, standard deviation of an accent's bump
_SMOOTHING = 0.06  # seconds
_REACH = 8  # steps that the prefilter of the spline reaches
_POLE = np.sqrt(3) - 2  # of the prefilter of a cubic B-spline (Unser, 1999)


@dataclass(frozen=True)
class HeadNetwork:
    """A trained head.

    Attributes:
        past: (H, 27) and `past_bias` (H,), first layer: what the head did.
        voice: (H, 46), first layer: audio around now, and the temper: how lively this speaker is now against
            others, in standard deviations.
        middle: (H, H) and `middle_bias` (H,), second layer.
        last: (40, H) and `last_bias` (40,), third layer: weights, means and scales of the Gaussians.
        carry: (3, 27) and `carry_bias` (3,), the part of the means that is linear in the past.
        speed: (2,) mean and standard deviation over speakers of the logarithm of a head's root mean square speed in
            degrees a second. The network moves a head of speed 1: its output is multiplied by the speaker's speed.
    """

    past: FloatArray
    past_bias: FloatArray
    voice: FloatArray
    middle: FloatArray
    middle_bias: FloatArray
    last: FloatArray
    last_bias: FloatArray
    carry: FloatArray
    carry_bias: FloatArray
    speed: FloatArray

    def walk(self, prosody: Prosody, generator: np.random.Generator, temper: float | None = None) -> Array:
        """Return one way (T, 3) in which a head may move with this voice, degrees about X, Y and Z.

        Args:
            prosody: of the voice.
            generator: draws the take.
            temper: how lively the speaker is in standard deviations; without one, it is drawn.
        """
        rows = input_features(prosody)[::STEP]
        lead = np.resize(rows[::-1], (_LEAD, HEARD))[::-1]
        rows = np.concatenate([lead, rows, rows[-1:]])  # one beyond the end, for the curve between the last two
        lively = sample_tempers(len(rows), generator) if temper is None else np.full(len(rows), temper)
        speed = np.exp(self.speed[0] + self.speed[1] * lively)
        way = speed[:, None] * self._steps(np.column_stack([windows(rows), lively]), generator)
        way = way[_LEAD:]
        # a voice unlike those of people may hold the head to one side: over a long take the middle is the middle
        way = way - way.mean(0) * len(way) / (len(way) + _SETTLES / SECONDS)
        return between(way, len(prosody.level))

    def _steps(self, voice: FloatArray, generator: np.random.Generator) -> Array:
        """(S, 3) positions, one step after the other, for audio features and temper (S, 46)."""
        chances, normal = generator.random(len(voice)), generator.normal(size=(len(voice), 3))
        first = voice @ self.voice.T + self.past_bias
        position, velocities = np.zeros(3), np.zeros((HISTORY, 3))
        result = np.zeros((len(voice), 3))
        for index in range(len(voice)):
            memory = np.concatenate([position * POSITION, velocities.ravel()])
            hidden = np.tanh(self.past @ memory + first[index])
            hidden = np.tanh(self.middle @ hidden + self.middle_bias)
            gaussians = (self.last @ hidden + self.last_bias).reshape(GAUSSIANS, DRAWN)
            mean, scale = _drawn(gaussians, chances[index])
            velocity = self.carry @ memory + self.carry_bias + mean + _spread(scale, normal[index])
            velocity = np.clip(velocity, -_FASTEST, _FASTEST)
            position = position + velocity * SECONDS
            velocities = np.concatenate([velocities[1:], velocity[None]])
            result[index] = position
        return result


@cache
def load(path: str | Path) -> HeadNetwork:
    """Open a file of weights.

    Raises:
        AnimcoreError: when it is missing or broken.
    """
    path = Path(path)
    try:
        found = reading.arrays(path)
        return HeadNetwork(**{field.name: found[field.name] for field in fields(HeadNetwork)})
    except BROKEN_FILE as error:
        raise AnimcoreError(f"The head's weights cannot be read: {path}: {error}. Install animcore again.") from error


def input_features(prosody: Prosody) -> FloatArray:
    """(T, 3) audio features: loudness (-1..1, against the loudest syllables), speech (0..1), accents."""
    speaking = prosody.speaking > 0
    top = float(np.percentile(prosody.level[speaking], 95)) if speaking.any() else 0.0
    loudness = np.where(speaking, np.clip((prosody.level - top) / _LOUD_RANGE + 1, -1, 1), -1)
    accents = np.zeros(len(speaking), np.float32)
    for time, strength in prosody.accents:
        frame = round(time * FPS)
        if frame < len(accents):
            accents[frame] += strength
    bump = np.sqrt(2 * np.pi) * _ACCENT * FPS  # the height of an accent of strength 1 is 1
    curves = (
        smooth(loudness.astype(np.float32), _SMOOTHING),
        smooth(prosody.speaking, _SMOOTHING),
        smooth(accents, _ACCENT) * np.float32(bump),
    )
    rows: FloatArray = np.stack(curves, 1).astype(np.float32)
    return rows


def sample_tempers(count: int, generator: np.random.Generator) -> Array:
    """(S,) how lively a speaker is: half of it of this take, half of it slowly changing; of unit variance, bounded."""
    time = np.arange(count) * SECONDS / _TEMPER
    values = generator.normal(size=int(time[-1]) + 3)
    knot = 1 + time.astype(np.int64)
    angle = np.pi / 2 * (time % 1)
    changing = np.cos(angle) * values[knot] + np.sin(angle) * values[knot + 1]  # the squares of the weights add to 1
    total = np.sqrt(_CONSTANT) * values[0] + np.sqrt(1 - _CONSTANT) * changing
    bounded: Array = np.clip(total, -_EXTREME, _EXTREME)
    return bounded


def windows(rows: FloatArray) -> FloatArray:
    """(S, 3) audio features of each step -> (S, 45) with those before and after."""
    padded = np.pad(rows, ((BACK, AHEAD), (0, 0)), mode="edge")
    views = np.lib.stride_tricks.sliding_window_view(padded, BACK + AHEAD + 1, axis=0)
    around: FloatArray = np.ascontiguousarray(views.transpose(0, 2, 1)).reshape(len(rows), -1)
    return around


def between(points: Array, count: int) -> Array:
    """(count, 3) frames of the cubic spline through points (S, 3), one every `STEP` frames."""
    kernel = np.sqrt(3) * _POLE ** np.abs(np.arange(-_REACH, _REACH + 1))
    padded = np.pad(points, ((_REACH + 2, _REACH + 2), (0, 0)), mode="edge")
    held = np.stack([np.convolve(axis, kernel, "valid") for axis in padded.T], 1)  # point i is at i + 2
    whole, share = np.divmod(np.arange(count), STEP)
    share = (share / STEP)[:, None]
    parts = ((1 - share) ** 3, 3 * share**3 - 6 * share**2 + 4,
             -3 * share**3 + 3 * share**2 + 3 * share + 1, share**3)  # fmt: skip
    frames: Array = np.sum([part / 6 * held[whole + 1 + index] for index, part in enumerate(parts)], axis=0)
    return frames


def _drawn(gaussians: Array, chance: float) -> tuple[Array, Array]:
    """Mean (3,) and scale (6,) of one of the Gaussians, drawn by their weights."""
    odds = np.exp(gaussians[:, 0] - gaussians[:, 0].max())
    total = np.cumsum(odds)
    chosen = min(int(np.searchsorted(total, chance * total[-1])), GAUSSIANS - 1)
    return gaussians[chosen, 1:4], gaussians[chosen, 4:]


def _spread(scale: Array, normal: Array) -> Array:
    """(3,) what a Gaussian adds to its mean; its precision is the square of a triangle with these numbers."""
    x = normal[0] * np.exp(-scale[0])
    y = (normal[1] - scale[3] * x) * np.exp(-scale[1])
    z = (normal[2] - scale[4] * x - scale[5] * y) * np.exp(-scale[2])
    return np.array([x, y, z])
