"""How well a body is tracked whose motion is known: a motion is drawn as a video, tracked, and compared.

    animcore generate assets/voices/line.flac --out out --style lively
    python benchmarks/body_from_video.py out/line.npz [--seconds 5]

The person is drawn from 24 degrees aside and 9 above. What was found is laid over the truth as one stiff whole (turned
and moved once for all frames), since a camera does not tell where the room's axes are.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from fractions import Fraction
from pathlib import Path

import numpy as np
from machine import describe

from animcore.body_models.kinematics import INDEX, joint_positions, world_rotations
from animcore.body_models.pose_tracks import smplx_pose
from animcore.evaluation.body import figure_renderer
from animcore.evaluation.body.scoring import BodyTake
from animcore.files.video import writer
from animcore.motion import Motion
from animcore.pipelines import track_body

RATE, HEIGHT, WIDTH = 25, 720, 540
GROUPS = {
    "hips": ("left_hip", "right_hip"), "knees": ("left_knee", "right_knee"), "ankles": ("left_ankle", "right_ankle"),
    "shoulders": ("left_shoulder", "right_shoulder"), "elbows": ("left_elbow", "right_elbow"),
    "wrists": ("left_wrist", "right_wrist"), "head": ("neck", "head"),
}  # fmt: skip


def main() -> None:
    """Draw, track, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("motion", type=Path)
    parser.add_argument("--seconds", type=float, default=5.0)
    options = parser.parse_args()
    known = Motion.load(options.motion)
    pose = smplx_pose(known).astype(float)
    way = np.zeros((len(pose), 3)) if known.translation is None else np.asarray(known.translation, float)
    times = np.arange(round(min(options.seconds, len(pose) / float(known.rate)) * RATE)) / RATE
    take = BodyTake(options.motion, float(known.rate), pose, way)
    with tempfile.TemporaryDirectory() as folder:
        film = Path(folder) / "drawn.mp4"
        writer.write(figure_renderer.draw(take, times, HEIGHT, WIDTH), Fraction(RATE), film)
        begin = time.perf_counter()
        found = track_body.run(film)
        taken = time.perf_counter() - begin
    frames = np.clip(np.round(times * float(known.rate)), 0, len(pose) - 1).astype(int)
    assert found.body_pose is not None
    assert found.translation is not None
    truth = joint_positions(world_rotations(pose[frames]), way[frames])
    own = joint_positions(world_rotations(found.body_pose.astype(float)), np.asarray(found.translation, float))
    count = min(len(truth), len(own))
    print(describe())
    print(f"{count} frames, {1000 * taken / count:.0f} ms a frame")
    report(truth[:count], own[:count])


def report(truth: np.ndarray, own: np.ndarray) -> None:
    """Print the errors of joints (T, 55, 3) in millimetres, and the speeds of feet and wrists."""
    joints = [INDEX[name] for names in GROUPS.values() for name in names]
    laid = over(truth, own, joints)
    away = 1000 * np.linalg.norm(laid - truth, axis=2)
    for group, names in GROUPS.items():
        chosen = away[:, [INDEX[name] for name in names]]
        print(f"  {group:10s} {chosen.mean():4.0f} mm on average, 95 % below {np.quantile(chosen, 0.95):.0f}")
    for title, names in (("ankles", GROUPS["ankles"]), ("wrists", GROUPS["wrists"])):
        chosen = [INDEX[name] for name in names]
        speeds = [1000 * RATE * np.linalg.norm(np.diff(one[:, chosen], axis=0), axis=2).mean() for one in (own, truth)]
        print(f"  speed of the {title}: {speeds[0]:.0f} mm/s, true {speeds[1]:.0f}")


def over(truth: np.ndarray, own: np.ndarray, joints: list[int]) -> np.ndarray:
    """`own` (T, 55, 3), turned and moved as one so that the joints lie over the truth's (Kabsch 1976)."""
    wanted, given = truth[:, joints].reshape(-1, 3), own[:, joints].reshape(-1, 3)
    left, _, right = np.linalg.svd((given - given.mean(0)).T @ (wanted - wanted.mean(0)))
    turn = left @ np.diag([1, 1, np.sign(np.linalg.det(left @ right))]) @ right
    return (own - given.mean(0)) @ turn + wanted.mean(0)


if __name__ == "__main__":
    main()
