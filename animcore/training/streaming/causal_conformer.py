"""The audio encoder of the live solver: the same conformer with 80 ms of look-ahead and a state.

Sound comes in steps of two frames. A step is four frames of audio, the two that are asked for and the two after them;
every layer attends to those four, and of the past only to the two answered frames as they were in their own step
(as the right context of the Emformer; Shi et al., 2021). So nothing is computed twice, and a whole recording can be
encoded at once in training, which gives the same numbers.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from animcore.training.lip_sync.conformer import (
    BAND,
    HEADS,
    HOP,
    KERNEL,
    LAYERS,
    WIDTH,
    ConformerBlock,
    ConformerEncoder,
)

STEP = 2  # frames that are answered at a time
AHEAD = 4  # frames of audio after the beginning of the first of them, and frames of a step
BEFORE = 2  # frames of audio before it, for the first window of the spectrum
WINDOW = BEFORE + AHEAD  # frames of audio that are given at a time
_TAIL = KERNEL // 2  # frames before that the convolution keeps
SETTLES = LAYERS * BAND // STEP  # steps after which nothing is left of a past


class StreamingEncoder(nn.Module):
    """The layers of an `ConformerEncoder`, its weights copied, run step by step."""

    def __init__(self, encoder: ConformerEncoder) -> None:
        super().__init__()
        self.encoder = ConformerEncoder()
        self.encoder.load_state_dict(encoder.state_dict())

    def past(self, batch: int) -> list[Tensor]:
        """What every layer keeps before the first sound: keys, values and the convolution's tail."""
        heads = (batch, HEADS, BAND, WIDTH // HEADS)
        shapes: tuple[tuple[int, ...], ...] = (heads, heads, (batch, _TAIL, WIDTH))
        return [torch.zeros(shape) for _ in range(LAYERS) for shape in shapes]

    def forward(self, samples: Tensor, past: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """Encode consecutive steps.

        Args:
            samples: (B, K, WINDOW * HOP) sound of K steps; a step begins BEFORE frames before its first frame.
            past: of the step before the first, as returned.

        Returns:
            (B, K, AHEAD, 720) states of the stem and of every block, and the past after the last step.
        """
        batch, count = samples.shape[:2]
        x = _stem(self.encoder, samples.flatten(0, 1)).view(batch, count, AHEAD, WIDTH)
        states, after = [x], []
        for index, block in enumerate(self.encoder.blocks):
            x, kept = _block(cast(ConformerBlock, block), x, past[3 * index : 3 * index + 3])
            states.append(x)
            after += kept
        return torch.cat(states, -1), after


def steps(samples: Tensor) -> Tensor:
    """(B, N) -> (B, K, WINDOW * HOP): the audio of every step of N // HOP + 1 frames, with silence around."""
    count = -(-(samples.shape[1] // HOP + 1) // STEP)
    missing = (STEP * (count - 1) + AHEAD) * HOP - samples.shape[1]
    padded = functional.pad(samples, (BEFORE * HOP, missing))
    return padded.unfold(1, WINDOW * HOP, STEP * HOP)


def _stem(encoder: ConformerEncoder, samples: Tensor) -> Tensor:
    """(B, WINDOW * HOP) -> (B, AHEAD, 144): the frames that are asked for and those after them."""
    padded = functional.pad(samples[:, None], (0, 200), mode="reflect")[:, :, (2 * BEFORE - 1) * HOP // 2 - 200 :]
    real = functional.conv1d(padded, encoder.real, stride=HOP // 2)
    imaginary = functional.conv1d(padded, encoder.imaginary, stride=HOP // 2)
    power = (real * real + imaginary * imaginary).transpose(1, 2) @ encoder.mel
    heard = power[:, : 2 * AHEAD + 1].clamp(min=1e-10).log().transpose(1, 2)
    stem = functional.conv1d(heard, encoder.stem.weight, encoder.stem.bias, stride=2)
    return functional.gelu(stem).transpose(1, 2)


def _block(block: ConformerBlock, x: Tensor, past: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
    """A `ConformerBlock` over steps (B, K, AHEAD, 144)."""
    x = x + 0.5 * block.first(x)
    mixed, keys, values = _attended(block, block.attention_norm(x), past[0], past[1])
    x = x + mixed
    heard, tail = _convolved(block.convolution, block.convolution_norm(x), past[2])
    x = x + heard
    x = x + 0.5 * block.last(x)
    return cast(Tensor, block.norm(x)), [keys, values, tail]


def _before(whole: Tensor, count: int, steps: int) -> Tensor:
    """(..., count + 2 K, D) -> (..., K, D, count): what stands before each of K steps, not copied."""
    return whole.unfold(whole.dim() - 2, count, STEP)[..., :steps, :, :]


def _attended(block: ConformerBlock, x: Tensor, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Attention of a step to itself and to the `BAND` frames before it; the heads' keys and values are (B, H, T, D)."""
    batch, count = x.shape[:2]
    parts = block.projections(x).view(batch, count, AHEAD, 3, HEADS, WIDTH // HEADS).permute(3, 0, 4, 1, 2, 5)
    query, key, value = parts[0], parts[1], parts[2]  # (B, H, K, AHEAD, D)
    keys = torch.cat([keys, key[:, :, :, :STEP].flatten(2, 3)], 2)
    values = torch.cat([values, value[:, :, :, :STEP].flatten(2, 3)], 2)
    scores = torch.cat([query @ _before(keys, BAND, count), query @ key.transpose(-1, -2)], -1)
    share = (scores * (WIDTH // HEADS) ** -0.5).softmax(-1)
    mixed = share[..., :BAND] @ _before(values, BAND, count).transpose(-1, -2) + share[..., BAND:] @ value
    out = block.attention_out(mixed.permute(0, 2, 3, 1, 4).reshape(batch, count, AHEAD, WIDTH))
    return out, keys[:, :, -BAND:], values[:, :, -BAND:]


def _convolved(layers: nn.Sequential, x: Tensor, tail: Tensor) -> tuple[Tensor, Tensor]:
    """The block's convolution over a step and the frames before it; after the step comes silence."""
    first, deep, last = (cast(nn.Conv1d, layers[index]) for index in (0, 2, 4))
    gated = functional.glu(functional.linear(x, first.weight[:, :, 0], first.bias), -1)
    tail = torch.cat([tail, gated[:, :, :STEP].flatten(1, 2)], 1)
    taps = deep.weight[:, 0]  # (144, KERNEL)
    shifted = [functional.pad(taps, (place, 0))[:, : _TAIL + AHEAD] for place in range(AHEAD)]
    weight = torch.stack(shifted, -1)[:, None]  # (144, 1, TAIL + AHEAD, AHEAD): the kernel of each frame of a step
    earlier = _before(tail, _TAIL, x.shape[1]).permute(2, 0, 1, 3)
    mixed = earlier @ weight[:, :, :_TAIL] + gated.permute(3, 0, 1, 2) @ weight[:, :, _TAIL:]
    heard = functional.silu(mixed.permute(1, 2, 3, 0) + cast(Tensor, deep.bias))
    return functional.linear(heard, last.weight[:, :, 0], last.bias), tail[:, -_TAIL:]
