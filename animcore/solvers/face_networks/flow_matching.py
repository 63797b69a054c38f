"""`flow`: a face in a few steps of flow matching; our own design.

Conditional flow matching (Lipman et al., ICLR 2023) learns the velocity at which straight lines lead from a source to
the data. The source need not be plain noise: here it is the network's own guess, with noise of the size of what the
guess leaves open, number by number, and as smooth in time as faces are. So one step gives a face that is in time with
the voice, and a few more give it what no mean has: openings as wide as they are spoken, and takes that differ.

All of it is convolution over time: a frame depends on a bounded stretch of audio and noise. A long recording is made
piece by piece and comes out as if made at once, wherever its audio encoder works that way too (`voice` does).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from animcore.audio.recording import RATE
from animcore.core.progress import Progress, silent
from animcore.core.vocabulary import EMOTIONS
from animcore.solvers.face_networks.audio_encoders import AudioEncoder
from animcore.solvers.face_networks.base import Conditioning, FaceModel, restore
from animcore.solvers.face_networks.output_space import FloatArray, OutputSpace

MOST_STEPS = 8
STATES = 2  # states of audio to each frame
TAPS = 7
EAR = (1, 2, 4, 8)  # dilations of the audio layers
FIELD = (1, 2, 4, 1, 2, 4)  # dilations of what moves
_HALF = TAPS // 2
_FREQUENCIES = 16  # of the time of the flow
_SMOOTH = 1.5  # frames, standard deviation of the kernel that makes noise as smooth as faces
_KERNEL = 6  # frames to each side of that
_DOUBT = (-4.0, 1.0)  # logarithms between which the spread of what the guess leaves open may lie


@dataclass(frozen=True)
class FlowSizes:
    """The sizes of a network.

    Attributes:
        hidden: width of the layers.
        steps: of the flow when it performs, each of two looks at the field.
        chance: per cent of what the flow adds to the guess: with all of it takes are as lively as faces are, and as
            far from any one face as two takes of a person are from each other; with less they come nearer to the guess.
    """

    hidden: int = 192
    steps: int = 2
    chance: int = 30


class ConditionedBlock(nn.Module):
    """A depthwise dilated convolution and two dense layers with a residual connection, modulated by a vector."""

    def __init__(self, hidden: int, dilation: int, dropout: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(hidden, elementwise_affine=False)
        self.along = nn.Conv1d(hidden, hidden, TAPS, padding=_HALF * dilation, dilation=dilation, groups=hidden)
        self.wide, self.back = nn.Linear(hidden, 2 * hidden), nn.Linear(2 * hidden, hidden)
        self.manner = nn.Linear(hidden, 3 * hidden)
        self.dropout = nn.Dropout(dropout)
        nn.init.zeros_(self.manner.weight)
        with torch.no_grad():
            self.manner.bias.copy_(torch.cat([torch.zeros(2 * hidden), torch.full((hidden,), 0.5)]))

    def forward(self, x: Tensor, told: Tensor) -> Tensor:
        """(B, T, hidden), (B, 1, hidden) -> (B, T, hidden)."""
        scale, shift, gate = self.manner(told).chunk(3, -1)
        y = self.norm(x) * (1 + scale) + shift
        y = self.along(y.transpose(1, 2)).transpose(1, 2)
        return cast(Tensor, x + gate * self.dropout(self.back(functional.gelu(self.wide(y)))))


class FlowMatching(FaceModel):
    """Audio states and emotions -> a guess, and the field around it."""

    MODEL_TYPE = "animcore_flow"
    SIZES = FlowSizes
    FEELS = True
    sizes: FlowSizes
    doubt: Tensor

    def __init__(
        self, sizes: FlowSizes, space: OutputSpace, ear: AudioEncoder, speakers: tuple[str, ...], dropout: float = 0.1
    ) -> None:
        super().__init__(sizes, space, ear, speakers)
        hidden = sizes.hidden
        self.hear = nn.Conv1d(ear.width, hidden, 5, stride=STATES, padding=2)
        self.listening = nn.ModuleList(ConditionedBlock(hidden, dilation, dropout) for dilation in EAR)
        self.speaker = nn.Embedding(len(speakers), hidden)
        self.feel = nn.Linear(len(EMOTIONS), hidden, bias=False)
        self.guess = nn.Sequential(nn.LayerNorm(hidden), nn.Linear(hidden, space.width))
        self.register_buffer("doubt", torch.zeros(space.width))
        self.clock = nn.Sequential(nn.Linear(2 * _FREQUENCIES, hidden), nn.SiLU(), nn.Linear(hidden, hidden))
        self.into = nn.Linear(space.width + hidden, hidden)
        self.field = nn.ModuleList(ConditionedBlock(hidden, dilation, dropout) for dilation in FIELD)
        self.out = nn.Sequential(nn.LayerNorm(hidden), nn.Linear(hidden, space.width))
        with torch.no_grad():
            for last in (self.guess[1], self.out[1]):
                assert isinstance(last, nn.Linear)
                last.weight.mul_(0.1)
                last.bias.zero_()

    def listen(self, states: Tensor, speaker: Tensor, emotions: Tensor) -> Tensor:
        """(B, 2 T, ear.width), (B,), (B, T, 8) -> (B, T, hidden)."""
        who = self.speaker(speaker)[:, None]
        x = functional.gelu(self.hear(states.transpose(1, 2))).transpose(1, 2) + self.feel(emotions)
        for block in self.listening:
            x = block(x, who)
        return cast(Tensor, x)

    @property
    def open(self) -> Tensor:
        """(W,) spread of what the guess leaves open, in standard deviations of the data."""
        return self.doubt.clamp(*_DOUBT).exp()

    def velocity(self, state: Tensor, time: Tensor, told: Tensor) -> Tensor:
        """Return (B, T, W): where a state (B, T, W) goes at a time (B,) from 0, the source, to 1, the face.

        States are offsets from the guess, in the spreads of `open`.
        """
        angles = time[:, None] * math.pi * torch.exp2(torch.arange(_FREQUENCIES, device=time.device) / 2)
        clock = self.clock(torch.cat([angles.sin(), angles.cos()], -1))[:, None]
        x = self.into(torch.cat([state, told], -1))
        for block in self.field:
            x = block(x, clock)
        return cast(Tensor, self.out(x))

    def forward(self, states: Tensor, speaker: Tensor, emotions: Tensor, white: Tensor) -> Tensor:
        """Return (B, T, W) frames in standard deviations from the mean.

        Args:
            states: (B, 2 T, ear.width) of the audio encoder.
            speaker: (B,).
            emotions: (B, T, 8), 0 where none is asked for.
            white: (B, T + 12, W) noise of spread 1.
        """
        told = self.listen(states, speaker, emotions)
        state = smooth(white)
        length = 1 / self.sizes.steps
        for step in range(self.sizes.steps):
            # from the middle of the step: going on as at its beginning would leave takes that are too much alike
            time = torch.full_like(state[:, 0, 0], step * length)
            middle = state + 0.5 * length * self.velocity(state, time, told)
            state = state + length * self.velocity(middle, time + 0.5 * length, told)
        return cast(Tensor, self.guess(told) + self.sizes.chance / 100 * self.open * state)

    @property
    def reach(self) -> int:
        """How many frames of audio, to each side, a frame depends on."""
        return 1 + _HALF * (sum(EAR) + 2 * self.sizes.steps * sum(FIELD))

    def piece(self, sound: Tensor, count: int, asked: Conditioning, generator: torch.Generator) -> Tensor:
        """See `FaceModel`."""
        white = torch.randn(1, noise_frames(count), self.space.width, generator=generator, device=sound.device)
        return self._made(sound, count, asked, white)

    def predict(
        self,
        samples: FloatArray,
        asked: Conditioning = Conditioning(),  # noqa: B008 (frozen)
        progress: Progress = silent,
    ) -> FloatArray:
        """See `FaceModel`; noise belongs to the frames, not to the pieces, so that pieces meet without a seam."""
        fps, device = self.space.fps, self.mean.device
        total, margin = len(samples) * fps // RATE + 1, -(-self.reach // fps)
        white = np.random.default_rng(asked.seed).standard_normal((noise_frames(total), self.space.width), np.float32)
        raw, found = self.ear.raw(samples), np.zeros((total, self.space.width), np.float32)
        self.eval()
        with torch.inference_mode():
            for second in range(0, -(-total // fps), self.SECONDS):
                progress(second * fps / total, "Generating the face")
                # on whole seconds rows of audio and frames of the face fall together
                start, end = max(0, second - margin), min(-(-total // fps), second + self.SECONDS + margin)
                count = (end - start) * fps
                felt = None if asked.emotions is None else _cut(asked.emotions, start * fps, count)
                sound = _cut(raw, start * self.ear.rate, (end - start) * self.ear.rate)
                noise = _cut(white, start * fps, noise_frames(count))
                frames = self._made(
                    torch.from_numpy(sound)[None].to(device),
                    count,
                    replace(asked, emotions=felt),
                    torch.from_numpy(noise)[None].to(device),
                )
                first = second * fps
                inner = slice(first - start * fps, min(first + self.SECONDS * fps, total) - start * fps)
                found[first : first + self.SECONDS * fps] = (frames[inner] * self.spread + self.mean).cpu().numpy()
        progress(1.0, "Generating the face")
        return found

    def _made(self, sound: Tensor, count: int, asked: Conditioning, white: Tensor) -> Tensor:
        """(count, W) frames for the output of the encoder's `raw` for exactly these."""
        emotions = torch.zeros(1, count, len(EMOTIONS), device=sound.device)
        if asked.emotions is not None:
            emotions[0] = torch.from_numpy(asked.emotions).to(sound.device)
        speaker = torch.tensor([asked.speaker], device=sound.device)
        return cast(Tensor, self(self.ear(sound, STATES * count), speaker, emotions, white)[0])


def _cut(values: FloatArray, first: int, count: int) -> FloatArray:
    """Rows from `first` on, `count` of them, with zeros behind the end."""
    piece = values[first : first + count]
    return np.pad(piece, [(0, count - len(piece)), *[(0, 0)] * (values.ndim - 1)])


def smooth(white: Tensor) -> Tensor:
    """(B, T + 12, W) white noise -> (B, T, W) noise of the same spread, as smooth in time as faces are."""
    kernel = torch.exp(-0.5 * (torch.arange(-_KERNEL, _KERNEL + 1, device=white.device) / _SMOOTH) ** 2)
    kernel = kernel / kernel.square().sum().sqrt()
    batch, count, width = white.shape
    flat = functional.conv1d(white.transpose(1, 2).reshape(batch * width, 1, count), kernel[None, None])
    return flat.reshape(batch, width, -1).transpose(1, 2)


def noise_frames(count: int) -> int:
    """Return how many frames of white noise `count` frames need."""
    return count + 2 * _KERNEL


def noise_like(frames: Tensor) -> Tensor:
    """Return smooth noise (B, T, W) of spread 1, of the size of frames."""
    batch, count, width = frames.shape
    return smooth(torch.randn(batch, noise_frames(count), width, device=frames.device))


def load(folder: Path, values: dict[str, Any]) -> FlowMatching:
    """Return the model of a folder that `animcore train flow` left.

    Args:
        folder: with its weights.
        values: its `config.json`.

    Raises:
        InputError: where a file is missing, cut off, damaged, would run code, or is another model's.
    """
    return restore(FlowMatching, folder, values)
