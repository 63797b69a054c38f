"""Train the head solver in a minute: `python -m animcore.training.head_motion.train DATA --out assets/solvers`.

DATA holds `headpose` and `lips_train`; `dataset` lists which clips train and why, assets/solvers/head.md the results
of it. Every head is brought to the same speed, since people differ by a factor of four in it and five minutes of them
cannot tell why; mirror images and the four ways to begin a step make them eight times as many.
"""

from __future__ import annotations

import argparse
import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from animcore.core.atomic_files import whole_file
from animcore.solvers.nonverbal import head_network
from animcore.solvers.nonverbal.head_network import (
    BACK,
    DRAWN,
    GAUSSIANS,
    HEARD,
    HISTORY,
    POSITION,
    SECONDS,
    STEP,
    HeadNetwork,
)
from animcore.speech.prosody import FPS
from animcore.training.head_motion import dataset
from animcore.training.head_motion.dataset import FloatArray, HeadRecording

LOG = logging.getLogger(__name__)

WIDTH = 48
STEPS = 800  # beyond, speakers of the validation split are predicted worse
_BATCH = 256
_RATE = 3e-3
_DROPPED = 0.1
_ROUGHENED = 0.05  # noise on the past: in use, the past is the network's own and never quite as people's
_UNSURE = 0.3  # noise on the temper, so that it does not identify a speaker
_DRAWS = 4  # takes for each voice, by which the speed is set
_MIRROR = (1.0, -1.0, -1.0)


class TrainableHeadNetwork(nn.Module):
    """The layers of `head_network.HeadNetwork`, to be trained."""

    def __init__(self) -> None:
        super().__init__()
        memory, voice = 3 + 3 * HISTORY, HEARD * (BACK + head_network.AHEAD + 1) + 1  # and the temper
        self.past = nn.Linear(memory, WIDTH)
        self.voice = nn.Linear(voice, WIDTH, bias=False)
        self.middle = nn.Linear(WIDTH, WIDTH)
        self.last = nn.Linear(WIDTH, GAUSSIANS * DRAWN)
        self.carry = nn.Linear(memory, 3)
        self.dropped = nn.Dropout(_DROPPED)
        nn.init.zeros_(self.carry.weight)
        nn.init.zeros_(self.carry.bias)

    def forward(self, memory: Tensor, voice: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return logits (B, K), means (B, K, 3) and scales (B, K, 6) of the next velocity."""
        hidden = torch.tanh(self.past(memory) + self.voice(voice))
        hidden = torch.tanh(self.middle(self.dropped(hidden)))
        gaussians = self.last(hidden).view(-1, GAUSSIANS, DRAWN)
        return gaussians[..., 0], self.carry(memory)[:, None] + gaussians[..., 1:4], gaussians[..., 4:]

    def model(self, speed: FloatArray) -> HeadNetwork:
        """Return what the solver needs."""
        arrays: dict[str, FloatArray] = {"speed": speed}
        for name, values in self.named_parameters():
            arrays[name.removesuffix(".weight").replace(".bias", "_bias")] = values.detach().numpy().copy()
        return HeadNetwork(**arrays)


def negative_log_likelihood(guess: tuple[Tensor, Tensor, Tensor], velocity: Tensor) -> Tensor:
    """(B,) negative logarithm of how likely velocities (B, 3) were held, up to a constant."""
    logits, means, scales = guess
    x, y, z = (velocity[:, None] - means).unbind(-1)
    first = scales[..., 0].exp() * x
    second = scales[..., 1].exp() * y + scales[..., 3] * x
    third = scales[..., 2].exp() * z + scales[..., 4] * x + scales[..., 5] * y
    likely = scales[..., :3].sum(-1) - 0.5 * (first.square() + second.square() + third.square())
    return -torch.logsumexp(torch.log_softmax(logits, -1) + likely, -1)


def examples(
    head: HeadRecording, temper: float, start: int, mirrored: bool
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Memory (N, 27), audio features (N, 46) and targets (N, 3) of the network, from a frame on in steps."""
    places = head.degrees[start::STEP] / head.speed
    if mirrored:
        places = places * _MIRROR
    velocities = np.diff(places, axis=0) / SECONDS
    voice = head_network.windows(head_network.input_features(head.prosody)[start::STEP])
    voice = np.column_stack([voice, np.full(len(voice), temper, np.float32)])
    # step t goes from place t - 1 to place t, and remembers the velocities before it
    steps = np.arange(HISTORY + 1, len(places))
    before = np.stack([velocities[steps - 1 - HISTORY + index] for index in range(HISTORY)], 1).reshape(len(steps), -1)
    memory = np.concatenate([POSITION * places[steps - 1], before], 1)
    return memory.astype(np.float32), voice[steps], velocities[steps - 1].astype(np.float32)


def train(heads: Sequence[HeadRecording], speed: FloatArray, seed: int = 0, steps: int = STEPS) -> HeadNetwork:
    """Train on heads.

    Args:
        heads: a clip counts by the square root of its length, so that no speaker outweighs the others.
        speed: as `speeds` gives it, of these heads or of more.
        seed: of the network.
        steps: of 256 examples each.
    """
    torch.manual_seed(seed)
    generator = np.random.default_rng(seed)
    tempers = {head.name: float((np.log(head.speed) - speed[0]) / speed[1]) for head in heads}
    ways = [
        (head, tempers[head.name], start, mirrored)
        for head in heads
        for start in range(STEP)
        for mirrored in (False, True)
    ]
    parts = [examples(*way) for way in ways]
    odds = np.concatenate([np.full(len(part[0]), len(way[0].degrees) ** -0.5)
                           for way, part in zip(ways, parts, strict=True)])  # fmt: skip
    memory, voice, velocity = (torch.from_numpy(np.concatenate(column)) for column in zip(*parts, strict=True))
    network = TrainableHeadNetwork()
    optimizer = torch.optim.AdamW(network.parameters(), _RATE, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, _RATE, total_steps=steps)
    for step in range(steps):
        chosen = torch.from_numpy(generator.choice(len(odds), _BATCH, p=odds / odds.sum()))
        rough = memory[chosen] + _ROUGHENED * torch.randn(_BATCH, memory.shape[1])
        sound = voice[chosen]
        sound[:, -1] += _UNSURE * torch.randn(_BATCH)
        loss = negative_log_likelihood(network(rough, sound), velocity[chosen]).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if (step + 1) % 200 == 0:
            LOG.info("step %d of %d: %.3f", step + 1, steps, float(loss.detach()))
    return calibrated(network.model(speed), heads)


def calibrated(model: HeadNetwork, heads: Sequence[HeadRecording]) -> HeadNetwork:
    """Return the model at the speed of people: on its own output a network moves a little less than it learned to."""
    own = replace(model, speed=np.zeros(2, np.float32))
    logarithms = []
    for temper in (-1.0, 1.0):
        ways = [own.walk(head.prosody, np.random.default_rng([seed]), temper)
                for head in heads for seed in range(_DRAWS)]  # fmt: skip
        square = np.mean([np.square(np.gradient(way, 1 / FPS, axis=0)).sum(1).mean() for way in ways])
        logarithms.append(np.log(square) / 2)
    calm, lively = logarithms
    return replace(model, speed=model.speed - np.array([(calm + lively) / 2, (lively - calm) / 2], np.float32))


def speeds(heads: Sequence[HeadRecording]) -> FloatArray:
    """(2,) mean and standard deviation over speakers of the logarithm of their speed in degrees a second."""
    own: dict[str, list[float]] = {}
    for head in heads:
        own.setdefault(head.speaker, []).append(head.speed)
    logarithms = np.log([np.mean(values) for values in own.values()])
    return np.array([logarithms.mean(), logarithms.std(ddof=1)], np.float32)


def write(model: HeadNetwork, path: Path) -> None:
    """Write the weights as the solver reads them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, **{name: np.asarray(value, np.float32) for name, value in vars(model).items()})


def main(arguments: Sequence[str] | None = None) -> None:
    """Train on all speakers but those of `lips`, and write head.npz."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="folder with headpose and lips_train")
    parser.add_argument("--out", type=Path, default=Path("assets/solvers"))
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.set_num_threads(1)
    folds, absent = dataset.present(options.data)
    if absent:
        logging.warning("left out, not in the data folder: %s", ", ".join(absent))
    heads = [dataset.load(options.data, name) for fold in folds for name in fold]
    write(train(heads, speeds(heads)), options.out / "head.npz")


if __name__ == "__main__":
    main()
