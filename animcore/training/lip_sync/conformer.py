"""A pretrained audio encoder: the phoneme recognizer of the package `hama` (Apache-2.0), rebuilt as a PyTorch module.

hama carries a conformer (Gulati et al., 2020) that writes phonemes from 16 kHz samples. Its hidden states carry the
phonemes and little of the speaker, which a small set of tracked faces cannot teach. Two things are ours: the
attention is banded, so that the receptive field is bounded and long recordings run piece by piece, and the hidden
states of every layer are returned.
"""

from __future__ import annotations

import struct
from importlib import resources
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from animcore.audio.mel import MelFeatures

LAYERS = 4
WIDTH = 144
HEADS = 4
FEATURES = WIDTH * (LAYERS + 1)
HOP = 320  # samples from frame to frame: 50 FPS
FPS = 50
BAND = 50  # frames that attention reaches to each side
KERNEL = 31
# The frames to each side that a frame's hidden state can depend on.
REACH = LAYERS * (BAND + KERNEL // 2) + 2

_MAGIC = b"HAMAPK"
_TYPES = {0: "<f4", 1: "<f2", 2: "<i8", 3: "<i4", 4: "u1"}


def read_package(data: bytes) -> dict[str, NDArray[np.float32]]:
    """Return the named tensors of a `.hama` archive.

    A header of the magic, version, kind and count is followed by a table of name, type, shape, offset and size, and by
    the tensors, each at a multiple of 16 bytes.

    Raises:
        ValueError: when the data is no such archive.
    """
    if data[: len(_MAGIC)] != _MAGIC:
        raise ValueError("This is not a .hama archive.")
    (count,) = struct.unpack_from("<I", data, 8)
    cursor, entries = 12, []
    for _ in range(count):
        (length,) = struct.unpack_from("<H", data, cursor)
        name = data[cursor + 2 : cursor + 2 + length].decode()
        cursor += 2 + length
        kind, rank = struct.unpack_from("<BB", data, cursor)
        shape = struct.unpack_from(f"<{rank}I", data, cursor + 2)
        offset, size = struct.unpack_from("<QQ", data, cursor + 2 + 4 * rank)
        cursor += 2 + 4 * rank + 16
        entries.append((name, np.dtype(_TYPES[kind]), shape, offset, size))
    start = -(-cursor // 16) * 16
    return {
        name: np.frombuffer(data, kind, size // kind.itemsize, start + offset).reshape(shape).astype(np.float32)
        for name, kind, shape, offset, size in entries
    }


def band_mask(count: Tensor | int, device: torch.device | None = None) -> Tensor:
    """(blocks, BAND, 3 * BAND) to be added to attention scores: 0 within `BAND` frames and the audio, else very low.

    Queries stand in blocks of `BAND` frames; the keys of a block are those of the block before, of itself and of the
    one after. So the work grows with the length, not with its square.
    """
    index = torch.arange(cast(int, count), device=device)
    blocks = (cast(int, count) + BAND - 1) // BAND
    inside = functional.pad(torch.ones_like(index), (BAND, blocks * BAND - cast(int, count) + BAND))
    inside = torch.cat([inside[: -2 * BAND], inside[BAND:-BAND], inside[2 * BAND :]]).view(3, -1, BAND)
    key = torch.arange(3 * BAND, device=device) - BAND
    near = (torch.arange(BAND, device=device)[:, None] - key[None]).abs() <= BAND
    allowed = near[None] & (inside.transpose(0, 1).reshape(-1, 1, 3 * BAND) > 0)
    return torch.where(allowed, 0.0, -1e4)


class ConformerBlock(nn.Module):
    """Half a feed-forward layer, attention, convolution, the other half, and a norm."""

    def __init__(self) -> None:
        super().__init__()
        inner = 4 * WIDTH
        self.first = nn.Sequential(nn.LayerNorm(WIDTH), nn.Linear(WIDTH, inner), nn.SiLU(), nn.Linear(inner, WIDTH))
        self.attention_norm = nn.LayerNorm(WIDTH)
        self.projections = nn.Linear(WIDTH, 3 * WIDTH)
        self.attention_out = nn.Linear(WIDTH, WIDTH)
        self.convolution_norm = nn.LayerNorm(WIDTH)
        self.convolution = nn.Sequential(
            nn.Conv1d(WIDTH, 2 * WIDTH, 1),
            nn.GLU(1),
            nn.Conv1d(WIDTH, WIDTH, KERNEL, padding=KERNEL // 2, groups=WIDTH),
            nn.SiLU(),
            nn.Conv1d(WIDTH, WIDTH, 1),
        )
        self.last = nn.Sequential(nn.LayerNorm(WIDTH), nn.Linear(WIDTH, inner), nn.SiLU(), nn.Linear(inner, WIDTH))
        self.norm = nn.LayerNorm(WIDTH)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """(B, T, 144) -> (B, T, 144)."""
        x = x + 0.5 * self.first(x)
        x = x + self._attend(self.attention_norm(x), mask)
        x = x + self.convolution(self.convolution_norm(x).transpose(1, 2)).transpose(1, 2)
        x = x + 0.5 * self.last(x)
        return cast(Tensor, self.norm(x))

    def _attend(self, x: Tensor, mask: Tensor) -> Tensor:
        """Banded attention of (B, T, 144) in the blocks of `band_mask`."""
        batch, count = x.shape[0], x.shape[1]
        rest = mask.shape[0] * BAND - count
        parts = functional.pad(self.projections(x), (0, 0, 0, rest))
        parts = parts.view(batch, -1, BAND, 3, HEADS, WIDTH // HEADS).permute(3, 0, 4, 1, 2, 5)
        query, key, value = parts[0], _with_neighbours(parts[1]), _with_neighbours(parts[2])
        scores = query @ key.transpose(-1, -2) * (WIDTH // HEADS) ** -0.5 + mask
        mixed = (scores.softmax(-1) @ value).permute(0, 2, 3, 1, 4).reshape(batch, -1, WIDTH)
        return cast(Tensor, self.attention_out(mixed[:, :count]))


def _with_neighbours(blocks: Tensor) -> Tensor:
    """(B, H, blocks, BAND, D) -> (B, H, blocks, 3 * BAND, D): each block between the one before and the one after."""
    padded = functional.pad(blocks, (0, 0, 0, 0, 1, 1))
    return torch.cat([padded[:, :, :-2], padded[:, :, 1:-1], padded[:, :, 2:]], 3)


class ConformerEncoder(nn.Module):
    """16 kHz samples (B, N) -> hidden states (B, T, 720) at 50 FPS, T = N // 160 // 2 + 1."""

    real: Tensor
    imaginary: Tensor
    mel: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("real", torch.zeros(201, 1, 400))
        self.register_buffer("imaginary", torch.zeros(201, 1, 400))
        self.register_buffer("mel", torch.zeros(201, 80))
        self.stem = nn.Conv1d(80, WIDTH, 3, stride=2, padding=1)
        self.blocks = nn.ModuleList(ConformerBlock() for _ in range(LAYERS))

    def forward(self, samples: Tensor) -> Tensor:
        """Return the states of the stem and of every block, side by side."""
        padded = functional.pad(samples[:, None], (200, 200), mode="reflect")
        real = functional.conv1d(padded, self.real, stride=160)
        imaginary = functional.conv1d(padded, self.imaginary, stride=160)
        power = (real * real + imaginary * imaginary).transpose(1, 2) @ self.mel
        x = functional.gelu(self.stem(power.clamp(min=1e-10).log().transpose(1, 2))).transpose(1, 2)
        mask = band_mask(x.shape[1], x.device)
        states = [x]
        for block in self.blocks:
            x = block(x, mask)
            states.append(x)
        return torch.cat(states, -1)


def metadata(level: float) -> dict[str, str]:
    """Return what a file that contains the encoder must state of all that feeds it.

    Args:
        level: LUFS of the audio that the network was trained on.
    """
    log = "natural logarithm of power, at least 1e-10"
    # the filters themselves are in the graph: lowest and highest are the first and the last frequency with a weight
    mel = MelFeatures(window=400, hop=160, bands=80, lowest=80.0, highest=7560.0, log=log, normalization="none")
    return {
        "sample_rate": "16000",
        "loudness": str(level),
        "input": f"samples in -1..1, one channel, at {level:g} LUFS (ITU-R BS.1770)",
        "features": "mel spectrogram, in the graph",
        **mel.metadata(),
    }


def pretrained() -> ConformerEncoder:
    """Return the encoder with the weights that the installed package `hama` carries (tested with 1.7.0)."""
    weights = read_package(resources.files("hama.assets").joinpath("asr_waveform.hama").read_bytes())
    encoder = ConformerEncoder()
    with torch.no_grad():
        for name, kernel in (("real", "stft_real_kernel"), ("imaginary", "stft_imag_kernel"), ("mel", "mel_fb")):
            getattr(encoder, name).copy_(torch.from_numpy(weights[kernel]))
        _put(encoder.stem, weights["onnx::Conv_801"], weights["onnx::Conv_802"])
        for index, block in enumerate(encoder.blocks):
            _fill(cast(ConformerBlock, block), weights, index)
    return encoder.eval()


def _put(module: nn.Module, weight: NDArray[np.float32], bias: NDArray[np.float32]) -> None:
    own = cast(Tensor, module.weight)
    own.copy_(torch.from_numpy(weight).reshape(own.shape))
    cast(Tensor, module.bias).copy_(torch.from_numpy(bias))


def _fill(block: ConformerBlock, weights: dict[str, NDArray[np.float32]], index: int) -> None:
    """Copy one block; the archive names matrices by their place in hama's ONNX graph, transposed."""
    prefix = f"acoustic_model.model.blocks.{index}."
    matrix = [weights[f"onnx::MatMul_{829 + 9 * index + step}"].T for step in (0, 1, 2, 6, 7, 8)]

    def named(module: nn.Module, name: str) -> None:
        _put(module, weights[f"{prefix}{name}.weight"], weights[f"{prefix}{name}.bias"])

    named(block.first[0], "ffn1.norm")
    _put(block.first[1], matrix[0], weights[prefix + "ffn1.fc1.bias"])
    _put(block.first[3], matrix[1], weights[prefix + "ffn1.fc2.bias"])
    named(block.attention_norm, "attn_norm")
    _put(block.projections, matrix[2], weights[prefix + "attn.in_proj_bias"])
    _put(block.attention_out, matrix[3], weights[prefix + "attn.out_proj.bias"])
    named(block.convolution_norm, "conv.norm")
    named(block.convolution[0], "conv.pointwise1")
    _put(block.convolution[2], weights[f"onnx::Conv_{804 + 3 * index}"], weights[f"onnx::Conv_{805 + 3 * index}"])
    named(block.convolution[4], "conv.pointwise2")
    named(block.last[0], "ffn2.norm")
    _put(block.last[1], matrix[4], weights[prefix + "ffn2.fc1.bias"])
    _put(block.last[3], matrix[5], weights[prefix + "ffn2.fc2.bias"])
    named(block.norm, "norm")
