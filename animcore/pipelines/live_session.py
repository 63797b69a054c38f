"""A voice from the microphone: a face as it is spoken, and a recording of it."""

from __future__ import annotations

import wave
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from animcore.audio import microphone
from animcore.audio.recording import RATE
from animcore.core.atomic_files import whole_file
from animcore.core.vocabulary import ARKIT_INDEX
from animcore.direction import Direction
from animcore.errors import InputError
from animcore.solvers.nonverbal import blinks
from animcore.solvers.speech_face import streaming

FloatArray = NDArray[np.float32]

# How the face is shown: weights (52,), tongue (16,), and the loudest sample of the last frames in 0..1.
Show = Callable[[FloatArray, FloatArray, float], None]

LONGEST = 30 * 60.0  # seconds after which a recording ends by itself
_FPS = 50
_BETWEEN = (1.5, 5.0)  # seconds from blink to blink
_BLINK = 40  # frames that hold the slowest blink
_LIDS = [ARKIT_INDEX["eyeBlinkLeft"], ARKIT_INDEX["eyeBlinkRight"]]


def run(name: str, out: Path, direction: Direction, show: Show, stopped: Callable[[], bool]) -> float:
    """Animate a face from the microphone until `stopped` returns true, and write the audio.

    Args:
        name: of the microphone; empty for the computer's own choice.
        out: WAV file, 16 kHz mono, written at the end.
        direction: intensity, strengths and seed.
        show: is given the newest frame, about 25 times a second.
        stopped: is asked 50 times a second; what it raises leaves nothing behind.

    Returns:
        The duration in seconds.

    Raises:
        InputError: where the microphone cannot be opened.
        AnimcoreError: where the live network is missing.
    """
    listener, lids = streaming.StreamingSolver(direction), _BlinkTimer(direction)
    samples, loudest = 0, 0.0
    with whole_file(out) as temporary, wave.open(str(temporary), "wb") as recording:
        recording.setparams((1, 2, RATE, 0, "NONE", ""))
        for block in microphone.record_blocks(name, stopped):
            recording.writeframes((block * microphone.FULL_SCALE).astype("<i2").tobytes())
            samples += len(block)
            loudest = max(loudest, float(np.abs(block).max()))
            frames = listener.feed(block)
            if len(frames.arkit):
                weights = frames.arkit[-1].copy()
                weights[_LIDS] = np.maximum(weights[_LIDS], lids.closed(frames.first + len(frames.arkit) - 1))
                show(weights, frames.tongue[-1], loudest)
                loudest = 0.0
            if samples > LONGEST * RATE:
                break
        if not samples:
            raise InputError("The microphone gave no audio; start again and speak before you stop.")
    return samples / RATE


class _BlinkTimer:
    """Blinks now and then, so that the gaze does not stare."""

    def __init__(self, direction: Direction) -> None:
        self._generator = np.random.default_rng(direction.seed)
        self._strength = min(direction.strength("blinks"), 1.0)
        self._begin, self._closure = -_BLINK, np.zeros(_BLINK, np.float32)

    def closed(self, frame: int) -> float:
        """Return how far the lids are closed in a frame, 0..1; frames are asked for in their order."""
        if frame >= self._begin + _BLINK:
            wait = self._generator.uniform(*_BETWEEN)
            self._begin = frame + round(wait * _FPS)
            self._closure = blinks.lid_curves(np.zeros(1), _BLINK, self._generator)
        return self._strength * float(self._closure[frame - self._begin]) if frame >= self._begin else 0.0
