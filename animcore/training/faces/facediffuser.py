"""Training of `facediffuser`: noise is added to a face and removed; each step predicts the clean face."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor

from animcore.solvers.face_networks.audio_encoders import PHONEMES
from animcore.solvers.face_networks.facediffuser import STATES, FaceDiffuser, FaceDiffuserSizes
from animcore.training.faces.dataset import FaceDataset
from animcore.training.faces.lip_reading_loss import SelfTalk, taught
from animcore.training.faces.stages import FaceConfig, FaceLoss, prepared, windows
from animcore.training.gestures.stages import TrainingJob
from animcore.training.trainer import Batch, Stage


@dataclass(frozen=True)
class FaceDiffuserConfig(FaceConfig):
    """Settings of a `facediffuser` configuration, in addition to those of every face.

    Attributes:
        recurrent: layers of the decoder.
        noise_steps: from a face to noise, in training.
        steps: from noise to a face, when it performs.
    """

    speech: str = PHONEMES
    hidden: int = 256
    recurrent: int = 2
    noise_steps: int = 500
    steps: int = 10


CONFIG = FaceDiffuserConfig


class DenoisingStage(Stage):
    """Predict the clean face from a noisy one (Ho et al., NeurIPS 2020, with x0 as the prediction)."""

    def __init__(self, model: FaceDiffuser, talk: SelfTalk, epochs: int, rate: float) -> None:
        super().__init__()
        self.title, self.epochs, self.rate = "the face", epochs, rate
        self.model, self.talk, self.off = model, talk, FaceLoss(model)

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """Return the losses of the face and of its lip reading."""
        model, wanted = self.model, self.model.normal(batch["frames"])
        step = torch.randint(model.sizes.noise_steps, (len(wanted),), device=wanted.device)
        noisy = model.noised(wanted, step, torch.randn_like(wanted))
        found = model(noisy, step, model.ear(batch["sound"], STATES * wanted.shape[1]), batch["speaker"])
        return cast(dict[str, Tensor], self.talk(self.off(found, wanted), found, wanted, batch))


def job(config: FaceDiffuserConfig, data: FaceDataset) -> TrainingJob:
    """Build the network and its stage.

    Raises:
        InputError: where the speech model cannot be used.
    """
    sizes = FaceDiffuserSizes(config.hidden, config.recurrent, config.noise_steps, config.steps)
    model = prepared(FaceDiffuser, sizes, config, data)
    talk = SelfTalk(data.space.width, config.selftalk)
    stage = DenoisingStage(model, talk, config.epochs, config.learning_rate)
    return TrainingJob(taught(model, talk), [stage], windows(config, data, model))
