"""What the eyes do on real speech beside what people do: `python benchmarks/eyes.py ../shared`.

Measures whole performances of all clips of `data/speech` and `data/lips`, and five minutes of silence, from their
tracks alone (lids, eyes and head); saccades are measured at 2000 frames a second.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from machine import describe

from animcore.audio import recording
from animcore.core.vocabulary import ARKIT_INDEX
from animcore.direction import Direction
from animcore.motion import FloatArray, Motion
from animcore.solvers.nonverbal import gaze
from animcore.solvers.perform import perform
from animcore.speech import prosody
from animcore.speech.prosody import FPS

ON_THE_OTHER = 5.0  # degrees: a face at a metre, and some
NEAR = (-0.2, 0.5)  # seconds about the end of a phrase
SILENCE = 300  # seconds


@dataclass
class EyeStatistics:
    """What was counted over clips."""

    seconds: float = 0.0
    blinks: list[float] = field(default_factory=list)
    gaps: list[float] = field(default_factory=list)
    lasting: list[float] = field(default_factory=list)
    closing: list[float] = field(default_factory=list)
    near_ends: int = 0
    chance: float = 0.0
    on: float = 0.0
    starts: list[bool] = field(default_factory=list)
    turn_ends: list[bool] = field(default_factory=list)


def main() -> None:
    """Print the table."""
    shared = Path(sys.argv[1] if len(sys.argv) > 1 else "../shared")
    print(f"machine: {describe()}\ncommand: python {' '.join(sys.argv)}\n")
    clips = [path for room in ("speech", "lips") for path in sorted((shared / "data" / room).glob("*.flac"))]
    speaking, idle = EyeStatistics(), EyeStatistics()
    for number, path in enumerate(clips):
        clip = recording.load(path)
        count(perform(clip, Direction(seed=number)), prosody.analyse(clip, round(clip.duration * FPS) + 1), speaking)
    facts = recording.AudioFacts(SILENCE, recording.RATE, 1, 0.0, None, 0.0, (), ())
    hush = recording.AudioClip(np.zeros(SILENCE * recording.RATE, np.float32), "hush", "", facts)
    for seed in range(3):
        count(perform(hush, Direction(seed=seed)), prosody.analyse(hush, SILENCE * FPS), idle)
    print("| | here | people | source |\n|---|---|---|---|")
    for row in [*blink_rows(speaking, idle), *saccade_rows(), *gaze_rows(speaking, idle)]:
        print("| " + " | ".join(row) + " |")


def count(motion: Motion, heard: prosody.Prosody, tally: EyeStatistics) -> None:
    """Add a performance to a tally; of speech, only what lies within turns, and just after."""
    assert motion.arkit is not None
    inside = np.zeros(motion.frame_count, bool)
    turns = heard.turns(1.0) or [(0.0, motion.frame_count / FPS)]
    for start, end in turns:
        inside[round(start * FPS) : round((end + NEAR[1]) * FPS)] = True
    tally.seconds += inside.sum() / FPS
    lid = motion.arkit[:, ARKIT_INDEX["eyeBlinkLeft"]]
    edges = np.flatnonzero(np.diff(np.concatenate([[False], lid > 0.02, [False]]).astype(np.int8))).reshape(-1, 2)
    starts = [first / FPS for first, _ in edges if inside[first]]
    tally.blinks += starts
    tally.gaps += np.diff(starts).tolist()
    for first, last in edges.tolist():
        tally.lasting.append((last - first + 1) / FPS)
        tally.closing.append((int(lid[first:last].argmax()) + 1) / FPS)
    ends = np.array([end for _, end in heard.phrases])
    tally.near_ends += sum(near(time, ends) for time in starts)
    tally.chance += sum(near(time, ends) for time in np.flatnonzero(inside) / FPS) / max(inside.sum(), 1) * len(starts)
    on = looks(motion)
    tally.on += on[inside].sum() / FPS
    for start, end in heard.turns(1.0):
        if end - start > 5:
            tally.starts.append(not on[max(round((start - 0.3) * FPS), 0) : round((start + 1.0) * FPS)].all())
        if end - start > 2:
            tally.turn_ends.append(bool(on[min(round(end * FPS), len(on)) - 5]))


def near(time: float, ends: FloatArray) -> bool:
    """Whether the end of a phrase is near."""
    return bool(((time - ends > NEAR[0]) & (time - ends < NEAR[1])).any())


def looks(motion: Motion) -> np.ndarray:
    """(T,) whether the left eye is on the viewer, whatever the head does."""
    assert motion.eye_pose is not None
    assert motion.head_pose is not None
    assert motion.neck_pose is not None
    turned = motion.eye_pose[:, 0] + motion.head_pose + motion.neck_pose
    return np.rad2deg(np.linalg.norm(turned[:, :2], axis=1)) < ON_THE_OTHER


def blink_rows(speaking: EyeStatistics, idle: EyeStatistics) -> Iterable[tuple[str, ...]]:
    """Rows of the blinks."""
    rates = [60 * len(tally.blinks) / tally.seconds for tally in (speaking, idle)]
    every = speaking.lasting + idle.lasting
    share, chance = speaking.near_ends / len(speaking.blinks), speaking.chance / len(speaking.blinks)
    yield "blinks a minute, speaking", f"{rates[0]:.1f}", "26; 10.5 to 32.5", "Bentivoglio 1997; Doughty 2001"
    yield "blinks a minute, idle", f"{rates[1]:.1f}", "17; 8 to 21", "the same"
    gaps = np.array(idle.gaps)
    yield (
        "spread over mean of the time between, idle",
        f"{gaps.std() / gaps.mean():.2f}",
        "skewed, log-normal",
        "Bentivoglio 1997",
    )
    yield "blink, s", f"{np.mean(every):.2f} ± {np.std(every):.2f}", "0.33 ± 0.07", "VanderWerf 2003"
    yield (
        "closing, s",
        f"{np.mean(speaking.closing + idle.closing):.2f}",
        "0.08 to 0.1",
        "Evinger 1991; VanderWerf 2003",
    )
    yield (
        "blinks at ends of phrases, and by chance", f"{share:.2f}, {chance:.2f}", "at ends and in pauses",
        "Nakano and Kitazawa 2010",
    )  # fmt: skip


def saccade_rows() -> Iterable[tuple[str, ...]]:
    """Rows of the main sequence."""
    sizes = np.array([1.0, 2.0, 5.0, 10.0, 15.0, 20.0])
    times = np.arange(0, 1, 0.0005)
    seconds, top, ratio = [], [], []
    for size in sizes:
        path = gaze.follow_fixations([gaze.Fixation(0.0, 0.0, 0.0), gaze.Fixation(0.5, 0.0, size)], times)[:, 1]
        moving = (path > 0.001 * size) & (path < 0.999 * size)
        seconds.append(moving.sum() * 0.0005)
        top.append(np.diff(path).max() / 0.0005)
        ratio.append(top[-1] * seconds[-1] / size)
    slope, start = np.polyfit(sizes, seconds, 1)
    yield "saccade, ms, for each degree", f"{1000 * start:.0f} + {1000 * slope:.2f}", "21 + 2.2", "Carpenter 1988"
    yield (
        "top speed at 5, 10, 20 degrees, degrees a second",
        ", ".join(f"{value:.0f}" for value in np.array(top)[[2, 3, 5]]),
        "about 250, 350 to 400, 450 to 500",
        "Bahill 1975; Becker 1989",
    )
    yield "top over mean speed", f"{np.mean(ratio):.2f}", "1.65", "Becker 1989"


def gaze_rows(speaking: EyeStatistics, idle: EyeStatistics) -> Iterable[tuple[str, ...]]:
    """Rows of where the eyes are."""
    yield (
        "on the other while speaking",
        f"{speaking.on / speaking.seconds:.2f}",
        "0.41; 0.28 to 0.70",
        "Argyle and Ingham 1972; Kendon 1967",
    )
    yield "on the other while listening", f"{idle.on / idle.seconds:.2f}", "0.75", "Argyle and Ingham 1972"
    yield "away as a turn of 5 s begins", f"{np.mean(speaking.starts):.2f}", "0.7", "Kendon 1967"
    yield "on the other as a turn ends", f"{np.mean(speaking.turn_ends):.2f}", "0.7 and more", "Kendon 1967"


if __name__ == "__main__":
    main()
