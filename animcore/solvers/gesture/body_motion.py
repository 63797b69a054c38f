"""Body and hands of a speaker: gestures on stressed words, a trunk that follows, weight on the feet.

It needs no captured motion: `planning` decides what is done when, `arm_motion` how arms get
there, `torso` what the rest of the body does; `assets/gestures/lexicon.toml` holds gestures and speakers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from animcore.body_models.kinematics import INDEX
from animcore.core.vocabulary import SMPLX_JOINTS
from animcore.direction import Direction
from animcore.geometry import rotations
from animcore.motion import Event
from animcore.solvers.gesture import arm_motion, planning, torso
from animcore.solvers.gesture.lexicon import lexicon
from animcore.solvers.speech_face.emotion import EmotionCurves
from animcore.speech.prosody import Prosody

FloatArray = NDArray[np.float32]
Array = NDArray[np.float64]

STREAM = 5  # keeps the random numbers of the body apart from those of head, eyes, brows and emotion

_STIR = np.deg2rad([0.5, 0.9, 1.0, 1.6])  # spread of the stir of collar, shoulder, elbow, wrist
_STIR_BAND = (0.08, 0.9)  # Hz
_BLOCK = 4096  # frames worked on at a time


@dataclass(frozen=True)
class BodyMotion:
    """A body at 50 FPS.

    Attributes:
        pose: (T, 55, 3) axis-angle in radians of the joints of `vocabulary.SMPLX_JOINTS`; head, jaw and eyes stay 0.
        translation: (T, 3) metres.
    """

    pose: FloatArray
    translation: FloatArray


def solve(
    prosody: Prosody, direction: Direction, mood: EmotionCurves | None = None, spoken: Sequence[Event] = ()
) -> BodyMotion | None:
    """Return the body for a voice; None where the strength of the body is 0.

    Args:
        prosody: of the voice; gestures fall on its accents.
        direction: seed, style, and the strengths of `body` and `hands`.
        mood: an emotion changes how much the body moves.
        spoken: words with their times, where they are known: they choose among gestures.
    """
    amount, style = direction.strength("body"), lexicon().styles[direction.style]
    if amount == 0.0:
        return None
    generator = np.random.default_rng([direction.seed, STREAM])
    count = len(prosody.level)
    amount *= 1.0 if mood is None or not count else float(np.mean(mood.movement))
    planned = planning.strokes(prosody, style, spoken, amount, generator)
    trunk = torso.solve(prosody, style, planning.reaches(planned), amount, generator)
    stance = torso.stance(style, generator)
    arms = [_ArmTrack.planned(side, planned, prosody, direction) for side in planning.SIDES]
    pose = np.zeros((count, len(SMPLX_JOINTS), 3), np.float32)
    for first in range(0, count, _BLOCK):  # two hours would fill the memory with matrices
        part = slice(first, first + _BLOCK)
        pose[part, INDEX["pelvis"]] = trunk.pelvis[part]
        pose[part, [INDEX[name] for name in torso.SPINE]] = trunk.spine[part]
        for joint, turn in torso.legs(trunk, part, stance).items():
            pose[part, INDEX[joint]] = turn
        for arm in arms:
            pose[part, arm_motion.joints(arm.side)] = arm.turns(prosody.times[part], trunk.shoulders[part])
    return BodyMotion(pose, trunk.translation.astype(np.float32))


@dataclass(frozen=True)
class _ArmTrack:
    """What one arm does: its moves, the poses (K + 1, 19, 4) before and after each, and its stir."""

    side: str
    keys: Sequence[arm_motion.ArmKey]
    poses: Array
    rates: Array
    phases: Array
    amount: float

    @classmethod
    def planned(
        cls, side: str, planned: Sequence[planning.Stroke], prosody: Prosody, direction: Direction
    ) -> _ArmTrack:
        style, seed = lexicon().styles[direction.style], (direction.seed, STREAM)
        keys = planning.keys(planned, side, style, prosody.turns(planning.TURN), seed)
        shown = [lexicon().rest[style.rest], *(key.pose for key in keys)]
        generator = np.random.default_rng([*seed, 2 + planning.SIDES.index(side)])
        shape = (5, len(_STIR), 3)
        rates = np.geomspace(*_STIR_BAND, 5)[:, None, None] * generator.uniform(0.9, 1.1, shape)
        return cls(
            side,
            keys,
            arm_motion.posed(side, shown, direction.strength("hands")),
            rates,
            generator.uniform(0, 2 * np.pi, shape),
            min(direction.strength("body"), 1.0),
        )

    def turns(self, times: Array, raised: Array) -> Array:
        """(T, 19, 3) axis-angle of the joints at these seconds, the shoulder raised by so many degrees (T,)."""
        found = arm_motion.between(self.poses, self.keys, times)
        count = arm_motion.ARM
        found[:, :count] = rotations.multiply(found[:, :count], rotations.to_quaternion(self._stir(times)))
        lift = np.zeros((len(times), 3))
        lift[:, 2] = np.deg2rad(raised) * (1.0 if self.side == "left" else -1.0)
        found[:, 0] = rotations.multiply(rotations.to_quaternion(lift), found[:, 0])
        return rotations.from_quaternion(found)

    def _stir(self, times: Array) -> Array:
        """(T, 4, 3) slow movement, axis-angle: no body is still altogether."""
        total: Array = np.zeros((len(times), len(_STIR), 3))
        for rate, phase in zip(self.rates, self.phases, strict=True):
            total += np.sin(2 * np.pi * times[:, None, None] * rate + phase)
        scaled: Array = total * np.sqrt(2 / 5) * _STIR[:, None] * np.array([0.5, 0.5, 1.0]) * self.amount
        return scaled
