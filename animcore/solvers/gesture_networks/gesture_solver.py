"""Learned gestures behind the interface of the shipped ones: a trained folder in, a body for a voice out."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from animcore.audio.recording import AudioClip
from animcore.body_models.kinematics import INDEX, place_on_ground
from animcore.core.progress import Progress, silent
from animcore.core.vocabulary import SMPLX_JOINTS
from animcore.direction import Direction
from animcore.errors import InputError
from animcore.geometry import rotations
from animcore.motion import Event
from animcore.solvers.gesture.body_motion import BodyMotion
from animcore.solvers.gesture_networks.motion_features import FPS, PARTS, resampled
from animcore.solvers.speech_face.emotion import EmotionCurves
from animcore.speech import prosody as listening
from animcore.speech.prosody import Prosody

FloatArray = NDArray[np.float32]
Array = NDArray[np.float64]

_KINDS = {"animcore_talkshow": "talkshow", "emage_audio": "emage"}  # model_type of config.json -> module of solvers
_QUIET = 0.25  # share of the movement that remains in long silence
_HOLD = 1.0  # seconds for which a gesture may go on after the voice
_EASE = 0.5  # seconds, standard deviation of the change from speaking to resting
_HEAD = [INDEX[name] for name in ("neck", "head", "jaw", "left_eye_smplhf", "right_eye_smplhf")]  # others move these
_SEED = 2**63  # PyTorch's seeds are smaller


class GestureNetwork(Protocol):
    """What every learned solver does."""

    def generate(
        self, samples: FloatArray, count: int, speaker: int, seed: int, progress: Progress = silent
    ) -> tuple[FloatArray, FloatArray]:
        """Return pose (count, 55, 3) and translation (count, 3) at 30 FPS of 16 kHz samples."""
        ...


@dataclass(frozen=True)
class GestureNetworkSolver:
    """A learned gesture solver.

    Attributes:
        network: trained.
        speakers: the people, or styles, it can be.
    """

    network: GestureNetwork
    speakers: tuple[str, ...]

    def move(
        self,
        clip: AudioClip,
        prosody: Prosody,
        direction: Direction,
        mood: EmotionCurves | None = None,
        spoken: Sequence[Event] = (),
        progress: Progress = silent,
    ) -> BodyMotion | None:
        """Return the body for a voice at 50 FPS; None where the strength of the body is 0.

        Args:
            clip: the voice, which the network encodes.
            prosody: of the voice; where it does not speak for long, the body comes to rest.
            direction: seed, the strengths of `body` and `hands`, and the style, where a speaker has its name.
            mood: an emotion changes how much the body moves.
            spoken: known words; these networks do not use them.
            progress: called with the fraction done; whatever it raises ends the work.
        """
        amount, count = direction.strength("body"), len(prosody.level)
        if amount == 0.0:
            return None
        if not count:
            return BodyMotion(np.zeros((0, len(SMPLX_JOINTS), 3), np.float32), np.zeros((0, 3), np.float32))
        speaker = self.speakers.index(direction.style) if direction.style in self.speakers else 0
        wanted = max(1, round(count / listening.FPS * FPS))
        pose, way = self.network.generate(clip.samples, wanted, speaker, direction.seed % _SEED, progress)
        pose, way = resampled(pose, way, FPS, listening.FPS, count)
        felt = 1.0 if mood is None else float(np.mean(mood.movement))
        share = _liveliness(prosody)[:, None, None] * amount * felt
        scaled = _scaled(pose, share, direction.strength("hands"))
        scaled[:, _HEAD] = 0.0
        return BodyMotion(scaled, place_on_ground(scaled, way).astype(np.float32))


def load(folder: str | Path) -> GestureNetworkSolver:
    """Return the gesture solver of a folder: one that `animcore train` left, or EMAGE's published weights.

    Raises:
        InputError: without PyTorch, or where the folder's files are missing, damaged, would run code, or are another
            model's.
    """
    folder = Path(folder)
    try:
        from animcore.solvers import checkpoints
        from animcore.solvers.gesture_networks import emage, talkshow
    except ImportError as error:
        raise InputError(
            "Learned gestures need PyTorch: pip install '.[train]' in the source folder of Animcore."
        ) from error
    values = checkpoints.config(folder)
    kind = _KINDS.get(str(values.get("model_type")))
    if kind is None:
        found_type = json.dumps(values.get("model_type"))
        raise InputError(f"{folder} holds a model of type {found_type}; the known ones are {', '.join(_KINDS)}.")
    network, speakers = (emage.load if kind == "emage" else talkshow.load)(folder, values)
    return GestureNetworkSolver(network, tuple(speakers))


def _liveliness(prosody: Prosody) -> Array:
    """(T,) 1 in speech and just after, less in longer silence."""
    reach = round(_HOLD * listening.FPS)
    held = np.convolve(prosody.speaking, np.ones(2 * reach + 1), mode="same")[: len(prosody.speaking)] > 0
    return _QUIET + (1 - _QUIET) * listening.smooth(held.astype(np.float32), _EASE).astype(np.float64)


def _scaled(pose: FloatArray, share: Array, hands: float) -> FloatArray:
    """The pose (T, 55, 3) drawn to, or away from, its own mean by (T, 1, 1) shares."""
    turns = rotations.continuous(rotations.to_quaternion(pose))
    middle = rotations.normalized(turns.mean(0, keepdims=True))
    factor = np.broadcast_to(share, (len(pose), pose.shape[1], 1)).copy()
    factor[:, list(PARTS["hands"])] *= hands
    away = rotations.from_quaternion(rotations.multiply(rotations.inverse(middle), turns)) * factor
    return rotations.from_quaternion(rotations.multiply(middle, rotations.to_quaternion(away))).astype(np.float32)
