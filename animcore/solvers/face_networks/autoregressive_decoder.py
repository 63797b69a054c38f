"""The decoder of FaceFormer (Fan et al., CVPR 2022), which CodeTalker shares: frame after frame from frames and sound.

A frame attends to all frames before it, the less the more periods ago they are (biased causal attention), and to the
audio of its own time alone (aligned cross-attention). The period also numbers the frames, so that no clip is
longer than what was learned. The modules are PyTorch's and bear its names, so that published weights load.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional


@dataclass
class DecoderCache:
    """What a decoder remembers of the frames so far: keys and values (B, heads, t, C / heads) of each layer."""

    keys: list[Tensor]
    values: list[Tensor]


class BiasedDecoder(nn.Module):
    """Transformer layers under the name `layers`.

    Args:
        width: of the states.
        layers: how many.
        heads: of the attention.
        period: frames after which positions repeat, and by which the past fades.
        per_frame: states of audio to each frame.
        dropout: share of the numbers that are left out in training.
    """

    positions: Tensor
    slopes: Tensor

    def __init__(
        self, width: int, layers: int, heads: int, period: int, per_frame: int = 1, dropout: float = 0.1
    ) -> None:
        super().__init__()
        self.heads, self.period, self.per_frame = heads, period, per_frame
        self.layers = nn.ModuleList(
            nn.TransformerDecoderLayer(width, heads, 2 * width, dropout, batch_first=True) for _ in range(layers)
        )
        self.dropout = nn.Dropout(dropout)
        self.register_buffer("positions", _sines(period, width), persistent=False)
        self.register_buffer("slopes", torch.tensor(slopes(heads)), persistent=False)

    def forward(self, frames: Tensor, heard: Tensor) -> Tensor:
        """Return (B, T, C), each frame from those up to it.

        Args:
            frames: (B, T, C) what goes in at each frame.
            heard: (B, T * per_frame, C).
        """
        count = frames.shape[1]
        past = _ahead(count, self.period, frames.device)
        mask = (self.slopes[:, None, None] * past).repeat(len(frames), 1, 1)
        theirs = torch.arange(heard.shape[1], device=frames.device) // self.per_frame
        deaf = theirs != torch.arange(count, device=frames.device)[:, None]
        x = self.dropout(frames + self.positions[torch.arange(count, device=frames.device) % self.period])
        for layer in self.layers:
            x = layer(x, heard, tgt_mask=mask, memory_mask=deaf)
        result: Tensor = x
        return result

    def step(self, frame: Tensor, heard: Tensor, past: DecoderCache) -> Tensor:
        """Return (B, C), what `forward` gives for one frame more; the past grows by it. Without dropout.

        Args:
            frame: (B, C).
            heard: (B, per_frame, C) at its time.
            past: of the frames before it.
        """
        index = past.keys[0].shape[2] if past.keys else 0
        every = torch.arange(index + 1, device=frame.device)
        x = (frame + self.positions[every[-1:] % self.period])[:, None]
        bias = -self.slopes[:, None, None] * torch.div(index - every, self.period, rounding_mode="floor")
        for number, layer in enumerate(self.layers):
            x = self._layer(cast(Any, layer), number, x, heard, bias, past)
        return x[:, 0]

    def _layer(self, layer: Any, number: int, x: Tensor, heard: Tensor, bias: Tensor, past: DecoderCache) -> Tensor:
        query, key, value = self._split(
            functional.linear(x, layer.self_attn.in_proj_weight, layer.self_attn.in_proj_bias)
        )
        if number < len(past.keys):
            key = past.keys[number] = torch.cat([past.keys[number], key], 2)
            value = past.values[number] = torch.cat([past.values[number], value], 2)
        else:
            past.keys.append(key)
            past.values.append(value)
        seen = functional.scaled_dot_product_attention(query, key, value, attn_mask=bias[None])
        x = layer.norm1(x + layer.self_attn.out_proj(_merged(seen)))
        x = layer.norm2(x + layer.multihead_attn(x, heard, heard, need_weights=False)[0])
        return cast(Tensor, layer.norm3(x + layer.linear2(functional.relu(layer.linear1(x)))))

    def _split(self, projected: Tensor) -> tuple[Tensor, ...]:
        """(B, T, 3 C) -> query, key and value (B, heads, T, C / heads)."""
        return tuple(part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in projected.chunk(3, -1))


def _merged(seen: Tensor) -> Tensor:
    """(B, heads, T, C / heads) -> (B, T, C)."""
    return seen.transpose(1, 2).flatten(2)


def _ahead(count: int, period: int, device: torch.device) -> Tensor:
    """(T, T) minus the whole periods that a frame lies back, minus infinity where it lies ahead."""
    order = torch.arange(count, device=device)
    back = order[:, None] - order
    return torch.where(back < 0, float("-inf"), -torch.div(back, period, rounding_mode="floor").float())


def slopes(heads: int) -> list[float]:
    """How fast each head forgets (Press et al., ALiBi, ICLR 2022): 1/4, 1/16 ... for four."""
    if math.log2(heads).is_integer():
        return [2.0 ** (-8.0 * (index + 1) / heads) for index in range(heads)]
    below = 2 ** math.floor(math.log2(heads))
    return slopes(below) + slopes(2 * below)[0::2][: heads - below]


def _sines(count: int, width: int) -> Tensor:
    """(count, width) sines and cosines of each position (Vaswani et al., 2017)."""
    angle = torch.arange(count)[:, None] * torch.exp(torch.arange(0, width, 2) * (-math.log(10_000.0) / width))
    return torch.stack([angle.sin(), angle.cos()], -1).flatten(1)[:, :width].float()
