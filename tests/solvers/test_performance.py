"""The whole performance of a voice."""

from __future__ import annotations

import numpy as np
import pytest

from animcore.audio import recording
from animcore.body_models.kinematics import INDEX
from animcore.core.vocabulary import ARKIT, ARKIT_INDEX, REGIONS
from animcore.direction import Direction
from animcore.errors import Cancelled
from animcore.solvers.perform import perform


@pytest.fixture
def line(spoken_line):
    """The demo's voice line."""
    return recording.load(spoken_line)


def test_every_part_of_the_face_moves(line):
    motion = perform(line, Direction())
    assert motion.audio_sha256 == line.sha256
    for name in ("jawOpen", "mouthClose", "mouthFunnel", "eyeBlinkLeft", "browInnerUp"):
        assert motion.arkit[:, ARKIT_INDEX[name]].max() > 0.05, name
    for track in (motion.jaw_pose, motion.neck_pose, motion.head_pose, motion.eye_pose):
        assert np.ptp(track) > np.deg2rad(1)


def test_two_runs_are_equal_and_seeds_differ(line):
    one, again, other = (perform(line, Direction(seed=seed)) for seed in (3, 3, 4))
    for name, values in one.tracks().items():
        np.testing.assert_array_equal(values, again.tracks()[name])
    assert not np.array_equal(one.head_pose, other.head_pose)
    mouth = [ARKIT_INDEX[name] for name in ARKIT if name.startswith(("mouth", "jaw"))]
    np.testing.assert_array_equal(one.arkit[:, mouth], other.arkit[:, mouth])


def test_silence_only_breathes_and_blinks(heard):
    motion = perform(heard(np.zeros(16_000 * 20)), Direction())
    moving = {ARKIT[index] for index in np.flatnonzero(np.ptp(motion.arkit, axis=0))}
    assert {"eyeBlinkLeft", "eyeBlinkRight"} <= moving
    # the eyes are on the viewer, with a glance now and then that the head takes a little part in, while it breathes
    assert all(name.startswith("eye") for name in moving)
    assert np.ptp(motion.head_pose) < np.deg2rad(3)
    assert np.median(np.linalg.norm(motion.eye_pose, axis=2)) < np.deg2rad(2)
    assert not motion.jaw_pose.any()


def test_music_makes_no_head_dance(heard, line):
    time = np.arange(16_000 * 8) / 16_000
    beat = np.sin(2 * np.pi * 220 * time) * np.exp(-6 * (time % 0.5))
    dance = perform(heard(0.3 * beat), Direction())
    speech = perform(line, Direction())
    assert dance.head_pose.std() < 0.6 * speech.head_pose.std()


def test_everything_off_is_a_still_face(line):
    motion = perform(line, Direction(strengths=dict.fromkeys(REGIONS, 0.0)))
    for name, values in motion.tracks().items():
        assert not values.any(), name


def test_strong_directions_stay_in_range(line):
    regions = ("lips", "jaw", "brows", "cheeks", "blinks", "gaze", "head")
    motion = perform(line, Direction(intensity=2.0, strengths=dict.fromkeys(regions, 2.0)))
    assert motion.arkit.max() <= 1
    assert np.abs(motion.head_pose + motion.neck_pose).max() < np.deg2rad(34)


def test_cancel_is_heard_to_the_end(line):
    def late(fraction: float, stage: str) -> None:
        if fraction >= 0.9:
            raise Cancelled

    with pytest.raises(Cancelled):
        perform(line, Direction(), late)


def test_music_makes_no_body_dance(heard, line):
    time = np.arange(16_000 * 8) / 16_000
    beat = np.sin(2 * np.pi * 220 * time) * np.exp(-6 * (time % 0.5))
    dance, speech = (perform(clip, Direction(style="lively")).body_pose for clip in (heard(0.3 * beat), line))
    arms = [INDEX[f"{side}_{joint}"] for side in ("left", "right") for joint in ("shoulder", "elbow")]
    assert dance[:, arms].std(0).max() < 0.25 * speech[:, arms].std(0).max()


def test_without_a_body_there_is_none(line):
    motion = perform(line, Direction(strengths={"body": 0.0}))
    assert motion.body_pose is None
    assert motion.translation is None
