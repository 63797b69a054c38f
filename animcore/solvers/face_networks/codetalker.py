"""CodeTalker (Xing et al., "CodeTalker: Speech-Driven 3D Facial Animation with Discrete Motion Prior", CVPR 2023).

An autoencoder learns a codebook for all faces; then each frame's codes are made from the audio at its
time, from the frames before it and from who speaks, and what the codes decode to is fed back. So what comes out always
looks like a face of the data. Written from the paper; modules bear the names of the authors', so that
`vocaset_stage2.pth.tar` and `biwi_stage2.pth.tar` load.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from animcore.errors import InputError
from animcore.solvers.face_networks import audio_encoders, published_weights
from animcore.solvers.face_networks.audio_encoders import AudioEncoder
from animcore.solvers.face_networks.autoregressive_decoder import BiasedDecoder, DecoderCache
from animcore.solvers.face_networks.base import Conditioning, FaceModel, restore
from animcore.solvers.face_networks.output_space import OutputSpace

HEADS = 4
COMMITMENT = 0.25  # weight with which the encoder is drawn to the codes
VOCASET, BIWI, OURS = 1, 2, 3  # layouts: the published two, and ours
_SLOPE = 0.2  # of the leaky rectifier
_BOOK = "autoencoder.quantize.embedding.weight"
_TABLES = (  # of published files, made anew here
    "PPE.pe",
    "autoencoder.encoder.encoder_pos_embedding.pe",
    "autoencoder.decoder.decoder_pos_embedding.pe",
)


@dataclass(frozen=True)
class CodeTalkerSizes:
    """The sizes of a network.

    Attributes:
        hidden: width of the decoder with cross-attention to audio, a multiple of 8.
        blocks: its layers.
        period: frames after which positions repeat.
        per_frame: states of audio to each frame.
        prior: width of the autoencoder, a multiple of its heads.
        prior_blocks: its layers, of encoder and decoder each.
        prior_heads: of their attention.
        prior_inner: width inside their layers.
        codes: in the codebook.
        length: of a code.
        parts: codes to each frame.
        layout: `VOCASET`, `BIWI` or `OURS`.
    """

    hidden: int = 128
    blocks: int = 2
    period: int = 30
    per_frame: int = 1
    prior: int = 128
    prior_blocks: int = 2
    prior_heads: int = 4
    prior_inner: int = 256
    codes: int = 256
    length: int = 32
    parts: int = 4
    layout: int = OURS


class _Attention(nn.Module):
    """Attention over all frames. As published, products are scaled by the whole width and not by a head's."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads, self.scale = heads, width**-0.5
        self.to_qkv = nn.Linear(width, 3 * width, bias=False)
        self.to_out = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, C) -> (B, T, C)."""
        query, key, value = (
            part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in self.to_qkv(x).chunk(3, -1)
        )
        seen = functional.scaled_dot_product_attention(query, key, value, scale=self.scale)
        return cast(Tensor, self.to_out(seen.transpose(1, 2).flatten(2)))


class _FeedForward(nn.Module):
    """Two linear layers on each frame."""

    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.l1, self.l2 = nn.Linear(width, inner), nn.Linear(inner, width)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, C) -> (B, T, C)."""
        return cast(Tensor, self.l2(functional.gelu(self.l1(x))))


class _PreNorm(nn.Module):
    """A layer after a normalization."""

    def __init__(self, fn: nn.Module, width: int) -> None:
        super().__init__()
        self.norm, self.fn = nn.LayerNorm(width), fn

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, C) -> (B, T, C)."""
        return cast(Tensor, self.fn(self.norm(x)))


class _Residual(nn.Module):
    """A layer with a residual connection."""

    def __init__(self, fn: nn.Module) -> None:
        super().__init__()
        self.fn = fn

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, C) -> (B, T, C)."""
        return cast(Tensor, x + self.fn(x))


class _Transformer(nn.Module):
    """Layers under the name `net`."""

    def __init__(self, sizes: CodeTalkerSizes) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for _ in range(sizes.prior_blocks):
            layers.append(_Residual(_PreNorm(_Attention(sizes.prior, sizes.prior_heads), sizes.prior)))
            layers.append(_Residual(_PreNorm(_FeedForward(sizes.prior, sizes.prior_inner), sizes.prior)))
        self.net = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, C) -> (B, T, C)."""
        return cast(Tensor, self.net(x))


class _LinearEmbedding(nn.Module):
    """A linear layer under the name `net`."""

    def __init__(self, width: int, wanted: int) -> None:
        super().__init__()
        self.net = nn.Linear(width, wanted)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, width) -> (B, T, wanted)."""
        return cast(Tensor, self.net(x))


def _around(width: int, layout: int) -> nn.Sequential:
    """A convolution over five frames.

    The published networks then bring every number to spread 1 over the clip, so that one code means another face in
    another clip; ours does not, so that pieces of any length go together.
    """
    norm = nn.Identity() if layout == OURS else nn.InstanceNorm1d(width)
    return nn.Sequential(nn.Conv1d(width, width, 5, padding=2, padding_mode="replicate"), nn.LeakyReLU(_SLOPE), norm)


def _first_position(x: Tensor) -> Tensor:
    """Add the position of frame 0, as the published networks do everywhere: they count clips instead of frames."""
    return x + (torch.arange(x.shape[-1], device=x.device) % 2)


class VqEncoder(nn.Module):
    """Frames (B, T, W) -> (B, T, parts * length)."""

    def __init__(self, width: int, sizes: CodeTalkerSizes) -> None:
        super().__init__()
        self.vertice_mapping = nn.Sequential(nn.Linear(width, sizes.prior), nn.LeakyReLU(_SLOPE))
        self.squasher = nn.Sequential(_around(sizes.prior, sizes.layout))
        self.encoder_transformer = _Transformer(sizes)
        self.encoder_linear_embedding = _LinearEmbedding(sizes.prior, sizes.prior)
        if sizes.layout != VOCASET:
            self.encoder_linear_embedding_post = _LinearEmbedding(sizes.prior, sizes.parts * sizes.length)

    def forward(self, frames: Tensor) -> Tensor:
        """See the class."""
        x = self.squasher(self.vertice_mapping(frames).transpose(1, 2)).transpose(1, 2)
        x = self.encoder_transformer(_first_position(self.encoder_linear_embedding(x)))
        result: Tensor = self.encoder_linear_embedding_post(x) if hasattr(self, "encoder_linear_embedding_post") else x
        return result


class VqDecoder(nn.Module):
    """The way back: (B, T, parts * length) -> (B, T, W)."""

    def __init__(self, width: int, sizes: CodeTalkerSizes) -> None:
        super().__init__()
        if sizes.layout != VOCASET:
            self.decoder_linear_embedding_pre = _LinearEmbedding(sizes.parts * sizes.length, sizes.prior)
        self.expander = nn.ModuleList([_around(sizes.prior, sizes.layout)])
        self.decoder_transformer = _Transformer(sizes)
        self.decoder_linear_embedding = _LinearEmbedding(sizes.prior, sizes.prior)
        self.vertice_map_reverse = nn.Linear(sizes.prior, width, bias=sizes.layout != BIWI)

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        if hasattr(self, "decoder_linear_embedding_pre"):
            x = self.decoder_linear_embedding_pre(x)
        x = self.expander[0](x.transpose(1, 2)).transpose(1, 2)
        x = self.decoder_transformer(_first_position(self.decoder_linear_embedding(x)))
        return cast(Tensor, self.vertice_map_reverse(x))


class FaceCodebook(nn.Module):
    """The codes, as rows of `embedding`."""

    def __init__(self, codes: int, length: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(codes, length)
        nn.init.uniform_(self.embedding.weight, -1 / codes, 1 / codes)

    def nearest(self, latents: Tensor) -> Tensor:
        """(..., length) -> (...) the nearest code of each."""
        book = self.embedding.weight
        return (book.square().sum(1) - 2 * latents @ book.T).argmin(-1)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Return features (B, T, parts * length) as codes, gradients passing them by, and the codes themselves."""
        latents = features.unflatten(-1, (-1, self.embedding.embedding_dim))
        codes = self.embedding(self.nearest(latents)).flatten(2)
        return features + (codes - features).detach(), codes


class DiscreteMotionPrior(nn.Module):
    """The first stage: frames as codes, and back."""

    def __init__(self, width: int, sizes: CodeTalkerSizes) -> None:
        super().__init__()
        self.encoder, self.decoder = VqEncoder(width, sizes), VqDecoder(width, sizes)
        self.quantize = FaceCodebook(sizes.codes, sizes.length)

    def forward(self, frames: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return frames (B, T, W) after the way through the codes, the loss of quantizing, and features before it."""
        features = self.encoder(frames)
        through, codes = self.quantize(features)
        loss = functional.mse_loss(codes, features.detach())
        loss = loss + COMMITMENT * functional.mse_loss(features, codes.detach())
        return self.decoder(through), loss, features


class CodeTalker(FaceModel):
    """See the module."""

    MODEL_TYPE = "animcore_codetalker"
    SIZES = CodeTalkerSizes
    SECONDS = 6  # the autoencoder sees all frames of a piece at each step

    def __init__(
        self, sizes: CodeTalkerSizes, space: OutputSpace, ear: AudioEncoder, speakers: tuple[str, ...]
    ) -> None:
        super().__init__(sizes, space, ear, speakers)
        _check(sizes)
        self.audio_feature_map = nn.Linear(ear.width, sizes.hidden)
        self.vertice_map = nn.Linear(space.width, sizes.hidden)
        self.transformer_decoder = BiasedDecoder(sizes.hidden, sizes.blocks, HEADS, sizes.period, sizes.per_frame)
        self.feat_map = nn.Linear(sizes.hidden, sizes.parts * sizes.length, bias=False)
        self.learnable_style_emb = nn.Embedding(len(speakers), sizes.hidden)
        self.autoencoder = DiscreteMotionPrior(space.width, sizes)

    def listen(self, sound: Tensor, count: int) -> Tensor:
        """(B, N) or (B, M, D) of the audio encoder -> (B, count * per_frame, hidden)."""
        return cast(Tensor, self.audio_feature_map(self.ear(sound, count * self.sizes.per_frame)))

    def forward(self, heard: Tensor, before: Tensor, speaker: Tensor) -> tuple[Tensor, Tensor]:
        """Return frames (B, T, W), all at once, and the features (B, T, parts * length) that their codes are near to.

        Args:
            heard: (B, T * per_frame, hidden) of `listen`.
            before: (B, T - 1, W) the frames but the last.
            speaker: (B,).
        """
        style = self.learnable_style_emb(speaker)[:, None]
        told = torch.cat([style, self.vertice_map(before) + style], 1)
        features = self.feat_map(self.transformer_decoder(told, heard))
        return self.autoencoder.decoder(self.autoencoder.quantize(features)[0]), features

    def piece(self, sound: Tensor, count: int, asked: Conditioning, generator: torch.Generator) -> Tensor:
        """See `FaceModel`; there is no chance in it."""
        heard, size = self.listen(sound, count), self.sizes.per_frame
        style = self.learnable_style_emb(torch.tensor([asked.speaker], device=sound.device))
        past, told, decoder = DecoderCache([], []), style, self.autoencoder.decoder
        codes = heard.new_zeros(1, 0, self.sizes.parts * self.sizes.length)
        for index in range(count):
            seen = self.transformer_decoder.step(told, heard[:, index * size : (index + 1) * size], past)
            codes = torch.cat([codes, self.autoencoder.quantize(self.feat_map(seen)[:, None])[1]], 1)
            # a clip of one frame has no spread, so the first is decoded twice, as published
            frame = decoder(codes)[:, -1] if index else decoder(codes.repeat(1, 2, 1))[:, 0]
            told = self.vertice_map(frame) + style
        return cast(Tensor, decoder(codes if count > 1 else codes.repeat(1, 2, 1))[0, :count])


def _check(sizes: CodeTalkerSizes) -> None:
    if sizes.hidden % (2 * HEADS):
        raise InputError(f"hidden must be a multiple of {2 * HEADS}, not {sizes.hidden}.")
    if sizes.prior % sizes.prior_heads:
        raise InputError(f"prior must be a multiple of {sizes.prior_heads}, not {sizes.prior}.")
    if sizes.layout not in (VOCASET, BIWI, OURS):
        raise InputError(f"There is no layout {sizes.layout} of CodeTalker; train or download the model again.")


def load(folder: Path, values: dict[str, Any]) -> CodeTalker:
    """Return the model of a folder that `animcore train codetalker` left; see `base.restore`."""
    return restore(CodeTalker, folder, values)


def published(folder: Path) -> CodeTalker:
    """Return the authors' model of a folder with `vocaset_stage2.pth.tar` or `biwi_stage2.pth.tar`."""
    found = published_weights.find_weights(folder, ("_stage2.pth.tar",))
    tensors, is_biwi = published_weights.tensors(found.path), found.space.basis == "biwi"

    def size(name: str) -> int:
        return published_weights.length(tensors, name, found.path)

    def many(start: str) -> int:
        return len({name.removeprefix(start).split(".")[0] for name in tensors if name.startswith(start)})

    codes, length = size(_BOOK), tensors[_BOOK].shape[-1]
    sizes = CodeTalkerSizes(
        hidden=size("audio_feature_map.bias"),
        blocks=many("transformer_decoder.layers."),
        period=found.period,
        per_frame=found.per_frame,
        prior=size("autoencoder.encoder.encoder_linear_embedding.net.bias"),
        prior_blocks=many("autoencoder.encoder.encoder_transformer.net.") // 2,
        prior_heads=8,
        prior_inner=size("autoencoder.encoder.encoder_transformer.net.1.fn.fn.l1.bias"),
        codes=codes,
        length=length,
        parts=size("feat_map.weight") // length,
        layout=BIWI if is_biwi else VOCASET,
    )
    model = CodeTalker(sizes, found.space, audio_encoders.base_speech_model(), found.speakers)
    renamed = published_weights.renamed(tensors, {"audio_encoder.": "ear.model."}, _TABLES)
    return published_weights.filled(model, renamed, found)
