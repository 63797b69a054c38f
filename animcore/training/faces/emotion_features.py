"""Emotions read from facial motion: the loss by which EMOTE learns emotions that a clip did not have."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional

from animcore.core.vocabulary import EMOTIONS

_DILATIONS = (1, 2, 4)


class EmotionFeatures(nn.Module):
    """Frames (B, T, W) in standard deviations from the mean to logits (B, 8) of how strong each emotion is."""

    def __init__(self, width: int, hidden: int = 64) -> None:
        super().__init__()
        self.into = nn.Conv1d(width, hidden, 3, padding=1)
        self.blocks = nn.ModuleList(
            nn.Conv1d(hidden, 2 * hidden, 5, padding=2 * dilation, dilation=dilation) for dilation in _DILATIONS
        )
        self.out = nn.Linear(2 * hidden, len(EMOTIONS))

    def forward(self, frames: Tensor) -> Tensor:
        """Return logits; an emotion is read from the whole sequence, as it is longer than any sound of speech."""
        x = self.into(frames.transpose(1, 2))
        for block in self.blocks:
            x = x + functional.glu(block(x), 1)
        return cast(Tensor, self.out(torch.cat([x.mean(-1), x.amax(-1)], -1)))

    def loss(self, frames: Tensor, emotions: Tensor) -> Tensor:
        """Return the error on the emotions (B, T, 8) of real faces (B, T, W); these features are trained by it."""
        return _off(self(frames), emotions)

    def measured(self, frames: Tensor, emotions: Tensor) -> Tensor:
        """Return the same of generated faces; only what generated them is trained by it."""
        fixed = {name: values.detach() for name, values in self.named_parameters()}
        return _off(functional_call(self, fixed, (frames,)), emotions)


def _off(logits: Tensor, emotions: Tensor) -> Tensor:
    return functional.binary_cross_entropy_with_logits(logits, emotions.mean(1).clamp(0.0, 1.0))
