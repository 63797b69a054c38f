"""What gesture solvers have in common when they learn: codes of movement, and how far a movement is off."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from animcore.solvers.gesture_networks.motion_features import WIDTH
from animcore.solvers.gesture_networks.vq_vae import ConvolutionStack, MotionVqVae
from animcore.training.clip_windows import ClipWindows
from animcore.training.gestures.dataset import GestureDataset
from animcore.training.trainer import Batch, Stage

_LEAST = 0.02  # spread of a number that hardly changes
_STEADY = 0.5  # weight of speed and of acceleration, next to the frames themselves


@dataclass(frozen=True)
class TrainingJob:
    """A model and its training.

    Attributes:
        model: with random weights; it has `save(folder, speakers)`.
        stages: in their order; each changes a part of the model.
        windows: what it learns from.
    """

    model: Any
    stages: Sequence[Stage]
    windows: ClipWindows


@dataclass(frozen=True)
class FeatureScale:
    """Mean and spread of the data, so that small movements count as much as large ones.

    Attributes:
        mean: (337,) of each number of a frame.
        spread: (337,) its standard deviation, at least 0.02: what never moves must not count for much where it does.
    """

    mean: Tensor
    spread: Tensor

    @classmethod
    def of(cls, data: GestureDataset) -> FeatureScale:
        """Measure all clips of a data set."""
        sums, count = np.zeros((2, WIDTH)), 0
        for clip in data.clips:
            values = np.asarray(clip.frames, np.float64)
            sums += (values.sum(0), np.square(values).sum(0))
            count += len(values)
        mean = sums[0] / count
        spread = np.sqrt(np.maximum(sums[1] / count - mean**2, 0.0))
        return cls(torch.from_numpy(mean).float(), torch.from_numpy(np.maximum(spread, _LEAST)).float())

    def part(self, columns: Sequence[int]) -> FeatureScale:
        """Return the scale of some columns."""
        return FeatureScale(self.mean[list(columns)], self.spread[list(columns)])

    def prime(self, encoder: ConvolutionStack, decoder: ConvolutionStack) -> None:
        """Let an autoencoder begin with numbers of spread 1 inside, by its first and last layer alone.

        So the scale need not be stored with the weights, and the published layout is kept.
        """
        first, last = encoder.main[0], decoder.main[-1]
        assert isinstance(first, nn.Conv1d)
        assert isinstance(last, nn.Conv1d)
        fold = last.out_channels // len(self.mean)
        mean, spread = self.mean.repeat(fold), self.spread.repeat(fold)
        with torch.no_grad():
            first.weight /= spread[None, :, None]
            assert first.bias is not None
            assert last.bias is not None
            first.bias -= (first.weight * mean[None, :, None]).sum((1, 2))
            last.weight *= spread[:, None, None]
            last.bias.copy_(mean)


class VqStage(Stage):
    """Learn the codes of one part of the body."""

    columns: Tensor
    used: Tensor
    spread: Tensor

    def __init__(
        self, title: str, codes: MotionVqVae, columns: Sequence[int], scale: FeatureScale, epochs: int, rate: float
    ) -> None:
        super().__init__()
        self.title, self.epochs, self.rate = f"codes of {title}", epochs, rate
        self.codes = codes
        own = scale.part(columns)
        own.prime(codes.encoder, codes.decoder)
        self.register_buffer("spread", own.spread, persistent=False)
        self.register_buffer("columns", torch.as_tensor(np.asarray(columns)), persistent=False)
        self.register_buffer("used", torch.zeros(codes.quantizer.embedding.num_embeddings), persistent=False)

    def before(self, batch: Batch) -> None:
        """Give codes that nothing was near to in the last epoch a place among the movements of this batch."""
        with torch.no_grad():
            latents = self.codes.latents(batch["frames"][..., self.columns]).flatten(0, 1)
            dead = self.used == 0
            chosen = torch.randint(len(latents), (int(dead.sum()),), device=latents.device)
            self.codes.quantizer.embedding.weight[dead] = latents[chosen]
            self.used.zero_()

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """Return how far frames, their speed and its change are off after the way through the codes."""
        frames = batch["frames"][..., self.columns]
        found, quantized, latents = self.codes(frames)
        with torch.no_grad():
            nearest = self.codes.quantizer.nearest(latents)
            self.used += torch.bincount(nearest.flatten(), minlength=len(self.used))
        error = motion_loss(found / self.spread, frames / self.spread)
        return {"loss": error + quantized, "error": error, "used": (self.used > 0).float().mean()}


def motion_loss(found: Tensor, wanted: Tensor) -> Tensor:
    """Mean distance of frames (B, T, W), of their speed and of its change."""
    loss = functional.l1_loss(found, wanted)
    for order in (1, 2):
        loss = loss + _STEADY * functional.l1_loss(found.diff(n=order, dim=1), wanted.diff(n=order, dim=1))
    return loss


def code_losses(logits: Mapping[str, Tensor], codes: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Cross-entropy and share of right guesses, per part and together, of logits (B, N, K) for codes (B, N)."""
    losses = {
        part: functional.cross_entropy(values.flatten(0, 1), codes[part].flatten(), label_smoothing=0.05)
        for part, values in logits.items()
    }
    right = [(values.argmax(-1) == codes[part]).float().mean() for part, values in logits.items()]
    return {"loss": torch.stack(list(losses.values())).sum(), "right": torch.stack(right).mean(), **losses}
