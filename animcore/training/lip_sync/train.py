"""Train and export the articulation solver: `python -m animcore.training.lip_sync.train DATA --out assets/solvers`.

The encoder stays as it was trained; three heads learn from different seeds and vote. See assets/solvers/articulation.md
for the data, the licences and what came of it.
"""

from __future__ import annotations

import argparse
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from animcore.core.vocabulary import ARKIT
from animcore.training.cpu_optimizer import OptimizerSettings, minimize
from animcore.training.lip_sync import conformer, onnx_export, recordings
from animcore.training.lip_sync.lip_geometry_loss import DifferentiableLips
from animcore.training.lip_sync.network import FaceDecoder, LipSyncHead, LipSyncModel
from animcore.training.lip_sync.recordings import LipSyncClip

LOG = logging.getLogger(__name__)

HELD_OUT = "1114_2_04"  # the performance of the validation split, for the model card's lip vertex error
SECONDS = 6  # length of a training example
CHECKPOINT_EVERY = 100  # steps


@dataclass(frozen=True)
class TeacherKind:
    """One kind of teacher: its clips, and how many examples of it a step sees."""

    clips: list[LipSyncClip]
    examples: int

    def batch(self, generator: np.random.Generator) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Draw states (B, T, 720), targets (B, T, K), valid (B, T), opening percentiles (B,); long clips more often."""
        seconds = np.sqrt([clip.seconds for clip in self.clips])
        chosen = generator.choice(len(self.clips), self.examples, p=seconds / seconds.sum())
        length = SECONDS * conformer.FPS
        parts: list[tuple[Tensor, Tensor, Tensor]] = []
        for index in chosen:
            ways = self.clips[index].recordings
            way = ways[generator.integers(len(ways))]
            first = int(generator.integers(max(len(way.states) - length, 0) + 1))
            cut = slice(first, first + length)
            missing = max(0, length - len(way.states[cut]))
            parts.append(
                (
                    functional.pad(way.states[cut].float(), (0, 0, 0, missing)),
                    functional.pad(way.target[cut], (0, 0, 0, missing)),
                    functional.pad(way.valid[cut], (0, missing)),
                )
            )
        states, target, valid = (torch.stack(column) for column in zip(*parts, strict=True))
        return states, target, valid, torch.tensor([self.clips[index].high for index in chosen])


@dataclass(frozen=True)
class Teachers:
    """Everything a head learns from."""

    people: TeacherKind
    grid: TeacherKind
    performance: TeacherKind
    synthetic: TeacherKind
    unspoken: TeacherKind


def load(data: Path, cache: Path) -> Teachers:
    """Encode (once; cached) and load all teachers of a data folder."""
    encoder = conformer.pretrained()
    LOG.info("encoding; the first time takes some minutes")
    performance = recordings.performed(data / "performance", encoder, cache, 4)
    return Teachers(
        people=TeacherKind(recordings.tracked(data / "lips_train", encoder, cache, 6), 8),
        grid=TeacherKind(recordings.tracked(data / "lips_grid", encoder, cache, 2), 2),
        performance=TeacherKind([clip for clip in performance if clip.name != HELD_OUT], 3),
        synthetic=TeacherKind(recordings.spoken(encoder, cache, 480), 3),
        unspoken=TeacherKind(recordings.unspoken(encoder, cache, 210), 2),
    )


def loss_of(
    head: LipSyncHead, face: FaceDecoder, lips: DifferentiableLips, teachers: Teachers, generator: np.random.Generator
) -> Tensor:
    """One draw from every teacher, weighed."""

    def tracked(kind: TeacherKind) -> Tensor:
        states, target, valid, high = kind.batch(generator)
        logits = head(states)
        return lips.tracked_loss(face(logits)[0], logits[..., len(ARKIT)], target, valid, high)

    states, target, valid, _ = teachers.performance.batch(generator)
    performed = lips.performed_loss(face(head(states))[0], target, valid)
    states, target, valid, _ = teachers.synthetic.batch(generator)
    places = _places_loss(head(states), target, valid)
    states, target, valid, _ = teachers.unspoken.batch(generator)
    logits = head(states)
    silent = lips.rest_loss(face(logits)[0], logits[..., len(ARKIT)], valid) + _places_loss(logits, target, valid)
    voiced = 0.8 * tracked(teachers.people) + 0.2 * tracked(teachers.grid) + performed + 2 * places
    return voiced + 0.1 * silent


def _places_loss(logits: Tensor, target: Tensor, valid: Tensor) -> Tensor:
    """Binary cross-entropy of the places of articulation (B, T, 5) over the valid frames."""
    entropy = functional.binary_cross_entropy_with_logits(logits[..., len(ARKIT) + 1 :], target, reduction="none")
    return (entropy.mean(-1) * valid).sum() / valid.sum()


def train(teachers: Teachers, steps: int, seed: int, checkpoint: Path) -> LipSyncHead:
    """Train one head; a killed run goes on from the checkpoint, which is written every hundred steps."""
    torch.manual_seed(seed)
    head, face, lips = LipSyncHead(), FaceDecoder(), DifferentiableLips()

    def one(step: int, _part: int) -> Tensor:
        return loss_of(head, face, lips, teachers, np.random.default_rng([seed, step]))

    course = OptimizerSettings(
        f"head {seed}", steps, parts=1, rate=2e-3, decay=0.05, memory=0.99, every=CHECKPOINT_EVERY
    )
    minimize(head, course, one, checkpoint)
    return head


def main(arguments: Sequence[str] | None = None) -> None:
    """Train all heads and export the solver."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="folder with lips_train, lips_grid and performance")
    parser.add_argument("--out", type=Path, default=Path("assets/solvers"))
    parser.add_argument("--cache", type=Path, default=Path(".cache/training"), help="hidden states and checkpoints")
    parser.add_argument("--steps", type=int, default=450)
    parser.add_argument("--heads", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.set_num_threads(options.threads)
    teachers = load(options.data, options.cache)
    heads = [train(teachers, options.steps, seed, options.cache / f"head-{seed}.pt") for seed in range(options.heads)]
    onnx_export.write(LipSyncModel(conformer.pretrained(), heads).eval(), options.out / "articulation.onnx")


if __name__ == "__main__":
    main()
