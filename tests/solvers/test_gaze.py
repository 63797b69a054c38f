"""The eyes: blinks and glances in human amounts."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from animcore.direction import Direction
from animcore.motion import Motion
from animcore.names import ARKIT, ARKIT_INDEX
from animcore.solvers import gaze
from animcore.speech.prosody import FPS


@pytest.fixture(scope="module")
def eyes(talk) -> gaze.Eyes:
    """Ten minutes of talk with a still head."""
    voice = talk(10)
    return gaze.look(voice, np.zeros((len(voice.level), 3), np.float32), Direction())


def test_blinks_come_as_often_as_in_people(eyes):
    assert 12 < len(eyes.blinks) / 10 < 22
    assert 0.3 < np.diff(eyes.blinks).std() / np.diff(eyes.blinks).mean() < 1.2


def test_lids_fall_faster_than_they_rise():
    closure = gaze.lids(np.array([1.0]), 100)
    top = int(closure.argmax())
    shut = np.flatnonzero(closure > 0.05)
    assert closure.max() == 1.0
    assert top - shut[0] < 0.7 * (shut[-1] - top)
    assert 0.14 < (shut[-1] - shut[0]) / FPS < 0.3


def test_every_blink_is_complete(eyes):
    lid = eyes.weights[:, ARKIT_INDEX["eyeBlinkLeft"]]
    for start in eyes.blinks:
        assert lid[round(start * FPS) : round((start + 0.15) * FPS)].max() > 0.98
    assert lid[0] == lid[-1] == 0


@pytest.mark.parametrize("rate", ["24", "24000/1001", "25", "30", "60"])
def test_every_blink_shuts_the_eye_at_any_rate(eyes, rate):
    motion = Motion(Fraction(FPS), arkit=eyes.weights).resampled(Fraction(rate))
    lid = motion.arkit[:, ARKIT_INDEX["eyeBlinkLeft"]]
    for start in eyes.blinks:
        assert lid[(motion.times >= start) & (motion.times <= start + 0.2)].max() > 0.999


def test_ends_of_phrases_draw_blinks(eyes, talk):
    ends = np.array([end for _, end in talk(10).phrases])
    near = [np.abs(ends - blink).min() < 0.15 for blink in eyes.blinks]
    random = [np.abs(ends - time).min() < 0.15 for time in np.random.default_rng(0).uniform(0, 590, 500)]
    assert np.mean(near) > 2 * np.mean(random)


def test_gaze_rests_on_the_viewer_and_glances_away(eyes):
    degrees = np.rad2deg(eyes.pose[:, 0, :2])
    size = np.linalg.norm(degrees, axis=1)
    assert np.median(size) < 2.5
    assert 0.02 < (size > 5).mean() < 0.25
    assert size.max() < 32


def test_saccades_are_fast_and_fixations_still(eyes):
    step = np.abs(np.diff(np.rad2deg(eyes.pose[:, 0, :2]), axis=0)).max(1)
    assert (step < 0.01).mean() > 0.85
    assert step.max() * FPS > 100


def test_both_eyes_look_at_the_same(eyes):
    np.testing.assert_array_equal(eyes.pose[:, 0], eyes.pose[:, 1])


def test_lids_follow_the_eyes(eyes):
    down = eyes.pose[:, 0, 0] > np.deg2rad(3)
    assert (eyes.weights[down][:, ARKIT_INDEX["eyeLookUpLeft"]] == 0).all()
    open_lids = down & (eyes.weights[:, ARKIT_INDEX["eyeBlinkLeft"]] == 0)
    assert (eyes.weights[open_lids][:, ARKIT_INDEX["eyeLookDownLeft"]] > 0.05).all()
    left = eyes.pose[:, 0, 1] > np.deg2rad(3)
    assert (eyes.weights[left][:, ARKIT_INDEX["eyeLookOutLeft"]] > 0.05).all()
    assert (eyes.weights[left][:, ARKIT_INDEX["eyeLookInRight"]] > 0.05).all()


def test_only_the_eyes_move(eyes):
    others = [ARKIT_INDEX[name] for name in ARKIT if not name.startswith(("eyeBlink", "eyeLook"))]
    assert not eyes.weights[:, others].any()
    assert eyes.weights.min() >= 0
    assert eyes.weights.max() <= 1


def test_eyes_turn_against_the_head(hush):
    voice = hush(4)
    turned = np.zeros((200, 3), np.float32)
    turned[:, 1] = np.deg2rad(6)
    pose = gaze.look(voice, turned, Direction()).pose
    np.testing.assert_allclose(pose[:, 0, 1], -np.deg2rad(6), atol=1e-6)


def test_strengths_switch_off(talk):
    voice = talk(1)
    still = np.zeros((len(voice.level), 3), np.float32)
    off = gaze.look(voice, still, Direction(strengths={"blinks": 0.0, "gaze": 0.0}))
    assert not off.pose.any()
    assert not off.weights.any()
    often = gaze.look(voice, still, Direction(strengths={"blinks": 2.0}))
    assert len(often.blinks) > 1.4 * len(gaze.look(voice, still, Direction()).blinks)


def test_equal_seeds_give_equal_eyes(talk):
    voice = talk(1)
    still = np.zeros((len(voice.level), 3), np.float32)
    one, again, other = (gaze.look(voice, still, Direction(seed=seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.weights, again.weights)
    assert not np.array_equal(one.blinks, other.blinks)


def test_silence_leaves_blinks_alone(hush):
    voice = hush(60)
    eyes = gaze.look(voice, np.zeros((len(voice.level), 3), np.float32), Direction())
    assert not eyes.pose.any()
    assert len(eyes.blinks) >= 8
