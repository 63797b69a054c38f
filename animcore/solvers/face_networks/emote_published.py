"""The published weights of EMOTE (Daněček et al., SIGGRAPH Asia 2023): speech and a style to FLAME, through FLINT.

Names, shapes, settings and the order of operations are facts of the authors' repository (radekd91/inferno, whose
licence is for non-commercial research; none of its lines are here). wav2vec 2.0 gives 25 states a second; one layer of
a transformer attends to them all with the style, which is one of eight emotions, one of three intensities and one of 32
people of MEAD; eight of its states become a latent, and the decoder of the motion prior makes eight frames of each.
In training every choice was one of its kind alone; here a strength between two levels is so much of each, since the
style is linear.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from animcore.core.reading import content
from animcore.core.vocabulary import EMOTIONS
from animcore.errors import BROKEN_FILE, InputError
from animcore.solvers.face_networks import audio_encoders, published_weights
from animcore.solvers.face_networks.audio_encoders import AudioEncoder
from animcore.solvers.face_networks.autoregressive_decoder import slopes
from animcore.solvers.face_networks.base import Conditioning, FaceModel
from animcore.solvers.face_networks.output_space import FloatArray, OutputSpace
from animcore.solvers.face_networks.published_weights import PublishedWeights

FILE = "checkpoints/last.ckpt"
CONFIG = "cfg.yaml"
_FPS = 25
_LEVELS = 3  # of an emotion's intensity
_ORDER = ("neutral", "joy", "sadness", "surprise", "fear", "disgust", "anger", "contempt")  # AffectNet's
_PEOPLE = (
    *("M003", "M005", "M007", "M009", "M011", "M012", "M013", "M019", "M022", "M023", "M024", "M025", "M026", "M027"),
    *("M028", "M029", "M030", "M031", "W009", "W011", "W014", "W015", "W016", "W018", "W019", "W021", "W023", "W024"),
    *("W025", "W026", "W028", "W029"),
)
_SLOPE = 0.2  # of the leaky rectifier
_MOST = 10_000  # heads, or frames of a period
_DECODER = "sequence_decoder."
_PRIOR = f"{_DECODER}motion_prior.motion_decoder."
_STYLE = f"{_DECODER}obj_vector.map.weight"
_NAMES = {  # beginnings of theirs and ours
    "audio_model.model.": "ear.model.",
    "sequence_encoder.linear.": "hear.",
    f"{_DECODER}obj_vector.map.": "style.",
    f"{_DECODER}bert_decoder.": "talk.",
    f"{_DECODER}decoder.": "latents.",
    f"{_DECODER}squasher_2.linear.": "fold.",
    _PRIOR: "prior.",
}
_UNUSED = (  # FLAME, the other half of the prior, and what losses were measured with
    *("renderer.", "preprocessor.", "neural_losses.", f"{_DECODER}flame."),
    *(f"{_DECODER}motion_prior.{part}" for part in ("motion_encoder.", "preprocessor.", "postprocessor.")),
)
_BESIDE = ("omegaconf.", "pathlib.", "pytorch_lightning.", "lightning.", "lightning_fabric.", "munch.")
# Settings of `model.sequence_decoder` that this network implements; the first is the default.
_SETTINGS: dict[str, tuple[Any, ...]] = {
    "type": ("BertPriorDecoder",),
    "style_op": ("cat",),
    "squash_before": (False,),
    "squash_after": (True,),
    "squash_type": ("stack_linear",),
    "activation": ("gelu",),
    "post_bug_fix": (True,),
    "temporal_bias_type": ("faceformer_future", "none"),
}


@dataclass(frozen=True)
class PublishedEmoteSizes:
    """The sizes of both networks.

    Attributes:
        hidden: width of the audio states, and of the style.
        blocks: layers of the transformer that sees all of it.
        heads: of its attention.
        period: frames by which what lies further counts less; 0 where all count alike.
        latent: numbers of a latent.
        inner: width inside the prior's layers.
        prior_blocks: the prior's layers.
        prior_heads: of their attention.
        doublings: of the frames, from a latent on.
    """

    hidden: int
    blocks: int
    heads: int
    period: int
    latent: int
    inner: int
    prior_blocks: int
    prior_heads: int
    doublings: int


class _EncoderLayer(nn.Module):
    """A layer of PyTorch's `TransformerEncoder`, whose names it bears: attention, then dense layers, normalized after.

    Not PyTorch's own: its shortcut for inference takes an additive mask for a boolean one.
    """

    def __init__(self, width: int, heads: int, inner: int) -> None:
        super().__init__()
        self.self_attn = nn.MultiheadAttention(width, heads)
        self.linear1, self.linear2 = nn.Linear(width, inner), nn.Linear(inner, width)
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)

    def forward(self, x: Tensor, fading: Tensor | None) -> Tensor:
        """(B, T, width), (heads, T, T) -> (B, T, width)."""
        own = self.self_attn
        asked = functional.linear(x, own.in_proj_weight, own.in_proj_bias)
        query, key, value = asked.view(*x.shape[:2], 3, own.num_heads, -1).permute(2, 0, 3, 1, 4)
        seen = functional.scaled_dot_product_attention(query, key, value, attn_mask=fading)
        x = self.norm1(x + own.out_proj(seen.transpose(1, 2).flatten(2)))
        return cast(Tensor, self.norm2(x + self.linear2(functional.gelu(self.linear1(x)))))


class _BiasedTransformer(nn.Module):
    """Layers in which all frames see each other, the less the more periods they are apart; alike where that is 0."""

    def __init__(self, width: int, heads: int, inner: int, layers: int, period: int) -> None:
        super().__init__()
        self.heads, self.period = heads, period
        self.layers = nn.ModuleList(_EncoderLayer(width, heads, inner) for _ in range(layers))

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, width) -> (B, T, width)."""
        fading = None
        if self.period:
            order = torch.arange(x.shape[1], device=x.device)
            apart = torch.div((order[:, None] - order).abs(), self.period, rounding_mode="floor")
            fading = -torch.tensor(slopes(self.heads), device=x.device)[:, None, None] * apart
        for layer in self.layers:
            x = layer(x, fading)
        return x


class _Upsampler(nn.Module):
    """Convolutions that make two frames of one, the first transposed, the others before each is repeated."""

    def __init__(self, width: int, doublings: int) -> None:
        super().__init__()
        first: nn.Module = nn.ConvTranspose1d(width, width, 5, stride=2, padding=2, output_padding=1)
        rest = [nn.Conv1d(width, width, 5, padding=2, padding_mode="replicate") for _ in range(1, doublings)]
        self.expander = nn.ModuleList(
            nn.Sequential(layer, nn.LeakyReLU(_SLOPE), nn.BatchNorm1d(width)) for layer in (first, *rest)
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, width, T) -> (B, width, 2^doublings T)."""
        for index, layer in enumerate(self.expander):
            x = layer(x)
            if index:
                x = x.repeat_interleave(2, dim=2)
        return x


class FlintDecoder(_Upsampler):
    """The decoder of FLINT: latents (B, T, latent) to frames (B, 2^doublings T, W)."""

    def __init__(self, sizes: PublishedEmoteSizes, width: int) -> None:
        super().__init__(sizes.latent, sizes.doublings)
        self.decoder_transformer = _BiasedTransformer(
            sizes.latent, sizes.prior_heads, sizes.inner, sizes.prior_blocks, 1
        )
        self.decoder_linear_embedding = nn.Linear(sizes.latent, sizes.latent)
        self.post_transformer_linear = nn.Linear(sizes.latent, sizes.latent)
        self.cross_smooth_layer = nn.Conv1d(sizes.latent, width, 5, padding=2)

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        x = self.decoder_linear_embedding(super().forward(x.transpose(1, 2)).transpose(1, 2))
        x = self.post_transformer_linear(self.decoder_transformer(x))
        return cast(Tensor, self.cross_smooth_layer(x.transpose(1, 2)).transpose(1, 2))


class PublishedEmote(FaceModel):
    """Audio encoder, the network to latents in a style, and the prior that decodes them."""

    MODEL_TYPE = "inferno_emote"
    SIZES = PublishedEmoteSizes
    FEELS = True
    sizes: PublishedEmoteSizes

    def __init__(
        self, sizes: PublishedEmoteSizes, space: OutputSpace, ear: AudioEncoder, speakers: tuple[str, ...]
    ) -> None:
        super().__init__(sizes, space, ear, speakers)
        wide = 2 * sizes.hidden
        self.hear = nn.Linear(ear.width, sizes.hidden)
        self.style = nn.Linear(len(_ORDER) + _LEVELS + len(speakers), sizes.hidden)
        self.talk = _BiasedTransformer(wide, sizes.heads, wide, sizes.blocks, sizes.period)
        self.latents = nn.Linear(wide, sizes.latent)
        self.fold = nn.Linear(sizes.latent * 2**sizes.doublings, sizes.latent)
        self.prior = FlintDecoder(sizes, space.width)
        self.taught.copy_(torch.tensor([float(name != "neutral") for name in EMOTIONS]))

    def piece(self, sound: Tensor, count: int, asked: Conditioning, generator: torch.Generator) -> Tensor:
        """See `FaceModel`; there is no chance in it."""
        heard = self.hear(self.ear(sound, count))
        asked_for = torch.from_numpy(condition(asked, count, len(self.speakers)))[None].to(sound.device)
        fold = 2**self.sizes.doublings
        latents = self.latents(self.talk(torch.cat([heard, self.style(asked_for)], -1)))
        latents = functional.pad(latents, (0, 0, 0, -count % fold))
        return cast(Tensor, self.prior(self.fold(latents.reshape(1, len(latents[0]) // fold, -1)))[0, :count])


def condition(asked: Conditioning, count: int, people: int) -> FloatArray:
    """Return (count, 8 + 3 + people) what the style is made of.

    A strength of 1/3, 2/3 or 1 is MEAD's first, second or third level; what lies between is so much of each, and below
    the first so much of neutral. Several emotions share by their strengths, the strongest of which is the level.
    """
    found = np.zeros((count, len(_ORDER) + _LEVELS + people), np.float32)
    found[:, len(_ORDER) + _LEVELS + asked.speaker] = 1.0
    felt = np.zeros((count, len(EMOTIONS)), np.float32) if asked.emotions is None else asked.emotions.clip(0.0, 1.0)
    felt = felt[:, [EMOTIONS.index(name) for name in _ORDER]].copy()
    felt[:, 0] = 0.0
    level = felt.max(1) * _LEVELS
    shares = felt / np.maximum(felt.sum(1, keepdims=True), 1e-6) * np.minimum(level, 1.0)[:, None]
    found[:, 1 : len(_ORDER)] = shares[:, 1:]
    found[:, 0] = 1.0 - shares.sum(1)
    place = np.maximum(level - 1.0, 0.0)
    for step in range(_LEVELS):
        found[:, len(_ORDER) + step] = np.maximum(0.0, 1.0 - np.abs(place - step))
    return found


def published(folder: Path) -> PublishedEmote:
    """Return the authors' model of a folder `EMOTE` or `EMOTE_v2`: `cfg.yaml` and `checkpoints/last.ckpt`.

    The prior's decoder is in it; the files of FLINT are not needed.

    Raises:
        InputError: where a file is missing, cut off, damaged, would run code, or is another model's.
    """
    path = folder / FILE
    settings = _settings(folder / CONFIG)
    tensors = published_weights.tensors(path, _BESIDE)
    tensors = {name: values for name, values in tensors.items() if not name.startswith(_UNUSED)}

    def size(name: str) -> int:
        return published_weights.length(tensors, name, path)

    def many(start: str) -> int:
        return len({name.removeprefix(start).split(".")[0] for name in tensors if name.startswith(start)})

    styles = published_weights.length(tensors, _STYLE, path, -1)
    if styles != len(_ORDER) + _LEVELS + len(_PEOPLE):
        raise InputError(
            f"{path} has {styles} style values where EMOTE has 43 (8 emotions, 3 intensities, 32 speakers): it is "
            "another model of inferno."
        )
    sizes = PublishedEmoteSizes(
        hidden=size("sequence_encoder.linear.bias"),
        blocks=many(f"{_DECODER}bert_decoder.layers."),
        heads=settings["nhead"],
        period=settings["period"] if settings["temporal_bias_type"] != "none" else 0,
        latent=size(f"{_DECODER}decoder.bias"),
        inner=size(f"{_PRIOR}decoder_transformer.layers.0.linear1.bias"),
        prior_blocks=many(f"{_PRIOR}decoder_transformer.layers."),
        prior_heads=settings["prior_heads"],
        doublings=many(f"{_PRIOR}expander."),
    )
    space = OutputSpace("flame", size(f"{_PRIOR}cross_smooth_layer.bias"), _FPS, "flame2020")
    model = PublishedEmote(sizes, space, audio_encoders.base_speech_model(), _PEOPLE)
    source = PublishedWeights(path, space, _PEOPLE, sizes.period, 1, None)
    renamed = published_weights.renamed(tensors, _NAMES) | {"taught": model.taught}
    return published_weights.filled(model, renamed, source)


def _settings(path: Path) -> dict[str, Any]:
    """This network's part of the configuration of a run."""
    section = _section(_yaml(path), "model", "sequence_decoder")
    found: dict[str, Any] = {}
    for name, known in _SETTINGS.items():
        found[name] = section.get(name, known[0])
        if found[name] not in known:
            raise InputError(
                f"{path} has {name} = {found[name]!r}, EMOTE {known[0]!r}: it is another model of inferno."
            )
    prior = _section(section, "motion_prior", "cfg", "model", "sequence_decoder")
    numbers = {
        "nhead": section.get("nhead", 8),
        "period": section.get("period", 30),
        "prior_heads": prior.get("nhead", 8),
    }
    for name, value in numbers.items():
        if not isinstance(value, int) or not 1 <= value <= _MOST:
            raise InputError(f"{path} has {name} = {value!r}, where a size is expected; download it again.")
    return found | numbers


def _section(values: Any, *names: str) -> Mapping[str, Any]:
    """A part of a configuration by the names on the way there; empty where it is not there."""
    for name in names:
        values = values.get(name) if isinstance(values, Mapping) else None
    return values if isinstance(values, Mapping) else {}


def _yaml(path: Path) -> Any:
    """What stands in a YAML file: plain values; nothing in it is run."""
    try:
        import yaml
    except ImportError as error:
        raise InputError(
            "EMOTE's settings are a YAML file: pip install '.[train]' in the source folder of Animcore."
        ) from error
    if not path.is_file():
        raise InputError(f"There is no {path}; EMOTE's folder holds it next to {FILE}: download the whole folder.")
    try:
        return yaml.safe_load(content(path).decode())
    except (yaml.YAMLError, *BROKEN_FILE) as error:
        raise InputError(f"{path} is not a readable YAML file; download it again.") from error
