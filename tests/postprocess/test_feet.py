"""Planted feet stay, nothing goes through the floor, and what was right is left alone."""

from __future__ import annotations

import numpy as np
import pytest
from moving import RATE, gesturing, spoiled

from animcore.body_models import collision_capsules
from animcore.body_models.kinematics import INDEX, joint_positions, world_rotations
from animcore.body_models.parametric_model import load_model
from animcore.postprocess import foot_contact


@pytest.fixture(scope="module")
def bad():
    return spoiled(*gesturing(20))


def soles(pose, translation):
    turned = world_rotations(pose)
    return collision_capsules.sole_positions(turned, joint_positions(turned, translation))


def slide(points):
    """Metres a second along the floor of points (T, 2, 4, 3)."""
    return np.linalg.norm(np.diff(points[..., [0, 2]], axis=0), axis=-1) * RATE


def test_the_bad_motion_is_bad(bad):
    points = soles(*bad)
    assert points[..., 1].min() < collision_capsules.floor_at_rest() - 0.02
    assert slide(points).mean() > 0.05


def test_planted_feet_do_not_move_at_all(bad):
    pose, translation = foot_contact.lock_feet(*bad, RATE)
    moved = slide(soles(pose, translation)).max(2)
    standing = moved < 1e-6
    assert standing.mean() > 0.75  # the rest are small steps, since the hips drift off by 20 cm
    assert np.percentile(slide(soles(*bad)).max(2), 25) > 0.01


def test_no_foot_is_below_the_floor(bad):
    pose, translation = foot_contact.lock_feet(*bad, RATE)
    assert soles(pose, translation)[..., 1].min() > collision_capsules.floor_at_rest() - 1e-9
    lifted = foot_contact.raise_to_floor(*bad, RATE)
    assert soles(bad[0], lifted)[..., 1].min() > collision_capsules.floor_at_rest() - 1e-9
    assert np.abs(np.diff(lifted[:, 1], 2)).max() * RATE**2 < 3.0  # metres a second squared: no jerk


def test_the_skin_of_the_open_body_stands_on_the_floor(bad):
    pose, translation = foot_contact.lock_feet(*bad, RATE)
    some = slice(None, None, 100)
    skin, _ = load_model("open-body").posed(
        pose[some].astype(np.float32), translation=translation[some].astype(np.float32)
    )
    lowest = skin[..., 1].min(1) - collision_capsules.floor_at_rest()
    assert (np.abs(lowest) < 0.004).all()


def test_the_upper_body_and_what_stands_well_are_left_alone(bad):
    pose, _ = foot_contact.lock_feet(*bad, RATE)
    legs = [INDEX[f"{side}_{name}"] for side in ("left", "right") for name in ("hip", "knee", "ankle", "foot")]
    rest = np.setdiff1d(np.arange(55), legs)
    assert np.array_equal(pose[:, rest], bad[0][:, rest])
    once = foot_contact.lock_feet(*gesturing(4), RATE)
    twice = foot_contact.lock_feet(*once, RATE)
    assert np.abs(twice[0] - once[0]).max() < 1e-3
    assert np.abs(twice[1] - once[1]).max() < 1e-4


def test_a_step_is_left_a_step():
    pose, translation = gesturing(4)
    lift = np.zeros(len(pose))
    lift[80:110] = np.sin(np.pi * np.arange(30) / 30) ** 2
    pose[:, INDEX["left_hip"], 0] -= 0.9 * lift
    pose[:, INDEX["left_knee"], 0] += 1.6 * lift
    pose[:, INDEX["left_ankle"], 0] -= 0.7 * lift
    planted = foot_contact.contacts(pose, translation, RATE)
    assert planted[:70].all()
    assert planted[:, 1].all()
    assert not planted[90:100, 0].any()
    before, after = (
        soles(*motion)[95, 0, :, 1].min()
        for motion in ((pose, translation), foot_contact.lock_feet(pose, translation, RATE))
    )
    assert after == pytest.approx(before, abs=0.03)
    assert before > collision_capsules.floor_at_rest() + 0.1


def test_a_still_lower_body_keeps_its_feet_and_its_torso(bad):
    pose, translation = foot_contact.lower_body_still(*bad, RATE)
    assert slide(soles(pose, translation)).max() < 1e-6
    assert np.ptp(translation, axis=0).max() < 0.08
    assert np.array_equal(pose[:, INDEX["spine1"] :: 3][:, :3], bad[0][:, INDEX["spine1"] :: 3][:, :3])
    assert np.ptp(bad[1], axis=0).max() > 0.15


def test_another_floor(bad):
    pose, translation = foot_contact.lock_feet(bad[0], bad[1] + (0, 0.9, 0), RATE)
    own, moved = foot_contact.lock_feet(*bad, RATE, floor=collision_capsules.floor_at_rest())
    high = foot_contact.floor_of(bad[0], bad[1] + (0, 0.9, 0))
    assert high == pytest.approx(foot_contact.floor_of(*bad) + 0.9, abs=0.031)
    assert soles(pose, translation)[..., 1].min() > high - 1e-9
    assert len(own) == len(moved) == len(pose)


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_clips_of_few_frames(count):
    pose, translation = np.zeros((count, 55, 3)), np.zeros((count, 3))
    for call in (foot_contact.lock_feet, foot_contact.lower_body_still):
        moved, _ = call(pose, translation, RATE)
        assert moved.shape == pose.shape
        assert np.isfinite(moved).all()
