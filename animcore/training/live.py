"""Train and export the live articulation: `python -m animcore.training.live DATA --teacher assets/solvers/articulation.onnx`.

A small causal network learns from the shipped one (distillation, Hinton et al., 2015) and from tracked people. It hears
80 ms ahead at most, and keeps what it needs of the past in its states, so that sound may come in pieces of any length.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import onnxruntime
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from animcore import audio
from animcore.atomic import whole_file
from animcore.names import ARKIT
from animcore.training import encoder as ear
from animcore.training import nonspeech, synthetic
from animcore.training.augmentation import at_loudness, faster, roughened
from animcore.training.encoder import FPS, HOP
from animcore.training.lips import Lips, correlation
from animcore.training.network import Face
from animcore.training.recordings import LEVEL

LOG = logging.getLogger(__name__)

FloatArray = NDArray[np.float32]

AHEAD = 3  # frames that a frame waits for
WINDOW = 400  # samples of a spectrum
BANDS = 80
HIDDEN = 192
TAPS = 5
DILATIONS = (1, 2, 4, 8, 16)
# The seconds of sound after a frame that it depends on.
LOOK_AHEAD = (AHEAD * HOP + WINDOW / 2) / 16_000
OUTPUTS = len(ARKIT) + 1 + len(synthetic.PLACES)
SECONDS = 6  # length of a training example
_MEAN, _SPREAD = -11.0, 4.5  # of log mel energies of speech at the level it is heard at
_LEVELS = (-32.0, -16.0)  # LUFS it learns to hear
_SPEEDS = 0.16  # largest change of speed, as a logarithm
EXAMPLES = 16  # that a step sees
CHECKPOINT_EVERY = 100


class Spectrum(nn.Module):
    """Samples (B, N) -> log mel energies (B, M, 160) of the two spectra that end a frame, M = (N - 560) // 320 + 1."""

    real: Tensor
    imaginary: Tensor
    mel: Tensor

    def __init__(self) -> None:
        super().__init__()
        source = ear.pretrained()
        for name in ("real", "imaginary", "mel"):
            self.register_buffer(name, getattr(source, name).clone())

    def forward(self, samples: Tensor) -> Tensor:
        """Spectra every 10 ms without padding, taken in pairs."""
        real = functional.conv1d(samples[:, None], self.real, stride=HOP // 2)
        imaginary = functional.conv1d(samples[:, None], self.imaginary, stride=HOP // 2)
        power = (real * real + imaginary * imaginary).transpose(1, 2) @ self.mel
        energies = (power.clamp(min=1e-10).log() - _MEAN) / _SPREAD
        pairs = energies.shape[1] // 2
        return energies[:, : 2 * pairs].reshape(len(samples), pairs, 2 * BANDS)


class CausalBlock(nn.Module):
    """A gated dilated convolution over the past beside the identity; the past it needs comes and goes as a state."""

    def __init__(self, dilation: int, dropout: float) -> None:
        super().__init__()
        self.past = dilation * (TAPS - 1)
        self.norm = nn.LayerNorm(HIDDEN)
        self.wide = nn.Conv1d(HIDDEN, 2 * HIDDEN, TAPS, dilation=dilation)
        self.out = nn.Conv1d(HIDDEN, HIDDEN, 1)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """(B, T, HIDDEN) and (B, HIDDEN, past) -> the same."""
        heard = torch.cat([state, self.norm(x).transpose(1, 2)], 2)
        y = self.out(functional.glu(self.wide(heard), 1))
        return x + self.dropout(y).transpose(1, 2), heard[:, :, heard.shape[2] - self.past :]


class LiveNetwork(nn.Module):
    """Log mel energies (B, T, 160) and states -> logits (B, T, 58) and new states; frame t answers for t - AHEAD."""

    def __init__(self, dropout: float = 0.1) -> None:
        super().__init__()
        self.into = nn.Linear(2 * BANDS, HIDDEN)
        self.blocks = nn.ModuleList(CausalBlock(dilation, dropout) for dilation in DILATIONS)
        self.out = nn.Sequential(nn.LayerNorm(HIDDEN), nn.Linear(HIDDEN, OUTPUTS))

    def states(self, batch: int) -> list[Tensor]:
        """The states before the first sound."""
        return [torch.zeros(batch, HIDDEN, cast(CausalBlock, block).past) for block in self.blocks]

    def forward(self, energies: Tensor, states: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """Return logits and states."""
        x = self.into(energies)
        after = []
        for block, state in zip(self.blocks, states, strict=True):
            x, state = block(x, state)
            after.append(state)
        return self.out(x), after


class Streaming(nn.Module):
    """What is exported: samples (1, N) and states -> arkit (1, M, 52), places (1, M, 5), new states."""

    def __init__(self, network: LiveNetwork, spectrum: Spectrum) -> None:
        super().__init__()
        self.network, self.spectrum, self.face = network, spectrum, Face()

    def forward(self, samples: Tensor, *states: Tensor) -> tuple[Tensor, ...]:
        """Return weights, places and states."""
        logits, after = self.network(self.spectrum(samples), list(states))
        weights, places = self.face(logits)
        return (weights, places, *after)


@dataclass(frozen=True)
class Lesson:
    """A recording as it is heard, what the teacher says of it, and what was tracked.

    Attributes:
        energies: (T, 160) float16 log mel energies; row t ends AHEAD frames after frame t - AHEAD.
        taught: (T, 58) float16: the teacher's weights, closure and places, all in 0..1.
        tracked: (T, 2) float32 opening and width, NaN where nobody was tracked.
        high: the 95th percentile of the tracked opening, 0 where there is none.
    """

    energies: Tensor
    taught: Tensor
    tracked: Tensor
    high: float


def prepare(samples: FloatArray, spectrum: Spectrum) -> Tensor:
    """(T, 160) float16 energies, T = N // 320 + 1: row t is what has been heard by frame t."""
    count = len(samples) // HOP + 1
    # the second spectrum of a pair is centred on the frame
    before = WINDOW // 2 + HOP // 2
    padded = np.pad(samples, (before, WINDOW))
    with torch.no_grad():
        return spectrum(torch.from_numpy(padded)[None])[0, :count].half()


class Teacher:
    """The shipped network, asked for whole recordings."""

    def __init__(self, path: Path) -> None:
        self._session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])

    def __call__(self, samples: FloatArray) -> FloatArray:
        """(T, 58) weights, closure (mouthClose over jawOpen) and places in 0..1."""
        weights, places = self._session.run(["arkit", "places"], {"samples": samples[None]})
        jaw, close = weights[0, :, ARKIT.index("jawOpen")], weights[0, :, ARKIT.index("mouthClose")]
        closed = np.clip(close / np.maximum(jaw, 0.02), 0, 1)
        return np.concatenate([weights[0], closed[:, None], places[0]], 1).astype(np.float32)


def lessons(data: Path, teacher: Teacher, spectrum: Spectrum, ways: int) -> Iterator[Lesson]:
    """Make the lessons of every recording, each heard in several ways; the teacher always hears it clean."""
    for folder in ("lips_train", "lips_grid", "performance", "speech"):
        for path in sorted((data / folder).glob("*.flac")):
            samples = at_loudness(audio.load(path).samples, LEVEL)
            for piece, first in _pieces(samples):
                tracked, high = _tracked(path, first, len(piece))
                yield from _heard(piece, teacher(piece), tracked, high, spectrum, 1 if folder == "lips_grid" else ways)
    for index, sound in enumerate(nonspeech.sounds(120)):
        count = len(sound) // HOP + 1
        rest = np.zeros((count, OUTPUTS), np.float32)
        rest[:, len(ARKIT)] = 1.0
        level = np.random.default_rng(index).uniform(*_LEVELS)
        yield Lesson(prepare(at_loudness(sound, level), spectrum), torch.from_numpy(rest).half(), _nothing(count), 0.0)


def _pieces(samples: FloatArray) -> Iterator[tuple[FloatArray, int]]:
    """Pieces of at most half a minute, each with its first frame."""
    length = 30 * FPS * HOP
    for first in range(0, max(len(samples) - HOP * FPS // 2, 1), length):
        yield samples[first : first + length], first // HOP


def _heard(
    samples: FloatArray, taught: FloatArray, tracked: Tensor, high: float, spectrum: Spectrum, ways: int
) -> Iterator[Lesson]:
    for way in range(ways + 1):
        generator = np.random.default_rng([way, len(samples)])
        factor = float(np.exp(generator.uniform(-_SPEEDS, _SPEEDS))) if way else 1.0
        sound = roughened(faster(samples, factor), generator) if way else samples
        energies = prepare(at_loudness(sound, generator.uniform(*_LEVELS)), spectrum)
        count = len(energies)
        yield Lesson(energies, _stretched(torch.from_numpy(taught), count).half(), _stretched(tracked, count), high)


def _stretched(values: Tensor, count: int) -> Tensor:
    """(T, K) brought to `count` frames by linear interpolation."""
    if len(values) == count:
        return values
    return functional.interpolate(values.T[None], count, mode="linear", align_corners=True)[0].T.contiguous()


def _tracked(path: Path, first: int, samples: int) -> tuple[Tensor, float]:
    """Opening and width (T, 2) of a piece at the network's rate, NaN where not tracked, and the opening's percentile."""
    count = samples // HOP + 1
    beside = path.with_suffix(".npz")
    curves, fps = np.zeros((0, 2), np.float32), 1.0
    if beside.exists():
        with np.load(beside, allow_pickle=False) as data:
            if "opening" in data.files:
                curves, fps = np.stack([data["opening"], data["width"]], 1).astype(np.float32), float(data["fps"])
    if not len(curves):
        return _nothing(count), 0.0
    position = (first + np.arange(count)) / FPS * fps
    values = np.stack([np.interp(position, np.arange(len(curves)), column) for column in curves.T], 1)
    values[position > len(curves) - 1] = np.nan
    return torch.from_numpy(values.astype(np.float32)), float(np.nanpercentile(curves[:, 0], 95))


def _nothing(count: int) -> Tensor:
    return torch.full((count, 2), float("nan"))


def draw(book: Sequence[Lesson], count: int, generator: np.random.Generator) -> tuple[Tensor, ...]:
    """Draw energies (B, T, 160), taught (B, T, 58), tracked (B, T, 2), valid (B, T), high (B,); long ones more often."""
    length = SECONDS * FPS
    weights = np.sqrt([len(lesson.energies) for lesson in book])
    rows: list[tuple[Tensor, ...]] = []
    for index in generator.choice(len(book), count, p=weights / weights.sum()):
        lesson = book[index]
        first = int(generator.integers(max(len(lesson.energies) - length, 0) + 1))
        cut = slice(first, first + length)
        missing = max(0, length - len(lesson.energies[cut]))
        parts = (lesson.energies[cut].float(), lesson.taught[cut].float(), lesson.tracked[cut])
        padded = [functional.pad(part, (0, 0, 0, missing)) for part in parts]
        valid = functional.pad(torch.ones(length - missing, dtype=torch.bool), (0, missing))
        rows.append((*padded, valid, torch.tensor(lesson.high)))
    energies, taught, tracked, valid, high = (torch.stack(column) for column in zip(*rows, strict=True))
    return energies, taught, tracked, valid, high


def loss_of(network: LiveNetwork, face: Face, lips: Lips, batch: tuple[Tensor, ...]) -> Tensor:
    """What the teacher says in weights, lip vertices and places, and what was tracked, where it was."""
    energies, taught, tracked, valid, high = batch
    logits, _ = network(energies, network.states(len(energies)))
    logits, valid = logits[:, AHEAD:], valid[:, AHEAD:]
    taught, tracked = taught[:, :-AHEAD], tracked[:, :-AHEAD]
    weights, _ = face(logits)
    closure = functional.binary_cross_entropy_with_logits(
        logits[..., len(ARKIT) :], taught[..., len(ARKIT) :], reduction="none"
    )
    loss = 0.5 * lips.performed_loss(weights, taught[..., : len(ARKIT)], valid)
    loss = loss + 2 * (closure.mean(-1) * valid).sum() / valid.sum()
    opening, width = lips.measures(weights)
    wanted, wanted_width = lips.measures(taught[..., : len(ARKIT)])
    loss = (
        loss
        + (1 - correlation(opening, wanted, valid)).mean()
        + 0.5 * (1 - correlation(width, wanted_width, valid)).mean()
    )
    seen = valid & torch.isfinite(tracked).all(-1)
    people = (high > 0) & (seen.sum(1) > FPS)
    if people.any():
        target = torch.nan_to_num(tracked[people])
        loss = loss + 0.7 * lips.tracked_loss(
            weights[people], logits[people][..., len(ARKIT)], target, seen[people], high[people]
        )
    return loss


def train(book: Sequence[Lesson], steps: int, seed: int, checkpoint: Path) -> LiveNetwork:
    """Train the network; a killed run goes on from the checkpoint, which is written every hundred steps."""
    torch.manual_seed(seed)
    network, face, lips = LiveNetwork(), Face(), Lips()
    average = torch.optim.swa_utils.AveragedModel(
        network, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.99)
    )
    optimizer = torch.optim.AdamW(network.parameters(), 2e-3, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2e-3, total_steps=steps, pct_start=0.1)
    parts: dict[str, Any] = {"network": network, "average": average, "optimizer": optimizer, "schedule": schedule}
    first = 0
    if checkpoint.exists():
        saved = torch.load(checkpoint, weights_only=True)
        for name, part in parts.items():
            part.load_state_dict(saved[name])
        first = saved["step"]
    for step in range(first, steps):
        network.train()
        loss = loss_of(network, face, lips, draw(book, EXAMPLES, np.random.default_rng([seed, step])))
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        average.update_parameters(network)
        if (step + 1) % CHECKPOINT_EVERY == 0:
            LOG.info("step %d of %d: loss %.3f", step + 1, steps, float(loss.detach()))
            checkpoint.parent.mkdir(parents=True, exist_ok=True)
            with whole_file(checkpoint) as temporary:
                torch.save({name: part.state_dict() for name, part in parts.items()} | {"step": step + 1}, temporary)
    network.load_state_dict(average.module.state_dict())
    return network.eval()
