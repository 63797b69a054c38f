"""Training of CodeTalker: first the codes that all faces are made of, then which of them follow from the audio."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor
from torch.nn import functional

from animcore.solvers.face_networks.codetalker import CodeTalker, CodeTalkerSizes
from animcore.training.faces.dataset import FaceDataset
from animcore.training.faces.lip_reading_loss import SelfTalk, taught
from animcore.training.faces.stages import FaceConfig, FaceLoss, prepared, windows
from animcore.training.gestures.stages import TrainingJob
from animcore.training.trainer import Batch, Stage


@dataclass(frozen=True)
class CodeTalkerConfig(FaceConfig):
    """Settings of a `codetalker` configuration, in addition to those of every face.

    Attributes:
        blocks: layers of the decoder that attends to the audio.
        period: frames after which positions repeat.
        prior: width of the autoencoder.
        prior_blocks: its layers, of encoder and decoder each.
        codes: in the codebook.
        length: of a code.
        parts: codes to each frame.
        epochs_codes: for the codes; `epochs` is for what follows from the audio.
    """

    blocks: int = 2
    period: int = 30
    prior: int = 128
    prior_blocks: int = 2
    codes: int = 256
    length: int = 32
    parts: int = 4
    epochs_codes: int = 60


CONFIG = CodeTalkerConfig


class CodebookStage(Stage):
    """Learn the codes that faces are made of."""

    used: Tensor

    def __init__(self, model: CodeTalker, epochs: int, rate: float) -> None:
        super().__init__()
        self.title, self.epochs, self.rate = "codes of faces", epochs, rate
        self.prior, self.off, self.frozen = model.autoencoder, FaceLoss(model), [model]
        self.register_buffer("used", torch.zeros(model.sizes.codes), persistent=False)

    def before(self, batch: Batch) -> None:
        """Give codes that nothing was near to in the last epoch a place among the faces of this batch."""
        book = self.prior.quantize.embedding
        with torch.no_grad():
            latents = self.prior.encoder(self.frozen[0].normal(batch["frames"])).reshape(-1, book.embedding_dim)
            dead = self.used == 0
            chosen = torch.randint(len(latents), (int(dead.sum()),), device=latents.device)
            book.weight[dead] = latents[chosen]
            self.used.zero_()

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """Return how far faces are off after the way through the codes."""
        frames = self.frozen[0].normal(batch["frames"])
        found, quantized, features = self.prior(frames)
        book = self.prior.quantize
        with torch.no_grad():
            nearest = book.nearest(features.unflatten(-1, (-1, book.embedding.embedding_dim)))
            self.used += torch.bincount(nearest.flatten(), minlength=len(self.used))
        losses = self.off(found, frames)
        result: dict[str, Tensor] = losses | {
            "loss": losses["loss"] + quantized,
            "used": (self.used > 0).float().mean(),
        }
        return result


class CodePredictionStage(Stage):
    """Learn the codes from the audio and the frames before, some of which are its own at random."""

    def __init__(self, model: CodeTalker, talk: SelfTalk, epochs: int, rate: float) -> None:
        super().__init__()
        self.title, self.epochs, self.rate = "what follows", epochs, rate
        self.frozen = [model]
        self.learned = torch.nn.ModuleList(
            [
                *(model.ear, model.audio_feature_map, model.vertice_map, model.transformer_decoder, model.feat_map),
                model.learnable_style_emb,
            ]
        )
        self.talk, self.off = talk, FaceLoss(model)

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """Return how far faces, and the features before their codes, are off."""
        model, prior = self.frozen[0], self.frozen[0].autoencoder
        frames = model.normal(batch["frames"])
        heard, before = model.listen(batch["sound"], frames.shape[1]), frames[:, :-1]
        with torch.no_grad():
            _, wanted = prior.quantize(prior.encoder(frames))
            often = torch.rand(len(frames), 1, 1, device=frames.device)
            own = torch.rand(*before.shape[:2], 1, device=frames.device) < often
            before = torch.where(own, model(heard, before, batch["speaker"])[0][:, :-1], before)
        found, features = model(heard, before, batch["speaker"])
        losses, codes = self.off(found, frames), functional.mse_loss(features, wanted)
        losses |= {"loss": losses["loss"] + codes, "codes": codes}
        return cast(dict[str, Tensor], self.talk(losses, found, frames, batch))


def job(config: CodeTalkerConfig, data: FaceDataset) -> TrainingJob:
    """Build the network and its stages.

    Raises:
        InputError: where the speech model cannot be used.
    """
    sizes = CodeTalkerSizes(
        hidden=config.hidden,
        blocks=config.blocks,
        period=config.period,
        per_frame=2 if config.speech and config.fps == 25 else 1,
        prior=config.prior,
        prior_blocks=config.prior_blocks,
        prior_inner=2 * config.prior,
        codes=config.codes,
        length=config.length,
        parts=config.parts,
    )
    model = prepared(CodeTalker, sizes, config, data)
    rate = config.learning_rate
    talk = SelfTalk(data.space.width, config.selftalk)
    stages = [CodebookStage(model, config.epochs_codes, rate), CodePredictionStage(model, talk, config.epochs, rate)]
    return TrainingJob(taught(model, talk), stages, windows(config, data, model))
