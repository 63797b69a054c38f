"""Score the shipped solver beside loudness alone: `python benchmarks/lip_sync.py ../shared`.

Needs the folder with `data/lips`, `data/performance` and `tools/lip_sync_score.py`. Writes the predictions to a
temporary folder and prints the tool's tables, of both, in one run. Of `performance`, 1114_2_04 alone never trained.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
from machine import describe

from animcore import audio
from animcore.direction import Direction
from animcore.motion import Motion
from animcore.names import ARKIT, ARKIT_INDEX
from animcore.solvers.performance import perform

FPS = Fraction(50)


def by_loudness(clip: audio.AudioClip) -> Motion:
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
    """Predict, then let the tool score both solvers on both sets."""
    shared = Path(sys.argv[1] if len(sys.argv) > 1 else "../shared")
    print(f"machine: {describe()}\ncommand: python {' '.join(sys.argv)}")
    with tempfile.TemporaryDirectory() as folder:
        for kind in ("lips", "performance"):
            for solver in ("loudness", "animcore"):
                (Path(folder) / solver / kind).mkdir(parents=True)
            for path in sorted((shared / "data" / kind).glob("*.flac")):
                clip = audio.load(path)
                takes = {"loudness": by_loudness(clip), "animcore": perform(clip, Direction())}
                for solver, motion in takes.items():
                    bare = replace(motion, audio_name=None)
                    bare.save(Path(folder) / solver / kind / f"{path.stem}.npz")
            for solver in ("loudness", "animcore"):
                print(f"\n{solver} on {kind}", flush=True)
                tool = [sys.executable, shared / "tools" / "lip_sync_score.py", kind, Path(folder) / solver / kind]
                subprocess.run(tool, check=True)


if __name__ == "__main__":
    main()
