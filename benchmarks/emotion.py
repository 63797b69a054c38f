"""What each emotion at full intensity costs the lips: `python benchmarks/emotion.py ../shared`.

Prints, without and with each emotion: at how many p, b, m of the golden voices the lips meet (less than 0.5 mm at
the probes of assets/character/face_basis.npz), and the means of `tools/lip_sync_score.py` over `data/lips`.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
from machine import describe

from animcore.audio import recording
from animcore.core.vocabulary import EMOTIONS
from animcore.direction import Direction, EmotionSpan
from animcore.motion import FloatArray
from animcore.solvers.perform import perform

ROOT = Path(__file__).resolve().parents[1]
VOICES = sorted((ROOT / "tests" / "golden" / "voices").glob("*.json"))
SCORES = ("closure_f1", "r_open", "r_open0", "r_width", "dynamics")
CLOSED = 0.5  # millimetres
NEAR = 0.02  # seconds


def main() -> None:
    """Print a row of the table for each emotion."""
    shared = Path(sys.argv[1] if len(sys.argv) > 1 else "../shared")
    print(f"machine: {describe()}\ncommand: python {' '.join(sys.argv)}\n")
    print("| emotion at 1 | closed at p, b, m | " + " | ".join(SCORES) + " |\n|" + "---|" * (2 + len(SCORES)))
    clips = [recording.load(path) for path in sorted((shared / "data" / "lips").glob("*.flac"))]
    for name in ("none", *EMOTIONS[1:]):
        direction = Direction(emotions=[] if name == "none" else [EmotionSpan(name, 1.0)])
        closed, count = closures(direction)
        means = scores(clips, direction, shared)
        print(
            f"| {name} | {closed} of {count} | " + " | ".join(f"{means[key]:.3f}" for key in SCORES) + " |", flush=True
        )


def closures(direction: Direction) -> tuple[int, int]:
    """Return at how many p, b, m the lips meet, and how many there are."""
    found = []
    for told in VOICES:
        motion = perform(recording.load(told.with_suffix(".flac")), direction)
        assert motion.arkit is not None
        opening = gap(motion.arkit)
        for phone, start, end in json.loads(told.read_text())["phones"]:
            if phone in ("p", "b", "m"):
                near = (motion.times >= start - NEAR) & (motion.times <= end + NEAR)
                found.append(opening[near].min() < CLOSED)
    return sum(found), len(found)


def gap(weights: FloatArray) -> FloatArray:
    """(T,) millimetres between the inner lips of the default character, below 0 where they cross."""
    with np.load(ROOT / "assets" / "character" / "face_basis.npz") as basis:
        rest, deltas = basis["probe_rest"], basis["probe_delta"]
    probes = rest + np.einsum("tk,kpc->tpc", weights, deltas)
    between = probes[:, 0] - probes[:, 1]
    distance = np.linalg.norm(between, axis=1)
    opened: FloatArray = 1000 * np.where(between[:, 1] < 0, -distance, distance - np.linalg.norm(rest[0] - rest[1]))
    return opened


def scores(clips: list[recording.AudioClip], direction: Direction, shared: Path) -> dict[str, float]:
    """Return the means of the shared tool over the clips."""
    with tempfile.TemporaryDirectory() as folder:
        for clip in clips:
            motion = replace(perform(clip, direction), audio_name=None)
            motion.save(Path(folder) / f"{Path(clip.name).stem}.npz")
        answer = Path(folder) / "scores.json"
        tool = [sys.executable, shared / "tools" / "lip_sync_score.py", "lips", folder, "--json", answer]
        subprocess.run(tool, check=True, stdout=subprocess.DEVNULL)
        means: dict[str, float] = json.loads(answer.read_text())["mean"]
    return means


if __name__ == "__main__":
    main()
