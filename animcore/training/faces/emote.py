"""Training of `emote`: first the motion prior, then what speaks through it, with emotions exchanged between voices."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor
from torch.nn import functional

from animcore.errors import InputError
from animcore.solvers.face_networks.audio_encoders import PHONEMES
from animcore.solvers.face_networks.emote import FOLD, STATES, Emote, EmoteSizes
from animcore.training.faces.dataset import FaceDataset
from animcore.training.faces.emotion_features import EmotionFeatures
from animcore.training.faces.lip_reading_loss import SelfTalk, taught
from animcore.training.faces.stages import FaceConfig, FaceLoss, prepared, windows
from animcore.training.gestures.stages import TrainingJob
from animcore.training.trainer import Batch, Stage

_NORMAL = 2e-4  # weight of how far latents are from a normal distribution
_NEAR = 0.5  # weight of how far what speaks is from the latents of the real face


@dataclass(frozen=True)
class EmoteConfig(FaceConfig):
    """Settings of an `emote` configuration, beside those of every face.

    Attributes:
        latent: numbers of a latent of the prior.
        blocks: layers of each transformer.
        epochs_prior: how often the prior sees all examples; `epochs` is for what speaks through it.
        feelings: weight of what the face feels; 0 for none of it.
    """

    speech: str = PHONEMES
    window: int = 96
    selftalk: float = 0.02
    latent: int = 128
    blocks: int = 2
    epochs_prior: int = 60
    feelings: float = 0.2

    def __post_init__(self) -> None:
        """Check what the prior asks for.

        Raises:
            InputError: where the window is no multiple of 8, or as `FaceConfig` does.
        """
        super().__post_init__()
        if self.window % FOLD:
            raise InputError(f"window must be a multiple of {FOLD}, not {self.window}.")


CONFIG = EmoteConfig


class MotionPriorStage(Stage):
    """Learn latents of how faces move."""

    def __init__(self, model: Emote, epochs: int, rate: float) -> None:
        super().__init__()
        self.title, self.epochs, self.rate = "the motion prior", epochs, rate
        self.prior, self.off = model.prior, FaceLoss(model)
        self.model = [model]

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """Return how far the faces are off after the way through the latents, and how wide these lie."""
        wanted = self.model[0].normal(batch["frames"])
        mean, variance = self.prior.encoded(wanted)
        drawn = mean + (0.5 * variance).exp() * torch.randn_like(mean)
        off = self.off(self.prior.decoded(drawn), wanted)
        wide = 0.5 * (mean.square() + variance.exp() - 1 - variance).sum(-1).mean()
        return {"loss": off.pop("loss") + _NORMAL * wide, "wide": wide, **off}


class SpeechStage(Stage):
    """Learn which latents a voice has; the prior stays as it is.

    Half of the lesson is on faces that nobody made: a voice with another clip's emotion must still be read as what it
    says, and be felt as the other emotion. That parts what is said from what is felt.
    """

    def __init__(self, model: Emote, talk: SelfTalk, feelings: EmotionFeatures, config: EmoteConfig) -> None:
        """Build.

        Args:
            model: with a prior that has learned.
            talk: what a face says.
            feelings: what a face feels; learns along, from real faces.
            config: weights and epochs.
        """
        super().__init__()
        self.title, self.epochs, self.rate = "speech and emotion", config.epochs, config.learning_rate
        self.ear, self.speech, self.talk, self.feelings = model.ear, model.talk, talk, feelings
        self.weight, self.off = config.feelings, FaceLoss(model)
        self.model = [model]

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """Return how far the faces are off, what they say and what they feel, as they were and exchanged."""
        model, count = self.model[0], len(batch["frames"])
        prior = model.prior.eval().requires_grad_(requires_grad=False)
        wanted = model.normal(batch["frames"])
        emotions = torch.cat([batch["emotions"], batch["emotions"].roll(1, 0)])
        states = self.ear(batch["sound"], STATES * wanted.shape[1])
        latents = self.speech(torch.cat([states] * 2), torch.cat([batch["speaker"]] * 2), emotions)
        made = prior.decoded(latents)
        off = self.off(made[:count], wanted)
        near = functional.smooth_l1_loss(latents[:count], prior.encoded(wanted)[0])
        twice = {name: torch.cat([batch[name]] * 2) for name in ("said",) if name in batch}
        losses = {**off, "loss": off["loss"] + _NEAR * near, "near": near}
        if self.weight:
            learned, feels = self.feelings.loss(wanted, batch["emotions"]), self.feelings.measured(made, emotions)
            loss = losses["loss"] + learned + self.weight * feels
            losses |= {"loss": loss, "feelings": learned, "feels": feels}
        return cast(dict[str, Tensor], self.talk(losses, made, torch.cat([wanted] * 2), twice))


def job(config: EmoteConfig, data: FaceDataset) -> TrainingJob:
    """Build the networks and their stages.

    Raises:
        InputError: where the speech model cannot be used.
    """
    model = prepared(Emote, EmoteSizes(config.hidden, config.latent, config.blocks), config, data)
    talk, feelings = SelfTalk(data.space.width, config.selftalk), EmotionFeatures(data.space.width)
    stages: list[Stage] = [
        MotionPriorStage(model, config.epochs_prior, config.learning_rate),
        SpeechStage(model, talk, feelings, config),
    ]
    return TrainingJob(taught(model, talk, feelings), stages, windows(config, data, model))
