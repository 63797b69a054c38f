"""The sound of a dubbed video: new voices at their times, and the old sound in their place, under them or elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import av.error
import numpy as np
from numpy.typing import NDArray

from animcore.audio import decoding, recording
from animcore.errors import InputError

RATE = 48_000
_FADE = 0.04  # seconds over which the old sound goes and comes
_DUCKED = 0.15  # of its loudness, under a new voice
_FULL = 32767.0


@dataclass(frozen=True)
class Voice:
    """A new voice: its file, and when it starts in the video, in seconds."""

    path: Path
    start: float = 0.0


def has_sound(path: Path) -> bool:
    """Whether a video has an audio track that can be used."""
    try:
        with av.open(str(path), metadata_errors="replace") as container:
            return bool(container.streams.audio)
    except (av.error.FFmpegError, OSError):
        return False


def seconds_of(path: Path) -> float:
    """Return how long the sound of a file lasts.

    Raises:
        InputError: where it has none that can be used.
    """
    return recording.load(path).duration


def mixed(video: Path, voices: Sequence[Voice], seconds: float, everywhere: bool, duck: bool) -> NDArray[np.int16]:
    """Return (N, 2) samples of the whole sound.

    Args:
        video: whose old sound is used where there is no new voice.
        voices: the new ones.
        seconds: that the result lasts.
        everywhere: the old sound goes all along, also between and after the new voices.
        duck: it is kept softly where it would go.
    """
    count = round(seconds * RATE)
    mix = np.zeros((count, 2), np.float32)
    loud = np.ones(count, np.float32)
    least = _DUCKED if duck else 0.0
    if everywhere:
        loud[:] = least
    for voice in voices:
        samples = stereo(voice.path)
        first = round(voice.start * RATE)
        part = samples[: max(count - first, 0)]
        mix[first : first + len(part)] += part / np.float32(_FULL)
        loud[first : first + len(part)] = least
    if least or not everywhere:
        old = stereo(video)[:count] if has_sound(video) else np.zeros((0, 2), np.int16)
        fade = round(_FADE * RATE)
        kernel = np.ones(fade) / fade
        smooth = np.convolve(np.pad(loud, fade, mode="edge"), kernel, mode="same")[fade : fade + count]
        mix[: len(old)] += old / np.float32(_FULL) * smooth[: len(old), None].astype(np.float32)
    result: NDArray[np.int16] = np.clip(np.rint(mix * _FULL), -_FULL, _FULL).astype(np.int16)
    return result


def stereo(path: Path) -> NDArray[np.int16]:
    """Return (N, 2) samples at `RATE` of a file's best track.

    Raises:
        InputError: where it has none that can be decoded.
    """
    try:
        reader = decoding.TrackDecoder(path, recording.list_tracks(path)[1])
        resampler = av.AudioResampler(format="s16", layout="stereo", rate=RATE)
        parts = []
        for values in reader.blocks():
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(values), format="fltp", layout=reader.layout)
            frame.sample_rate = reader.rate
            parts += [piece.to_ndarray().reshape(-1, 2) for piece in resampler.resample(frame)]
        parts += [piece.to_ndarray().reshape(-1, 2) for piece in resampler.resample(None)]
    except (av.error.FFmpegError, OSError) as error:
        raise InputError(f"{path.name} has no sound that can be decoded; export it again as WAV.") from error
    return np.concatenate(parts) if parts else np.zeros((0, 2), np.int16)


def encode(container: Any, stream: Any, samples: NDArray[np.int16]) -> None:
    """Encode samples (N, 2) at `RATE` into a stream of a container."""
    for first in range(0, len(samples), RATE):
        part = np.ascontiguousarray(samples[first : first + RATE].reshape(1, -1))
        frame = av.AudioFrame.from_ndarray(part, format="s16", layout="stereo")
        frame.sample_rate, frame.pts = RATE, first
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))
