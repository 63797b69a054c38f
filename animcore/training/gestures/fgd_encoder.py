"""The encoder behind the Fréchet gesture distance: a small autoencoder of movement (Yoon et al., SIGGRAPH Asia 2020).

Distances of two encoders cannot be compared: state which one was used, and on what it was trained.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from animcore.errors import InputError
from animcore.solvers import checkpoints
from animcore.solvers.gesture_networks.motion_features import ROTATIONS
from animcore.training.clip_windows import ClipWindows
from animcore.training.gestures.dataset import GestureDataset
from animcore.training.gestures.stages import FeatureScale, TrainingJob, motion_loss
from animcore.training.trainer import Batch, Stage

MODEL_TYPE = "animcore_fgd"
_HALVINGS = 3


@dataclass(frozen=True)
class FgdConfig:
    """Settings of an `fgd` configuration.

    Attributes:
        hidden: width of the layers.
        length: numbers that stand for a window.
        window: frames of a window at 30 a second, a multiple of 8.
        stride: frames from example to example.
        batch: examples at once.
        epochs: passes over all examples.
        learning_rate: at the beginning.
        seed: of weights and order.
    """

    hidden: int = 128
    length: int = 32
    window: int = 64
    stride: int = 16
    batch: int = 64
    epochs: int = 60
    learning_rate: float = 1e-3
    seed: int = 0

    def __post_init__(self) -> None:
        """Check what the layers ask for.

        Raises:
            InputError: where the window is no multiple of 8.
        """
        if self.window % (1 << _HALVINGS):
            raise InputError(f"window must be a multiple of {1 << _HALVINGS}, not {self.window}.")

    @property
    def least(self) -> int:
        """Frames that a clip must have."""
        return self.window


CONFIG = FgdConfig


class MotionEncoder(nn.Module):
    """Windows of rotations (B, window, 330) as points (B, length), and back."""

    mean: Tensor
    spread: Tensor

    def __init__(self, hidden: int, length: int, window: int) -> None:
        super().__init__()
        self.sizes = {"hidden": hidden, "length": length, "window": window}
        self.register_buffer("mean", torch.zeros(ROTATIONS))
        self.register_buffer("spread", torch.ones(ROTATIONS))
        self.least = window >> _HALVINGS
        into: list[nn.Module] = [nn.Conv1d(ROTATIONS, hidden, 3, padding=1), nn.LeakyReLU(0.2)]
        back: list[nn.Module] = []
        for _ in range(_HALVINGS):
            into += [nn.Conv1d(hidden, hidden, 4, stride=2, padding=1), nn.LeakyReLU(0.2)]
            back += [nn.ConvTranspose1d(hidden, hidden, 4, stride=2, padding=1), nn.LeakyReLU(0.2)]
        self.into = nn.Sequential(*into, nn.Flatten(), nn.Linear(hidden * self.least, length))
        self.start = nn.Linear(length, hidden * self.least)
        self.back = nn.Sequential(*back, nn.Conv1d(hidden, ROTATIONS, 3, padding=1))

    def forward(self, frames: Tensor) -> Tensor:
        """(B, window, 330) -> (B, length)."""
        return cast(Tensor, self.into(((frames - self.mean) / self.spread).transpose(1, 2)))

    def decoded(self, points: Tensor) -> Tensor:
        """(B, length) -> (B, window, 330) in standard deviations from the mean."""
        x = functional.leaky_relu(self.start(points), 0.2).view(len(points), -1, self.least)
        return cast(Tensor, self.back(x).transpose(1, 2))

    def save(self, folder: Path, speakers: list[str]) -> None:
        """Write the encoder's folder.

        Raises:
            InputError: where it cannot be written.
        """
        checkpoints.save(self, {"model_type": MODEL_TYPE, **self.sizes, "speakers": speakers}, folder)


class AutoencoderStage(Stage):
    """Learn to bring a window through a few numbers."""

    def __init__(self, encoder: MotionEncoder, epochs: int, rate: float) -> None:
        super().__init__()
        self.title, self.epochs, self.rate = "movement", epochs, rate
        self.encoder = encoder

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """Return how far the windows are off."""
        frames = batch["frames"][..., :ROTATIONS]
        wanted = (frames - self.encoder.mean) / self.encoder.spread
        return {"loss": motion_loss(self.encoder.decoded(self.encoder(frames)), wanted)}


def job(config: FgdConfig, data: GestureDataset) -> TrainingJob:
    """Build the encoder, with the data's own mean and spread, and its stage."""
    encoder = MotionEncoder(config.hidden, config.length, config.window)
    scale = FeatureScale.of(data).part(range(ROTATIONS))
    encoder.mean.copy_(scale.mean)
    encoder.spread.copy_(scale.spread)
    windows = ClipWindows(data, config.window, config.stride, config.batch, seed=config.seed)
    return TrainingJob(encoder, [AutoencoderStage(encoder, config.epochs, config.learning_rate)], windows)


def load(folder: Path) -> MotionEncoder:
    """Return the encoder of a folder that `animcore train fgd` left.

    Raises:
        InputError: where a file is missing, cut off, damaged, would run code, or is another model's.
    """
    values = checkpoints.config(folder)
    if values.get("model_type") != MODEL_TYPE:
        raise InputError(f"{folder} holds no encoder for FGD; train one with `animcore train fgd`.")
    sizes = {name: checkpoints.whole_number(values, name, folder) for name in ("hidden", "length", "window")}
    encoder = MotionEncoder(**sizes)
    checkpoints.fill(encoder, folder)
    return encoder.eval()
