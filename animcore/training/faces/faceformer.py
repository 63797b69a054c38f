"""Training of FaceFormer: each frame from the audio and from the frames before it, some of them its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor

from animcore.solvers.face_networks.faceformer import FaceFormer, FaceFormerSizes
from animcore.training.faces.dataset import FaceDataset
from animcore.training.faces.lip_reading_loss import SelfTalk, taught
from animcore.training.faces.stages import FaceConfig, FaceLoss, prepared, windows
from animcore.training.gestures.stages import TrainingJob
from animcore.training.trainer import Batch, Stage


@dataclass(frozen=True)
class FaceFormerConfig(FaceConfig):
    """Settings of a `faceformer` configuration, in addition to those of every face.

    Attributes:
        blocks: layers of the decoder.
        period: frames after which positions repeat.
    """

    blocks: int = 1
    period: int = 30


CONFIG = FaceFormerConfig


class AutoregressiveStage(Stage):
    """Learn the next frame from sound and frames before.

    The paper feeds every frame back in training too, which takes as many steps as there are frames. Here some of the
    frames before, at random, are those that the model itself gives (scheduled sampling in parallel: Mihaylova and
    Martins, ACL 2019), so that it learns to go on from its own errors in a few steps.
    """

    def __init__(self, model: FaceFormer, talk: SelfTalk, epochs: int, rate: float) -> None:
        super().__init__()
        self.title, self.epochs, self.rate = "the face", epochs, rate
        self.model, self.talk, self.off = model, talk, FaceLoss(model)

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """Return how far the frames are off."""
        frames = self.model.normal(batch["frames"])
        heard, style = self.model.listen(batch["sound"], frames.shape[1]), self.model.style(batch["speaker"])
        before = frames[:, :-1]
        with torch.no_grad():
            often = torch.rand(len(frames), 1, 1, device=frames.device)
            own = torch.rand(*before.shape[:2], 1, device=frames.device) < often
            before = torch.where(own, self.model(heard, before, style)[:, :-1], before)
        found = self.model(heard, before, style)
        return cast(dict[str, Tensor], self.talk(self.off(found, frames), found, frames, batch))


def job(config: FaceFormerConfig, data: FaceDataset) -> TrainingJob:
    """Build the network and its stage.

    Raises:
        InputError: where the speech model cannot be used.
    """
    per_frame = 2 if config.speech and config.fps == 25 else 1
    model = prepared(FaceFormer, FaceFormerSizes(config.hidden, config.blocks, config.period, per_frame), config, data)
    talk = SelfTalk(data.space.width, config.selftalk)
    stage = AutoregressiveStage(model, talk, config.epochs, config.learning_rate)
    return TrainingJob(taught(model, talk), [stage], windows(config, data, model))
