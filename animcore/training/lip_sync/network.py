"""The network of the articulation solver: a pretrained audio encoder, and heads that move the face."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from animcore.core.vocabulary import ARKIT, ARKIT_INDEX
from animcore.training.lip_sync.conformer import FEATURES, FPS, LAYERS, REACH, WIDTH, ConformerEncoder
from animcore.training.lip_sync.synthetic_speech import PLACES

DILATIONS = (1, 2, 4, 8)
TAPS = 5
HIDDEN = 128
# The seconds of audio to each side that a frame can depend on.
CONTEXT = (REACH + TAPS // 2 * sum(DILATIONS)) / FPS + 0.02

# How far each shape gives way where the lips are closed; mouthClose then takes what jawOpen leaves.
_YIELDS: dict[str, float] = {
    "mouthLowerDownLeft": 1.0,
    "mouthLowerDownRight": 1.0,
    "mouthUpperUpLeft": 1.0,
    "mouthUpperUpRight": 1.0,
    "mouthShrugUpper": 1.0,
    "mouthFunnel": 0.9,
    "jawOpen": 0.7,
}
# Where the weights start before training: a face at rest, with the shapes of speech within reach.
_START: dict[str, float] = {"jawOpen": -2.0, "mouthFunnel": -3.0, "mouthPucker": -3.0} | {
    name + side: -3.0
    for name in ("mouthLowerDown", "mouthUpperUp", "mouthStretch", "mouthSmile")
    for side in ("Left", "Right")
}


class GatedResidual(nn.Module):
    """A gated dilated convolution over time with a residual connection."""

    def __init__(self, dilation: int, dropout: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(HIDDEN)
        self.wide = nn.Conv1d(HIDDEN, 2 * HIDDEN, TAPS, padding=dilation * (TAPS // 2), dilation=dilation)
        self.out = nn.Conv1d(HIDDEN, HIDDEN, 1)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, HIDDEN) -> (B, T, HIDDEN)."""
        y = functional.glu(self.wide(self.norm(x).transpose(1, 2)), 1)
        return cast(Tensor, x + self.dropout(self.out(y)).transpose(1, 2))


class LipSyncHead(nn.Module):
    """Hidden states (B, T, 720) -> logits (B, T, 52 + 1 + 5): ARKit weights, closed lips, places of articulation."""

    def __init__(self, dropout: float = 0.2, input_dropout: float = 0.3) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(WIDTH, elementwise_affine=False)
        self.into = nn.Linear(FEATURES, HIDDEN)
        self.dropout = nn.Dropout(input_dropout)
        self.blocks = nn.Sequential(*(GatedResidual(dilation, dropout) for dilation in DILATIONS))
        self.out = nn.Sequential(nn.LayerNorm(HIDDEN), nn.Linear(HIDDEN, len(ARKIT) + 1 + len(PLACES)))
        last = cast(nn.Linear, self.out[1])
        with torch.no_grad():
            last.weight.mul_(0.3)
            last.bias.fill_(-4.0)
            for name, value in _START.items():
                last.bias[ARKIT_INDEX[name]] = value
            last.bias[len(ARKIT)] = -1.0

    def forward(self, states: Tensor) -> Tensor:
        """Return logits."""
        layers = self.norm(states.view(*states.shape[:2], LAYERS + 1, WIDTH))
        x = self.into(self.dropout(layers.reshape(*states.shape[:2], FEATURES)))
        return cast(Tensor, self.out(self.blocks(x)))


class FaceDecoder(nn.Module):
    """Logits -> weights (B, T, 52) in 0..1 with lips that close at bilabials, and places (B, T, 5) in 0..1."""

    yields: Tensor
    closing: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("yields", torch.tensor([_YIELDS.get(name, 0.0) for name in ARKIT]))
        self.register_buffer("closing", torch.tensor([float(name == "mouthClose") for name in ARKIT]))

    def forward(self, logits: Tensor) -> tuple[Tensor, Tensor]:
        """Let the opening shapes give way to closed lips: mouthClose is at most jawOpen, where the lips just meet."""
        weights = torch.sigmoid(logits[..., : len(ARKIT)])
        closed = torch.sigmoid(logits[..., len(ARKIT) : len(ARKIT) + 1])
        weights = weights * (1 - closed * self.yields)
        jaw = weights[..., ARKIT_INDEX["jawOpen"]].unsqueeze(-1)
        close = jaw * torch.maximum(weights[..., ARKIT_INDEX["mouthClose"]].unsqueeze(-1), closed)
        return weights * (1 - self.closing) + close * self.closing, torch.sigmoid(logits[..., len(ARKIT) + 1 :])


class LipSyncModel(nn.Module):
    """16 kHz samples (1, N) -> weights (1, T, 52) and places (1, T, 5) at 50 FPS; the heads vote."""

    def __init__(self, encoder: ConformerEncoder, heads: list[LipSyncHead]) -> None:
        super().__init__()
        self.encoder = encoder
        self.heads = nn.ModuleList(heads)
        self.face = FaceDecoder()

    def forward(self, samples: Tensor) -> tuple[Tensor, Tensor]:
        """Return weights and places."""
        states = self.encoder(samples)
        logits = torch.stack([head(states) for head in self.heads]).mean(0)
        return cast(tuple[Tensor, Tensor], self.face(logits))
