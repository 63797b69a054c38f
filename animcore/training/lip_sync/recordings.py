"""What the articulation solver learns from: tracked faces, an animator's performance, synthetic voices.

The folders are those of the data the shipped network was trained on: `lips_train` and `lips_grid` (NAME.npz with
`opening` and `width` per video frame), `performance` (NAME.npz with `arkit` and `names`), each next to NAME.flac.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from animcore.audio import recording
from animcore.core import reading
from animcore.files.face_curves import weight_arrays
from animcore.training.lip_sync import synthetic_noise, synthetic_speech
from animcore.training.lip_sync.augmentation import at_loudness, faster, roughened
from animcore.training.lip_sync.conformer import FPS, HOP, REACH, ConformerEncoder

FloatArray = NDArray[np.float32]

LEVEL = -23.0  # LUFS of the network's input
_LEVELS = (-30.0, -17.0)  # LUFS of training examples
_SPEEDS = 0.16  # largest change of speed, as a logarithm
_PIECE = 30 * FPS  # frames encoded at a time


@dataclass(frozen=True)
class EncodedRecording:
    """One augmentation of a clip, encoded, and the curves of its face.

    Attributes:
        states: (T, 720) float16 hidden states at 50 FPS.
        target: (T, K) float32 curves at the same frames.
        valid: (T,) bool, frames for which there is a target.
    """

    states: Tensor
    target: Tensor
    valid: Tensor


@dataclass(frozen=True)
class LipSyncClip:
    """A clip in all the ways it sounds, and the 95th percentile of its opening (0 where it has none)."""

    name: str
    recordings: list[EncodedRecording]
    high: float

    @property
    def seconds(self) -> float:
        """Length of the clip."""
        return len(self.recordings[0].states) / FPS


def encoded(encoder: ConformerEncoder, samples: FloatArray) -> NDArray[np.float16]:
    """(T, 720) hidden states of samples (N,), piece by piece with the context that makes the pieces seamless."""
    count = len(samples) // (HOP // 2) // 2 + 1
    pieces = []
    for first in range(0, count, _PIECE):
        start, end = max(0, first - REACH), min(count, first + _PIECE + REACH)
        part = samples[start * HOP : end * HOP if end < count else None]
        with torch.no_grad():
            states = encoder(torch.from_numpy(np.pad(part, (0, max(0, 400 - len(part)))))[None])[0]
        pieces.append(states[first - start : first - start + min(_PIECE, count - first)].half().numpy())
    return np.concatenate(pieces)


def tracked(folder: Path, encoder: ConformerEncoder, cache: Path, ways: int) -> list[LipSyncClip]:
    """Load clips with tracked `opening` and `width`, each in `ways` ways of sounding."""

    def curves(data: dict[str, FloatArray]) -> FloatArray:
        return np.stack([data["opening"], data["width"]], 1).astype(np.float32)

    return list(_clips(folder, encoder, cache, ways, curves))


def performed(folder: Path, encoder: ConformerEncoder, cache: Path, ways: int) -> list[LipSyncClip]:
    """Load clips with an animator's 52 weights."""

    def curves(data: dict[str, FloatArray]) -> FloatArray:
        return weight_arrays.ordered(data, folder).astype(np.float32)

    return list(_clips(folder, encoder, cache, ways, curves))


def _clips(
    folder: Path,
    encoder: ConformerEncoder,
    cache: Path,
    ways: int,
    curves: Callable[[dict[str, FloatArray]], FloatArray],
) -> Iterator[LipSyncClip]:
    for path in sorted(folder.glob("*.npz")):
        contents = reading.arrays(path)
        values, fps = curves(contents), float(contents["fps"])
        recordings = []
        for way in range(ways):
            states, factor = _way(path, encoder, cache / f"{folder.name}-{path.stem}-{way}.npz", way)
            recordings.append(_aligned(states, values, fps * factor))
        opening = contents.get("opening")
        yield LipSyncClip(path.stem, recordings, 0.0 if opening is None else float(np.nanpercentile(opening, 95)))


def _way(path: Path, encoder: ConformerEncoder, cached: Path, way: int) -> tuple[NDArray[np.float16], float]:
    """The states of a clip as it is (way 0) or changed, and how much faster it plays; cached."""

    def make(place: Path) -> None:
        samples, factor, level = recording.load(path.with_suffix(".flac")).samples, 1.0, LEVEL
        if way:
            generator = np.random.default_rng([way, *path.stem.encode()])
            factor = float(np.exp(generator.uniform(-_SPEEDS, _SPEEDS)))
            samples = roughened(faster(samples, factor), generator)
            level = generator.uniform(*_LEVELS)
        np.savez(place, states=encoded(encoder, at_loudness(samples, level)), factor=factor)

    data = reading.cached(cached, reading.arrays, make)
    return data["states"], float(data["factor"])


def _aligned(states: NDArray[np.float16], values: FloatArray, fps: float) -> EncodedRecording:
    """Bring curves (F, K) at `fps` to the frames of the states by linear interpolation."""
    position = np.arange(len(states)) / FPS * fps
    before = np.minimum(position.astype(np.int64), len(values) - 1)
    share = np.minimum(position - before, 1)[:, None].astype(np.float32)
    target = values[before] * (1 - share) + values[np.minimum(before + 1, len(values) - 1)] * share
    valid = (position <= len(values) - 1) & np.isfinite(target).all(1)
    return EncodedRecording(torch.from_numpy(states), torch.from_numpy(np.nan_to_num(target)), torch.from_numpy(valid))


def spoken(encoder: ConformerEncoder, cache: Path, count: int) -> list[LipSyncClip]:
    """Synthesize sentences with exact phoneme times; the target is (T, 5) places of articulation."""

    def make(place: Path) -> None:
        contents: dict[str, NDArray[np.float16] | FloatArray] = {}
        for index, (path, phones) in enumerate(synthetic_speech.corpus(cache / "synthetic", count)):
            generator = np.random.default_rng([7, index])
            factor = float(np.exp(generator.uniform(-_SPEEDS, _SPEEDS)))
            samples = faster(recording.load(path).samples, factor)
            if index % 4:
                samples = roughened(samples, generator)
            states = encoded(encoder, at_loudness(samples, generator.uniform(*_LEVELS)))
            times = [(name, start / factor, end / factor) for name, start, end in phones]
            contents[f"{index:04d}-states"] = states
            contents[f"{index:04d}-labels"] = synthetic_speech.labels(times, len(states), FPS)
        np.savez(place, **contents)

    data = reading.cached(cache / "synthetic.npz", reading.arrays, make)
    return [
        _synthetic(name.removesuffix("-states"), data[name], data[name.replace("states", "labels")])
        for name in data
        if name.endswith("-states")
    ]


def unspoken(encoder: ConformerEncoder, cache: Path, count: int) -> list[LipSyncClip]:
    """Make sounds that are no voice; the target is no place of articulation (T, 5)."""

    def make(place: Path) -> None:
        contents: dict[str, NDArray[np.float16]] = {}
        for index, samples in enumerate(synthetic_noise.sounds(count)):
            generator = np.random.default_rng([13, index])
            sound = roughened(samples, generator) if index % 2 else samples
            contents[f"{index:04d}"] = encoded(encoder, at_loudness(sound, generator.uniform(*_LEVELS)))
        np.savez(place, **contents)

    data = reading.cached(cache / "unspoken.npz", reading.arrays, make)
    return [
        _synthetic(name, values, np.zeros((len(values), len(synthetic_speech.PLACES)), np.float32))
        for name, values in data.items()
    ]


def _synthetic(name: str, states: NDArray[np.float16], places: FloatArray) -> LipSyncClip:
    everything = torch.ones(len(states), dtype=torch.bool)
    return LipSyncClip(name, [EncodedRecording(torch.from_numpy(states), torch.from_numpy(places), everything)], 0.0)
