"""`emote`: EMOTE (Daněček et al., SIGGRAPH Asia 2023), written anew from the paper.

FLINT, the motion prior, is a variational autoencoder over time: eight frames of the face become one latent, and a
transformer makes frames of latents. Once it is learned it stays as it is, and a second transformer, which sees all of
the audio at once, predicts the latents: the prior decodes any of them into plausible motion. Emotion,
intensity and speaker go in as one style next to the audio; ours may change from frame to frame.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from animcore.core.vocabulary import EMOTIONS
from animcore.errors import InputError
from animcore.solvers.face_networks.audio_encoders import AudioEncoder
from animcore.solvers.face_networks.base import Conditioning, FaceModel, restore
from animcore.solvers.face_networks.output_space import OutputSpace

FOLD = 8  # frames that share a latent
STATES = 2  # states of audio to each frame
_HALVINGS = 3
HEADS = 4


@dataclass(frozen=True)
class EmoteSizes:
    """The sizes of both networks.

    Attributes:
        hidden: width of the layers, a multiple of 4.
        latent: numbers of a latent.
        layers: of each transformer.
    """

    hidden: int = 256
    latent: int = 128
    layers: int = 2


class BiasedEncoderLayer(nn.Module):
    """Attention that fades with distance in time to both sides (Press et al., ICLR 2022), and two dense layers."""

    slopes: Tensor

    def __init__(self, hidden: int, dropout: float) -> None:
        super().__init__()
        self.before, self.between = nn.LayerNorm(hidden), nn.LayerNorm(hidden)
        self.ask, self.answer = nn.Linear(hidden, 3 * hidden), nn.Linear(hidden, hidden)
        self.dense = nn.Sequential(nn.Linear(hidden, 2 * hidden), nn.GELU(), nn.Linear(2 * hidden, hidden))
        self.dropout = nn.Dropout(dropout)
        slopes = 2.0 ** (-8.0 / HEADS * torch.arange(1, HEADS + 1))
        self.register_buffer("slopes", slopes[:, None, None], persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, hidden) -> (B, T, hidden)."""
        batch, count, hidden = x.shape
        asked = self.ask(self.before(x)).view(batch, count, 3, HEADS, hidden // HEADS).permute(2, 0, 3, 1, 4)
        place = torch.arange(count, device=x.device)
        faded = -self.slopes * (place[:, None] - place[None]).abs()
        found = functional.scaled_dot_product_attention(asked[0], asked[1], asked[2], attn_mask=faded)
        x = x + self.dropout(self.answer(found.transpose(1, 2).reshape(batch, count, hidden)))
        return cast(Tensor, x + self.dropout(self.dense(self.between(x))))


class Flint(nn.Module):
    """The motion prior: frames (B, T, W), T a multiple of 8, to latents (B, T / 8, latent) and back.

    Frames are in standard deviations from the mean.
    """

    def __init__(self, sizes: EmoteSizes, width: int, dropout: float = 0.1) -> None:
        super().__init__()
        hidden = sizes.hidden
        self.into = nn.Linear(width, hidden)
        self.fold = _fold(hidden)
        self.encoder = nn.Sequential(*(BiasedEncoderLayer(hidden, dropout) for _ in range(sizes.layers)))
        self.latents = nn.Linear(hidden, 2 * sizes.latent)
        self.start = nn.Linear(sizes.latent, FOLD * hidden)
        self.decoder = nn.Sequential(*(BiasedEncoderLayer(hidden, dropout) for _ in range(sizes.layers)))
        self.around = nn.Conv1d(hidden, hidden, 5, padding=2)
        self.out = nn.Linear(hidden, width)

    def encoded(self, frames: Tensor) -> tuple[Tensor, Tensor]:
        """Return means and logarithms of variances (B, T / 8, latent) of the latents of frames."""
        x = self.fold(self.into(frames).transpose(1, 2)).transpose(1, 2)
        mean, variance = self.latents(self.encoder(x)).chunk(2, -1)
        return mean, variance.clamp(-12.0, 6.0)

    def decoded(self, latents: Tensor) -> Tensor:
        """(B, T / 8, latent) -> frames (B, T, W)."""
        batch, count, _ = latents.shape
        x = self.decoder(self.start(latents).view(batch, count * FOLD, -1))
        x = x + functional.gelu(self.around(x.transpose(1, 2))).transpose(1, 2)
        return cast(Tensor, self.out(x))


class SpeechToLatents(nn.Module):
    """Audio, speaker and emotions -> latents of the prior."""

    def __init__(self, sizes: EmoteSizes, heard: int, speakers: int, dropout: float = 0.1) -> None:
        super().__init__()
        hidden = sizes.hidden
        self.hear = nn.Sequential(
            nn.Conv1d(heard, hidden, 5, stride=STATES, padding=2), nn.GELU(), nn.Conv1d(hidden, hidden, 5, padding=2)
        )
        self.person = nn.Embedding(speakers, hidden)
        self.feel = nn.Linear(len(EMOTIONS), hidden, bias=False)
        # at the scale of the audio states: otherwise emotions take effect many times later in training
        nn.init.normal_(self.feel.weight, std=2.0)
        self.together = nn.Linear(2 * hidden, hidden)
        self.encoder = nn.Sequential(*(BiasedEncoderLayer(hidden, dropout) for _ in range(sizes.layers)))
        self.fold = _fold(hidden)
        self.out = nn.Sequential(
            BiasedEncoderLayer(hidden, dropout), nn.LayerNorm(hidden), nn.Linear(hidden, sizes.latent)
        )

    def forward(self, states: Tensor, speaker: Tensor, emotions: Tensor) -> Tensor:
        """(B, 2 T, heard), (B,), (B, T, 8) -> (B, T / 8, latent), T a multiple of 8."""
        x = self.hear(states.transpose(1, 2)).transpose(1, 2)
        style = self.person(speaker)[:, None] + self.feel(emotions)
        x = self.encoder(self.together(torch.cat([x, style], -1)))
        return cast(Tensor, self.out(self.fold(x.transpose(1, 2)).transpose(1, 2)))


class Emote(FaceModel):
    """The prior and what speaks through it."""

    MODEL_TYPE = "animcore_emote"
    SIZES = EmoteSizes
    FEELS = True
    sizes: EmoteSizes

    def __init__(self, sizes: EmoteSizes, space: OutputSpace, ear: AudioEncoder, speakers: tuple[str, ...]) -> None:
        """Build with random weights.

        Raises:
            InputError: where the sizes do not fit each other.
        """
        super().__init__(sizes, space, ear, speakers)
        if sizes.hidden % HEADS:
            raise InputError(f"hidden must be a multiple of {HEADS}, not {sizes.hidden}.")
        self.prior = Flint(sizes, space.width)
        self.talk = SpeechToLatents(sizes, ear.width, len(speakers))

    def forward(self, states: Tensor, speaker: Tensor, emotions: Tensor) -> Tensor:
        """Return (B, T, W) frames in standard deviations from the mean, T a multiple of 8.

        Args:
            states: (B, 2 T, ear.width) of the audio encoder.
            speaker: (B,).
            emotions: (B, T, 8), 0 where none is asked for.
        """
        return self.prior.decoded(self.talk(states, speaker, emotions))

    def piece(self, sound: Tensor, count: int, asked: Conditioning, generator: torch.Generator) -> Tensor:
        """See `FaceModel`; there is no chance in it."""
        whole = -(-count // FOLD) * FOLD
        states = functional.pad(self.ear(sound, STATES * count), (0, 0, 0, STATES * (whole - count)))
        emotions = torch.zeros(1, whole, len(EMOTIONS), device=sound.device)
        if asked.emotions is not None:
            emotions[0, :count] = torch.from_numpy(asked.emotions).to(sound.device)
            emotions[0, count:] = emotions[0, count - 1]
        speaker = torch.tensor([asked.speaker], device=sound.device)
        return cast(Tensor, self(states, speaker, emotions)[0, :count])


def load(folder: Path, values: dict[str, Any]) -> Emote:
    """Return the model of a folder that `animcore train emote` left.

    Args:
        folder: with its weights.
        values: its `config.json`.

    Raises:
        InputError: where a file is missing, cut off, damaged, would run code, or is another model's.
    """
    return restore(Emote, folder, values)


def _fold(hidden: int) -> nn.Sequential:
    """(B, hidden, T) -> (B, hidden, T / 8)."""
    parts: list[nn.Module] = []
    for _ in range(_HALVINGS):
        parts += [nn.Conv1d(hidden, hidden, 4, stride=2, padding=1), nn.GELU()]
    return nn.Sequential(*parts)
