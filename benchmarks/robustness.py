"""How much the lips change as a voice reaches the solver otherwise: `python benchmarks/robustness.py ../shared`.

Needs the six real people of `data/lips` and scipy. `change` is the mean difference of the lips' opening from that of
the clean sound, over the spread from its 5th to its 95th percentile; `r` is their correlation; r_open, closure_f1 and
dynamics are measured against the tracked lips. Jitter counts with the displacement that it brings itself.

After that, what is no voice: how far the mouth opens (95th percentile, over that of a voice) and how often by more than
a fifth of it. `--rest FOLDER` measures a folder of your own sounds; `--only voices` or `--only rest` half of it.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import sounds
from machine import describe
from numpy.typing import NDArray

from animcore.audio import recording
from animcore.core.vocabulary import VARIANTS
from animcore.direction import Direction
from animcore.evaluation.face import loading, reference_face
from animcore.evaluation.face.scoring import score
from animcore.motion import Motion
from animcore.solvers.speech_face import lip_sync, streaming

_SOLVERS = {"full": lip_sync.solve, "live": streaming.solve}
_KINDS = ("music", "breath", "noise", "drums", "hum")
_EACH = 4  # made sounds of a kind
_LONGEST = 15  # seconds of a file that are measured, from its middle
_OPEN = 0.2  # of what a voice opens the mouth by, from which it counts as open


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


def voices(variant: str, paths: Sequence[Path], basis: reference_face.ReferenceFace) -> None:
    """Print the table of voices that were changed."""
    print(f"\n{variant}\n\n| the voice | change | r | r_open | closure_f1 | dynamics |\n|---|---|---|---|---|---|")
    rows: dict[str, list[list[float]]] = {name: [] for name in ("clean", *sounds.WAYS)}
    for path in paths:
        clip, truth = recording.load(path), loading.load(path.with_suffix(".npz"), basis)
        clean = None
        for name in rows:
            way = sounds.WAYS.get(name)
            other = clip if way is None else sounds.heard(clip, way(clip.samples.astype(np.float64)))
            motion = in_time(_SOLVERS[variant](other, Direction()), name, len(clip.samples) // 320 + 1)
            verdict = score(truth, [loading.from_motion(motion, path, basis)], basis)
            clean = verdict.opening if clean is None else clean
            marks = [verdict.values.get(key, np.nan) for key in ("r_open", "closure_f1", "dynamics")]
            rows[name].append([*compared(verdict.opening, clean), *marks])
    for name, values in rows.items():
        change, *others = np.nanmean(values, 0)
        print(f"| {name} | {change:.1f} % | " + " | ".join(f"{one:.2f}" for one in others) + " |", flush=True)


def resting(folder: Path | None) -> Iterator[tuple[str, list[NDArray[np.float64]]]]:
    """Kinds of sound that are no voice: made ones, or the files of a folder one by one."""
    if folder is None:
        for kind in _KINDS:
            yield kind, [sound.astype(np.float64) for sound in sounds.kinds(kind, _EACH)]
        return
    for path in sorted(path for path in folder.rglob("*") if path.suffix in loading.SOUNDS):
        whole = recording.load(path).samples
        start = max(0, (len(whole) - _LONGEST * recording.RATE) // 2)
        yield path.name, [whole[start : start + _LONGEST * recording.RATE].astype(np.float64)]


def rest(variant: str, folder: Path | None, shared: Path, basis: reference_face.ReferenceFace) -> None:
    """Print the table of what is no voice."""
    voice = recording.load(sorted((shared / "data" / "lips").glob("talkvid_*.flac"))[0])

    def opening(samples: NDArray[np.float64]) -> NDArray[np.float64]:
        weights = _SOLVERS[variant](sounds.heard(voice, samples), Direction()).arkit
        assert weights is not None
        return basis.opening(weights.astype(np.float64))

    spoken = np.percentile(opening(voice.samples.astype(np.float64)), 95)
    print(f"\n{variant}\n\n| no voice | 95th percentile | open |\n|---|---|---|")
    for name, made in resting(folder):
        values = np.concatenate([opening(sound) for sound in made]) / spoken
        print(f"| {name} | {np.percentile(values, 95):.0%} | {np.mean(values > _OPEN):.1%} |", flush=True)


def main() -> None:
    """Print the tables of both variants."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shared", type=Path, nargs="?", default=Path("../shared"))
    parser.add_argument("--only", choices=("voices", "rest"))
    parser.add_argument(
        "--rest", type=Path, metavar="FOLDER", help="sounds that are no voice, in the place of made ones"
    )
    options = parser.parse_args()
    basis = reference_face.load(options.shared / "tools" / "lip_basis.npz", up=2)
    print(f"machine: {describe()}\ncommand: python {' '.join(sys.argv)}")
    paths = sorted((options.shared / "data" / "lips").glob("talkvid_*.flac"))
    for variant in VARIANTS:
        if options.only != "rest":
            voices(variant, paths, basis)
        if options.only != "voices":
            rest(variant, options.rest, options.shared, basis)


if __name__ == "__main__":
    main()
