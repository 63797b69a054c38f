"""Arms spread by what the hips of a character stand out more than SMPL-X's, where they hang and nowhere else."""

from __future__ import annotations

import numpy as np
import pytest

from animcore.body_models.kinematics import INDEX, joint_positions, open_body_joints, world_rotations
from animcore.retarget import arm_clearance

JOINTS = {joint: open_body_joints()[place] for joint, place in INDEX.items()}


def figure(half: float) -> np.ndarray:
    """Vertices of thighs that reach so far out, and of arms in the T-pose."""
    height = np.linspace(-0.3, 0.1, 60) + JOINTS["left_hip"][1]
    legs = [np.stack((np.full(60, side * half), height, np.zeros(60)), 1) for side in (1, -1)]
    across = np.linspace(-0.7, 0.7, 80)
    arms = np.stack((across, np.full(80, JOINTS["left_shoulder"][1]), np.zeros(80)), 1)
    return np.concatenate((*legs, arms))


def hanging(degrees: float) -> np.ndarray:
    pose = np.zeros((1, 55, 3))
    for side, sign in (("left", 1), ("right", -1)):
        pose[:, INDEX[f"{side}_shoulder"], 2] = -sign * np.radians(degrees)
    return pose


@pytest.mark.parametrize("wider", [0.0, 0.05, 0.12])
def test_hands_keep_their_distance(wider):
    half = arm_clearance.half_width(figure(arm_clearance.HALF_WIDTH + wider), JOINTS)
    assert half == pytest.approx(arm_clearance.HALF_WIDTH + wider, abs=1e-6)
    angle = arm_clearance.spread(half, JOINTS, open_body_joints(), 1.0)
    straight = world_rotations(hanging(85))
    before, after = joint_positions(straight)[0], joint_positions(arm_clearance.spread_arms(straight, angle))[0]
    for wrist, sign in ((INDEX["left_wrist"], 1), (INDEX["right_wrist"], -1)):
        assert sign * (after - before)[wrist, 0] == pytest.approx(wider, abs=0.01)
    raised = world_rotations(hanging(0))
    np.testing.assert_allclose(arm_clearance.spread_arms(raised, angle), raised, atol=1e-12)


def test_nothing_is_known_of_a_body_without_legs_or_skin():
    assert arm_clearance.half_width(np.zeros((0, 3)), JOINTS) is None
    assert arm_clearance.half_width(figure(0.3), {"left_hip": np.zeros(3)}) is None
    assert arm_clearance.spread(None, JOINTS, open_body_joints(), 1.0) == 0.0
