"""What each layer of a performance costs on 60 seconds of real speech: `python benchmarks/layers.py ../shared`.

Puts recordings of `data/speech` one after the other until they last 60 s, makes each layer three times, and prints the
median of its seconds. The layers around the lips, all together, should take less than 3 s on two cores.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from machine import describe

from animcore.audio import recording
from animcore.direction import Direction, EmotionSpan
from animcore.postprocess import self_collision
from animcore.solvers.gesture import body_motion
from animcore.solvers.nonverbal import gaze, head_motion
from animcore.solvers.speech_face import brows, emotion, lip_sync
from animcore.speech import prosody

LENGTH = 60.0  # seconds
RUNS = 3
MARK = 3.0  # seconds that all layers around the lips may take


def minute(folder: Path, path: Path) -> None:
    """Write a minute of other people's speech."""
    found: list[np.ndarray] = []
    rate, length = 16_000, 0
    for source in sorted(folder.glob("EmoTalk_ted*.flac")) + sorted(folder.glob("SadTalker_*.flac")):
        clip = recording.load(source)
        found.append(clip.samples)
        rate, length = clip.rate, length + len(clip.samples)
        if length >= LENGTH * rate:
            break
    soundfile.write(path, np.concatenate(found)[: int(LENGTH * rate)], rate)


def main() -> None:
    """Print a row a layer."""
    print(f"machine: {describe()}\ncommand: python {' '.join(sys.argv)}")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "minute.wav"
        minute(Path(sys.argv[1]) / "data" / "speech", path)
        clip = recording.load(path)
    direction = Direction(style="lively", emotions=[EmotionSpan("joy", 0.7)])
    lip_sync.solve(clip, direction)  # loads the network
    made: dict[str, Any] = {}
    layers: dict[str, Callable[[], Any]] = {
        "lips": lambda: lip_sync.solve(clip, direction),
        "prosody": lambda: prosody.analyse(clip, made["lips"].frame_count),
        "emotion": lambda: emotion.emotion_curves(made["prosody"], direction),
        "head": lambda: head_motion.solve(made["prosody"], direction, made["emotion"]),
        "eyes": lambda: gaze.solve(made["prosody"], made["head"].total, direction, made["emotion"]),
        "brows": lambda: brows.solve(made["prosody"], direction),
        "worn": lambda: emotion.apply_emotion(made["lips"].arkit.copy(), made["emotion"], made["prosody"], direction),
        "body": lambda: body_motion.solve(made["prosody"], direction, made["emotion"]),
        "clear": lambda: self_collision.pushed_out(made["body"].pose, prosody.FPS),
    }
    total = 0.0
    for name, work in layers.items():
        taken = []
        for _ in range(RUNS):
            start = time.perf_counter()
            made[name] = work()
            taken.append(time.perf_counter() - start)
        print(f"{name:>10s} {statistics.median(taken):8.3f} s")
        total += statistics.median(taken) * (name != "lips")
    print(f"{'around':>10s} {total:8.3f} s, {'within' if total < MARK else 'beyond'} {MARK:g} s")


if __name__ == "__main__":
    main()
