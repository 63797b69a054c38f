"""Learned faces beside the shipped solver and its live variant, in one table.

    python benchmarks/face_solvers.py ../shared --make runs/data          the small data set, once
    animcore train faceformer --data runs/data/* --config benchmarks/faces/faceformer.toml --out runs/faceformer
    python benchmarks/face_solvers.py ../shared runs/faceformer runs/codetalker

The data set: the animator's curves of `performance` without the clip 1114_2_04, which nobody trained on, and what the
shipped solver does to the voices of `speech`, `lips_train` and part of `lips_grid`. The table: lip sync on the real
videos of `lips`, the lip vertex error on 1114_2_04, time and size. Figures are those of tools/lip_sync_score.py. What
was learned from the shipped solver can hardly be better than it: the table says whether training works.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from machine import describe

from animcore import files
from animcore.audio import recording
from animcore.audio.recording import AudioClip
from animcore.cli import judge
from animcore.core.progress import silent
from animcore.direction import Direction
from animcore.evaluation.face import loading, reference_face
from animcore.evaluation.face.scoring import FaceClip
from animcore.motion import Motion
from animcore.solvers.face_networks import face_solver
from animcore.solvers.speech_face import lip_sync, streaming

APART = "1114_2_04"
GRID = (8, 36)  # sentences of lips_grid that make a clip, and clips of them
ANIMATOR, TAUGHT = "performance", "shipped"  # the two speakers: whose curves, or of what teacher
FIGURES = {"lips": ("r_open", "r_open0", "r_width", "closure_f1", "dynamics"), "performance": ("lve_mm",)}
Solver = Callable[[AudioClip], Motion]


def make(data: Path, folder: Path) -> None:
    """Write the data set: a folder for the animator and one for what the shipped solver does."""
    import soundfile

    for name in (ANIMATOR, TAUGHT):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for path in sorted((data / "performance").glob("*.flac")):
        if path.stem != APART:
            curves = performed(path)
            curves.save(folder / ANIMATOR / f"{path.stem}.npz")
            soundfile.write(folder / ANIMATOR / f"{path.stem}.wav", recording.load(path).samples, recording.RATE)
    voices = [
        (p.stem, recording.load(p).samples) for kind in ("speech", "lips_train") for p in (data / kind).glob("*.flac")
    ]
    grid = sorted((data / "lips_grid").glob("*.flac"))
    for index in range(GRID[1]):
        chosen = grid[index :: GRID[1]][: GRID[0]]
        voices.append((f"grid{index:02d}", np.concatenate([recording.load(path).samples for path in chosen])))
    for name, samples in sorted(voices, key=lambda voice: voice[0]):
        target = folder / TAUGHT / f"{name}.npz"
        if not target.exists():
            soundfile.write(target.with_suffix(".wav"), samples, recording.RATE)
            lip_sync.solve(recording.load(target.with_suffix(".wav")), Direction()).save(target)


def performed(path: Path) -> Motion:
    """The animator's curves of a clip of `performance`."""
    return files.load_any(path.with_suffix(".npz"))[1]


def solvers(runs: list[Path], speaker: str) -> dict[str, tuple[Solver, float]]:
    """Each solver by name with its size in MB."""
    found: dict[str, tuple[Solver, float]] = {
        "shipped": (lambda clip: lip_sync.solve(clip, Direction()), _megabytes(lip_sync.MODEL)),
        "live": (
            lambda clip: streaming.solve(clip, Direction(), silent),
            _megabytes(lip_sync.MODEL.with_name("live.onnx")),
        ),
    }
    for run in runs:
        folder = run / "model" if (run / "model").is_dir() else run
        trained = face_solver.load(folder)
        names = trained.model.speakers
        trained = replace(trained, speaker=names.index(speaker) if speaker in names else 0)

        def solve(clip: AudioClip, trained: face_solver.FaceNetworkSolver = trained) -> Motion:
            return trained.solve(clip, Direction())

        found[run.name] = (solve, _megabytes(folder / "model.safetensors"))
    return found


def table(shared: Path, runs: list[Path]) -> str:
    """Every solver on `lips` and on the clip of `performance` that nobody trained on."""
    basis = reference_face.load(shared / "tools" / "lip_basis.npz", up=2)
    figures: dict[str, dict[str, float]] = {}
    for kind, speaker in (("lips", TAUGHT), ("performance", ANIMATOR)):
        clips, spent, heard = [], dict[str, float](), 0.0
        every = solvers(runs, speaker)
        for path in sorted((shared / "data" / kind).glob("*.flac")):
            if kind == "performance" and path.stem != APART:
                continue
            sound, truth, made = recording.load(path), loading.load(path.with_suffix(".npz"), basis), {}
            heard += sound.duration
            for name, (solve, _) in every.items():
                started = time.perf_counter()
                made[name] = [loading.from_motion(solve(sound), path, basis)]
                spent[name] = spent.get(name, 0.0) + time.perf_counter() - started
            clips.append(judge.score_clip(FaceClip(path.stem, truth, made), basis))
        summed = judge.aggregate(clips)
        for name in every:
            taken = {key: summed.means[name].get(key, np.nan) for key in FIGURES[kind]}
            figures.setdefault(name, {}).update(taken)
            if kind == "lips":
                figures[name]["seconds"] = spent[name] / heard * 60
        print(f"\n{kind}\n{judge.table(summed)}", flush=True)
    titles = [*FIGURES["lips"], *FIGURES["performance"]]
    lines = ["", f"{'':16}" + "".join(f"{title:>12}" for title in titles) + f"{'s a minute':>12}{'MB':>8}"]
    for name, (_, size) in solvers(runs, TAUGHT).items():
        row = figures[name]
        cells = "".join(f"{row[title]:12.3f}" for title in titles)
        lines.append(f"{name:16}{cells}{row['seconds']:12.2f}{size:8.1f}")
    return "\n".join(lines)


def _megabytes(path: Path) -> float:
    return path.stat().st_size / 1e6 if path.is_file() else float("nan")


def main() -> None:
    """Make the data, or print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shared", type=Path, help="folder with data and tools/lip_basis.npz")
    parser.add_argument("runs", type=Path, nargs="*", help="folders that `animcore train` wrote")
    parser.add_argument("--make", type=Path, metavar="DIR", help="write the small data set there, and stop")
    options = parser.parse_args()
    if options.make:
        make(options.shared / "data", options.make)
        return
    print(f"machine: {describe()}")
    print(table(options.shared, options.runs))


if __name__ == "__main__":
    main()
