"""Each clip of `performance` left out in turn: `python benchmarks/leave_one_out.py ../shared --cache .cache/training`.

Prints the lip vertex error (mm) of every clip, made by heads that learned from the other four, and the correlation of
jawOpen. The ear has been trained before, on other data; what it hears is kept in the cache. The ways:

    mean        the other clips' mean pose: what must be beaten
    loudness    least squares on loudness alone, half a second around each frame
    linear      ridge regression on what the ear says and on loudness
    animator    a head of the shipped kind that learns from the four performances alone, by the lip vertex error itself
    two hands   one network, in which tracked people and the animator have output layers of their own
    shipped     the shipped recipe, one head: tracked people, voices, noise and the animator through one output layer

`after 20 s` is the same prediction with each shape scaled and moved as the first 20 s of the clip say, measured on the
rest: what knowing a performer's size and habits would bring. `--way NAME` chooses; shipped takes half an hour.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch
from machine import describe
from numpy.typing import NDArray
from torch import Tensor, nn

from animcore.audio import recording
from animcore.core.vocabulary import ARKIT
from animcore.evaluation.face import loading, reference_face
from animcore.evaluation.face.scoring import score
from animcore.training.lip_sync import conformer, recordings, train
from animcore.training.lip_sync.lip_geometry_loss import DifferentiableLips
from animcore.training.lip_sync.network import HIDDEN, FaceDecoder, LipSyncHead
from animcore.training.lip_sync.recordings import LipSyncClip
from animcore.training.lip_sync.train import TeacherKind, Teachers

Array = NDArray[np.float64]

KNOWN = 20  # seconds of a clip that a performer's habits are taken from
STEPS = {"animator": 250, "two hands": 300, "shipped": 450}
EXAMPLES = 6  # performances that a step sees
AROUND = 12  # frames to each side that the linear ways see
COMPONENTS = 96  # principal components of the ear's states
RIDGE = 1e4


@dataclass(frozen=True)
class Fold:
    """One clip left out: it, the others, the folder of sounds, other teachers where a way needs them, who judges."""

    held: LipSyncClip
    others: list[LipSyncClip]
    folder: Path
    teachers: Teachers | None
    cache: Path
    basis: reference_face.ReferenceFace


def mean(fold: Fold) -> Array:
    """The others' mean pose."""
    pose = torch.cat([clip.recordings[0].target for clip in fold.others]).mean(0)
    return np.tile(pose.numpy().astype(np.float64), (len(fold.held.recordings[0].target), 1))


def loudness(fold: Fold) -> Array:
    """Least squares on loudness."""
    return _ridge(fold, lambda clip: around(levels(fold.folder, clip), AROUND, 1), 1e2)


def linear(fold: Fold) -> Array:
    """Ridge regression on the ear's states and loudness."""
    states = np.concatenate([normal(clip) for clip in fold.others])
    middle = states.mean(0)
    _, axes = np.linalg.eigh(np.cov((states[::3] - middle).T))
    axes = axes[:, ::-1][:, :COMPONENTS]
    size = ((states[::7] - middle) @ axes).std(0)

    def features(clip: LipSyncClip) -> Array:
        heard = around((normal(clip) - middle) @ axes / size, 10, 2)
        return np.concatenate([heard, 3 * around(levels(fold.folder, clip), AROUND, 2)], 1)

    return _ridge(fold, features, RIDGE)


def _ridge(fold: Fold, features: Callable[[LipSyncClip], Array], strength: float) -> Array:
    def with_one(clip: LipSyncClip) -> Array:
        values = features(clip)
        return np.concatenate([values, np.ones((len(values), 1))], 1)

    inputs = np.concatenate([with_one(clip) for clip in fold.others])
    targets = np.concatenate([clip.recordings[0].target.numpy() for clip in fold.others])
    found = np.linalg.solve(inputs.T @ inputs + strength * np.eye(inputs.shape[1]), inputs.T @ targets)
    return np.clip(with_one(fold.held) @ found, 0, 1)


def around(values: Array, frames: int, step: int) -> Array:
    """(T, K) -> (T, K * N): each frame with those around it."""
    padded = np.pad(values, ((frames, frames), (0, 0)), mode="edge")
    shifts = range(0, 2 * frames + 1, step)
    return np.concatenate([padded[shift : shift + len(values)] for shift in shifts], 1)


def normal(clip: LipSyncClip) -> Array:
    """(T, 720) states of the clip as it is, each layer normalised as the heads do it."""
    states = clip.recordings[0].states.numpy().astype(np.float64)
    layers = states.reshape(len(states), conformer.LAYERS + 1, conformer.WIDTH)
    layers = (layers - layers.mean(2, keepdims=True)) / (layers.std(2, keepdims=True) + 1e-5)
    return layers.reshape(len(states), -1)


def levels(folder: Path, clip: LipSyncClip) -> Array:
    """(T, 2) how loud the sound is: in decibels, and as amplitude."""
    sound = recording.load(folder / f"{clip.name}.flac")
    assert sound.facts.loudness is not None
    samples = sound.samples * 10 ** ((recordings.LEVEL - sound.facts.loudness) / 20)
    power = np.convolve(np.square(samples.astype(np.float64)), np.ones(640) / 640, "same")[:: conformer.HOP]
    power = np.pad(power, (0, 1), mode="edge")[: len(clip.recordings[0].states)]
    return np.stack([np.clip(10 * np.log10(power + 1e-6) / 20 + 1.5, -1, 2), 10 * np.sqrt(power)], 1)


class TwoOutputNetwork(nn.Module):
    """One network with two output layers: tracked people's, with the closing of the lips, and the animator's."""

    def __init__(self) -> None:
        super().__init__()
        self.head, self.face = LipSyncHead(), FaceDecoder()
        self.animator = nn.Sequential(nn.LayerNorm(HIDDEN), nn.Linear(HIDDEN, len(ARKIT)))
        with torch.no_grad():
            self.animator[1].weight.mul_(0.3)
            self.animator[1].bias.copy_(self.head.out[1].bias[: len(ARKIT)])

    def forward(self, states: Tensor) -> Tensor:
        """(B, T, 720) -> the animator's weights (B, T, 52)."""
        return torch.sigmoid(self.animator(self._said(states)))

    def people(self, states: Tensor) -> tuple[Tensor, Tensor]:
        """(B, T, 720) -> tracked people's weights (B, T, 52) and the logit of closed lips (B, T)."""
        logits = self.head.out(self._said(states))
        return self.face(logits)[0], logits[..., len(ARKIT)]

    def _said(self, states: Tensor) -> Tensor:
        head = self.head
        layers = head.norm(states.view(*states.shape[:2], conformer.LAYERS + 1, conformer.WIDTH))
        return head.blocks(head.into(head.dropout(layers.reshape(states.shape))))


def animator(fold: Fold) -> Array:
    """Learn from the performances alone."""
    return _taught(fold, None, "animator")


def two_hands(fold: Fold) -> Array:
    """Learn from tracked people too, but not from their hand."""
    return _taught(fold, fold.teachers, "two hands")


def _taught(fold: Fold, teachers: Teachers | None, way: str) -> Array:
    torch.manual_seed(0)
    net, lips, performance = TwoOutputNetwork(), DifferentiableLips(), TeacherKind(fold.others, EXAMPLES)
    # as the judge's face moves: its lips take the tongue in, which the shipped face's do not
    deltas = torch.from_numpy(fold.basis.lip_deltas[:, ::4].astype(np.float32))
    average = torch.optim.swa_utils.AveragedModel(net, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.98))
    optimizer = torch.optim.AdamW(net.parameters(), 2e-3, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2e-3, total_steps=STEPS[way], pct_start=0.1)
    for step in range(STEPS[way]):
        generator = np.random.default_rng([0, step])
        states, target, valid, _ = performance.batch(generator)
        offsets = torch.einsum("btk,kpc->btpc", net(states) - target, deltas)
        furthest = (offsets.square().sum(-1) + 1e-10).sqrt().amax(-1) * 1000
        loss = 0.5 * (furthest * valid).sum() / valid.sum()
        for kind, share in ((teachers.people, 0.8), (teachers.grid, 0.2)) if teachers else ():
            states, target, valid, high = TeacherKind(kind.clips, max(1, kind.examples // 2)).batch(generator)
            loss = loss + share * lips.tracked_loss(*net.people(states), target, valid, high)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        average.update_parameters(net)
    return _answer(average.module.eval(), fold)


def shipped(fold: Fold) -> Array:
    """The shipped recipe without this clip."""
    assert fold.teachers is not None
    steps = STEPS["shipped"]
    teachers = Teachers(**{**vars(fold.teachers), "performance": TeacherKind(fold.others, 3)})
    head = train.train(teachers, steps, 0, fold.cache / f"head-without-{fold.held.name}-0-{steps}.pt")
    return _answer(lambda states: FaceDecoder()(head(states))[0], fold)


def _answer(net: Callable[[Tensor], Tensor], fold: Fold) -> Array:
    with torch.no_grad():
        return net(fold.held.recordings[0].states[None].float())[0].numpy().astype(np.float64)


WAYS: dict[str, Callable[[Fold], Array]] = {
    "mean": mean,
    "loudness": loudness,
    "linear": linear,
    "animator": animator,
    "two hands": two_hands,
    "shipped": shipped,
}
_NEED_TEACHERS = ("two hands", "shipped")


def after(seconds: float, weights: Array, fold: Fold) -> Array:
    """Each shape scaled and moved as the first seconds of the clip say."""
    count = int(seconds * conformer.FPS)
    truth = fold.held.recordings[0].target.numpy()[:count]
    known = weights[:count]
    moved = known - known.mean(0)
    slope = (moved * (truth - truth.mean(0))).mean(0) / (np.square(moved).mean(0) + 1e-4)
    return np.clip((weights - known.mean(0)) * slope + truth.mean(0), 0, 1)


def scores(weights: Array, fold: Fold, start: float = 0.0) -> tuple[float, float]:
    """Lip vertex error in mm and correlation of jawOpen, from a second on."""
    path, basis = fold.folder / f"{fold.held.name}.npz", fold.basis
    truth = loading.load(path, basis)
    assert truth.weights is not None
    rate, first = Fraction(conformer.FPS), int(start * truth.rate)
    cut = truth.weights[first:]
    rest = loading.FaceTake(path, truth.rate, basis.opening(cut), basis.width(cut), first / float(truth.rate), cut)
    made = loading.FaceTake(path, rate, basis.opening(weights), basis.width(weights), 0.0, weights)
    values = score(rest, [made], basis).values
    return values["lve_mm"], values["r_jaw"]


def report(way: str, folds: Sequence[Fold]) -> None:
    """Print a row of the table for a way."""
    plain, jaws, rest, known = [], [], [], []
    for fold in folds:
        weights = WAYS[way](fold)
        error, jaw = scores(weights, fold)
        plain.append(error)
        jaws.append(jaw)
        rest.append(scores(weights, fold, KNOWN)[0])
        known.append(scores(after(KNOWN, weights, fold), fold, KNOWN)[0])
    cells = " | ".join(f"{error:.2f} ({jaw:.2f})" for error, jaw in zip(plain, jaws, strict=True))
    means = f"{np.mean(plain):.2f} | {np.mean(rest):.2f} | {np.mean(known):.2f}"
    print(f"| {way} | {cells} | {means} |", flush=True)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shared", type=Path, nargs="?", default=Path("../shared"))
    parser.add_argument("--cache", type=Path, default=Path(".cache/training"), help="that of training.articulation")
    parser.add_argument("--way", action="append", choices=WAYS, help="may be repeated; all of them without")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    print(f"machine: {describe()}\ncommand: python benchmarks/leave_one_out.py\n")
    ways = options.way or list(WAYS)
    data = options.shared / "data"
    clips = recordings.performed(data / "performance", conformer.pretrained(), options.cache, 4)
    teachers = train.load(data, options.cache) if set(ways) & set(_NEED_TEACHERS) else None
    basis = reference_face.load(options.shared / "tools" / "lip_basis.npz", up=2)
    folds = [
        Fold(
            clip, [other for other in clips if other is not clip], data / "performance", teachers, options.cache, basis
        )
        for clip in clips
    ]
    names = " | ".join(fold.held.name for fold in folds)
    print(f"| left out: lve_mm (r_jaw) | {names} | mean | mean from {KNOWN} s on | after {KNOWN} s |")
    print("|---" * (len(folds) + 4) + "|")
    for way in ways:
        report(way, folds)


if __name__ == "__main__":
    main()
