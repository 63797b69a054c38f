"""Training of `emote`: first the motion prior, then the network from speech to its latents.

In the second stage emotions are exchanged between clips.
"""

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

_NORMAL = 2e-4  # weight of the divergence of latents from a normal distribution
_NEAR = 0.5  # weight of the distance from the latents of the real face


@dataclass(frozen=True)
class EmoteConfig(FaceConfig):
    """Settings of an `emote` configuration, in addition to those of every face.

    Attributes:
        latent: numbers of a latent of the prior.
        blocks: layers of each transformer.
        epochs_prior: of the prior; `epochs` is for the network from speech to its latents.
        emotion_weight: of the emotion that the face shows, in the loss; 0 for none of it.
    """

    speech: str = PHONEMES
    window: int = 96
    selftalk: float = 0.02
    latent: int = 128
    blocks: int = 2
    epochs_prior: int = 60
    emotion_weight: float = 0.2

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
    """Learn latents of facial motion."""

    def __init__(self, model: Emote, epochs: int, rate: float) -> None:
        super().__init__()
        self.title, self.epochs, self.rate = "the motion prior", epochs, rate
        self.prior, self.off = model.prior, FaceLoss(model)
        self.model = [model]

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """Return the error of the reconstructed faces, and the divergence of the latents."""
        wanted = self.model[0].normal(batch["frames"])
        mean, variance = self.prior.encoded(wanted)
        drawn = mean + (0.5 * variance).exp() * torch.randn_like(mean)
        off = self.off(self.prior.decoded(drawn), wanted)
        wide = 0.5 * (mean.square() + variance.exp() - 1 - variance).sum(-1).mean()
        return {"loss": off.pop("loss") + _NORMAL * wide, "wide": wide, **off}


class SpeechStage(Stage):
    """Learn the latents of a voice; the prior stays as it is.

    Half of each batch exchanges emotions: a voice with another clip's emotion must still have its own phonemes, and
    show the other emotion. That separates speech from emotion.
    """

    def __init__(self, model: Emote, talk: SelfTalk, emotion_features: EmotionFeatures, config: EmoteConfig) -> None:
        """Build.

        Args:
            model: with a trained prior.
            talk: reads phonemes from a face.
            emotion_features: reads emotions from a face; trained along, on real faces.
            config: weights and epochs.
        """
        super().__init__()
        self.title, self.epochs, self.rate = "speech and emotion", config.epochs, config.learning_rate
        self.ear, self.speech, self.talk, self.emotion_features = model.ear, model.talk, talk, emotion_features
        self.weight, self.off = config.emotion_weight, FaceLoss(model)
        self.model = [model]

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """Return the losses of the faces, of their phonemes and of their emotions, as they were and exchanged."""
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
            learned, shown = (
                self.emotion_features.loss(wanted, batch["emotions"]),
                self.emotion_features.measured(made, emotions),
            )
            loss = losses["loss"] + learned + self.weight * shown
            losses |= {"loss": loss, "emotion_features": learned, "emotion": shown}
        return cast(dict[str, Tensor], self.talk(losses, made, torch.cat([wanted] * 2), twice))


def job(config: EmoteConfig, data: FaceDataset) -> TrainingJob:
    """Build the networks and their stages.

    Raises:
        InputError: where the speech model cannot be used.
    """
    model = prepared(Emote, EmoteSizes(config.hidden, config.latent, config.blocks), config, data)
    talk, emotion_features = SelfTalk(data.space.width, config.selftalk), EmotionFeatures(data.space.width)
    stages: list[Stage] = [
        MotionPriorStage(model, config.epochs_prior, config.learning_rate),
        SpeechStage(model, talk, emotion_features, config),
    ]
    return TrainingJob(taught(model, talk, emotion_features), stages, windows(config, data, model))
