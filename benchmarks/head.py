"""How the head moves beside real heads of other speakers: `python benchmarks/head.py ../shared`.

Prints a table: real heads, the solver, and two baselines on the same voices, a still head and smoothed noise of the
real heads' own spread and speed. Nobody is measured who trained: each speaker of the training folders is held out in
turn and a network trained without them (five seconds each), and the six people of `lips` are measured with the shipped
network. How fast heads are and how much people differ in it, two numbers, are of all speakers. Rotation is beside each
clip's mean and below 5 Hz; speakers count alike, correlations by length.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from machine import describe
from numpy.typing import NDArray

from animcore.direction import Direction
from animcore.solvers.nonverbal import head_motion as solver
from animcore.solvers.nonverbal import head_network
from animcore.speech.prosody import FPS, Prosody, smooth
from animcore.training.head_motion import dataset
from animcore.training.head_motion import train as training
from animcore.training.head_motion.dataset import MEASURED, HeadRecording

Array = NDArray[np.float64]

SEEDS = 20
BANDS = ((0.1, 0.5), (0.5, 1.0), (1.0, 2.0), (2.0, 4.0))  # Hz
LOUDNESS = 0.25  # seconds, standard deviation of the smoothing before speed and loudness are correlated
QUIET = 35.0  # dB below the loudest frames, at which loudness ends
NOD = (0, 8)  # frames after an accent in which a nod goes down
ACCENT = 0.3  # strength from which accents count
MINUTES = 10


@dataclass(frozen=True)
class HeadStatistics:
    """What is compared; names are the columns of the table."""

    spread: Array  # degrees a axis
    mean: float  # degrees a second
    fast: float  # 95th percentile, degrees a second
    bands: Array  # root mean square degrees a second in each band
    speeds: Array  # 99 percentiles, degrees a second
    follows: float  # correlation of speed with loudness
    nod: float  # degrees a second downwards just after accents, more than at other times


def measure(heads: Sequence[HeadRecording]) -> HeadStatistics:
    """Measure heads with their voices."""
    names = sorted({head.speaker for head in heads})
    groups = [[head for head in heads if head.speaker == name] for name in names]

    def alike(value: Callable[[HeadRecording], Array]) -> Array:
        return np.mean([np.mean([value(head) for head in group], axis=0) for group in groups], axis=0)

    speeds = [np.concatenate([_speed(head) for head in group]) for group in groups]
    weights = np.concatenate([np.full(len(own), 1 / len(own)) for own in speeds])
    pooled = np.concatenate(speeds)
    order = np.argsort(pooled)
    percentiles = np.interp(np.arange(1, 100) / 100, np.cumsum(weights[order]) / len(groups), pooled[order])
    lengths = [len(head.degrees) for head in heads]
    return HeadStatistics(
        spread=np.sqrt(alike(lambda head: head.degrees.var(0))),
        mean=float(np.average(pooled, weights=weights)),
        fast=float(percentiles[94]),
        bands=np.sqrt(alike(_power)),
        speeds=percentiles,
        follows=float(np.average([_follows(head) for head in heads], weights=lengths)),
        nod=_nod(heads),
    )


def _velocity(head: HeadRecording) -> Array:
    return np.gradient(head.degrees, 1 / FPS, axis=0)


def _speed(head: HeadRecording) -> Array:
    return np.linalg.norm(_velocity(head), axis=1)


def _power(head: HeadRecording) -> Array:
    """Mean square speed in each band."""
    velocity, window = _velocity(head), np.hanning(len(head.degrees))[:, None]
    power = 2 * np.square(np.abs(np.fft.rfft(velocity * window, axis=0))).sum(1) / (len(window) * (window**2).sum())
    frequency = np.fft.rfftfreq(len(window), 1 / FPS)
    return np.array([power[(frequency >= low) & (frequency < high)].sum() for low, high in BANDS])


def _follows(head: HeadRecording) -> float:
    """Correlation of speed with loudness; 0 for a head that stands still."""
    level = head.prosody.level
    loudness = smooth(np.maximum(level, np.percentile(level, 95) - QUIET), LOUDNESS)
    speed = smooth(_speed(head).astype(np.float32), LOUDNESS)
    return float(np.corrcoef(speed, loudness)[0, 1]) if speed.std() > 0 else 0.0


def _nod(heads: Sequence[HeadRecording]) -> float:
    """Velocity downwards after accents less its mean while somebody speaks."""
    after, always = [], []
    for head in heads:
        down = _velocity(head)[:, 0]
        frames = [round(time * FPS) for time, strength in head.prosody.accents if strength > ACCENT]
        after += [down[frame + NOD[0] : frame + NOD[1]].mean() for frame in frames if frame + NOD[1] < len(down)]
        always.append(down[head.prosody.speaking > 0])
    return float(np.mean(after) - np.concatenate(always).mean())


def solved(head: HeadRecording, seed: int, model: head_network.HeadNetwork | None) -> HeadRecording:
    """The solver's head for the voice of a real one."""
    pose = solver.solve(head.prosody, Direction(seed=seed), model=model).total
    degrees = np.rad2deg(pose.astype(np.float64))
    return replace(head, degrees=degrees - degrees.mean(0))


def noise(head: HeadRecording, seed: int, like: HeadStatistics) -> HeadRecording:
    """Smoothed noise of the spread and the speed of real heads."""
    generator = np.random.default_rng(seed)
    total = np.sqrt(np.square(like.spread).sum())
    # the speed of noise under a Gaussian of standard deviation s is its spread / (s * sqrt(2))
    seconds = total / (np.sqrt(2 * np.square(like.bands).sum()))
    count = len(head.degrees)
    rough = generator.normal(size=(count + 10 * FPS, 3)).astype(np.float32)
    curves = np.stack([smooth(axis, seconds) for axis in rough.T], 1)
    degrees = (curves / curves.std(0))[5 * FPS :][:count] * like.spread
    return replace(head, degrees=degrees - degrees.mean(0))


def drift(heads: Sequence[HeadRecording], make: Callable[[HeadRecording], HeadRecording]) -> float:
    """Largest change over ten minutes in degrees, by a straight line through the minutes' means."""
    changes = []
    for head in heads:
        long = make(replace(head, prosody=repeated(head.prosody), degrees=np.zeros((MINUTES * 60 * FPS, 3))))
        minutes = long.degrees.reshape(MINUTES, -1, 3).mean(1)
        changes.append(np.abs(np.polyfit(np.arange(MINUTES), minutes, 1)[0]).max() * MINUTES)
    return float(np.mean(changes))


def repeated(prosody: Prosody) -> Prosody:
    """A voice over and over for ten minutes."""
    count, length = MINUTES * 60 * FPS, len(prosody.level)
    shifts = np.arange(-(-count // length)) * length / FPS
    end = count / FPS
    return Prosody(
        np.resize(prosody.level, count),
        np.resize(prosody.speaking, count),
        tuple((a + shift, min(b + shift, end)) for shift in shifts for a, b in prosody.phrases if a + shift < end),
        tuple((time + shift, size) for shift in shifts for time, size in prosody.accents if time + shift < end),
    )


def row(name: str, found: HeadStatistics, real: HeadStatistics, drifted: str) -> str:
    """A row of the table."""
    numbers = [*found.spread, found.mean, found.fast, *found.bands]
    distance = np.abs(found.speeds - real.speeds).mean() / real.mean
    return (f"| {name} | " + " | ".join(f"{number:.1f}" for number in numbers)
            + f" | {distance:.2f} | {found.follows:.2f} | {found.nod:+.1f} | {drifted} |")  # fmt: skip


def held_out(data: Path) -> list[tuple[list[HeadRecording], head_network.HeadNetwork]]:
    """Speakers of the training folders, each fold with a network that has not seen it."""
    names, absent = dataset.present(data)
    if absent:
        print(f"left out, not in the data folder: {', '.join(absent)}")
    folds = [[dataset.load(data, name) for name in fold] for fold in names]
    speed = training.speeds([head for fold in folds for head in fold])
    others = [[head for other in folds if other is not fold for head in other] for fold in folds]
    return [(fold, training.train(heads, speed)) for fold, heads in zip(folds, others, strict=True)]


def table(groups: Sequence[tuple[list[HeadRecording], head_network.HeadNetwork | None]]) -> None:
    """Print the rows of groups of real heads, each with its network."""
    real = [head for heads, _ in groups for head in heads]
    like = measure(real)
    print(row("real", like, like, ""))
    pairs = [(head, model) for heads, model in groups for head in heads]
    # a seed draws the speaker's temper too: no two voices share one
    takes = [solved(head, SEEDS * place + seed, model)
             for place, (head, model) in enumerate(pairs) for seed in range(SEEDS)]  # fmt: skip
    far = np.mean([drift(heads[:1], lambda head, model=model: solved(head, 0, model)) for heads, model in groups])
    ours = measure(takes)
    print(row("solver", ours, like, f"{far:.1f}"))
    print(row("still head", measure([replace(head, degrees=0 * head.degrees) for head in real]), like, "0.0"))
    noisy = measure([noise(head, seed, like) for head in real for seed in range(SEEDS)])
    print(
        row(
            "smoothed noise",
            noisy,
            like,
            f"{drift([heads[0] for heads, _ in groups], lambda head: noise(head, 0, like)):.1f}",
        )
    )
    off = [np.abs(a / b - 1).max() for a, b in ((ours.spread, like.spread), (ours.bands, like.bands),
                                                (ours.mean, like.mean), (ours.fast, like.fast))]  # fmt: skip
    print("| solver beside real | " + " | ".join(f"{part:.0%}" for part in (
        *(ours.spread / like.spread - 1), ours.mean / like.mean - 1, ours.fast / like.fast - 1,
        *(ours.bands / like.bands - 1))) + f" | | {ours.follows - like.follows:+.2f} | | |")  # fmt: skip
    print(f"\nworst: spread {off[0]:.0%}, bands {off[1]:.0%}, mean {off[2]:.0%}, fast {off[3]:.0%}\n")


def main() -> None:
    """Print the tables."""
    data = Path(sys.argv[1] if len(sys.argv) > 1 else "../shared") / "data"
    torch.set_num_threads(1)
    print(f"machine: {describe()}\ncommand: python {' '.join(sys.argv)}\n")
    bands = " | ".join(f"{low:g}-{high:g} Hz" for low, high in BANDS)
    head = f"| | X ° | Y ° | Z ° | mean °/s | 95 % °/s | {bands} | speeds apart "
    head += "| with loudness | nod °/s | drift ° |"
    rule = "|" + "---|" * (head.count("|") - 1)
    groups = held_out(data)
    print("speakers of the training folders, each held out in turn\n\n" + head + "\n" + rule)
    table(groups)
    print("the six people of `lips`, the shipped network\n\n" + head + "\n" + rule)
    table([([dataset.load(data, name) for name in MEASURED], None)])


if __name__ == "__main__":
    main()
