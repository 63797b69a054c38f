"""FaceFormer (Fan et al., "FaceFormer: Speech-Driven 3D Facial Animation with Transformers", CVPR 2022).

Each frame is made from the audio at its time, from the frames before it and from who speaks, and is fed back for the
next. Written from the paper; modules bear the names of the authors' (MIT), so that `vocaset.pth` and `biwi.pth` load.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from animcore.audio.recording import RATE
from animcore.errors import InputError
from animcore.solvers.face_networks import audio_encoders, published_weights
from animcore.solvers.face_networks.audio_encoders import AudioEncoder
from animcore.solvers.face_networks.autoregressive_decoder import BiasedDecoder, DecoderCache
from animcore.solvers.face_networks.base import Conditioning, FaceModel, restore
from animcore.solvers.face_networks.output_space import OutputSpace

HEADS = 4


@dataclass(frozen=True)
class FaceFormerSizes:
    """The sizes of a network.

    Attributes:
        hidden: width of the decoder, a multiple of 8.
        blocks: its layers.
        period: frames after which positions repeat.
        per_frame: states of audio to each frame.
    """

    hidden: int = 64
    blocks: int = 1
    period: int = 30
    per_frame: int = 1


@dataclass(frozen=True)
class ExportGraph:
    """A part of the model that can stand alone, in ONNX for one.

    Attributes:
        module: to export; a clip at a time.
        inputs: an example of each input, by name.
        outputs: names of what it gives.
        dynamic: which axes of an input or an output may have any length, by its name.
        metadata: of its inputs and outputs.
    """

    module: nn.Module
    inputs: dict[str, Tensor]
    outputs: tuple[str, ...]
    dynamic: dict[str, dict[int, str]]
    metadata: dict[str, str]


class FaceFormer(FaceModel):
    """See the module."""

    MODEL_TYPE = "animcore_faceformer"
    SIZES = FaceFormerSizes

    def __init__(
        self, sizes: FaceFormerSizes, space: OutputSpace, ear: AudioEncoder, speakers: tuple[str, ...]
    ) -> None:
        super().__init__(sizes, space, ear, speakers)
        if sizes.hidden % (2 * HEADS):
            raise InputError(f"hidden must be a multiple of {2 * HEADS}, not {sizes.hidden}.")
        self.audio_feature_map = nn.Linear(ear.width, sizes.hidden)
        self.vertice_map = nn.Linear(space.width, sizes.hidden)
        self.transformer_decoder = BiasedDecoder(sizes.hidden, sizes.blocks, HEADS, sizes.period, sizes.per_frame)
        self.vertice_map_r = nn.Linear(sizes.hidden, space.width)
        self.obj_vector = nn.Linear(len(speakers), sizes.hidden, bias=False)
        nn.init.zeros_(self.vertice_map_r.weight)
        nn.init.zeros_(self.vertice_map_r.bias)

    def listen(self, sound: Tensor, count: int) -> Tensor:
        """(B, N) or (B, M, D) of the audio encoder -> (B, count * per_frame, hidden)."""
        return cast(Tensor, self.audio_feature_map(self.ear(sound, count * self.sizes.per_frame)))

    def style(self, speaker: Tensor) -> Tensor:
        """(B,) speakers -> (B, hidden)."""
        return self.obj_vector.weight.T[speaker]

    def forward(self, heard: Tensor, before: Tensor, style: Tensor) -> Tensor:
        """Return frames (B, T, W), all at once.

        Args:
            heard: (B, T * per_frame, hidden) of `listen`.
            before: (B, T - 1, W) the frames but the last; what goes in before the first is the face at rest.
            style: (B, hidden).
        """
        told = torch.cat([style[:, None], self.vertice_map(before) + style[:, None]], 1)
        return cast(Tensor, self.vertice_map_r(self.transformer_decoder(told, heard)))

    def graphs(self) -> dict[str, ExportGraph]:
        """Return the graph that encodes a piece, and the one that adds a frame: the caller feeds each frame back.

        Raises:
            InputError: where its encoder is a speech model, which has exporters of its own.
        """
        if isinstance(self.ear, audio_encoders.SpeechModelEncoder):
            raise InputError("A face with a speech model as its encoder is not exported to ONNX; train one with mel.")
        size, heads, wide = self.sizes, HEADS, self.sizes.hidden // HEADS
        facts = {
            "fps": str(self.space.fps),
            "rate": str(self.ear.rate),
            "ear": str(self.ear.values()["kind"]),
            **self.ear.metadata(),
            "space": self.space.kind,
            "speakers": ",".join(self.speakers),
        }
        sound = torch.from_numpy(self.ear.raw(np.zeros(2 * RATE, np.float32)))[None]
        listen = ExportGraph(
            _EncodeAudio(self),
            {"sound": sound, "speaker": torch.tensor([0])},
            ("heard", "style"),
            {"sound": {1: "rows"}, "heard": {1: "states"}},
            facts,
        )
        past = torch.zeros(size.blocks, 2, heads, 3, wide)
        heard = torch.zeros(1, size.per_frame, size.hidden)
        step = ExportGraph(
            _DecodeStep(self),
            {"told": torch.zeros(1, size.hidden), "heard": heard, "style": torch.zeros(1, size.hidden), "past": past},
            ("frame", "next_told", "next_past"),
            {"past": {3: "frames"}, "next_past": {3: "frames_and_one"}},
            facts,
        )
        return {"listen.onnx": listen, "step.onnx": step}

    def piece(self, sound: Tensor, count: int, asked: Conditioning, generator: torch.Generator) -> Tensor:
        """See `FaceModel`; there is no chance in it."""
        heard = self.listen(sound, count)
        style = self.style(torch.tensor([asked.speaker], device=sound.device))
        past, told, frames = DecoderCache([], []), style, []
        for index in range(count):
            now = heard[:, index * self.sizes.per_frame : (index + 1) * self.sizes.per_frame]
            frames.append(self.vertice_map_r(self.transformer_decoder.step(told, now, past)))
            told = self.vertice_map(frames[-1]) + style
        return torch.cat(frames)


class _EncodeAudio(nn.Module):
    """Sound and speaker -> the audio states of each frame, and the style, which is the first input of `step`."""

    def __init__(self, model: FaceFormer) -> None:
        super().__init__()
        self.model = model

    def forward(self, sound: Tensor, speaker: Tensor) -> tuple[Tensor, Tensor]:
        """See the class."""
        model = self.model
        return model.listen(sound, sound.shape[1] * model.space.fps // model.ear.rate), model.style(speaker)


class _DecodeStep(nn.Module):
    """One frame: (1, W), the next input, and the past (blocks, keys and values, heads, frames, width) with it."""

    def __init__(self, model: FaceFormer) -> None:
        super().__init__()
        self.model = model

    def forward(self, told: Tensor, heard: Tensor, style: Tensor, past: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """See the class."""
        model = self.model
        layers = DecoderCache([part[:1] for part in past], [part[1:] for part in past])
        frame = model.vertice_map_r(model.transformer_decoder.step(told, heard, layers))
        both = [torch.cat(pair) for pair in zip(layers.keys, layers.values, strict=True)]
        return frame * model.spread + model.mean, model.vertice_map(frame) + style, torch.stack(both)


def load(folder: Path, values: dict[str, Any]) -> FaceFormer:
    """Return the model of a folder that `animcore train faceformer` left; see `base.restore`."""
    return restore(FaceFormer, folder, values)


def published(folder: Path) -> FaceFormer:
    """Return the authors' model of a folder with `vocaset.pth` or `biwi.pth`; see `published_weights`."""
    found = published_weights.find_weights(folder, (".pth",))
    tensors = published_weights.tensors(found.path)
    hidden = published_weights.length(tensors, "audio_feature_map.bias", found.path)
    sizes = FaceFormerSizes(hidden, 1, found.period, found.per_frame)
    model = FaceFormer(sizes, found.space, audio_encoders.base_speech_model(), found.speakers)
    renamed = published_weights.renamed(tensors, {"audio_encoder.": "ear.model."}, unused=("PPE.pe",))
    return published_weights.filled(model, renamed, found)
