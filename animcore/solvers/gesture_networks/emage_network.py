"""EMAGE's network for the body: masked gestures and sound in, codes of three parts of the body out.

Liu et al., "EMAGE: Towards Unified Holistic Co-Speech Gesture Generation via Expressive Masked Audio Gesture Modeling",
CVPR 2024. Names and shapes are those of the published weights, misspelled `moton_proj` included. Of its face branch
nothing is here: Animcore's own solver moves the face.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from animcore.solvers.gesture_networks.motion_features import PARTS, WIDTH
from animcore.solvers.gesture_networks.vq_vae import encoder

HEADS = 4
MOTION_LAYERS = 3
CROSS_LAYERS = 8
# What else the published file holds: the branch of the face, and the layers that others were copied from.
UNUSED = (
    *("audio_encoder_face.", "speaker_embedding_face.", "bodyhints_face.", "audio_face_motion_proj."),
    *("face_motion_decoder.", "face_out_proj.", "face_cls.", "transformer_en_layer.", "audio_motion_cross_attn_layer."),
)
# Width as a share of the sound's features, stride and padding of each block of the sound's encoder; a block that
# strides or widens has a convolution on its short way too. In all 540 samples a frame, some 30 FPS.
_BLOCKS = ((4, 5, 1600), (4, 6, 0), (4, 1, 7), (2, 6, 0), (2, 1, 7), (1, 3, 0))
_TAPS = 15


@dataclass(frozen=True)
class EmageSizes:
    """The sizes of a network, under the names of EMAGE's `config.json`; the defaults are the published ones.

    Attributes:
        hidden_size: of the transformers; a multiple of 4.
        audio_f, motion_f: features of audio and of movement; `audio_f` a multiple of 4.
        vae_codebook_size: codes of each part.
        pose_length: frames of a window.
        seed_frames: frames that a window takes over from the one before.
        speaker_dims: speakers it was trained on.
    """

    hidden_size: int = 768
    audio_f: int = 256
    motion_f: int = 256
    vae_codebook_size: int = 256
    pose_length: int = 64
    seed_frames: int = 4
    speaker_dims: int = 1


class _ResidualConvolution(nn.Module):
    """Two convolutions with batch norms and a shortcut."""

    def __init__(self, channels: int, wanted: int, stride: int, padding: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv1d(channels, wanted, _TAPS, stride, padding)
        self.bn1 = nn.BatchNorm1d(wanted)
        self.conv2 = nn.Conv1d(wanted, wanted, _TAPS, padding=_TAPS // 2)
        self.bn2 = nn.BatchNorm1d(wanted)
        self.act = nn.LeakyReLU()
        self.downsample: nn.Module | None = None
        if stride > 1:
            self.downsample = nn.Sequential(nn.Conv1d(channels, wanted, _TAPS, stride, padding), nn.BatchNorm1d(wanted))

    def forward(self, x: Tensor) -> Tensor:
        short = x if self.downsample is None else self.downsample(x)
        return cast(Tensor, self.act(self.bn2(self.conv2(self.act(self.bn1(self.conv1(x))))) + short))


class EmageAudioEncoder(nn.Module):
    """16 kHz samples (B, N) -> (B, about N / 540, audio_f)."""

    def __init__(self, features: int) -> None:
        super().__init__()
        widths = [1, *(features // share for share, _, _ in _BLOCKS)]
        self.feat_extractor = nn.Sequential(
            *(_ResidualConvolution(widths[i], widths[i + 1], *block[1:]) for i, block in enumerate(_BLOCKS))
        )

    def forward(self, samples: Tensor) -> Tensor:
        """Return the features."""
        return cast(Tensor, self.feat_extractor(samples[:, None]).transpose(1, 2))


class _TwoLayers(nn.Module):
    """Two layers with a leaky rectifier between."""

    def __init__(self, width: int, middle: int, wanted: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, middle)
        self.fc2 = nn.Linear(middle, wanted)
        self.act = nn.LeakyReLU(0.1)

    def forward(self, x: Tensor) -> Tensor:
        return cast(Tensor, self.fc2(self.act(self.fc1(x))))


class _PositionalEncoding(nn.Module):
    """Sines of the position in the window, added (Vaswani et al., 2017); the file holds them twice over."""

    pe: Tensor

    def __init__(self, width: int, length: int, dropout: float = 0.1) -> None:
        super().__init__()
        rate = torch.exp(torch.arange(0, width, 2) * (-math.log(10_000.0) / width))
        angle = torch.arange(length)[:, None] * rate
        self.register_buffer("pe", torch.stack([angle.sin(), angle.cos()], -1).flatten(1).repeat(2, 1)[None])
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        return cast(Tensor, self.dropout(x + self.pe[:, : x.shape[1]]))


class EmageTransformer(nn.Module):
    """The masked audio-gesture transformer."""

    def __init__(self, sizes: EmageSizes) -> None:
        super().__init__()
        self.sizes = sizes
        hidden, motion, codes = sizes.hidden_size, sizes.motion_f, sizes.vae_codebook_size
        self.audio_encoder_body = EmageAudioEncoder(sizes.audio_f)
        self.speaker_embedding_body = nn.Embedding(sizes.speaker_dims, hidden)
        self.mask_embedding = nn.Parameter(torch.randn(1, 1, WIDTH) * hidden**-0.5)
        self.motion_encoder = encoder(WIDTH, motion, MOTION_LAYERS)
        self.bodyhints_body = _TwoLayers(motion, hidden, motion)
        self.audio_body_motion_proj = nn.Linear(sizes.audio_f, hidden)
        self.moton_proj = nn.Linear(motion, hidden)
        self.position_embeddings = _PositionalEncoding(hidden, sizes.pose_length)
        one = nn.TransformerEncoderLayer(hidden, HEADS, 2 * hidden, batch_first=True)
        self.motion_self_encoder = nn.TransformerEncoder(one, 1, enable_nested_tensor=False)
        self.audio_motion_cross_attn = _cross(hidden, CROSS_LAYERS)
        for part in PARTS:
            self.add_module(f"motion2latent_{part}", _TwoLayers(hidden, hidden, hidden))
            self.add_module(f"body_motion_decoder_{part}", _cross(hidden, 1))
            self.add_module(f"motion_out_proj_{part}", nn.Linear(hidden, codes))
            self.add_module(f"motion_cls_{part}", _TwoLayers(codes, hidden, codes))

    def forward(self, samples: Tensor, speaker: Tensor, motion: Tensor, hidden: Tensor) -> dict[str, Tensor]:
        """Return for each part (B, T, codes): how likely each code is in each frame, as logits.

        Args:
            samples: (B, N) at 16 kHz, of the same time as the frames.
            speaker: (B,) which speaker.
            motion: (B, T, 337) frames of `motion_features`.
            hidden: (B, T) bool, frames that are not known.
        """
        who = self.speaker_embedding_body(speaker)[:, None]
        seen = torch.where(hidden[..., None], self.mask_embedding, motion)
        body = self.moton_proj(self.bodyhints_body(self.motion_encoder(seen)))
        body = self.motion_self_encoder(self.position_embeddings(body) + who)
        body = self.position_embeddings(body + who)
        heard = self.audio_body_motion_proj(self.audio_encoder_body(samples))
        body = body + self.audio_motion_cross_attn(body, heard)
        latents = {part: self._of("motion2latent", part, body) for part in PARTS}
        total = sum(latents.values())
        result = {}
        for part, latent in latents.items():
            refine = self.get_submodule(f"body_motion_decoder_{part}")
            refined = latent + refine(latent + who, total - latent)
            result[part] = self._of("motion_cls", part, self._of("motion_out_proj", part, refined))
        return result

    def _of(self, name: str, part: str, x: Tensor) -> Tensor:
        return cast(Tensor, self.get_submodule(f"{name}_{part}")(x))


def _cross(hidden: int, layers: int) -> nn.TransformerDecoder:
    return nn.TransformerDecoder(nn.TransformerDecoderLayer(hidden, HEADS, 2 * hidden, batch_first=True), layers)
