"""`animcore avatar from-video --body`: a film of somebody who is drawn with a pose that is known."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from animcore.body_models.kinematics import INDEX, joint_positions, world_rotations
from animcore.cli.main import main
from animcore.evaluation.body import figure_renderer
from animcore.evaluation.body.scoring import BodyTake
from animcore.files.video import writer
from animcore.motion import Motion

COUNT, RATE = 10, Fraction(25)


@pytest.fixture(scope="module")
def film(tmp_path_factory) -> Path:
    """The left arm goes up."""
    path = tmp_path_factory.mktemp("films") / "waves.mp4"
    pose = np.zeros((COUNT, 55, 3))
    for side, sign in (("left", 1), ("right", -1)):
        pose[:, INDEX[f"{side}_shoulder"], 2] = -sign * 1.1
    pose[:, INDEX["left_shoulder"], 2] = -np.linspace(1.1, 0.0, COUNT)
    take = BodyTake(path, float(RATE), pose, np.zeros((COUNT, 3)))
    writer.write(figure_renderer.draw(take, np.arange(COUNT) / float(RATE), 480, 360), RATE, path)
    return path


def from_video(*arguments: object) -> int:
    return main(["avatar", "from-video", *map(str, arguments), "--body", "--consent", "none"])


def test_a_body_becomes_a_motion(film, tmp_path, capsys):
    assert from_video(film, tmp_path / "me") == 0
    assert "body.npz: 10 frames at 25 FPS, body and hands" in capsys.readouterr().out
    motion = Motion.load(tmp_path / "me" / "body.npz")
    assert (motion.rate, motion.frame_count) == (RATE, COUNT)
    joints = joint_positions(world_rotations(motion.body_pose.astype(float)), motion.translation.astype(float))
    left, right = joints[:, INDEX["left_wrist"], 1], joints[:, INDEX["right_wrist"], 1]
    assert left[-1] - left[0] > 0.35
    assert abs(right[-1] - right[0]) < 0.08
    assert [one.name for one in motion.origin.sources] == [film.name]
    assert motion.origin.consent["status"] == "not stated"


def test_a_part_and_a_film_without_anybody(film, tmp_path, capsys):
    assert from_video(film, tmp_path / "part", "--start", "0.08") == 0
    assert Motion.load(tmp_path / "part" / "body.npz").frame_count == COUNT - 2
    empty = tmp_path / "empty.mp4"
    writer.write(iter([np.full((120, 160, 3), 90, np.uint8)] * 6), RATE, empty)
    assert from_video(empty, tmp_path / "none") == 1
    assert "empty.mp4: 0 images show a body, and at least 5 are needed" in capsys.readouterr().err
    assert from_video(film, tmp_path / "late", "--start", "5") == 1
    assert "has no frames between 5 s" in capsys.readouterr().err
