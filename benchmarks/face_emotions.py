"""Emotions of learned faces: voices with all eight to learn from, and whether what was learned tells them apart.

    python benchmarks/face_emotions.py ../shared/data --make runs/data/felt      after face_solvers.py --make
    animcore train emote --data runs/data/* --out runs/emote
    python benchmarks/face_emotions.py ../shared/data runs/emote runs/flow

The data: the voices of `speech` and `lips_train`, each with one emotion at one intensity, as the shipped solver acts
it; so what is learned is how that one acts. The table: on voices of `lips`, which nobody trained on, the mean of the
shapes that tell an emotion (by FACS) with it and without any, how often the emotion whose shapes rose most is the one
asked for, and how far the lips' opening stays what it was.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from animcore.audio import recording
from animcore.audio.recording import AudioClip
from animcore.core.vocabulary import ARKIT_INDEX, EMOTIONS
from animcore.direction import Direction, EmotionSpan
from animcore.evaluation.face import reference_face
from animcore.motion import Motion
from animcore.solvers.face_networks import face_solver
from animcore.solvers.speech_face import emotion, lip_sync
from animcore.speech import prosody

INTENSITIES = (1.0, 0.6, 0.8, 0.4)
VOICES = 6  # of `lips` that are measured
TELLING: dict[str, tuple[str, ...]] = {
    "joy": ("mouthSmileLeft", "mouthSmileRight", "cheekSquintLeft", "cheekSquintRight"),
    "sadness": ("mouthFrownLeft", "mouthFrownRight", "browInnerUp"),
    "anger": ("browDownLeft", "browDownRight"),
    "disgust": ("noseSneerLeft", "noseSneerRight"),
    "fear": ("eyeWideLeft", "eyeWideRight", "browInnerUp", "mouthStretchLeft", "mouthStretchRight"),
    "surprise": ("browOuterUpLeft", "browOuterUpRight", "eyeWideLeft", "eyeWideRight"),
    "contempt": ("mouthDimpleLeft", "mouthDimpleRight"),
}
Solver = Callable[[AudioClip, Direction], Motion]


def acted(clip: AudioClip, direction: Direction) -> Motion:
    """The shipped solver's face with the emotions of a direction, without blinks and glances."""
    spoken = lip_sync.solve(clip, direction)
    assert spoken.arkit is not None
    opening = spoken.arkit[:, ARKIT_INDEX["jawOpen"]] - spoken.arkit[:, ARKIT_INDEX["mouthClose"]]
    heard = prosody.analyse(clip, spoken.frame_count, opening)
    mood = emotion.emotion_curves(heard, direction)
    if mood is None:
        return spoken
    emotion.apply_emotion(spoken.arkit, mood, heard, direction)
    return replace(spoken, events=tuple(emotion.events(mood)))


def make(data: Path, folder: Path) -> None:
    """Write voices with emotions."""
    import soundfile

    folder.mkdir(parents=True, exist_ok=True)
    voices = sorted([*(data / "speech").glob("*.flac"), *(data / "lips_train").glob("*.flac")])
    for index, path in enumerate(voices):
        target = folder / f"felt_{path.stem}.npz"
        if target.exists():
            continue
        name, level = EMOTIONS[index % len(EMOTIONS)], INTENSITIES[index // len(EMOTIONS) % len(INTENSITIES)]
        soundfile.write(target.with_suffix(".wav"), recording.load(path).samples, recording.RATE)
        clip = recording.load(target.with_suffix(".wav"))
        acted(clip, Direction(seed=index, emotions=[EmotionSpan(name, level)])).save(target)


def table(data: Path, solvers: dict[str, Solver]) -> str:
    """What rises with each emotion, by solver."""
    clips = [recording.load(path) for path in sorted((data / "lips").glob("*.flac"))[:VOICES]]
    basis = reference_face.default()
    lines = []
    for name, solve in solvers.items():
        plain = [weights(solve(clip, Direction())) for clip in clips]
        rise = np.zeros((len(clips), len(TELLING), len(TELLING)))
        kept = []
        for row, feeling in enumerate(TELLING):
            for place, clip in enumerate(clips):
                felt = weights(solve(clip, Direction(emotions=[EmotionSpan(feeling, 1.0)])))
                rise[place, row] = [_mean(felt, shapes) - _mean(plain[place], shapes) for shapes in TELLING.values()]
                kept.append(np.corrcoef(basis.opening(felt), basis.opening(plain[place]))[0, 1])
        right = (rise.argmax(2) == np.arange(len(TELLING))).mean()
        lines.append(f"\n{name}: told apart {right:.0%} of {len(clips)} voices x {len(TELLING)}; "
                     f"opening as without emotion r {np.mean(kept):.2f}")  # fmt: skip
        lines.append(f"{'asked':10}" + "".join(f"{shown:>10}" for shown in TELLING) + "   (rise of its shapes)")
        for row, feeling in enumerate(TELLING):
            lines.append(f"{feeling:10}" + "".join(f"{value:10.3f}" for value in rise[:, row].mean(0)))
    return "\n".join(lines)


def weights(motion: Motion) -> np.ndarray:
    """The ARKit weights of a face."""
    assert motion.arkit is not None
    return motion.arkit


def _mean(values: np.ndarray, shapes: tuple[str, ...]) -> float:
    return float(values[:, [ARKIT_INDEX[shape] for shape in shapes]].mean())


def main() -> None:
    """Make the data, or print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder with speech, lips_train and lips")
    parser.add_argument("runs", type=Path, nargs="*", help="folders that `animcore train` wrote")
    parser.add_argument("--make", type=Path, metavar="DIR", help="write voices with emotions there, and stop")
    options = parser.parse_args()
    if options.make:
        make(options.data, options.make)
        return
    solvers: dict[str, Solver] = {"shipped": acted}
    for run in options.runs:
        trained = face_solver.load(run / "model")
        solvers[run.name] = lambda clip, asked, trained=trained: trained.solve(clip, asked)  # type: ignore[misc]
    print(table(options.data, solvers))


if __name__ == "__main__":
    main()
