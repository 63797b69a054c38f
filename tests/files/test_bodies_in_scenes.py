"""Whole takes in scene files: nodes and bones of the default character play the body where the engine has it."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pygltflib
import pytest
import small_glb
from scipy.spatial.transform import Rotation

from animcore.body_models.kinematics import INDEX, joint_positions, world_rotations
from animcore.errors import InputError
from animcore.files import FORMATS
from animcore.files.animation_curves import FormatOptions
from animcore.files.export_and_verify import export, load
from animcore.files.scenes import blender_process, gltf, gltf_animation
from animcore.files.scenes.glb import DEFAULT
from animcore.motion import Motion

FILM = Fraction(24000, 1001)
COUNT = 30
ENDS = (("elbow", "wrist"), ("index1", "index2"), ("thumb2", "thumb3"), ("hip", "knee"), ("knee", "ankle"))
LIMBS = [(f"{side}_{one}", f"{side}_{other}") for side in ("left", "right") for one, other in ENDS]


def whole(fingers: float = 1.0) -> Motion:
    """Someone who gestures, walks and turns once about the own axis."""
    generator = np.random.default_rng(11)
    swing = np.sin(np.linspace(0, 5, COUNT))[:, None, None]
    pose = generator.normal(size=(1, 55, 3)) * 0.2 + generator.normal(size=(1, 55, 3)) * 0.2 * swing
    hands = [INDEX[joint] for joint in INDEX if joint[-1].isdigit() and "spine" not in joint]
    pose[:, hands] *= fingers
    pose[:, INDEX["left_shoulder"], 2], pose[:, INDEX["right_shoulder"], 2] = -0.9, 0.9
    pose[:, INDEX["pelvis"]] = 0.0
    pose[:, INDEX["pelvis"], 1] = np.linspace(0, 2 * np.pi, COUNT)
    turn = (generator.normal(size=(COUNT, 3)) * 0.1).astype(np.float32)
    return Motion(
        FILM,
        arkit=generator.random((COUNT, 52), np.float32),
        head_pose=turn,
        neck_pose=turn * 0.5,
        body_pose=pose.astype(np.float32),
        translation=np.linspace((0, 0, 0), (0.3, 0.05, 0.8), COUNT).astype(np.float32),
    )


def played(path: Path) -> dict[str, np.ndarray]:
    """(T, 3) where every node goes: read by pygltflib, multiplied out here."""
    file = pygltflib.GLTF2().load(str(path))
    blob = file.binary_blob()

    def numbers(index: int) -> np.ndarray:
        accessor = file.accessors[index]
        view = file.bufferViews[accessor.bufferView]
        width = {"SCALAR": 1, "VEC3": 3, "VEC4": 4}[accessor.type]
        start = (view.byteOffset or 0) + (accessor.byteOffset or 0)
        return np.frombuffer(blob, "<f4", accessor.count * width, start).reshape(accessor.count, width)

    keys = {
        (channel.target.node, channel.target.path): numbers(file.animations[0].samplers[channel.sampler].output)
        for channel in file.animations[0].channels
        if channel.target.path != "weights"
    }
    frames: dict[int, np.ndarray] = {}

    def visit(index: int, above: np.ndarray) -> None:
        node, own = file.nodes[index], np.tile(np.eye(4), (COUNT, 1, 1))
        turns = keys.get((index, "rotation"), np.array([node.rotation or (0, 0, 0, 1)]))
        own[:, :3, :3] = Rotation.from_quat(turns).as_matrix() * np.array(node.scale or (1, 1, 1))
        own[:, :3, 3] = keys.get((index, "translation"), np.array(node.translation or (0, 0, 0)))
        frames[index] = above @ own
        for child in node.children or ():
            visit(child, frames[index])

    for root in file.scenes[0].nodes:
        visit(root, np.tile(np.eye(4), (COUNT, 1, 1)))
    return {file.nodes[index].name: frame[:, :3, 3] for index, frame in frames.items()}


def limbs_agree(found: dict[str, np.ndarray], motion: Motion) -> None:
    pose = np.array(motion.body_pose)
    wanted = joint_positions(world_rotations(pose))
    for one, other in LIMBS:
        way, due = found[other] - found[one], wanted[:, INDEX[other]] - wanted[:, INDEX[one]]
        cosine = (way * due).sum(1) / np.linalg.norm(way, axis=1) / np.linalg.norm(due, axis=1)
        # the arms of the default character spread by 2.6 degrees beside its wide trousers
        assert np.degrees(np.arccos(np.clip(cosine, -1, 1))).max() < (3.0 if "hip" in one or "knee" in one else 4.0)


def test_the_nodes_of_a_glb_go_where_the_engine_has_the_joints(tmp_path):
    motion = whole()
    report = export(motion, tmp_path / "a.glb", FORMATS["glb"])
    assert report.worst < 1e-6
    assert "left_shoulder_joint" in report.errors
    assert not any("body" in said for said in report.lacks)
    found = played(tmp_path / "a.glb")
    limbs_agree(found, motion)
    gone = found["pelvis"][-1] - found["pelvis"][0]
    np.testing.assert_allclose(gone, (0.3, 0.05, 0.8), atol=0.01)
    back = load(tmp_path / "a.glb", FORMATS["glb"])
    np.testing.assert_allclose(back.head_pose, motion.head_pose, atol=1e-5)
    np.testing.assert_allclose(back.neck_pose, motion.neck_pose, atol=1e-5)


def test_the_pose_that_nodes_stand_in_does_not_matter(tmp_path):
    """The skin knows its bound pose; a file saved with the arms up plays the same."""
    document = gltf.load(DEFAULT)
    for node in document.part("nodes"):
        if node.get("name") in ("left_shoulder", "right_elbow", "left_hip", "left_index1"):
            bent = Rotation.from_quat(node["rotation"]) * Rotation.from_rotvec((0.5, 0.3, -0.4))
            node["rotation"] = bent.as_quat().tolist()
    document.save(tmp_path / "posed.glb")
    motion = whole()
    for name, setup in (("a.glb", FormatOptions()), ("b.glb", FormatOptions(character=tmp_path / "posed.glb"))):
        export(motion, tmp_path / name, FORMATS["glb"], setup)
    one, other = played(tmp_path / "a.glb"), played(tmp_path / "b.glb")
    for joint in ("left_wrist", "right_wrist", "left_index3", "left_ankle", "head"):
        np.testing.assert_allclose(one[joint], other[joint], atol=1e-5)


def test_a_character_in_centimetres_with_z_up(tmp_path):
    """As exporters leave it: a node above the bones that turns and shrinks everything."""
    document = gltf.load(DEFAULT)
    nodes = document.part("nodes")
    quarter, joints = Rotation.from_euler("x", 90, degrees=True), document.part("skins")[0]["joints"]
    for index in joints:
        node = nodes[index]
        place, turn = np.array(node["translation"]) * 100.0, Rotation.from_quat(node["rotation"])
        if node["name"] == "pelvis":
            place, turn = quarter.apply(place), quarter * turn
        node["translation"], node["rotation"] = place.tolist(), turn.as_quat().tolist()
    above = next(node for node in nodes if any(nodes[child]["name"] == "pelvis" for child in node.get("children", ())))
    above |= {"rotation": quarter.inv().as_quat().tolist(), "scale": [0.01] * 3}
    skin = document.part("skins")[0]
    matrices = document.accessor(skin["inverseBindMatrices"]).reshape(-1, 4, 4)
    matrices = matrices @ np.diag((100.0, 100, 100, 1))  # stored by columns
    skin["inverseBindMatrices"] = document.add_accessor(matrices.reshape(-1, 16)[:, :4])
    document.part("accessors")[-1] |= {"type": "MAT4"}
    document.binary.extend(matrices.astype("<f4").tobytes())
    document.part("bufferViews")[-1] |= {
        "byteOffset": len(document.binary) - matrices.size * 4, "byteLength": matrices.size * 4,
    }  # fmt: skip
    document.save(tmp_path / "large.glb")
    motion = whole()
    for name, setup in (("a.glb", FormatOptions()), ("b.glb", FormatOptions(character=tmp_path / "large.glb"))):
        export(motion, tmp_path / name, FORMATS["glb"], setup)
    one, other = played(tmp_path / "a.glb"), played(tmp_path / "b.glb")
    for joint in ("pelvis", "left_wrist", "right_thumb3", "left_ankle", "head"):
        np.testing.assert_allclose(one[joint], other[joint], atol=1e-4)


def test_fingers_that_are_not_known_keep_how_they_stand(tmp_path):
    report = export(whole(fingers=0.0), tmp_path / "a.glb", FORMATS["glb"])
    assert "left_wrist_joint" in report.errors
    assert "left_index1_joint" not in report.errors
    clip = gltf_animation.read(gltf.load(tmp_path / "a.glb"))
    names = {gltf.load(tmp_path / "a.glb").part("nodes")[node]["name"] for node, _ in clip.values}
    assert "left_wrist" in names
    assert "left_index1" not in names


def test_a_take_of_the_face_has_no_body(tmp_path):
    made = whole()
    export(Motion(FILM, arkit=made.arkit, head_pose=made.head_pose), tmp_path / "a.glb", FORMATS["glb"])
    assert load(tmp_path / "a.glb", FORMATS["glb"]).body_pose is None


def test_a_character_without_a_body_says_so(tmp_path):
    small_glb.write(tmp_path / "small.glb")
    report = export(whole(), tmp_path / "a.glb", FORMATS["glb"], FormatOptions(character=tmp_path / "small.glb"))
    assert any("no skeleton of a known kind: the body is not written" in said for said in report.lacks)


@pytest.mark.parametrize("name", ["fbx", "usd"])
def test_blenders_formats_hold_the_same_body(tmp_path, name):
    try:
        blender_process.command()
    except InputError as absent:
        pytest.skip(str(absent))
    motion = whole()
    report = export(motion, tmp_path / ("a" + FORMATS[name].suffix), FORMATS[name])
    assert report.worst < 5e-5
    assert {"left_shoulder_joint", "right_index3_joint", "translation"} <= report.errors.keys()
    export(motion, tmp_path / "a.glb", FORMATS["glb"])
    mine = load(report.path, FORMATS[name])
    other = load(tmp_path / "a.glb", FORMATS["glb"])
    np.testing.assert_allclose(mine.translation, other.translation, atol=1e-4)
    one, two = (joint_positions(world_rotations(motion.body_pose), motion.translation) for motion in (mine, other))
    assert np.abs(one - two).max() < 1e-4


@pytest.mark.parametrize("name", ["bvh", "vrma", "beat2", "amass"])
def test_formats_of_bodies_give_a_whole_take_back(tmp_path, name):
    motion = whole()
    report = export(motion, tmp_path / ("a" + FORMATS[name].suffix), FORMATS[name])
    back = load(report.path, FORMATS[name])
    at = joint_positions(world_rotations(motion.resampled(back.rate).body_pose))[: back.frame_count]
    ends = [INDEX[f"{side}_{joint}"] for side in ("left", "right") for joint in ("wrist", "index3", "ankle", "foot")]
    found = joint_positions(world_rotations(back.body_pose))
    assert np.abs((found - at)[:, ends]).max() < 1e-3
