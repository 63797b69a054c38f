"""Arms and legs reach what they are asked to."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from animcore.body_models import two_bone_ik

LIMBS = {
    f"{side} {part}": make(side)
    for side in ("left", "right")
    for part, make in (("arm", two_bone_ik.arm), ("leg", two_bone_ik.leg))
}
directions = st.tuples(*[st.floats(-1, 1)] * 3).filter(lambda values: np.linalg.norm(values) > 0.1)


def end(limb, upper, lower):
    return limb.places[0] + upper @ limb.bones[0] + lower @ limb.bones[1]


@given(st.sampled_from(sorted(LIMBS)), directions, st.floats(0.2, 0.99), directions)
def test_the_end_is_where_it_was_asked_to_be(name, direction, share, hint):
    limb = LIMBS[name]
    direction = np.array(direction) / np.linalg.norm(direction)
    if np.linalg.norm(np.cross(direction, hint)) < 0.05:
        return  # the hint says nothing there
    target = limb.places[0] + direction * share * limb.lengths.sum()
    upper, lower = two_bone_ik.solve_two_bone(limb, limb.places[0], target, np.array(hint))
    assert np.allclose(end(limb, upper, lower), target, atol=1e-6)
    for turn in (upper, lower):
        assert np.allclose(turn @ turn.T, np.eye(3), atol=1e-9)
        assert np.linalg.det(turn) > 0


@pytest.mark.parametrize("name", LIMBS)
def test_the_middle_joint_points_along_the_hint_and_bends_about_its_hinge(name):
    limb = LIMBS[name]
    hint = np.array([0.0, 0.0, 1.0 if "leg" in name else -1.0])
    target = limb.places[0] + limb.bones.sum(0) * 0.8
    upper, lower = two_bone_ik.solve_two_bone(limb, limb.places[0], target, hint)
    assert (upper @ limb.bones[0]) @ hint > 0.05
    bend = upper.T @ lower
    axis = np.array([bend[2, 1] - bend[1, 2], bend[0, 2] - bend[2, 0], bend[1, 0] - bend[0, 1]])
    assert axis @ limb.hinge / np.linalg.norm(axis) > 0.99


def test_what_is_too_far_is_pointed_at():
    limb = LIMBS["left arm"]
    target = limb.places[0] + np.array([0.3, 0.2, 2.0])
    upper, lower = two_bone_ik.solve_two_bone(limb, limb.places[0], target, np.array([0.0, -1.0, 0.0]))
    way = end(limb, upper, lower) - limb.places[0]
    assert np.linalg.norm(way) == pytest.approx(limb.lengths.sum(), rel=0.01)
    assert way @ (target - limb.places[0]) / np.linalg.norm(way) / np.linalg.norm(target - limb.places[0]) > 0.9999
