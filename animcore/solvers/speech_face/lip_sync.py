"""The shipped speech solver: lips, jaw and face from the voice alone, by a trained network (assets/solvers).

The network takes 16 kHz samples and answers at 50 FPS. A frame depends on at most 5.9 s of audio to each
side; recordings run in pieces with a margin that makes them seamless, so any length takes the same memory.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from animcore.audio.recording import AudioClip
from animcore.core.progress import Progress, silent
from animcore.core.shipped import shipped
from animcore.core.vocabulary import ARKIT, ARKIT_INDEX
from animcore.direction import Direction
from animcore.motion import Event, Motion
from animcore.solvers.speech_face import feature_cache, network_file, tongue, transcript_closures
from animcore.speech.pronunciation import PHONEMES

FloatArray = NDArray[np.float32]

MODEL = shipped("assets/solvers/articulation.onnx")
PIECE = 60  # seconds of result at a time
MARGIN = 6  # seconds of context on each side of a piece: more than a frame depends on
THREADS = int(os.environ.get("ANIMCORE_THREADS", "2"))  # 1 in each worker of a batch
_OUTPUTS = ["arkit", "places", "phonemes"]
JAW_ANGLE = 0.41  # radians at jawOpen = 1: the rotation of the default character's lower teeth

# What else the mouth does at a place of articulation: the factor that shapes are multiplied by, and the least that
# shapes are raised to. The bilabial closure is exact: mouthClose takes all that jawOpen leaves.
_OPENING = tuple(f"mouth{part}{side}" for part in ("LowerDown", "UpperUp") for side in ("Left", "Right"))
_YIELD: dict[str, dict[str, float]] = {
    "bilabial": {**dict.fromkeys(_OPENING, 0.0), "mouthShrugUpper": 0.0, "mouthFunnel": 0.1, "jawOpen": 0.4},
    "labiodental": {"mouthLowerDownLeft": 0.0, "mouthLowerDownRight": 0.0, "jawOpen": 0.5, "mouthFunnel": 0.3},
}
_RAISE: dict[str, dict[str, float]] = {
    "bilabial": {"mouthPressLeft": 0.12, "mouthPressRight": 0.12},
    "labiodental": {"mouthRollLower": 0.4, "mouthUpperUpLeft": 0.12, "mouthUpperUpRight": 0.12},
    "dental": {"tongueOut": 0.12},
}
_SURE = (0.12, 0.27)  # probability of a place from which, and up to which, it takes effect


@dataclass(frozen=True)
class LipSyncNetwork:
    """The trained network and the metadata of its file."""

    session: onnxruntime.InferenceSession
    fps: int
    hop: int
    loudness: float
    columns: list[int]
    places: tuple[str, ...]
    digest: str = ""


@dataclass(frozen=True)
class PhonemeProbabilities:
    """The phonemes of a recording: (T, 40) probabilities of `pronunciation.PHONEMES`, frame i at i / fps seconds."""

    probabilities: FloatArray
    fps: int


@dataclass(frozen=True)
class Answers:
    """All that the network answers to a recording, T frames; frame i is at i / fps seconds.

    Attributes:
        weights: (T, 52) ARKit weights, before direction and closures.
        phonemes: (T, 40) probabilities of `pronunciation.PHONEMES`.
        fps: frame rate.
    """

    weights: FloatArray
    phonemes: FloatArray
    fps: int


def detect_phonemes(clip: AudioClip, progress: Progress = silent) -> PhonemeProbabilities:
    """Return the phonemes of a voice, for the alignment of a transcript.

    Raises:
        AnimcoreError: when the network's file is missing or broken.
    """
    network = load(MODEL)
    probabilities = _silence(len(clip.samples) // network.hop + 1)
    if not clip.facts.silent:
        for first, (*_, piece) in _pieces(clip, network, progress):
            probabilities[first : first + len(piece)] = piece
    return PhonemeProbabilities(probabilities, network.fps)


def answers(clip: AudioClip, progress: Progress = silent) -> Answers:
    """Return what the network answers to a voice; all silence, and a still face, for a silent one.

    Raises:
        AnimcoreError: when the network's file is missing or broken.
    """
    network = load(MODEL)
    count = len(clip.samples) // network.hop + 1
    weights, phonemes = np.zeros((count, len(ARKIT)), np.float32), _silence(count)
    if not clip.facts.silent:
        for first, (own, _, heard) in _pieces(clip, network, progress):
            weights[first : first + len(own)] = own[:, network.columns]
            phonemes[first : first + len(heard)] = heard
    return Answers(weights, phonemes, network.fps)


def solve(clip: AudioClip, direction: Direction, progress: Progress = silent, spoken: Sequence[Event] = ()) -> Motion:
    """Return the face of a voice: `arkit`, `tongue` and `jaw_pose` at the network's rate, frame i at i / 50 s.

    A silent clip gives a still face.

    Args:
        clip: the voice.
        direction: intensity and strengths by region.
        progress: called with the fraction done.
        spoken: phonemes with their times, where a transcript is known; lips close exactly at theirs.

    Raises:
        AnimcoreError: when the network's file is missing or broken.
    """
    network = load(MODEL)
    count = len(clip.samples) // network.hop + 1
    # two hours of weights are 75 MB: they are filled and changed in place
    weights, places = np.zeros((count, len(ARKIT)), np.float32), np.zeros((count, len(network.places)), np.float32)
    phonemes = _silence(count)
    if not clip.facts.silent:
        for first, found in _pieces(clip, network, progress):
            piece = slice(first, first + len(found[0]))
            weights[piece], places[piece], phonemes[piece] = found[0][:, network.columns], found[1], found[2]
    certain = {name: _held(certainty(places[:, index])) for index, name in enumerate(network.places)}
    transcript_closures.enforce_closures(certain, spoken, phonemes, network.fps)
    apply_direction(weights, direction)
    shape(weights, certain, direction)
    moved = tongue.solve(phonemes, network.fps, direction.strength("tongue") * direction.intensity)
    return as_motion(clip, Fraction(network.fps), weights, moved)


def as_motion(clip: AudioClip, rate: Fraction, weights: FloatArray, moved: FloatArray) -> Motion:
    """Return the motion of weights (T, 52) and tongue (T, 16); the jaw turns as far as it is open."""
    return Motion(
        rate=rate,
        arkit=weights,
        tongue=moved,
        jaw_pose=jaw_pose(weights),
        audio_name=clip.name,
        audio_sha256=clip.sha256,
    )


def jaw_pose(weights: FloatArray) -> FloatArray:
    """Return the rotation (..., 3) of the jaw for weights (..., 52), axis-angle in radians."""
    opened = JAW_ANGLE * weights[..., ARKIT_INDEX["jawOpen"]]
    return np.stack([opened, np.zeros_like(opened), np.zeros_like(opened)], -1)


def _silence(count: int) -> FloatArray:
    """(count, 40) probabilities of phonemes in silence."""
    probabilities = np.zeros((count, len(PHONEMES)), np.float32)
    probabilities[:, PHONEMES.index("sil")] = 1.0
    return probabilities


@cache
def load(path: str | Path) -> LipSyncNetwork:
    """Open a network file.

    Raises:
        AnimcoreError: when it is missing or broken.
    """
    path = Path(path)

    def build(session: onnxruntime.InferenceSession, facts: network_file.Metadata) -> LipSyncNetwork:
        return LipSyncNetwork(
            session=session,
            fps=int(facts["fps"]),
            hop=int(facts["hop"]),
            loudness=float(facts["loudness"]),
            columns=network_file.arkit_columns(facts),
            places=tuple(json.loads(facts["places"])),
            digest=hashlib.sha256(path.read_bytes()).hexdigest(),
        )

    return network_file.load(path, "The speech network", THREADS, build)


def _pieces(clip: AudioClip, network: LipSyncNetwork, progress: Progress) -> Iterator[tuple[int, list[FloatArray]]]:
    """First frame, and weights, places and phonemes (T, K) of one piece after the other."""
    assert clip.facts.loudness is not None
    gain = np.float32(10 ** ((network.loudness - clip.facts.loudness) / 20))
    count = len(clip.samples) // network.hop + 1
    piece, margin = PIECE * network.fps, MARGIN * network.fps
    for first in range(0, count, piece):
        progress(first / count, "Listening")
        start, end = max(0, first - margin), min(count, first + piece + margin)
        samples = clip.samples[start * network.hop : end * network.hop if end < count else None] * gain
        samples = np.pad(samples, (0, max(0, network.hop * 2 - len(samples))))
        found = _outputs(network, samples)
        inner = slice(first - start, first - start + min(piece, count - first))
        yield first, [values[inner] for values in found]
    progress(1.0, "Listening")


def _outputs(network: LipSyncNetwork, samples: FloatArray) -> list[FloatArray]:
    """What the network answers to samples, `_OUTPUTS` (T, K); from the cache where they are in it."""
    name = feature_cache.key(network.digest, samples, _OUTPUTS)
    found = feature_cache.read(name)
    if found is None or len(found) != len(_OUTPUTS):
        found = [values[0] for values in network.session.run(_OUTPUTS, {"samples": samples[None]})]
        feature_cache.write(name, found)
    return found


def apply_direction(weights: FloatArray, direction: Direction) -> None:
    """Scale weights (T, 52), in place, by intensity and strength of their regions; mouthClose goes with the jaw."""
    factor = np.array([direction.strength(_region(name)) for name in ARKIT], np.float32)
    factor[ARKIT_INDEX["mouthClose"]] = direction.strength("jaw")
    weights *= factor * np.float32(direction.intensity)
    np.clip(weights, 0.0, 1.0, out=weights)


def _region(name: str) -> str:
    for prefix, region in (
        ("jaw", "jaw"),
        ("brow", "brows"),
        ("cheek", "cheeks"),
        ("nose", "cheeks"),
        ("tongue", "tongue"),
    ):
        if name.startswith(prefix):
            return region
    return "lips"


def certainty(probability: FloatArray) -> FloatArray:
    """Turn a probability (T,) into how far a place takes effect, 0..1."""
    low, high = _SURE
    sure: FloatArray = np.clip((probability - low) / (high - low), 0.0, 1.0)
    return sure


def _held(sure: FloatArray) -> FloatArray:
    """Hold a certainty (T,) for a frame to each side.

    The hold makes the shortest closure last as long as a video frame, so that no frame rate from 24 up passes it by.
    """
    padded = np.pad(sure, 1, mode="edge")
    held: FloatArray = np.maximum(np.maximum(padded[:-2], padded[1:-1]), padded[2:])
    return held


def shape(weights: FloatArray, certain: dict[str, FloatArray], direction: Direction) -> None:
    """Bring weights (T, 52), in place, to what the places of articulation demand; the closure of p, b, m is exact.

    Args:
        weights: in 0..1.
        certain: how far each place takes effect, (T,) in 0..1.
        direction: below a strength of 1 of lips or tongue their places take effect in part; lips close at any
            intensity, and are pressed and rolled as strongly as it asks.
    """
    part = min(direction.strength("lips"), 1.0)
    for place, factors in _YIELD.items():
        for name, factor in factors.items():
            weights[:, ARKIT_INDEX[name]] *= 1 - (1 - factor) * part * certain[place]
    for place, levels in _RAISE.items():
        for name, level in levels.items():
            column = weights[:, ARKIT_INDEX[name]]
            wanted = level * min(direction.strength(_region(name)), 1.0) * min(direction.intensity, 1.0)
            np.maximum(column, wanted * certain[place], out=column)
    jaw, close = weights[:, ARKIT_INDEX["jawOpen"]], weights[:, ARKIT_INDEX["mouthClose"]]
    np.minimum(np.maximum(close, jaw * part * certain["bilabial"]), jaw, out=close)
