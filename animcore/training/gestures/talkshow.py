"""Training of the TalkSHOW-like solver: codes of the body, codes of the hands, then what predicts them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import cast

import torch
from torch import Tensor

from animcore.errors import InputError
from animcore.solvers.gesture_networks import audio_features
from animcore.solvers.gesture_networks.talkshow import FOLD, STREAMS, CodePredictor, TalkShow, TalkShowSizes
from animcore.solvers.gesture_networks.vq_vae import MotionVqVae
from animcore.training.clip_windows import ClipWindows
from animcore.training.gestures.dataset import GestureDataset
from animcore.training.gestures.stages import FeatureScale, TrainingJob, VqStage, code_losses
from animcore.training.trainer import Batch, Stage


@dataclass(frozen=True)
class TalkShowConfig:
    """Settings of a `talkshow` configuration.

    Attributes:
        hidden: width of what predicts.
        codes: of each stream.
        length: of a code's vector.
        layers: of the autoencoders.
        window: frames of a training example, a multiple of 4.
        stride: frames from example to example.
        batch: examples at once.
        epochs_codes: for each of the two codes.
        epochs: for what predicts them.
        learning_rate: at the beginning of each stage.
        speech: folder of a wav2vec 2.0, HuBERT or WavLM model; empty for the mel spectrogram.
        seed: of weights, order and dropout.
    """

    hidden: int = 256
    codes: int = 512
    length: int = 128
    layers: int = 2
    window: int = 128
    stride: int = 30
    batch: int = 32
    epochs_codes: int = 60
    epochs: int = 100
    learning_rate: float = 5e-4
    speech: str = ""
    seed: int = 0

    def __post_init__(self) -> None:
        """Check what the layers ask for.

        Raises:
            InputError: where the window is no multiple of 4.
        """
        if self.window % FOLD:
            raise InputError(f"window must be a multiple of {FOLD}, not {self.window}.")

    @property
    def least(self) -> int:
        """Frames that a clip must have."""
        return self.window


CONFIG = TalkShowConfig


class CodePredictionStage(Stage):
    """Learn which code follows, from sound and from the codes before."""

    def __init__(self, predictor: CodePredictor, codes: dict[str, MotionVqVae], epochs: int, rate: float) -> None:
        super().__init__()
        self.title, self.epochs, self.rate = "what follows", epochs, rate
        self.predictor = predictor
        self.frozen = [codes]

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """Return the cross-entropy of the codes."""
        with torch.no_grad():
            codes = {name: coder.indices(batch["frames"][..., STREAMS[name]]) for name, coder in self.frozen[0].items()}
        start = torch.full_like(codes["body"][:, :1], self.predictor.start)
        past = {name: torch.cat([start, values[:, :-1]], 1) for name, values in codes.items()}
        told = self.predictor.listen(batch["heard"], batch["speaker"])
        return code_losses(self.predictor(told, past, codes["body"]), codes)


def job(config: TalkShowConfig, data: GestureDataset) -> TrainingJob:
    """Build the network and its stages.

    Raises:
        InputError: where the speech model cannot be used.
    """
    heard = audio_features.BANDS
    if config.speech:
        heard = int(audio_features.speech_model(Path(config.speech)).config.hidden_size)
    sizes = TalkShowSizes(config.hidden, config.codes, config.length, config.layers, heard, len(data.speakers))
    model = TalkShow(sizes, config.speech)
    coders = {name: cast(MotionVqVae, coder) for name, coder in model.codes.items()}
    rate, scale = config.learning_rate, FeatureScale.of(data)
    stages: list[Stage] = [
        VqStage(name, coder, STREAMS[name].tolist(), scale, config.epochs_codes, rate) for name, coder in coders.items()
    ]
    windows = ClipWindows(
        data, config.window, config.stride, config.batch, lambda clip: clip.heard(config.speech), seed=config.seed
    )
    return TrainingJob(model, [*stages, CodePredictionStage(model.predictor, coders, config.epochs, rate)], windows)
