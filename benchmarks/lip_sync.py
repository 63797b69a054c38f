"""Score the shipped solver and its live variant beside loudness: `python benchmarks/lip_sync.py ../shared`.

Needs the folder with `data/lips`, `data/performance` and `tools/lip_basis.npz`, the face that all published marks are
measured on: the figures are those of `tools/lip_sync_score.py`. Of `performance`, 1114_2_04 alone never trained.
"""

from __future__ import annotations

import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
from machine import describe

from animcore.audio import recording
from animcore.cli import judge
from animcore.core.vocabulary import ARKIT, ARKIT_INDEX
from animcore.direction import Direction
from animcore.evaluation.face import loading, reference_face
from animcore.evaluation.face.scoring import FaceClip
from animcore.motion import Motion
from animcore.solvers.perform import perform

FPS = Fraction(50)


def by_loudness(clip: recording.AudioClip) -> Motion:
    """Open the jaw as the voice is loud: the baseline that any solver must beat."""
    count = int(clip.duration * FPS) + 1
    step = clip.rate // 50
    padded = np.pad(clip.samples, (step, step * 2))
    power = [np.square(padded[index * step : index * step + 2 * step]).mean() for index in range(count)]
    level = 20 * np.log10(np.sqrt(power) + 1e-5)
    weights = np.zeros((count, len(ARKIT)), np.float32)
    low, high = np.percentile(level, [20, 98])
    weights[:, ARKIT_INDEX["jawOpen"]] = np.clip((level - low) / max(high - low, 1e-3), 0, 1) * 0.5
    return Motion(FPS, arkit=weights)


def main() -> None:
    """Perform every clip with both, judge them and print a table a data set."""
    shared = Path(sys.argv[1] if len(sys.argv) > 1 else "../shared")
    basis = reference_face.load(shared / "tools" / "lip_basis.npz", up=2)
    print(f"machine: {describe()}\ncommand: python {' '.join(sys.argv)}")
    for kind in ("lips", "performance"):
        clips = []
        for path in sorted((shared / "data" / kind).glob("*.flac")):
            sound, truth = recording.load(path), loading.load(path.with_suffix(".npz"), basis)
            motions = {
                "animcore": perform(sound, Direction()),
                "live": perform(sound, Direction(variant="live")),
                "loudness": by_loudness(sound),
            }
            made = {name: [loading.from_motion(motion, path, basis)] for name, motion in motions.items()}
            clips.append(judge.score_clip(FaceClip(path.stem, truth, made), basis))
        print(f"\n{kind}\n{judge.table(judge.aggregate(clips), per_clip=True)}", flush=True)


if __name__ == "__main__":
    main()
