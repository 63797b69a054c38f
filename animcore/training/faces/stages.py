"""What face solvers have in common when they learn: settings, windows of data, and how far a face is off."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from animcore.core.vocabulary import EMOTIONS
from animcore.errors import InputError
from animcore.solvers.face_networks import audio_encoders
from animcore.solvers.face_networks.audio_encoders import AudioEncoder
from animcore.solvers.face_networks.base import FaceModel, Kind
from animcore.solvers.face_networks.output_space import FloatArray
from animcore.training.clip_windows import Batch, ClipWindows, stacked
from animcore.training.faces import lip_reading_loss
from animcore.training.faces.dataset import FaceDataset, FaceTarget, FaceTrainingClip
from animcore.training.lip_sync.lip_geometry_loss import DifferentiableLips

_LEAST = 0.1  # of the largest spread: what hardly moves must not count for much where it does
_SPEED = 0.5  # weight of speed, next to the frames themselves
_LIPS = 200.0  # weight of the squared distance of lip vertices, in metres over the eyes' distance
_MILLIMETRES = 1000.0


@dataclass(frozen=True)
class FaceConfig:
    """Settings that every face solver has.

    Attributes:
        space: `arkit`, `flame`, or empty for what the data are.
        expressions: coefficients of a FLAME expression.
        fps: frame rate.
        speech: `phonemes` for those of the shipped network, the folder of a wav2vec 2.0, HuBERT or WavLM model, or
            empty for the mel spectrogram.
        hidden: width of the layers.
        layers: of the audio encoder, where that is our own.
        window: frames of a training example.
        stride: frames from example to example.
        batch: examples at once.
        epochs: passes over all examples.
        learning_rate: at the beginning.
        selftalk: weight of the lip-reading loss; 0 for none of it. See `lip_reading_loss`.
        seed: of weights, order and dropout.
    """

    space: str = ""
    expressions: int = 50
    fps: int = 30
    speech: str = ""
    hidden: int = 128
    layers: int = 4
    window: int = 90
    stride: int = 30
    batch: int = 16
    epochs: int = 100
    learning_rate: float = 5e-4
    selftalk: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        """Check the kind of faces.

        Raises:
            InputError: where there is no such kind.
        """
        if self.space not in ("", "arkit", "flame"):
            raise InputError(f"space must be arkit, flame, or empty for what the data are, not {self.space!r}.")

    @property
    def wanted(self) -> FaceTarget:
        """As what the data are read."""
        return FaceTarget(self.fps, self.space, self.expressions, self.window)


@dataclass(frozen=True)
class FaceWindows(ClipWindows):
    """Windows of faces.

    A batch holds `frames` (B, T, W) as they are, `sound` (B, N) or (B, M, D) for the audio encoder, `speaker` (B,),
    `emotions` (B, T, 8), and what `columns` add.

    Attributes:
        ear: its audio encoder.
        fps: frame rate.
        columns: further arrays (T, ...) of a clip at its frame rate, by the name that they have in a batch.
    """

    ear: AudioEncoder = field(default_factory=AudioEncoder)
    fps: int = 30
    columns: Mapping[str, Callable[[FaceTrainingClip], FloatArray]] = field(default_factory=dict)

    def _batch(self, chosen: list[tuple[int, int]]) -> Batch:
        clips: list[FaceTrainingClip] = [self.data.clips[index] for index, _ in chosen]
        firsts = [first for _, first in chosen]
        rows = math.ceil(self.length * self.ear.rate / self.fps)
        heard = [round(first * self.ear.rate / self.fps) for first in firsts]
        return {
            "frames": stacked([clip.frames for clip in clips], firsts, self.length),
            "sound": stacked([clip.sound(self.ear) for clip in clips], heard, rows),
            "speaker": torch.tensor([clip.speaker for clip in clips]),
            "emotions": stacked([clip.emotions for clip in clips], firsts, self.length),
            **{name: stacked([of(clip) for clip in clips], firsts, self.length) for name, of in self.columns.items()},
        }


class FaceLoss(nn.Module):
    """Loss of faces: values in standard deviations, speed, and for ARKit weights the geometry of the lips."""

    mean: Tensor
    spread: Tensor

    def __init__(self, model: FaceModel) -> None:
        super().__init__()
        self.register_buffer("mean", model.mean.clone(), persistent=False)
        self.register_buffer("spread", model.spread.clone(), persistent=False)
        self.lips = DifferentiableLips() if model.space.kind == "arkit" else None

    def forward(self, found: Tensor, wanted: Tensor) -> dict[str, Tensor]:
        """Return `loss` and its parts.

        Args:
            found: (B, T, W) in standard deviations from the mean.
            wanted: the same, of the data.
        """
        losses = {
            "frames": functional.mse_loss(found, wanted),
            "speed": functional.mse_loss(found.diff(dim=1), wanted.diff(dim=1)),
        }
        loss = losses["frames"] + _SPEED * losses["speed"]
        if self.lips is not None:
            off = (found - wanted) * self.spread
            moved = torch.einsum("btk,kvc->btvc", off, self.lips.lip_deltas)
            square = moved.square().sum(-1).mean()
            losses["lips_mm"] = _MILLIMETRES * square.detach().sqrt()
            loss = loss + _LIPS * square / self.lips.eyes**2
        return {"loss": loss, **losses}


def prepared(kind: type[Kind], sizes: Any, config: FaceConfig, data: FaceDataset) -> Kind:
    """Return a model with random weights, and the mean and the spread of the data.

    Raises:
        InputError: where the speech model cannot be used.
    """
    ear = audio_encoders.encoder_config(config.speech, config.hidden, config.layers)
    model = kind(sizes, data.space, ear, data.speakers)
    model.topology = data.topology
    mean, spread = _usual(data)
    model.mean.copy_(torch.from_numpy(mean))
    model.spread.copy_(torch.from_numpy(spread))
    if model.FEELS:
        felt = np.max([clip.emotions.max(0) for clip in data.clips], 0)
        model.taught.copy_(torch.from_numpy(np.where(np.array(EMOTIONS) == "neutral", 0.0, felt)))
    return model


def windows(
    config: FaceConfig, data: FaceDataset, model: FaceModel, **columns: Callable[[FaceTrainingClip], FloatArray]
) -> FaceWindows:
    """Return the windows that a model learns from.

    Args:
        config: their length, stride and number.
        data: the clips.
        model: the model, with its audio encoder.
        columns: further arrays of a clip, by name.
    """
    return FaceWindows(
        data,
        config.window,
        config.stride,
        config.batch,
        seed=config.seed,
        ear=model.ear,
        fps=config.fps,
        columns={"said": lip_reading_loss.phoneme_probabilities, **columns} if config.selftalk else columns,
    )


def _usual(data: FaceDataset) -> tuple[FloatArray, FloatArray]:
    """Mean and spread (W,) of the frames; all vertices share one spread, and rest where they rest."""
    width = data.space.width
    sums, squares, count = np.zeros(width), np.zeros(width), 0
    for clip in data.clips:
        for first in range(0, len(clip.frames), 1000):
            values = np.asarray(clip.frames[first : first + 1000], np.float64)
            sums += values.sum(0)
            squares += np.square(values).sum(0)
            count += len(values)
    if data.space.kind == "vertices":
        size = max(float(np.sqrt(squares.mean() / count)), 1e-9)
        return np.zeros(width, np.float32), np.full(width, size, np.float32)
    mean = sums / count
    spread = np.sqrt(np.maximum(squares / count - mean**2, 0.0))
    largest = max(float(spread.max()), 1e-6)
    return mean.astype(np.float32), np.maximum(spread, _LEAST * largest).astype(np.float32)
