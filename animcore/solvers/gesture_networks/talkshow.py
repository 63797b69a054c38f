"""Gestures in the manner of TalkSHOW (Yi et al., CVPR 2023): codes of body and hands that follow each other.

Two vector-quantized autoencoders turn four frames of the body, and four of the hands, into a code each; a causal
network then draws one code after the other from the audio and from both streams so far, the hands' code after the
body's of the same moment (cross-conditioned autoregression). Ours differs from the published one where that serves a
small set of data: gated dilated convolutions over time instead of a PixelCNN, and a mel spectrogram where no speech
model is given.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from animcore.core.progress import Progress, silent
from animcore.errors import InputError
from animcore.solvers import checkpoints
from animcore.solvers.gesture_networks import audio_features
from animcore.solvers.gesture_networks.motion_features import COLUMNS, WIDTH, decode, rest
from animcore.solvers.gesture_networks.vq_vae import MotionVqVae

FloatArray = NDArray[np.float32]

MODEL_TYPE = "animcore_talkshow"
FOLD = 4  # frames that share a code
STREAMS = {"body": np.concatenate([COLUMNS["upper"], COLUMNS["lower"]]), "hands": COLUMNS["hands"]}
_DILATIONS = (1, 2, 4, 8)
_TAPS = 3
REACH = 1 + (_TAPS - 1) * (sum(_DILATIONS) + 1)  # codes that one depends on
_TEMPERATURE = 0.9  # of the draw; below 1 the unlikely become unlikelier


@dataclass(frozen=True)
class TalkShowSizes:
    """The sizes of a network.

    Attributes:
        hidden: width of the layers that predict.
        codes: of each stream.
        length: of a code's vector.
        layers: of the autoencoders.
        heard: numbers of a frame of audio: 40 bands, or the width of the speech model's states.
        speakers: it was trained on.
    """

    hidden: int = 256
    codes: int = 512
    length: int = 128
    layers: int = 2
    heard: int = audio_features.BANDS
    speakers: int = 1


class _GatedCausalConvolution(nn.Module):
    """A gated causal convolution conditioned on audio, with a residual connection."""

    def __init__(self, hidden: int, dilation: int, dropout: float) -> None:
        super().__init__()
        self.past = (_TAPS - 1) * dilation
        self.norm = nn.LayerNorm(hidden)
        self.wide = nn.Conv1d(hidden, 2 * hidden, _TAPS, dilation=dilation)
        self.told = nn.Linear(hidden, 2 * hidden)
        self.out = nn.Linear(hidden, hidden)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, told: Tensor) -> Tensor:
        y = self.wide(functional.pad(self.norm(x).transpose(1, 2), (self.past, 0))).transpose(1, 2) + self.told(told)
        value, gate = y.chunk(2, -1)
        return cast(Tensor, x + self.dropout(self.out(value.tanh() * gate.sigmoid())))


class CodePredictor(nn.Module):
    """Audio and codes so far -> logits of the next codes."""

    def __init__(self, sizes: TalkShowSizes, dropout: float = 0.2) -> None:
        super().__init__()
        hidden = sizes.hidden
        self.start = sizes.codes  # the code before the first
        self.ear = nn.ModuleList(
            nn.Conv1d(width, hidden, 5, stride=2, padding=2) for width in (sizes.heard, hidden, hidden)
        )
        self.around = nn.Conv1d(hidden, hidden, 5, padding=2)
        self.speaker = nn.Embedding(sizes.speakers, hidden)
        self.done = nn.ModuleDict({name: nn.Embedding(sizes.codes + 1, hidden) for name in STREAMS})
        self.dropout = nn.Dropout(dropout)
        self.body = nn.ModuleList(_GatedCausalConvolution(hidden, dilation, dropout) for dilation in _DILATIONS)
        self.now = nn.Embedding(sizes.codes, hidden)
        self.hands = _GatedCausalConvolution(hidden, 1, dropout)
        self.out = nn.ModuleDict({name: nn.Linear(hidden, sizes.codes) for name in STREAMS})

    def listen(self, heard: Tensor, speaker: Tensor) -> Tensor:
        """(B, 8 N, heard) at 60 FPS and (B,) -> (B, N, hidden), one for each code."""
        x = heard.transpose(1, 2)
        for layer in self.ear:
            x = functional.gelu(layer(x))
        result: Tensor = functional.gelu(self.around(x)).transpose(1, 2) + self.speaker(speaker)[:, None]
        return result

    def forward(self, told: Tensor, past: dict[str, Tensor], body: Tensor) -> dict[str, Tensor]:
        """Return (B, N, codes) logits of body and hands.

        Args:
            told: (B, N, hidden) of `listen`.
            past: (B, N) codes of each stream one step before, `start` before the first.
            body: (B, N) codes of the body at this step, which the hands follow.
        """
        x = self._done(past)
        for layer in self.body:
            x = layer(x, told)
        hands = self.hands(x + self.now(body), told)
        return {"body": self.out["body"](x), "hands": self.out["hands"](hands)}

    def draw(self, told: Tensor, generator: torch.Generator) -> dict[str, Tensor]:
        """Return (1, N) codes of each stream, drawn one after the other."""
        count = told.shape[1]
        codes = {name: torch.full((1, count + 1), self.start) for name in STREAMS}
        for step in range(count):
            first = max(0, step + 1 - REACH)
            past = {name: values[:, first : step + 1] for name, values in codes.items()}
            x, heard = self._done(past), told[:, first : step + 1]
            for layer in self.body:
                x = layer(x, heard)
            codes["body"][:, step + 1] = body = _drawn(self.out["body"](x[:, -1]), generator)
            # the hands' layer looks back two steps, at which the body's codes are known too
            known = torch.cat([codes["body"][:, max(first, step - _TAPS + 1) + 1 : step + 1], body[:, None]], 1)
            tail = x[:, -known.shape[1] :] + self.now(known)
            hands = self.hands(tail, heard[:, -known.shape[1] :])
            codes["hands"][:, step + 1] = _drawn(self.out["hands"](hands[:, -1]), generator)
        return {name: values[:, 1:] for name, values in codes.items()}

    def _done(self, past: dict[str, Tensor]) -> Tensor:
        parts = [cast(Tensor, self.done[name](values)) for name, values in past.items()]
        return cast(Tensor, self.dropout(sum(parts[1:], parts[0])))


class TalkShow(nn.Module):
    """The codes of both streams and what predicts them."""

    def __init__(self, sizes: TalkShowSizes, speech: str = "") -> None:
        """Build with random weights.

        Args:
            sizes: of all networks.
            speech: folder of the speech model that encodes; empty for the mel spectrogram.
        """
        super().__init__()
        self.sizes, self.speech = sizes, speech
        self.codes = nn.ModuleDict(
            {
                name: MotionVqVae(len(columns), sizes.length, sizes.layers, sizes.codes, FOLD)
                for name, columns in STREAMS.items()
            }
        )
        self.predictor = CodePredictor(sizes)

    def save(self, folder: str | Path, speakers: list[str]) -> None:
        """Write the model's folder.

        Raises:
            InputError: where it cannot be written.
        """
        folder = Path(folder)
        values = {"model_type": MODEL_TYPE, **asdict(self.sizes), "speech": self.speech, "speaker_names": speakers}
        checkpoints.save(self, values, folder)

    def generate(
        self, samples: FloatArray, count: int, speaker: int, seed: int, progress: Progress = silent
    ) -> tuple[FloatArray, FloatArray]:
        """Return pose (count, 55, 3) and translation (count, 3) at 30 FPS; equal seeds, equal takes."""
        steps = max(1, math.ceil(count / FOLD))
        heard = encode_audio(samples, 2 * FOLD * steps, self.speech)
        progress(0.1, "Gesturing")
        with torch.inference_mode():
            told = self.predictor.listen(torch.from_numpy(heard)[None], torch.tensor([speaker]))
            codes = self.predictor.draw(told, torch.Generator().manual_seed(seed))
            progress(0.9, "Gesturing")
            frames = torch.from_numpy(rest(steps * FOLD))[None]
            for name, indices in codes.items():
                coder: Any = self.codes[name]
                frames[:, :, STREAMS[name]] = coder.frames(coder.vectors(indices))
        assert frames.shape[-1] == WIDTH
        progress(1.0, "Gesturing")
        return decode(frames[0, :count].numpy())


def encode_audio(samples: FloatArray, count: int, speech: str) -> FloatArray:
    """Return (count, heard) frames of audio, 60 a second: of a speech model's folder, else the mel spectrogram.

    Raises:
        InputError: where the speech model cannot be used.
    """
    return audio_features.states(samples, count, Path(speech)) if speech else audio_features.mel(samples, count)


def load(folder: Path, values: dict[str, Any]) -> tuple[TalkShow, list[str]]:
    """Return the model of a folder and the names of its speakers.

    Args:
        folder: with `config.json` and `model.safetensors`, as `animcore train talkshow` leaves it.
        values: its `config.json`.

    Raises:
        InputError: where a file is missing, cut off, damaged, would run code, or is another model's.
    """
    sizes = TalkShowSizes(
        **{part.name: checkpoints.whole_number(values, part.name, folder) for part in fields(TalkShowSizes)}
    )
    speech, names = values.get("speech", ""), values.get("speaker_names")
    if not isinstance(names, list) or len(names) != sizes.speakers or not isinstance(speech, str):
        raise InputError(f"{folder / checkpoints.CONFIG} does not name its speakers; train or download it again.")
    model = TalkShow(sizes, speech)
    checkpoints.fill(model, folder)
    return model.eval(), [str(name) for name in names]


def _drawn(logits: Tensor, generator: torch.Generator) -> Tensor:
    """(1, codes) -> (1,) a code drawn by its likelihood."""
    return torch.multinomial((logits / _TEMPERATURE).softmax(-1), 1, generator=generator)[:, 0]
