"""Body and hands of somebody who talks: gestures on what is stressed, a trunk that goes along, weight on the feet.

This is the solver that needs no captured motion: `gesture_plan` says what is done when, `gesture_arms` how arms get
there, `gesture_trunk` what the rest of the body does; `assets/gestures/lexicon.toml` holds gestures and speakers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from animcore.bodies import rotations
from animcore.bodies.kinematics import INDEX
from animcore.direction import Direction
from animcore.motion import Event
from animcore.names import SMPLX_JOINTS
from animcore.solvers import gesture_arms, gesture_plan, gesture_trunk
from animcore.solvers.emotion import Mood
from animcore.solvers.gesture_lexicon import Style, lexicon
from animcore.speech.prosody import FPS, Prosody

FloatArray = NDArray[np.float32]
Array = NDArray[np.float64]

STREAM = 5  # keeps the random numbers of the body apart from those of head, eyes, brows and emotion

_STIR = np.deg2rad([0.5, 0.9, 1.0, 1.6])  # spread of the stir of collar, shoulder, elbow, wrist
_STIR_BAND = (0.08, 0.9)  # Hz


@dataclass(frozen=True)
class BodyMotion:
    """A body at 50 frames a second.

    Attributes:
        pose: (T, 55, 3) axis-angle in radians of the joints of `names.SMPLX_JOINTS`; head, jaw and eyes stay 0.
        translation: (T, 3) metres.
    """

    pose: FloatArray
    translation: FloatArray


def move(
    prosody: Prosody, direction: Direction, mood: Mood | None = None, spoken: Sequence[Event] = ()
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
    pose = np.zeros((count, len(SMPLX_JOINTS), 3))
    felt = 1.0 if mood is None or not count else float(np.mean(mood.movement))
    trunk = gesture_trunk.move(prosody, style, amount * felt, generator)
    pose[:, INDEX["pelvis"]] = trunk.pelvis
    pose[:, [INDEX[name] for name in gesture_trunk.SPINE]] = trunk.spine
    for joint, turn in gesture_trunk.legs(trunk, style, generator).items():
        pose[:, INDEX[joint]] = turn
    planned = gesture_plan.strokes(prosody, style, spoken, amount * felt, generator)
    for side in gesture_plan.SIDES:
        arm = _arm(side, planned, prosody, style, direction)
        arm = rotations.multiply(_raised(side, trunk.shoulders, arm.shape[1]), arm)
        pose[:, gesture_arms.joints(side)] = rotations.from_quaternion(arm)
    return BodyMotion(pose.astype(np.float32), trunk.translation.astype(np.float32))


def _arm(
    side: str, planned: Sequence[gesture_plan.Stroke], prosody: Prosody, style: Style, direction: Direction
) -> Array:
    """(T, 19, 4) the joints of one arm."""
    seed = (direction.seed, STREAM)
    keys = gesture_plan.keys(planned, side, style, gesture_plan.turns(prosody), seed)
    poses = [lexicon().rest[style.rest], *(key.pose for key in keys)]
    turns = gesture_arms.posed(side, poses, direction.strength("hands"))
    found = gesture_arms.between(turns, keys, len(prosody.level), FPS)
    generator = np.random.default_rng([*seed, 2 + gesture_plan.SIDES.index(side)])
    stir = _stir(prosody.times, generator) * min(direction.strength("body"), 1.0)
    found[:, : gesture_arms.ARM] = rotations.multiply(found[:, : gesture_arms.ARM], rotations.to_quaternion(stir))
    return found


def _raised(side: str, degrees: Array, count: int) -> Array:
    """(T, J, 4) the turn that raises a shoulder by so many degrees, for the collar alone."""
    turns = np.zeros((len(degrees), count, 3))
    turns[:, 0, 2] = np.deg2rad(degrees) * (1.0 if side == "left" else -1.0)
    return rotations.to_quaternion(turns)


def _stir(times: Array, generator: np.random.Generator) -> Array:
    """(T, 4, 3) slow movement of an arm, axis-angle: nobody holds still altogether."""
    rates = np.geomspace(*_STIR_BAND, 5)[:, None, None] * generator.uniform(0.9, 1.1, (5, len(_STIR), 3))
    phases = generator.uniform(0, 2 * np.pi, rates.shape)
    total: Array = np.zeros((len(times), len(_STIR), 3))
    for rate, phase in zip(rates, phases, strict=True):
        total += np.sin(2 * np.pi * times[:, None, None] * rate + phase)
    scaled: Array = total * np.sqrt(2 / 5) * _STIR[:, None] * np.array([0.5, 0.5, 1.0])
    return scaled
