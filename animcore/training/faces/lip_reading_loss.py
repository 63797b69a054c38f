"""Phonemes read from the lips of a face, as a loss for any solver of faces.

In the manner of SelfTalk (Peng et al., ACM Multimedia 2023): a small network reads phonemes from real faces, by
connectionist temporal classification (Graves et al., ICML 2006) and frame by frame; the phonemes are those that the
shipped speech network detects (`lip_sync.detect_phonemes`). A generated face shall be read as the audio
(tokens), and look to the reader like the real one (features). The reader learns from real faces alone: through it no
solver can make its own task easier.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional

from animcore.solvers.face_networks.audio_encoders import PhonemeEncoder
from animcore.solvers.face_networks.base import FaceModel
from animcore.solvers.face_networks.output_space import FloatArray
from animcore.speech.pronunciation import PHONEMES
from animcore.training.faces.dataset import FaceTrainingClip
from animcore.training.trainer import Batch

SILENCE = PHONEMES.index("sil")  # it is the blank of the classification too: it separates repeated phonemes
_LOOK = 0.3  # weight of the reader's features, next to its phonemes
_FRAMES = 1.0  # weight of reading frame by frame, next to reading in order
_DILATIONS = (1, 2, 4)


class LipReader(nn.Module):
    """Frames (B, T, W) in standard deviations from the mean -> what they look like (B, T, H) and logits (B, T, 40)."""

    def __init__(self, width: int, hidden: int = 64) -> None:
        super().__init__()
        self.into = nn.Conv1d(width, hidden, 3, padding=1)
        self.blocks = nn.ModuleList(
            nn.Conv1d(hidden, 2 * hidden, 5, padding=2 * dilation, dilation=dilation) for dilation in _DILATIONS
        )
        self.out = nn.Conv1d(hidden, len(PHONEMES), 1)

    def forward(self, frames: Tensor) -> tuple[Tensor, Tensor]:
        """Return features and logits."""
        x = self.into(frames.transpose(1, 2))
        for block in self.blocks:
            x = x + functional.glu(block(x), 1)
        return x.transpose(1, 2), self.out(x).transpose(1, 2)


class SelfTalk(nn.Module):
    """The loss.

    Attributes:
        weight: of the lip reading of a generated face among the solver's losses; 0 for none of it.
        reader: learns along, from real faces.
    """

    def __init__(self, width: int, weight: float) -> None:
        """Build with a reader that cannot read yet.

        Args:
            width: numbers of a frame.
            weight: see above.
        """
        super().__init__()
        self.weight = weight
        self.reader = LipReader(width) if weight else None

    def forward(self, losses: Mapping[str, Tensor], made: Tensor, real: Tensor, batch: Batch) -> dict[str, Tensor]:
        """Return a solver's losses with these added: `loss` holds the reader's own and, weighed, the solver's.

        Args:
            losses: of the solver.
            made: (B, T, W) its faces, in standard deviations from the mean.
            real: (B, T, W) those of the data.
            batch: with `said` (B, T, 40), where the weight is not 0.
        """
        if self.reader is None:
            return dict(losses)
        phonemes = batch["said"]
        tokens, lengths = phoneme_tokens(phonemes)
        looks, logits = self.reader(real)
        learned = reading_loss(logits, phonemes, tokens, lengths)
        # for the solver the reader is a fixed measure: its parameters get no gradient from what the solver makes
        fixed = {name: values.detach() for name, values in self.reader.named_parameters()}
        seen, read = functional_call(self.reader, fixed, (made,))
        talks = reading_loss(read, phonemes, tokens, lengths)
        looked = functional.smooth_l1_loss(seen, looks.detach())
        loss = losses["loss"] + learned + self.weight * (talks + _LOOK * looked)
        return {**losses, "loss": loss, "reader": learned.detach(), "talks": talks.detach()}


class ModelWithLipReader(nn.Module):
    """A model with what taught it, so that a run that goes on has both; the model alone is what comes out."""

    def __init__(self, model: FaceModel, *teachers: nn.Module) -> None:
        super().__init__()
        self.model, self.teachers = model, nn.ModuleList(teachers)

    def save(self, folder: Path, speakers: list[str]) -> None:
        """Write the model's folder.

        Raises:
            InputError: where it cannot be written.
        """
        self.model.save(folder, speakers)


def taught(model: FaceModel, *teachers: nn.Module) -> nn.Module:
    """Return what a run trains: the model, with its teachers where these learn too."""
    learning = [teacher for teacher in teachers if any(True for _ in teacher.parameters())]
    return ModelWithLipReader(model, *learning) if learning else model


def phoneme_probabilities(clip: FaceTrainingClip) -> FloatArray:
    """Return (T, 40) probabilities of the phonemes at the frames of a clip, cached as audio encoders do."""
    ear, count = PhonemeEncoder(), len(clip.frames)
    heard = clip.sound(ear)
    return np.asarray(heard[np.minimum(np.arange(count) * len(heard) // count, len(heard) - 1)])


def phoneme_tokens(phonemes: Tensor) -> tuple[Tensor, Tensor]:
    """Return tokens (B, N), in order and padded with silence, and how many they are (B,), of (B, T, 40)."""
    likeliest = phonemes.argmax(-1)
    starts = torch.ones_like(likeliest, dtype=torch.bool)
    starts[:, 1:] = likeliest[:, 1:] != likeliest[:, :-1]
    kept = starts & (likeliest != SILENCE)
    lengths = kept.sum(1)
    tokens = likeliest.new_full((len(phonemes), max(int(lengths.max()), 1)), SILENCE)
    place = kept.cumsum(1) - 1
    rows, columns = kept.nonzero(as_tuple=True)
    tokens[rows, place[rows, columns]] = likeliest[rows, columns]
    return tokens, lengths


def reading_loss(logits: Tensor, phonemes: Tensor, tokens: Tensor, lengths: Tensor) -> Tensor:
    """Return the error of logits (B, T, 40) on the phonemes: in order, and frame by frame with (B, T, 40)."""
    likely = functional.log_softmax(logits, -1)
    whole = torch.full((len(logits),), logits.shape[1], dtype=torch.long)
    order = functional.ctc_loss(
        likely.transpose(0, 1), tokens, whole, lengths.cpu(), blank=SILENCE, reduction="none", zero_infinity=True
    )
    order = order.mean() / logits.shape[1]
    frames = -(phonemes * likely).sum(-1).mean()
    return order + _FRAMES * frames
