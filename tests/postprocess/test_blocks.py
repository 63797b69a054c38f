"""Long motions are finished block by block, and nobody can tell where."""

from __future__ import annotations

import numpy as np
import pytest
from moving import RATE, gesturing, spoiled

from animcore.body_models import collision_capsules
from animcore.body_models.kinematics import INDEX, joint_positions, world_rotations
from animcore.postprocess import body_cleanup, filters, foot_contact, hand_smoothing, self_collision


@pytest.fixture
def short_blocks(monkeypatch):
    monkeypatch.setattr(filters, "_BLOCK", 5.0)
    monkeypatch.setattr(filters, "_MARGIN", 4.0)


@pytest.fixture(scope="module")
def bad():
    return spoiled(*gesturing(24, 0, 0.2))


def found(pose, translation):
    return joint_positions(world_rotations(pose), translation)


def standing(pose, translation):
    """(T - 1, 2) whether each foot, all of its sole, is still."""
    turned = world_rotations(pose)
    points = collision_capsules.sole_positions(turned, joint_positions(turned, translation))
    return np.linalg.norm(np.diff(points, axis=0), axis=-1).max(2) * RATE < 1e-6


def test_blocks_give_what_the_whole_gives(bad, short_blocks, monkeypatch):
    parts = {name: call(*bad) for name, call in calls().items()}
    monkeypatch.setattr(filters, "_BLOCK", 500.0)
    for name, call in calls().items():
        whole, made = found(*call(*bad)), found(*parts[name])
        assert np.percentile(np.linalg.norm(whole - made, axis=-1), 95) < 0.02, name


def calls():
    return {
        "calmed": lambda pose, translation: (hand_smoothing.smooth_hands(pose, RATE), translation),
        "locked": lambda pose, translation: foot_contact.lock_feet(pose, translation, RATE),
        "still": lambda pose, translation: foot_contact.lower_body_still(pose, translation, RATE),
        "pushed": lambda pose, translation: (self_collision.pushed_out(pose, RATE), translation),
    }


def test_what_is_promised_holds_over_seams(bad, short_blocks):
    done, moved = body_cleanup.finished(*bad, RATE)
    turned = world_rotations(done)
    soles = collision_capsules.sole_positions(turned, joint_positions(turned, moved))
    assert soles[..., 1].min() > collision_capsules.floor_at_rest() - 5e-4  # half a millimetre where two blocks meet
    assert self_collision.penetration(done).max() < 0.010
    assert standing(done, moved).mean() > 0.7
    wrists = found(done, moved)[:, [INDEX["left_wrist"], INDEX["right_wrist"]]]
    change = np.linalg.norm(np.diff(wrists, 2, axis=0), axis=-1).max(1) * RATE**2
    seams = np.abs(np.arange(len(change))[:, None] - np.arange(250, 1200, 250)).min(1) < 30
    assert change[seams].max() < 1.5 * change[~seams].max()


def test_a_foot_that_stands_all_the_time_stands_over_seams(short_blocks):
    pose, translation = gesturing(24)
    translation = translation + 0.01 * np.sin(np.arange(len(pose)) / 40)[:, None]
    assert standing(*foot_contact.lock_feet(pose, translation, RATE)).all()
    assert standing(*foot_contact.lower_body_still(pose, translation, RATE)).all()


def test_types_are_kept(bad):
    pose, translation = (part[:100].astype(np.float32) for part in bad)
    done, moved = body_cleanup.finished(pose, translation, RATE)
    assert done.dtype == moved.dtype == np.float32
    assert np.abs(done - body_cleanup.finished(pose.astype(float), translation.astype(float), RATE)[0]).max() < 1e-5


def test_in_place_gives_what_a_copy_gives(bad, short_blocks):
    def step(pose, translation, left, following):
        around = np.stack([np.roll(pose, shift, 0) for shift in (-90, 0, 90)]).mean(0)  # looks around, as steps do
        return around, translation + pose[:, 0], left

    wanted = filters.in_blocks(step, *bad, RATE)
    given = bad[0].copy(), bad[1].copy()
    made = filters.in_blocks(step, *given, RATE, in_place=True)
    for values, own, copy in zip(made, given, wanted, strict=True):
        assert values is own  # two hours of a body are 240 MB
        assert (values == copy).all()
