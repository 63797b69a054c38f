"""How much the lips change as a voice reaches the solver otherwise: `python benchmarks/robustness.py ../shared`.

Needs the six real people of `data/lips` and scipy. `change` is the mean difference of the lips' opening from that of
the clean sound, over the spread from its 5th to its 95th percentile; `r` is their correlation; r_open, closure_f1 and
dynamics are measured against the tracked lips.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import sounds
from machine import describe
from numpy.typing import NDArray

from animcore import audio
from animcore.direction import Direction
from animcore.judge import face, takes
from animcore.judge.judging import judge
from animcore.motion import Motion
from animcore.names import VARIANTS
from animcore.solvers import articulation, live

_SOLVERS = {"full": articulation.solve, "live": live.solve}


def in_time(motion: Motion, name: str, count: int) -> Motion:
    """Bring what was spoken faster or later back to the times of the clean recording."""
    assert motion.arkit is not None
    times = np.arange(count) / motion.fps
    times = times / sounds.CHILD if name == "a child's" else times + sounds.LATE * (name == "25 ms late")
    curves = [np.interp(times, motion.times, column) for column in motion.arkit.T]
    return Motion(motion.rate, arkit=np.stack(curves, 1).astype(np.float32))


def compared(opening: NDArray[np.float64], clean: NDArray[np.float64]) -> tuple[float, float]:
    """Mean change in percent of the clean curve's spread, and correlation."""
    spread = np.percentile(clean, 95) - np.percentile(clean, 5)
    return 100 * float(np.abs(opening - clean).mean() / spread), float(np.corrcoef(opening, clean)[0, 1])


def main() -> None:
    """Print a table for each variant of the solver."""
    shared = Path(sys.argv[1] if len(sys.argv) > 1 else "../shared")
    basis = face.load(shared / "tools" / "lip_basis.npz", up=2)
    print(f"machine: {describe()}\ncommand: python {' '.join(sys.argv)}")
    paths = sorted((shared / "data" / "lips").glob("talkvid_*.flac"))
    for variant in VARIANTS:
        print(f"\n{variant}\n\n| the voice | change | r | r_open | closure_f1 | dynamics |\n|---|---|---|---|---|---|")
        rows: dict[str, list[list[float]]] = {name: [] for name in ("clean", *sounds.WAYS)}
        for path in paths:
            clip, truth = audio.load(path), takes.load(path.with_suffix(".npz"), basis)
            clean = None
            for name in rows:
                way = sounds.WAYS.get(name)
                other = clip if way is None else sounds.heard(clip, way(clip.samples.astype(np.float64)))
                motion = in_time(_SOLVERS[variant](other, Direction()), name, len(clip.samples) // 320 + 1)
                verdict = judge(truth, [takes.of_motion(motion, path, basis)], basis)
                clean = verdict.opening if clean is None else clean
                marks = [verdict.values.get(key, np.nan) for key in ("r_open", "closure_f1", "dynamics")]
                rows[name].append([*compared(verdict.opening, clean), *marks])
        for name, values in rows.items():
            change, *others = np.nanmean(values, 0)
            print(f"| {name} | {change:.0f} % | " + " | ".join(f"{one:.2f}" for one in others) + " |", flush=True)


if __name__ == "__main__":
    main()
