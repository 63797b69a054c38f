"""Training of EMAGE: codes of three parts of the body, its way on the floor, then the masked transformer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor

from animcore.errors import InputError
from animcore.solvers.gesture_networks.emage import EmageModel
from animcore.solvers.gesture_networks.emage_network import EmageSizes, EmageTransformer
from animcore.solvers.gesture_networks.motion_features import COLUMNS, PARTS
from animcore.solvers.gesture_networks.vq_vae import MotionAutoencoder, MotionVqVae
from animcore.training.clip_windows import ClipWindows
from animcore.training.gestures.dataset import GestureDataset
from animcore.training.gestures.stages import FeatureScale, TrainingJob, VqStage, code_losses, motion_loss
from animcore.training.trainer import Batch, Stage

_HIDDEN = 0.5  # share of the examples in which nothing but the first frames is known, as when it performs


@dataclass(frozen=True)
class EmageConfig:
    """Settings of an `emage` configuration; the defaults are the published sizes.

    Attributes:
        hidden_size: of the transformers, a multiple of 8.
        audio_f: features of audio, a multiple of 4.
        motion_f: features of movement.
        codes: of each part.
        length: of a code's vector.
        layers: of the autoencoders.
        window: frames of a training example.
        seed_frames: frames that a window takes over from the one before.
        stride: frames from example to example.
        batch: examples at once.
        epochs_codes: for each of the three codes, and for the way.
        epochs: for the transformer.
        learning_rate: at the beginning of each stage.
        seed: of weights, order, masks and dropout.
    """

    hidden_size: int = 768
    audio_f: int = 256
    motion_f: int = 256
    codes: int = 256
    length: int = 256
    layers: int = 2
    window: int = 64
    seed_frames: int = 4
    stride: int = 20
    batch: int = 56
    epochs_codes: int = 60
    epochs: int = 100
    learning_rate: float = 1.5e-4
    seed: int = 0

    def __post_init__(self) -> None:
        """Check what the layers ask for.

        Raises:
            InputError: where sizes do not fit each other.
        """
        if self.hidden_size % 8 or self.audio_f % 4 or not self.seed_frames < self.window:
            raise InputError(
                "hidden_size must be a multiple of 8, audio_f one of 4, and seed_frames must be below window."
            )

    @property
    def least(self) -> int:
        """Frames that a clip must have."""
        return self.window


CONFIG = EmageConfig


class RootMotionStage(Stage):
    """Learn the way on the floor from the lower half of the body."""

    spread: Tensor

    def __init__(
        self, way: MotionAutoencoder, codes: MotionVqVae, scale: FeatureScale, epochs: int, rate: float
    ) -> None:
        super().__init__()
        self.title, self.epochs, self.rate = "the way", epochs, rate
        self.way = way
        own = scale.part(COLUMNS["lower"].tolist())
        own.prime(way.encoder, way.decoder)
        self.register_buffer("spread", own.spread, persistent=False)
        self.frozen = [codes]

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """Return how far the lower half is off after the autoencoder, from what its codes leave of it."""
        wanted = batch["frames"][..., COLUMNS["lower"]]
        with torch.no_grad():
            coder = self.frozen[0]
            given = coder.frames(coder.vectors(coder.indices(wanted)))
        return {"loss": motion_loss(self.way(given) / self.spread, wanted / self.spread)}


class MaskedStage(Stage):
    """Learn the codes of frames that are hidden, from sound and from those that are not."""

    def __init__(self, network: EmageTransformer, codes: dict[str, MotionVqVae], epochs: int, rate: float) -> None:
        super().__init__()
        self.title, self.epochs, self.rate = "gestures", epochs, rate
        self.network = network
        self.frozen = [codes]

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """Return the cross-entropy of the codes."""
        frames = batch["frames"]
        with torch.no_grad():
            codes = {part: coder.indices(frames[..., COLUMNS[part]]) for part, coder in self.frozen[0].items()}
            # some frames are masked at random, more in some examples than in others; in half of them all are
            share = torch.rand(len(frames), 1, device=frames.device)
            hidden = torch.rand(frames.shape[:2], device=frames.device) < share
            hidden |= torch.rand(len(frames), 1, device=frames.device) < _HIDDEN
            hidden[:, : self.network.sizes.seed_frames] = False
        return code_losses(self.network(batch["samples"], batch["speaker"], frames, hidden), codes)


def job(config: EmageConfig, data: GestureDataset) -> TrainingJob:
    """Build the network and its stages."""
    sizes = EmageSizes(
        hidden_size=config.hidden_size,
        audio_f=config.audio_f,
        motion_f=config.motion_f,
        vae_codebook_size=config.codes,
        pose_length=config.window,
        seed_frames=config.seed_frames,
        speaker_dims=len(data.speakers),
    )
    coder = {"vae_length": config.length, "vae_layer": config.layers, "vae_codebook_size": config.codes}
    model = EmageModel(sizes, {part: dict(coder) for part in (*PARTS, "global")})
    coders = {part: cast(MotionVqVae, model.codes[part]) for part in PARTS}
    rate, scale = config.learning_rate, FeatureScale.of(data)
    stages: list[Stage] = [
        VqStage(part, coders[part], COLUMNS[part].tolist(), scale, config.epochs_codes, rate) for part in PARTS
    ]
    stages += [
        RootMotionStage(model.way, coders["lower"], scale, config.epochs_codes, rate),
        MaskedStage(model.network, coders, config.epochs, rate),
    ]
    return TrainingJob(model, stages, ClipWindows(data, config.window, config.stride, config.batch, seed=config.seed))
