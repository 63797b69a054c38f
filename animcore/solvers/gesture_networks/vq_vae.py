"""Movements as sequences of codes: vector-quantized autoencoders over time (van den Oord et al., 2017).

The modules bear the names and shapes of EMAGE's published autoencoders (`encoder.main.*`, `quantizer.embedding`,
`decoder.main.*`), so that its weights load. `fold` frames share a code: 1 in EMAGE, 4 in TalkSHOW.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

_SLOPE = 0.2  # of the leaky rectifier
COMMITMENT = 0.25  # weight with which the encoder is drawn to the codes


class ResidualConvolution(nn.Module):
    """Two convolutions over time with a residual connection."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.model = nn.Sequential(
            _convolution(channels, channels), nn.LeakyReLU(_SLOPE), _convolution(channels, channels)
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, T) -> (B, C, T)."""
        return cast(Tensor, x + self.model(x))


class ConvolutionStack(nn.Module):
    """A stack of layers over time under the name `main`."""

    def __init__(self, layers: list[nn.Module]) -> None:
        super().__init__()
        self.main = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, width) -> (B, T, width of the last layer)."""
        return cast(Tensor, self.main(x.transpose(1, 2)).transpose(1, 2))


def encoder(width: int, length: int, layers: int) -> ConvolutionStack:
    """Build an encoder of frames (B, T, width) into (B, T, length)."""
    parts: list[nn.Module] = []
    for index in range(layers):
        parts += [_convolution(length if index else width, length), nn.LeakyReLU(_SLOPE), ResidualConvolution(length)]
    return ConvolutionStack(parts)


def decoder(width: int, length: int, layers: int) -> ConvolutionStack:
    """Build the way back, (B, T, length) to (B, T, width)."""
    parts: list[nn.Module] = [ResidualConvolution(length), ResidualConvolution(length)]
    for index in range(layers):
        parts += [_convolution(length, length if index < layers - 1 else width), nn.LeakyReLU(_SLOPE)]
    return ConvolutionStack([*parts, _convolution(width, width)])


class Codebook(nn.Module):
    """The codes, as rows of `embedding`."""

    def __init__(self, codes: int, length: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(codes, length)

    def nearest(self, latents: Tensor) -> Tensor:
        """(B, T, length) -> (B, T) the nearest code of each."""
        return torch.cdist(latents, self.embedding.weight[None]).argmin(-1)


class MotionVqVae(nn.Module):
    """Frames (B, T, width) as codes (B, T / fold), and back. T must be a multiple of `fold`.

    Args:
        width: numbers of a frame.
        length: of a code's vector.
        layers: of encoder and decoder.
        codes: how many there are.
        fold: frames that share a code.
    """

    def __init__(self, width: int, length: int, layers: int, codes: int, fold: int = 1) -> None:
        super().__init__()
        self.width, self.fold = width, fold
        self.encoder = encoder(width * fold, length, layers)
        self.quantizer = Codebook(codes, length)
        self.decoder = decoder(width * fold, length, layers)

    def latents(self, frames: Tensor) -> Tensor:
        """(B, T, width) -> (B, T / fold, length) before they are quantized."""
        return cast(Tensor, self.encoder(frames.reshape(len(frames), -1, self.width * self.fold)))

    def indices(self, frames: Tensor) -> Tensor:
        """(B, T, width) -> (B, T / fold) codes."""
        return self.quantizer.nearest(self.latents(frames))

    def vectors(self, indices: Tensor) -> Tensor:
        """(B, N) codes -> (B, N, length)."""
        return cast(Tensor, self.quantizer.embedding(indices))

    def frames(self, vectors: Tensor) -> Tensor:
        """(B, N, length) -> (B, N * fold, width)."""
        return cast(Tensor, self.decoder(vectors).reshape(len(vectors), -1, self.width))

    def forward(self, frames: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return frames after the way through the codes, the loss of quantizing them, and latents before it.

        Gradients pass the codes as if they were not there (straight-through estimation).
        """
        latents = self.latents(frames)
        vectors = self.vectors(self.quantizer.nearest(latents))
        loss = functional.mse_loss(vectors, latents.detach()) + COMMITMENT * functional.mse_loss(
            latents, vectors.detach()
        )
        return self.frames(latents + (vectors - latents).detach()), loss, latents


class MotionAutoencoder(nn.Module):
    """An autoencoder without codes: EMAGE's way of the body on the floor from its lower half."""

    def __init__(self, width: int, length: int, layers: int) -> None:
        super().__init__()
        self.encoder = encoder(width, length, layers)
        self.decoder = decoder(width, length, layers)

    def forward(self, frames: Tensor) -> Tensor:
        """(B, T, width) -> (B, T, width)."""
        return cast(Tensor, self.decoder(self.encoder(frames)))


def _convolution(channels: int, wanted: int) -> nn.Conv1d:
    return nn.Conv1d(channels, wanted, 3, padding=1)
