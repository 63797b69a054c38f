"""The live variant of the speech solver: sound comes in as it is spoken, and the face follows 60 to 80 ms behind.

`StreamingSolver` keeps a little audio and the state of a small network (assets/solvers/live.onnx). It returns two
frames at a time, from audio that ends 80 ms after the first of them, so the output depends neither on how the audio was
cut nor on anything later.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from animcore.audio.recording import AudioClip
from animcore.core.progress import Progress, silent
from animcore.core.vocabulary import ARKIT, TONGUE
from animcore.direction import Direction
from animcore.errors import InputError
from animcore.motion import Motion
from animcore.solvers.speech_face import lip_sync, network_file, tongue

FloatArray = NDArray[np.float32]

MODEL = lip_sync.MODEL.with_name("live.onnx")
_PIECE = 16_000  # samples of a recording that are fed at a time
_FAINT = 1e-6  # mean square of audio that counts as none: -60 dB below full scale
_BELOW = 0.01  # share of the usual power under which sound is no voice: 20 dB
_FIRST_GUESS = 10**-2.0  # mean square of a voice before its first audio: -20 dB
_GUESSED = 5.0  # steps of 40 ms that the guess counts
_MEMORY = 250.0  # steps of voice by which loudness is known
_OVER_LUFS = 0.7  # decibels by which the power of a voice is above its loudness in LUFS
_MOST_GAIN = 10 ** (30 / 20)


@dataclass(frozen=True)
class StreamingNetwork:
    """The trained network and its facts; `window`, `ahead` and `step` count frames, `settles` counts steps."""

    session: onnxruntime.InferenceSession
    fps: int
    hop: int
    step: int
    ahead: int
    window: int
    settles: int
    loudness: float
    columns: list[int]
    places: tuple[str, ...]
    past: dict[str, tuple[int, ...]]


@dataclass(frozen=True)
class StreamedFrames:
    """Frames in a row that have just been answered; frame i is at i / 50 s of all sound that was fed.

    Attributes:
        first: the number of the first of them.
        arkit: (T, 52) float32 in 0..1, in the order of `vocabulary.ARKIT`.
        tongue: (T, 16) float32 in 0..1, in the order of `vocabulary.TONGUE`.
    """

    first: int
    arkit: FloatArray
    tongue: FloatArray


class LoudnessNormalizer:
    """The loudness of a voice so far, and the gain to the loudness that the network was trained at."""

    def __init__(self, loudness: float) -> None:
        """Begin with a guess; `loudness` in LUFS is that of the network's training."""
        self._wanted = 10 ** ((loudness + _OVER_LUFS) / 10)
        self._power, self._steps = _FIRST_GUESS * _GUESSED, _GUESSED

    def factor(self, samples: FloatArray) -> np.float32:
        """Take the next 40 ms (N,) and return the gain for them and their surroundings."""
        new = float(np.square(samples).mean())
        if new > max(_FAINT, _BELOW * self._power / self._steps):
            keep = min(1.0, _MEMORY / (self._steps + 1))
            self._power, self._steps = (self._power + new) * keep, (self._steps + 1) * keep
        return np.float32(min(np.sqrt(self._wanted * self._steps / self._power), _MOST_GAIN))


class StreamingSolver:
    """Turns 16 kHz audio into frames of a face as it comes in; one for each voice, not to be shared by threads."""

    def __init__(self, direction: Direction | None = None) -> None:
        """Begin a stream.

        Args:
            direction: intensity and strengths by region.

        Raises:
            AnimcoreError: when the network's file is missing or broken.
        """
        self._network = load(MODEL)
        self._direction = direction or Direction()
        network = self._network
        # what was before the first sample counts as silence
        self._heard = np.zeros((network.window - network.ahead) * network.hop, np.float32)
        self._past = _at_rest(MODEL)
        self._places = np.zeros((1, len(network.places)), np.float32)  # of the frame before the next
        self._phonemes = tongue.silent_past(network.fps)
        self._answered = 0
        self._fed = 0
        self._level = LoudnessNormalizer(network.loudness)

    def feed(self, samples: FloatArray) -> StreamedFrames:
        """Take more samples (N,) in -1..1 at 16 kHz and return the frames that are complete, often none.

        Raises:
            InputError: when the samples are not a row of finite numbers.
        """
        if samples.ndim != 1 or not np.isfinite(samples).all():
            raise InputError(f"Live audio is a row of finite samples at 16 kHz, not an array of {samples.shape}.")
        self._fed += len(samples)
        return self._answer(samples.astype(np.float32))

    def finish(self) -> StreamedFrames:
        """Return the frames that still waited for sound; N samples have N // 320 + 1 frames in all."""
        network = self._network
        left = self._fed // network.hop + 1 - self._answered
        rest = self._answer(np.zeros((network.ahead + network.step) * network.hop, np.float32))
        self._answered -= len(rest.arkit) - left
        return StreamedFrames(rest.first, rest.arkit[:left], rest.tongue[:left])

    def _answer(self, samples: FloatArray) -> StreamedFrames:
        network = self._network
        first = self._answered
        self._heard = np.concatenate([self._heard, samples])
        weights: list[FloatArray] = []
        tongues: list[FloatArray] = []
        while len(self._heard) >= network.window * network.hop:
            face, moved = self._step(self._heard[: network.window * network.hop])
            weights.append(face)
            tongues.append(moved)
            self._heard = self._heard[network.step * network.hop :]
            self._answered += network.step
        empty = StreamedFrames(first, np.zeros((0, len(ARKIT)), np.float32), np.zeros((0, len(TONGUE)), np.float32))
        return StreamedFrames(first, np.concatenate(weights), np.concatenate(tongues)) if weights else empty

    def _step(self, window: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Weights (2, 52) and tongue (2, 16) of the two frames of a window."""
        network, direction = self._network, self._direction
        factor = self._level.factor(window[-network.step * network.hop :])
        given: dict[str, Any] = {"samples": (window * factor)[None], **self._past}
        found, places, phonemes, *after = network.session.run(None, given)
        self._past = dict(zip(self._past, after, strict=True))
        weights = found[0][:, network.columns]
        held = places[0].copy()  # for a frame to each side, as far as it is known
        np.maximum(held, np.concatenate([self._places, places[0, :-1]]), out=held)
        np.maximum(held[:-1], places[0, 1:], out=held[:-1])
        self._places = places[0, -1:]
        certain = {name: lip_sync.certainty(held[:, index]) for index, name in enumerate(network.places)}
        lip_sync.apply_direction(weights, direction)
        lip_sync.shape(weights, certain, direction)
        strength = direction.strength("tongue") * direction.intensity
        moved, self._phonemes = tongue.follow(self._phonemes, phonemes[0], network.fps, strength)
        return weights, moved


def solve(clip: AudioClip, direction: Direction, progress: Progress = silent) -> Motion:
    """Return the face of a recording as a live listener gives it, at 50 FPS.

    Raises:
        AnimcoreError: when the network's file is missing or broken.
    """
    listener = StreamingSolver(direction)
    parts: list[StreamedFrames] = []
    for first in range(0, len(clip.samples), _PIECE):
        progress(first / len(clip.samples), "Listening")
        parts.append(listener.feed(clip.samples[first : first + _PIECE]))
    parts.append(listener.finish())
    progress(1.0, "Listening")
    weights = np.concatenate([part.arkit for part in parts])
    moved = np.concatenate([part.tongue for part in parts])
    if clip.facts.silent:
        weights, moved = np.zeros_like(weights), np.zeros_like(moved)
    return lip_sync.as_motion(clip, Fraction(load(MODEL).fps), weights, moved)


@cache
def _at_rest(path: Path) -> dict[str, FloatArray]:
    """The state of a network after silence for as long as its memory."""
    network = load(path)
    past = {name: np.zeros(shape, np.float32) for name, shape in network.past.items()}
    window = np.zeros((1, network.window * network.hop), np.float32)
    for _ in range(network.settles):
        after = network.session.run(None, {"samples": window, **past})[-len(past) :]
        past = dict(zip(past, after, strict=True))
    return past


@cache
def load(path: str | Path) -> StreamingNetwork:
    """Open a network file.

    Raises:
        AnimcoreError: when it is missing or broken.
    """

    def build(session: onnxruntime.InferenceSession, facts: network_file.Metadata) -> StreamingNetwork:
        return StreamingNetwork(
            session=session,
            **{name: int(facts[name]) for name in ("fps", "hop", "step", "ahead", "window", "settles")},
            loudness=float(facts["loudness"]),
            columns=network_file.arkit_columns(facts),
            places=tuple(json.loads(facts["places"])),
            past={one.name: tuple(one.shape) for one in session.get_inputs() if one.name.startswith("past")},
        )

    return network_file.load(Path(path), "The live network", 1, build)
