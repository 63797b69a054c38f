"""Tremor goes, strokes stay, and nothing is faster or more bent than people."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from moving import RATE, gesturing, spoiled

from animcore.body_models.kinematics import INDEX, joint_positions, world_rotations
from animcore.geometry import rotations
from animcore.postprocess import hand_smoothing

WRISTS = [INDEX["left_wrist"], INDEX["right_wrist"]]


def wrists(pose):
    return joint_positions(world_rotations(pose))[:, WRISTS]


def jitter(points):
    third = np.diff(points, 3, axis=0) * RATE**3
    return np.sqrt(np.square(third).sum(-1).mean())


def speeds(pose, joint):
    turns = rotations.to_quaternion(pose[:, joint])
    step = rotations.from_quaternion(rotations.multiply(rotations.inverse(turns[:-1]), turns[1:]))
    return np.linalg.norm(step, axis=-1) * RATE


def test_tremor_goes_and_strokes_stay():
    clean, still = gesturing(20)
    shaken, _ = spoiled(clean, still)
    assert jitter(wrists(hand_smoothing.smooth_hands(shaken, RATE))) < 0.1 * jitter(wrists(shaken))
    calm, true = wrists(hand_smoothing.smooth_hands(clean, RATE)), wrists(clean)
    assert np.percentile(np.linalg.norm(calm - true, axis=-1), 99) < 0.01
    before, after = (np.linalg.norm(np.diff(points, axis=0), axis=-1).max(0) for points in (true, calm))
    assert (after > 0.95 * before).all()


def test_a_stroke_is_neither_early_nor_late():
    clean, _ = gesturing(20)
    before, after = (
        np.linalg.norm(np.diff(wrists(pose)[:, 0], axis=0), axis=-1)
        for pose in (clean, hand_smoothing.smooth_hands(clean, RATE))
    )
    scores = [np.corrcoef(before[10:-10], np.roll(after, shift)[10:-10])[0, 1] for shift in range(-3, 4)]
    assert int(np.argmax(scores)) == 3


@pytest.mark.parametrize("jump", [0.8, 2.5])
def test_a_jump_becomes_as_fast_as_people_are(jump):
    pose, _ = gesturing(6)
    pose[150:, INDEX["left_elbow"], 1] -= jump
    pose[200:201, INDEX["right_wrist"]] += 1.5  # a frame that a tracker lost
    calm = hand_smoothing.smooth_hands(pose, RATE)
    for joint in (INDEX["left_elbow"], INDEX["right_wrist"]):
        assert speeds(pose, joint).max() > 2 * hand_smoothing.FASTEST
        assert speeds(calm, joint).max() < 1.02 * hand_smoothing.FASTEST


def test_head_and_legs_stay():
    pose, _ = spoiled(*gesturing(4))
    calm = hand_smoothing.smooth_hands(pose, RATE)
    for name in ("head", "neck", "jaw", "pelvis", "left_hip", "right_knee", "left_ankle"):
        assert np.array_equal(calm[:, INDEX[name]], pose[:, INDEX[name]])


def test_fingers_bend_towards_the_palm_alone():
    pose = np.zeros((1, 55, 3))
    for side, sign in (("left", -1.0), ("right", 1.0)):
        pose[0, INDEX[f"{side}_middle2"], 2] = sign * 1.5  # a bent finger
        pose[0, INDEX[f"{side}_index2"], 2] = -sign * 1.5  # one bent backwards
        pose[0, INDEX[f"{side}_ring1"], 1] = 1.2  # one torn to the side
    kept = hand_smoothing.clamp_fingers(pose)
    tips = joint_positions(world_rotations(kept))[0]
    for side in ("left", "right"):
        assert np.allclose(kept[0, INDEX[f"{side}_middle2"]], pose[0, INDEX[f"{side}_middle2"]], atol=0.05)
        assert tips[INDEX[f"{side}_middle3"], 1] < tips[INDEX[f"{side}_middle2"], 1] - 0.02
        assert tips[INDEX[f"{side}_index3"], 1] < tips[INDEX[f"{side}_index2"], 1] + 0.01
        assert np.linalg.norm(kept[0, INDEX[f"{side}_ring1"]]) < 0.5


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0.0, 3.0))
def test_limits_hold_for_any_pose_and_once_is_enough(seed, size):
    pose = np.random.default_rng(seed).normal(size=(3, 55, 3)) * size
    once = hand_smoothing.clamp_fingers(pose)
    assert np.allclose(hand_smoothing.clamp_fingers(once), once, atol=1e-12)
    fingers = [index for name, index in INDEX.items() if name[-1] in "123" and not name.startswith("spine")]
    assert np.linalg.norm(once[:, fingers], axis=-1).max() < np.radians(115)
    others = np.setdiff1d(np.arange(55), fingers)
    assert np.array_equal(once[:, others], pose[:, others])


@pytest.mark.parametrize("count", [0, 1, 2, 3, 5])
def test_clips_of_few_frames(count):
    pose = np.full((count, 55, 3), 0.1)
    assert np.allclose(hand_smoothing.smooth_hands(pose, RATE), pose)
