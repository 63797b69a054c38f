"""Learned gesture solvers, trained small on what the shipped one does, against it, on voices they never heard.

    python benchmarks/gesture_solvers.py ../shared/data --work runs

makes bodies for the voices of `speech`, `lips_train` and `lips_grid` with the shipped solver (each voice in one style,
with a seed of its own), trains `talkshow`, `emage` and the encoder for FGD on them, lets them gesture to every fifth
voice of `speech`, which was kept apart, and prints one table. What is there already is not made again: a training that
was stopped goes on. Nothing here was captured: the table says whether training works, not how people move.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np

from animcore.audio import recording
from animcore.audio.recording import AudioClip
from animcore.body_models import kinematics
from animcore.cli import main as cli
from animcore.core.vocabulary import STYLES
from animcore.direction import Direction
from animcore.evaluation.body import frechet_distance
from animcore.evaluation.body import metrics as measures
from animcore.evaluation.body.audio_onsets import onsets
from animcore.motion import Motion
from animcore.solvers.gesture import body_motion
from animcore.solvers.gesture_networks import gesture_solver
from animcore.solvers.gesture_networks.motion_features import resampled
from animcore.speech import prosody

APART = 5  # every fifth voice of `speech` is kept apart
GRID = (8, 40)  # sentences of lips_grid that make a clip, and clips of them
CONFIGS = {
    "talkshow": "hidden = 128\ncodes = 256\nlength = 64\nstride = 60\nbatch = 32\nepochs_codes = 12\nepochs = 30\n"
    "learning_rate = 1e-3\n",
    "emage": "hidden_size = 64\naudio_f = 32\nmotion_f = 64\ncodes = 128\nlength = 64\nstride = 60\nbatch = 16\n"
    "epochs_codes = 8\nepochs = 10\nlearning_rate = 1e-3\n",
    "fgd": "hidden = 64\nepochs = 12\nstride = 32\n",
}
Body = tuple[np.ndarray, np.ndarray]


def voices(data: Path) -> tuple[list[tuple[str, np.ndarray]], list[Path]]:
    """Names and samples to train on, and the files kept apart."""
    speech = sorted((data / "speech").glob("*.flac"))
    apart = speech[::APART]
    result = [(path.stem, recording.load(path).samples) for path in speech if path not in apart]
    result += [(path.stem, recording.load(path).samples) for path in sorted((data / "lips_train").glob("*.flac"))]
    grid = sorted((data / "lips_grid").glob("*.flac"))
    for index in range(GRID[1]):
        chosen = grid[index :: GRID[1]][: GRID[0]]
        result.append((f"grid{index:02d}", np.concatenate([recording.load(path).samples for path in chosen])))
    return result, apart


def shipped(clip: AudioClip, direction: Direction) -> Body:
    """The shipped solver's body at 50 frames a second."""
    heard = prosody.analyse(clip, int(clip.duration * prosody.FPS))
    body = body_motion.solve(heard, direction)
    assert body is not None
    return body.pose, body.translation


def make(data: Path, work: Path) -> list[Path]:
    """Write the training data, a folder a style; return the files kept apart."""
    import soundfile

    training, apart = voices(data)
    for index, (name, samples) in enumerate(training):
        style = STYLES[index % len(STYLES)]
        folder = work / "data" / style
        folder.mkdir(parents=True, exist_ok=True)
        if (folder / f"{name}.npz").exists():
            continue
        soundfile.write(folder / f"{name}.wav", samples, recording.RATE)
        pose, way = shipped(recording.load(folder / f"{name}.wav"), Direction(seed=100 + index, style=style))
        Motion(Fraction(prosody.FPS), body_pose=pose, translation=way).save(folder / f"{name}.npz")
    return apart


def train(work: Path, solver: str, threads: int) -> float:
    """Train a solver where it is not trained yet; return minutes."""
    config = work / f"{solver}.toml"
    config.write_text(CONFIGS[solver], encoding="utf-8")
    out, started = work / solver, time.perf_counter()
    if not (out / "model" / "config.json").exists():
        folders = [str(work / "data" / style) for style in STYLES]
        options = ["--config", str(config), "--out", str(out), "--threads", str(threads)]
        if cli.main(["train", solver, "--data", *folders, *options]):
            raise SystemExit(1)
    return (time.perf_counter() - started) / 60


def table(work: Path, apart: list[Path]) -> str:
    """Every solver on the voices that were kept apart."""
    encoder = frechet_distance.MotionFeatureEncoder(work / "fgd" / "model")
    clips = [clip for clip in map(recording.load, apart) if clip.duration > 4]
    truth = [_all(clips, lambda clip, k=k: shipped(clip, Direction(seed=900 + k, style=STYLES[k]))) for k in range(4)]
    reference = _points(encoder, [body for bodies in truth for body in bodies])
    rows = [("shipped, other seeds", _all(clips, _styled(lambda clip, asked: shipped(clip, asked))))]
    rows.append(("the same, 5 s later", [_later(body) for body in rows[0][1]]))
    for solver in ("talkshow", "emage"):
        trained = gesture_solver.load(work / solver / "model")

        def body(clip: AudioClip, asked: Direction, trained: gesture_solver.GestureNetworkSolver = trained) -> Body:
            heard = prosody.analyse(clip, int(clip.duration * prosody.FPS))
            moved = trained.move(clip, heard, asked)
            assert moved is not None
            return moved.pose, moved.translation

        started = time.perf_counter()
        rows.append((solver, _all(clips, _styled(body))))
        seconds = (time.perf_counter() - started) / sum(clip.duration for clip in clips)
        rows[-1] = (f"{solver} ({60 * seconds:.1f} s a minute)", rows[-1][1])
    rows.append(("standing still", [(np.zeros_like(pose), way) for pose, way in rows[0][1]]))
    lines = [f"{len(clips)} voices, {sum(c.duration for c in clips):.0f} s" + " " * 10]
    lines.append(f"{'':34}{'FGD':>9}{'BC':>8}{'strokes':>9}{'by chance':>11}{'L1 div':>8}{'jerk':>8}")
    for name, bodies in rows:
        distance = measures.frechet_distance(_points(encoder, bodies), reference)
        values = np.nanmean([_figures(clip, body) for clip, body in zip(clips, bodies, strict=True)], axis=0)
        consistent, aligned, chance, spread, jerk = values
        lines.append(f"{name:34}{distance:9.2f}{consistent:8.3f}{aligned:9.3f}{chance:11.3f}{spread:8.2f}{jerk:8.0f}")
    return "\n".join(lines)


def _all(clips: list[AudioClip], solver: Callable[[AudioClip], Body]) -> list[Body]:
    return [solver(clip) for clip in clips]


def _styled(solver: Callable[[AudioClip, Direction], Body]) -> Callable[[AudioClip], Body]:
    """A style for each clip, by its name."""
    return lambda clip: solver(clip, Direction(seed=7, style=STYLES[len(clip.name) % len(STYLES)]))


def _later(body: Body) -> Body:
    """A body that does everything five seconds later, the end first: right movements at the wrong time."""
    return np.roll(body[0], 5 * prosody.FPS, axis=0), np.roll(body[1], 5 * prosody.FPS, axis=0)


def _points(encoder: frechet_distance.MotionFeatureEncoder, bodies: list[Body]) -> np.ndarray:
    return np.concatenate([encoder.features(pose, prosody.FPS) for pose, _ in bodies])


def _figures(clip: AudioClip, body: Body) -> tuple[float, float, float, float, float]:
    """BC, how near strokes are to stressed syllables and by chance, L1 diversity and jerk."""
    pose, _ = resampled(*body, prosody.FPS, measures.EMAGE_RATE)
    pose[:, 0] = 0.0
    places = kinematics.joint_positions(kinematics.world_rotations(pose))
    heard = prosody.analyse(clip, int(clip.duration * prosody.FPS))
    stressed = np.array([accent_time for accent_time, *_ in heard.accents])
    strokes = measures.strokes(places, measures.EMAGE_RATE)

    def aligned(move: float) -> float:
        return measures.alignment(measures.time_shifted(strokes, move, clip.duration), stressed)

    return (
        measures.beat_consistency(measures.joint_beats(places, measures.EMAGE_RATE), onsets(clip)),
        aligned(0.0),
        measures.shuffled_alignment(aligned, clip.duration),
        measures.l1_diversity(places),
        measures.jerk(places, measures.EMAGE_RATE),
    )


def main() -> None:
    """Make, train, compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder with speech, lips_train and lips_grid")
    parser.add_argument("--work", type=Path, default=Path("runs"), help="folder for data and trained networks")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--only", choices=CONFIGS, help="train this one and stop")
    options = parser.parse_args()
    apart = make(options.data, options.work)
    for solver in [options.only] if options.only else CONFIGS:
        print(f"{solver}: {train(options.work, solver, options.threads):.1f} minutes")
    if not options.only:
        print(table(options.work, apart))


if __name__ == "__main__":
    main()
