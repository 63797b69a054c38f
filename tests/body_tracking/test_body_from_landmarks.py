"""A body's motion from landmarks that are known: the joints of a moving SMPL-X body, seen from the front."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from animcore.body_models.kinematics import INDEX, joint_positions, open_body_joints, world_rotations
from animcore.body_tracking import solve
from animcore.body_tracking.hands import FINGERS
from animcore.body_tracking.landmarks import MARK, SIDES, BodyLandmarks
from animcore.errors import InputError
from animcore.trackers.body import NAMES, Body
from animcore.trackers.hands import Hand

COUNT, RATE, SCALE, SIZE = 50, 25, 300.0, (720, 720)
JOINTS = {
    "shoulder": "shoulder", "elbow": "elbow", "wrist": "wrist", "hip": "hip", "knee": "knee", "ankle": "ankle",
    "foot_index": "foot", "index": "index1", "pinky": "pinky1",
}  # fmt: skip


def moving() -> np.ndarray:
    """(T, 55, 3) somebody who waves both arms, nods, bends the fingers and turns a little."""
    time = np.arange(COUNT) / RATE
    pose = np.zeros((COUNT, 55, 3))
    pose[:, INDEX["pelvis"], 1] = 0.3 * np.sin(2 * time)
    pose[:, INDEX["head"], 0] = 0.2 * np.sin(4 * time)
    for side, sign in (("left", 1), ("right", -1)):
        pose[:, INDEX[f"{side}_shoulder"], 2] = -sign * (0.9 + 0.2 * np.sin(3 * time))
        pose[:, INDEX[f"{side}_elbow"], 1] = -sign * (0.9 + 0.4 * np.sin(3 * time + 1))
        pose[:, INDEX[f"{side}_knee"], 0] = 0.15
        pose[:, INDEX[f"{side}_hip"], 0] = -0.12
        for joint in (1, 2, 3):
            pose[:, INDEX[f"{side}_middle{joint}"], 2] = -sign * 0.4
    return pose


def seen_of(pose: np.ndarray) -> tuple[list[Body], list[list[Hand]], np.ndarray]:
    """What perfect trackers would find, and the joints (T, 55, 3)."""
    turned = world_rotations(pose)
    joints = joint_positions(turned, np.zeros((len(pose), 3)))
    rest = open_body_joints()
    points = np.zeros((len(pose), len(NAMES), 3))

    def on(joint: str, offset: tuple[float, float, float]) -> np.ndarray:
        return joints[:, INDEX[joint]] + turned[:, INDEX[joint]] @ np.array(offset)

    for side, sign in (("left", 1), ("right", -1)):
        for name, joint in JOINTS.items():
            points[:, MARK[f"{side}_{name}"]] = joints[:, INDEX[f"{side}_{joint}"]]
        flat = (rest[INDEX[f"{side}_foot"]] - rest[INDEX[f"{side}_ankle"]]) * (1, 0, 1)
        points[:, MARK[f"{side}_heel"]] = (
            points[:, MARK[f"{side}_foot_index"]] - turned[:, INDEX[f"{side}_ankle"]] @ flat
        )
        points[:, MARK[f"{side}_ear"]] = on("head", (sign * 0.075, 0.03, 0.0))
    points[:, MARK["nose"]] = on("head", (0.0, 0.005, 0.105))
    middle = points[:, [MARK["left_hip"], MARK["right_hip"]]].mean(1, keepdims=True)
    pixels = points[..., :2] * (SCALE, -SCALE) + np.array(SIZE) / 2
    ones = np.ones(len(NAMES))
    bodies = [
        Body(np.concatenate([flat, np.zeros((len(NAMES), 1))], 1), metres * (1, -1, -1), ones, ones, 1.0)
        for flat, metres in zip(pixels, points - middle, strict=True)
    ]
    hands = [[_hand(joints[frame], side) for side in SIDES] for frame in range(len(pose))]
    return bodies, hands, joints


def _hand(joints: np.ndarray, side: str) -> Hand:
    points = np.zeros((21, 3))
    points[0] = joints[INDEX[f"{side}_wrist"]]
    for name, marks in FINGERS.items():
        chain = joints[[INDEX[f"{side}_{name}{joint}"] for joint in (1, 2, 3)]]
        points[list(marks)] = [*chain, 2 * chain[2] - chain[1]]
    return Hand(points, (points - points.mean(0)) * (1, -1, -1), float(side == "right"), 1.0)


@pytest.fixture(scope="module")
def landmarks() -> BodyLandmarks:
    bodies, hands, _ = seen_of(moving())
    return BodyLandmarks.of(np.arange(COUNT) / RATE, SIZE, bodies, hands)


def errors(found: np.ndarray, wanted: np.ndarray, *names: str) -> np.ndarray:
    """Millimetres between joints around the pelvis."""
    chosen = [INDEX[name] for name in names]
    away = (found - found[:, :1])[:, chosen] - (wanted - wanted[:, :1])[:, chosen]
    return 1000 * np.linalg.norm(away, axis=2)


def joints_of(motion) -> np.ndarray:
    return joint_positions(world_rotations(motion.body_pose.astype(float)), motion.translation.astype(float))


def test_arms_head_and_legs_come_back(landmarks):
    found = solve.motion(landmarks, Fraction(RATE))
    assert (found.rate, found.frame_count) == (RATE, COUNT)
    own, wanted = joints_of(found), seen_of(moving())[2]
    assert errors(own, wanted, "left_elbow", "right_elbow").mean() < 30
    assert errors(own, wanted, "left_wrist", "right_wrist").mean() < 45
    assert errors(own, wanted, "left_knee", "right_ankle").mean() < 40
    nod = found.body_pose[:, [INDEX["neck"], INDEX["head"]], 0].sum(1)
    assert np.corrcoef(nod, moving()[:, INDEX["head"], 0])[0, 1] > 0.9


def test_fingers_bend(landmarks):
    pose = solve.motion(landmarks, Fraction(RATE)).body_pose
    for side, sign in (("left", 1), ("right", -1)):
        assert pose[:, INDEX[f"{side}_middle2"], 2].mean() == pytest.approx(-sign * 0.4, abs=0.12)
        assert np.abs(pose[:, INDEX[f"{side}_index2"]]).max() < 0.15


def test_standing_feet_stand(landmarks):
    feet = joints_of(solve.motion(landmarks, Fraction(RATE)))[:, [INDEX["left_ankle"], INDEX["right_ankle"]]]
    assert np.linalg.norm(np.diff(feet, axis=0), axis=2).mean() * RATE < 0.05
    assert abs(feet[..., 1].mean() - open_body_joints()[INDEX["left_ankle"], 1]) < 1.2


def test_lost_images_are_filled_in():
    bodies, hands, wanted = seen_of(moving())
    lost = [None if 20 <= number < 24 else body for number, body in enumerate(bodies)]
    none = [[None, None] if 20 <= number < 24 else pair for number, pair in enumerate(hands)]
    seen = BodyLandmarks.of(np.arange(COUNT) / RATE, SIZE, lost, none)
    assert seen.found.sum() == COUNT - 4
    own = joints_of(solve.motion(seen, Fraction(RATE)))
    assert errors(own, wanted, "left_wrist", "right_wrist")[20:24].max() < 120


def test_without_legs_the_body_stands_and_without_hands_fingers_rest(landmarks):
    visible = landmarks.visible.copy()
    visible[[MARK[name] for name in NAMES if "knee" in name or "ankle" in name or "hip" in name]] = 0.0
    seen = replace(landmarks, visible=visible, hands_found=np.zeros((2, COUNT), bool))
    pose = solve.motion(seen, Fraction(RATE)).body_pose
    legs = [INDEX[f"{side}_{joint}"] for side in SIDES for joint in ("hip", "knee", "ankle", "foot")]
    assert np.abs(pose[:, legs]).max() < 1e-5
    assert np.abs(pose[:, [INDEX["left_middle2"], INDEX["right_thumb1"]]]).max() < 1e-5
    assert np.abs(pose[:, INDEX["pelvis"], [0, 2]]).max() < 0.05, "upright"


def test_the_rate_may_be_another(landmarks):
    assert solve.motion(landmarks, Fraction(50)).frame_count == 2 * COUNT - 1


def test_too_few_bodies_are_said():
    bodies, hands, _ = seen_of(moving()[:4])
    with pytest.raises(InputError, match="4 images show a body, and at least 5 are needed"):
        BodyLandmarks.of(np.arange(4) / RATE, SIZE, bodies, hands)
