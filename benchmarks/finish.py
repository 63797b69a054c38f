"""Motion before and after it is finished: `python benchmarks/finish.py [SOUND ...]`.

A motion that is bad on purpose (it slides, sinks, trembles, jumps, and reaches through the trunk), and gestures of the
shipped solver for the voices given, or for the demo's line. Prints a row before and a row after for each, and how long
a minute and ten minutes take.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from machine import describe
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "support"))

import moving

from animcore.audio import recording
from animcore.body_models import collision_capsules
from animcore.body_models.kinematics import joint_positions, world_rotations
from animcore.core.vocabulary import STYLES
from animcore.direction import Direction
from animcore.evaluation.body import metrics as measures
from animcore.postprocess import foot_contact, self_collision
from animcore.postprocess.body_cleanup import finished
from animcore.solvers.gesture import body_motion
from animcore.speech import prosody

Array = NDArray[np.floating[Any]]
Body = tuple[Array, Array]

ROOT = Path(__file__).resolve().parent.parent
RATE = 50.0
SECONDS = 60  # of the motion that is bad on purpose
MINUTES = (1, 10)  # whose time is taken
_FIGURES = ("slide mm/s", "below mm", "jitter m/s3", "wrist m/s", "wrist m/s2", "inside mm", "over 10 mm %")


def main() -> None:
    """Measure and print."""
    print(f"machine: {describe()}\ncommand: python {' '.join(sys.argv)}\n")
    print(f"{'':34}" + "".join(f"{name:>14}" for name in _FIGURES))
    clean = moving.gesturing(SECONDS, 0, 0.25)
    bad = moving.spoiled(*clean)
    bad[0][len(bad[0]) // 3 :, moving.INDEX["left_elbow"], 1] -= 0.8  # a jump
    _both("bad on purpose", bad, finished)
    _both("bad, lower body still", bad, lambda *body: finished(*foot_contact.lower_body_still(*body), body[2]))
    for path in map(Path, sys.argv[1:] or [str(ROOT / "assets" / "voices" / "line.flac")]):
        clip = recording.load(path)
        heard = prosody.analyse(clip, int(clip.duration * prosody.FPS))
        for style in STYLES:
            body = body_motion.solve(heard, Direction(style=style))
            assert body is not None
            _both(f"{path.stem} {style}", (body.pose, body.translation), finished)
    for minutes in MINUTES:
        body = moving.spoiled(*moving.gesturing(60 * minutes, 0, 0.2))
        started = time.perf_counter()
        finished(*body, RATE)
        print(f"{minutes} minute(s) of the bad motion: {time.perf_counter() - started:.1f} s")


def _both(name: str, body: Body, finish: Callable[..., Body]) -> None:
    after = finish(*body, RATE)
    for label, motion in ((name, body), ("  finished", after)):
        print(f"{label:34}" + "".join(f"{value:14.2f}" for value in _figures(*motion)), flush=True)


def _figures(pose: Array, translation: Array) -> list[float]:
    turned = world_rotations(pose)
    found = joint_positions(turned, translation)
    soles = collision_capsules.sole_positions(turned, found)
    floor = foot_contact.floor_of(pose, translation)
    inside = self_collision.penetration(pose)
    wrists = found[:, measures.WRISTS]
    return [
        1000 * measures.sliding(soles, floor, RATE),
        1000 * max(floor - soles[..., 1].min(), 0.0),
        measures.jerk(wrists, RATE),
        measures.peak_speed(wrists, RATE),
        measures.peak_acceleration(wrists, RATE),
        1000 * inside.max(),
        100 * (inside > 0.010).mean(),
    ]


if __name__ == "__main__":
    main()
