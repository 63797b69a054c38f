"""Train and export the live solver: `python -m animcore.training.streaming.train DATA --out assets/solvers`.

The audio encoder is that of the shipped solver, distilled to work step by step with 80 ms of look-ahead
(`distillation`). From its states a small causal network learns the output of the shipped network on the clean recording
(distillation, Hinton et al., 2015), the motion of tracked people, and to rest where there is no voice. See
assets/solvers/live.md.
"""

from __future__ import annotations

import argparse
import json
import logging
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any, cast

import numpy as np
import onnx
import onnxruntime
import torch
from numpy.typing import NDArray
from onnx import numpy_helper
from torch import Tensor, nn
from torch.nn import functional

from animcore.audio import recording
from animcore.core import reading
from animcore.core.vocabulary import ARKIT
from animcore.solvers.speech_face.streaming import LoudnessNormalizer
from animcore.speech.pronunciation import PHONEMES
from animcore.training import onnx_files
from animcore.training.cpu_optimizer import OptimizerSettings, minimize
from animcore.training.lip_sync import synthetic_speech
from animcore.training.lip_sync.augmentation import at_loudness, faster, roughened
from animcore.training.lip_sync.conformer import FEATURES, FPS, HOP, LAYERS, WIDTH
from animcore.training.lip_sync.conformer import metadata as metadata_of_input
from animcore.training.lip_sync.lip_geometry_loss import DifferentiableLips, correlation
from animcore.training.lip_sync.network import FaceDecoder
from animcore.training.lip_sync.onnx_export import TOLERANCE
from animcore.training.lip_sync.recordings import LEVEL
from animcore.training.streaming import distillation
from animcore.training.streaming.causal_conformer import AHEAD, SETTLES, STEP, WINDOW, StreamingEncoder, steps

LOG = logging.getLogger(__name__)

FloatArray = NDArray[np.float32]

OUTPUTS = len(ARKIT) + 1 + len(synthetic_speech.PLACES)
HIDDEN = 160
TAPS = 3
DILATIONS = (1, 2, 4, 8)  # in steps of 40 ms
SECONDS = 6  # length of a training example
PARTS = 3  # of a step, each on a thread of its own,
EXAMPLES = 4  # with so many voices,
RESTS = 1  # and so many sounds that are none
_BATCH = 200  # steps encoded at a time
_LOUDER = 5.0  # dB around `LEVEL` at which a listener's voices come: standard deviation
_OVER = 0.5  # of the other ways have music or the like below the voice
_QUIET = 8  # seconds of each sound that is no voice
_SPEEDS = 0.16  # largest change of speed, as a logarithm
# The folders of audio, in how many augmentations (the first is as it is), and every how manieth file.
_FOLDERS = {"lips_train": (4, 1), "speech": (2, 1), "performance": (1, 1), "lips_grid": (1, 8)}


class CausalBlock(nn.Module):
    """A gated dilated convolution over the past with a residual connection; its past is an explicit state."""

    def __init__(self, dilation: int, dropout: float) -> None:
        super().__init__()
        self.past = dilation * (TAPS - 1)
        self.norm = nn.LayerNorm(HIDDEN)
        self.wide = nn.Conv1d(HIDDEN, 2 * HIDDEN, TAPS, dilation=dilation)
        self.out = nn.Conv1d(HIDDEN, HIDDEN, 1)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """(B, K, HIDDEN) and (B, HIDDEN, past) -> the same."""
        heard = torch.cat([state, self.norm(x).transpose(1, 2)], 2)
        y = self.out(functional.glu(self.wide(heard), 1))
        return x + self.dropout(y).transpose(1, 2), heard[:, :, heard.shape[2] - self.past :]


class LiveHead(nn.Module):
    """States of steps (B, K, 4 * 720) and its past -> logits (B, 2 K, 58) and the new past."""

    def __init__(self, dropout: float = 0.2, input_dropout: float = 0.3) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(WIDTH, elementwise_affine=False)
        self.dropout = nn.Dropout(input_dropout)
        self.into = nn.Linear(AHEAD * FEATURES, HIDDEN)
        self.blocks = nn.ModuleList(CausalBlock(dilation, dropout) for dilation in DILATIONS)
        self.out = nn.Sequential(nn.LayerNorm(HIDDEN), nn.Linear(HIDDEN, STEP * OUTPUTS))

    def past(self, batch: int) -> list[Tensor]:
        """The past before the first sound."""
        return [torch.zeros(batch, HIDDEN, cast(CausalBlock, block).past) for block in self.blocks]

    def forward(self, states: Tensor, past: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """Return logits and the new past."""
        batch, count = states.shape[:2]
        layers = self.norm(states.view(batch, count, AHEAD * (LAYERS + 1), WIDTH))
        x = self.into(self.dropout(layers.reshape(batch, count, AHEAD * FEATURES)))
        after = []
        for block, state in zip(self.blocks, past, strict=True):
            x, state = block(x, state)
            after.append(state)
        return self.out(x).view(batch, count * STEP, OUTPUTS), after


@dataclass(frozen=True)
class StreamingExample:
    """A recording as it is processed live, the teacher's output, and tracked lips; K steps.

    Attributes:
        states: (K, 4 * 720) float16 states of the audio encoder in each step.
        taught: (2 K, 58) float16: the teacher's weights, closure and places, all in 0..1.
        tracked: (2 K, 2) float32 opening and width, NaN where there is no tracking.
        high: the 95th percentile of the tracked opening, 0 where there is none.
    """

    states: Tensor
    taught: Tensor
    tracked: Tensor
    high: float


def encoded(encoder: StreamingEncoder, samples: FloatArray) -> Tensor:
    """(K, 4 * 720) float16 states of the steps of samples (N,), at the loudness of live audio, after silence."""
    level = LoudnessNormalizer(LEVEL)
    heard = steps(torch.from_numpy(samples)[None])
    new = heard[0, :, -STEP * HOP :].numpy()
    factors = torch.from_numpy(np.stack([level.factor(one) for one in new]))
    with torch.no_grad():
        _, past = encoder(torch.zeros(1, SETTLES, WINDOW * HOP), encoder.past(1))
        parts = []
        for first in range(0, len(factors), _BATCH):
            states, past = encoder(heard[:, first : first + _BATCH] * factors[first : first + _BATCH, None], past)
            parts.append(states[0].flatten(1).half())
    return torch.cat(parts)


class Teacher:
    """The shipped network, asked for whole recordings."""

    def __init__(self, path: Path) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

    def __call__(self, samples: FloatArray) -> FloatArray:
        """(T, 58) weights, closure (mouthClose over jawOpen) and places in 0..1."""
        weights, places = self._session.run(["arkit", "places"], {"samples": samples[None]})
        jaw, close = weights[0, :, ARKIT.index("jawOpen")], weights[0, :, ARKIT.index("mouthClose")]
        closed = np.clip(close / np.maximum(jaw, 0.02), 0, 1)
        result: FloatArray = np.concatenate([weights[0], closed[:, None], places[0]], 1).astype(np.float32)
        return result


def training_examples(
    data: Path,
    teacher: Teacher,
    encoder: StreamingEncoder,
    beside: distillation.BackgroundSounds,
    cache: Path,
    threads: int = 1,
) -> list[StreamingExample]:
    """Make (once; cached) the examples of every recording; the teacher's input is always clean."""
    wanted = [
        (f"live-{folder}-{path.stem}.pt", partial(_example, path, ways, teacher, encoder, beside))
        for folder, (ways, every) in _FOLDERS.items()
        for path in sorted((data / folder).glob("*.flac"))[::every]
    ]
    wanted += [
        (f"live-synthetic-{path.stem}.pt", partial(_example, path, 2, teacher, encoder, beside, skip=1))
        for path, _ in synthetic_speech.corpus(cache / "synthetic", 160)
    ]
    with ThreadPoolExecutor(threads) as pool:
        made = pool.map(lambda one: list(_cached(cache / one[0], one[1])), wanted)
        return [example for several in made for example in several]


def rest(
    encoder: StreamingEncoder, beside: distillation.BackgroundSounds, cache: Path, threads: int = 1
) -> list[StreamingExample]:
    """Make (once; cached) the examples without a voice."""
    sounds = beside.sounds[::2]

    def made() -> list[StreamingExample]:
        with ThreadPoolExecutor(threads) as pool:
            return list(pool.map(partial(_resting, encoder), range(len(sounds)), sounds))

    return list(_cached(cache / "live-rest.pt", made))


def _cached(path: Path, make: Any) -> Iterator[StreamingExample]:
    def write(place: Path) -> None:
        torch.save([(one.states, one.taught, one.tracked, one.high) for one in make()], place)

    for row in reading.cached(path, partial(torch.load, weights_only=True), write):
        yield StreamingExample(*row)


def _example(
    path: Path,
    ways: int,
    teacher: Teacher,
    encoder: StreamingEncoder,
    beside: distillation.BackgroundSounds,
    skip: int = 0,
) -> Iterator[StreamingExample]:
    """One recording in several ways, from the way `skip` on; way 0 is as it is."""
    samples = at_loudness(recording.load(path).samples, LEVEL)
    taught = torch.from_numpy(teacher(samples))
    tracked, high = _tracked(path, len(taught))
    for way in range(skip, ways):
        generator = np.random.default_rng([way, *path.stem.encode()])
        factor = float(np.exp(generator.uniform(-_SPEEDS, _SPEEDS))) if way else 1.0
        sound = roughened(faster(samples, factor), generator) if way else samples
        if way and generator.random() < _OVER:
            sound = distillation.mix_background(sound, beside, generator)
        states = encoded(encoder, at_loudness(sound, LEVEL + generator.normal() * _LOUDER))
        count = STEP * len(states)
        yield StreamingExample(states, _stretched(taught, count).half(), _stretched(tracked, count), high)


def _resting(encoder: StreamingEncoder, index: int, sound: FloatArray) -> StreamingExample:
    """A sound that is no voice, to which the face rests with closed lips."""
    generator = np.random.default_rng([31, index])
    sound = sound[: _QUIET * recording.RATE]
    heard = roughened(sound, generator) if index % 2 else sound
    states = encoded(encoder, at_loudness(heard, LEVEL + generator.normal() * _LOUDER))
    resting = torch.zeros(STEP * len(states), OUTPUTS)
    resting[:, len(ARKIT)] = 1.0
    return StreamingExample(states, resting.half(), _nothing(len(resting)), 0.0)


def _stretched(values: Tensor, count: int) -> Tensor:
    """(T, K) brought to `count` frames by linear interpolation, or by one more frame like the last."""
    if abs(len(values) - count) < STEP:
        return torch.cat([values, values[-1:].expand(STEP, -1)])[:count].clone()
    return functional.interpolate(values.T[None], count, mode="linear", align_corners=True)[0].T.contiguous()


def _tracked(path: Path, count: int) -> tuple[Tensor, float]:
    """Opening and width (T, 2) at the network's rate, NaN where not tracked, and the opening's percentile."""
    beside = path.with_suffix(".npz")
    if not beside.exists():
        return _nothing(count), 0.0
    data = reading.arrays(beside, ("opening", "width", "fps"))
    if "opening" not in data:
        return _nothing(count), 0.0
    curves, fps = np.stack([data["opening"], data["width"]], 1).astype(np.float32), float(data["fps"])
    position = np.arange(count) / FPS * fps
    values = np.stack([np.interp(position, np.arange(len(curves)), column) for column in curves.T], 1)
    values[position > len(curves) - 1] = np.nan
    return torch.from_numpy(values.astype(np.float32)), float(np.nanpercentile(curves[:, 0], 95))


def _nothing(count: int) -> Tensor:
    return torch.full((count, 2), float("nan"))


def draw(
    book: Sequence[StreamingExample], quiet: Sequence[StreamingExample], generator: np.random.Generator
) -> tuple[Tensor, ...]:
    """Draw states (B, K, 2880), taught (B, 2 K, 58), tracked (B, 2 K, 2), valid (B, 2 K), high (B,)."""
    length = SECONDS * FPS // STEP
    weights = np.sqrt([len(example.states) for example in book])  # long ones more often
    chosen = [book[index] for index in generator.choice(len(book), EXAMPLES, p=weights / weights.sum())]
    chosen += [quiet[index] for index in generator.choice(len(quiet), RESTS)]
    rows: list[tuple[Tensor, ...]] = []
    for example in chosen:
        first = int(generator.integers(max(len(example.states) - length, 0) + 1))
        heard = example.states[first : first + length].float()
        cut = slice(STEP * first, STEP * (first + length))
        missing = length - len(heard)
        rows.append(
            (
                functional.pad(heard, (0, 0, 0, missing)),
                functional.pad(example.taught[cut].float(), (0, 0, 0, STEP * missing)),
                functional.pad(example.tracked[cut], (0, 0, 0, STEP * missing)),
                functional.pad(torch.ones(STEP * len(heard), dtype=torch.bool), (0, STEP * missing)),
                torch.tensor(example.high),
            )
        )
    states, taught, tracked, valid, high = (torch.stack(column) for column in zip(*rows, strict=True))
    return states, taught, tracked, valid, high


def loss_of(head: LiveHead, face: FaceDecoder, lips: DifferentiableLips, batch: tuple[Tensor, ...]) -> Tensor:
    """Losses to the teacher's weights, lip vertices and places, and to tracked lips, where there are any."""
    states, taught, tracked, valid, high = batch
    logits, _ = head(states, head.past(len(states)))
    weights, _ = face(logits)
    certain = functional.binary_cross_entropy_with_logits(
        logits[..., len(ARKIT) :], taught[..., len(ARKIT) :], reduction="none"
    )
    opening, width = lips.measures(weights)
    wanted, wanted_width = lips.measures(taught[..., : len(ARKIT)])
    loss = (
        0.5 * lips.performed_loss(weights, taught[..., : len(ARKIT)], valid)
        + 2 * (certain.mean(-1) * valid).sum() / valid.sum()
        + (1 - correlation(opening, wanted, valid)).mean()
        + 0.5 * (1 - correlation(width, wanted_width, valid)).mean()
    )
    seen = valid & torch.isfinite(tracked).all(-1)
    people = (high > 0) & (seen.sum(1) > FPS)
    if people.any():
        target = torch.nan_to_num(tracked[people])
        closed = logits[people][..., len(ARKIT)]
        loss = loss + lips.tracked_loss(weights[people], closed, target, seen[people], high[people])
    return loss


def train(
    book: Sequence[StreamingExample],
    quiet: Sequence[StreamingExample],
    count: int,
    seed: int,
    checkpoint: Path,
    threads: int = 1,
) -> LiveHead:
    """Train the head; a killed run goes on from the checkpoint, which is written every hundred steps."""
    torch.manual_seed(seed)
    head, face, lips = LiveHead(), FaceDecoder(), DifferentiableLips()
    alone = Lock()

    def one(step: int, part: int) -> Tensor:
        generator = np.random.default_rng([seed, step, part])
        batch = draw(book, quiet, generator)
        with alone:  # all threads share the chance by which numbers are dropped: each part begins it anew
            torch.manual_seed(int(generator.integers(2**62)))
            return loss_of(head, face, lips, batch)

    course = OptimizerSettings("head", count, PARTS, rate=2e-3, decay=0.05, memory=0.99, every=100)
    minimize(head, course, one, checkpoint, threads)
    return head


class StreamingModel(nn.Module):
    """The exported network: samples (1, 1920) and the past -> weights, places, phonemes, the new past."""

    def __init__(self, encoder: StreamingEncoder, head: LiveHead, phonemes: nn.Linear) -> None:
        super().__init__()
        self.encoder, self.head, self.phonemes, self.face = encoder, head, phonemes, FaceDecoder()

    def forward(self, samples: Tensor, *past: Tensor) -> tuple[Tensor, ...]:
        """Return (1, 2, 52), (1, 2, 5), (1, 2, 40) of the two frames that are answered, and the past after them."""
        own = len(self.head.blocks)
        states, kept = self.encoder(samples[:, None], list(past[own:]))
        logits, after = self.head(states.flatten(2), list(past[:own]))
        weights, places = self.face(logits)
        return weights, places, self.phonemes(states[:, 0, :STEP]).softmax(-1), *after, *kept

    def past(self) -> list[Tensor]:
        """The state before the first sample: the head's, then the encoder's."""
        return [*self.head.past(1), *self.encoder.past(1)]


def write(network: StreamingModel, path: Path) -> None:
    """Write the live solver, with metadata on its inputs and outputs, and check it against PyTorch.

    Raises:
        ValueError: when the file's answers differ from PyTorch's.
    """
    samples = torch.randn(1, WINDOW * HOP, generator=torch.Generator().manual_seed(0)) * 0.1
    past = [torch.randn(one.shape, generator=torch.Generator().manual_seed(1)) for one in network.past()]
    metadata = {
        "version": "1",
        "fps": str(FPS),
        "hop": str(HOP),
        "step": str(STEP),
        "ahead": str(AHEAD),
        "window": str(WINDOW),
        "settles": str(SETTLES + sum(dilation * (TAPS - 1) for dilation in DILATIONS)),
        "names": json.dumps(ARKIT),
        "places": json.dumps(list(synthetic_speech.PLACES)),
        "phonemes": json.dumps(PHONEMES),
        "licence": "Apache-2.0; contains the phoneme encoder of hama 1.7.0 (Seongmin Park, Apache-2.0)",
        **metadata_of_input(LEVEL),
    }
    inputs = {"samples": samples, **{f"past_{index}": one for index, one in enumerate(past)}}
    outputs = ["arkit", "places", "phonemes", *(f"after_{index}" for index in range(len(past)))]

    def check(written: Path) -> None:
        session = onnxruntime.InferenceSession(str(written), providers=["CPUExecutionProvider"])
        found = session.run(None, {name: values.numpy() for name, values in inputs.items()})
        with torch.no_grad():
            expected = network(*inputs.values())
        pairs = zip(found, expected, strict=True)
        worst = max(float(np.abs(ours - theirs.numpy()).max()) for ours, theirs in pairs)
        if worst > TOLERANCE:
            raise ValueError(f"{path.name} differs from PyTorch by {worst:g}.")

    onnx_files.write(network, inputs, outputs, path, metadata, check)


def recognizer(path: Path) -> nn.Linear:
    """Return the layer that names phonemes, out of the shipped network (`lip_sync/phoneme_head.py` puts it there)."""
    parts = {one.name: numpy_helper.to_array(one) for one in onnx.load(str(path)).graph.initializer}
    layer = nn.Linear(FEATURES, len(PHONEMES))
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(parts["phonemes_weight"].T.copy()))
        layer.bias.copy_(torch.from_numpy(parts["phonemes_bias"].copy()))
    return layer


def main(arguments: Sequence[str] | None = None) -> None:
    """Train the head and export the live solver."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="folder with lips_train, lips_grid, performance and speech")
    parser.add_argument("--out", type=Path, default=Path("assets/solvers"))
    parser.add_argument("--cache", type=Path, default=Path(".cache/training"), help="hidden states and checkpoints")
    parser.add_argument("--steps", type=int, default=450)
    parser.add_argument("--ear-steps", type=int, default=240)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.set_num_threads(1)  # each thread has examples of its own
    teacher = Teacher(options.out / "articulation.onnx")
    hearing = distillation.distill(
        options.data, options.out / "articulation.onnx", options.ear_steps, options.cache, options.threads
    )
    beside = distillation.background_sounds(options.cache)
    own = options.cache / f"ear-{options.ear_steps}"  # states depend on the encoder
    book = training_examples(options.data, teacher, hearing, beside, own, options.threads)
    quiet = rest(hearing, beside, own, options.threads)
    LOG.info("%d examples, %.0f minutes", len(book), sum(len(one.states) for one in book) * STEP / FPS / 60)
    head = train(book, quiet, options.steps, 0, own / "live.pt", options.threads)
    named = recognizer(options.out / "articulation.onnx")
    write(StreamingModel(hearing, head, named).eval(), options.out / "live.onnx")


if __name__ == "__main__":
    main()
