"""VRM animations: read by pygltflib against the specification; bones of others with turned rest poses, by scipy."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from animcore.core.vocabulary import ARKIT, SMPLX_JOINTS
from animcore.errors import InputError
from animcore.files.animation_curves import FormatOptions
from animcore.files.export_and_verify import export, load
from animcore.files.scenes import gltf, gltf_animation, vrma
from animcore.files.scenes.gltf_animation import GltfAnimation
from animcore.motion import Motion

pygltflib = pytest.importorskip("pygltflib")
Rotation = pytest.importorskip("scipy.spatial.transform").Rotation

# "Required bones" of specification/VRMC_vrm-1.0/humanoid.md
REQUIRED = {"hips", "spine", "head"} | {
    side + part
    for side in ("left", "right")
    for part in ("UpperLeg", "LowerLeg", "Foot", "UpperArm", "LowerArm", "Hand")
}


@pytest.fixture
def motion() -> Motion:
    generator = np.random.default_rng(5)
    turns = {
        name: generator.normal(size=(40, *shape)).astype(np.float32) * 0.3
        for name, shape in (("neck_pose", (3,)), ("head_pose", (3,)), ("eye_pose", (2, 3)), ("body_pose", (55, 3)))
    }
    moved = np.linspace(0, 1, 120, dtype=np.float32).reshape(40, 3)
    return Motion(Fraction(30000, 1001), arkit=generator.random((40, 52), np.float32), **turns, translation=moved)


def numbers(file: pygltflib.GLTF2, index: int) -> np.ndarray:
    accessor = file.accessors[index]
    view = file.bufferViews[accessor.bufferView]
    width = {"SCALAR": 1, "VEC3": 3, "VEC4": 4}[accessor.type]
    return np.frombuffer(file.binary_blob(), "<f4", accessor.count * width, view.byteOffset).reshape(-1, width)


def test_the_file_is_what_the_specification_asks_for(tmp_path, motion):
    report = export(motion, tmp_path / "a.vrma", vrma.FORMAT)
    assert report.worst < 1e-6
    assert [said.split(":")[0].split(",")[0] for said in report.lacks] == [
        "Faces are ARKit expressions",
        "VRM turns both eyes alike",
    ]
    file = pygltflib.GLTF2().load_binary(str(tmp_path / "a.vrma"))
    extension = file.extensions["VRMC_vrm_animation"]
    assert extension["specVersion"] == "1.0"
    assert file.extensionsUsed == ["VRMC_vrm_animation"]
    bones = {bone: part["node"] for bone, part in extension["humanoid"]["humanBones"].items()}
    assert bones.keys() >= REQUIRED
    assert not {"leftEye", "rightEye"} & bones.keys()
    channels = {(one.target.node, one.target.path): one.sampler for one in file.animations[0].channels}
    assert all(path in ("rotation", "translation") for _, path in channels)
    moving = {node for node, path in channels if path == "translation"}
    assert moving & set(bones.values()) == {bones["hips"]}, "of the bones, hips alone may move"
    custom = extension["expressions"]["custom"]
    assert set(custom) == set(ARKIT)
    samplers = file.animations[0].samplers
    sampler = samplers[channels[custom["jawOpen"]["node"], "translation"]]
    assert np.array_equal(numbers(file, sampler.output)[:, 0], motion.arkit[:, ARKIT.index("jawOpen")])
    assert np.abs(numbers(file, sampler.input)[:, 0] - motion.times).max() < 1e-6
    elbow = samplers[channels[bones["leftLowerArm"], "rotation"]]
    turned = Rotation.from_quat(numbers(file, elbow.output))
    wanted = Rotation.from_rotvec(motion.body_pose[:, SMPLX_JOINTS.index("left_elbow")])
    assert (turned * wanted.inv()).magnitude().max() < 1e-5
    look = samplers[channels[extension["lookAt"]["node"], "rotation"]]
    assert np.abs(Rotation.from_quat(numbers(file, look.output)).as_rotvec() - motion.eye_pose.mean(1)).max() < 1e-6


def test_the_skeleton_stands_in_a_t_pose(tmp_path, motion):
    export(motion, tmp_path / "a.vrma", vrma.FORMAT)
    nodes = gltf.load(tmp_path / "a.vrma").part("nodes")
    place = {}

    def walk(index: int, above: np.ndarray) -> None:
        place[nodes[index]["name"]] = above + nodes[index]["translation"]
        assert "rotation" not in nodes[index]
        for child in nodes[index].get("children", ()):
            walk(child, place[nodes[index]["name"]])

    walk(0, np.zeros(3))
    assert 0.8 < place["hips"][1] < 1.1
    arms = [place["left" + part] for part in ("UpperArm", "LowerArm", "Hand", "MiddleDistal")]
    assert np.ptp([point[1] for point in arms]) < 1e-9, "arms are level"
    assert np.all(np.diff([point[0] for point in arms]) > 0), "the left arm points to +X"
    assert place["leftToes"][2] > place["leftFoot"][2], "toes point to +Z"
    assert -0.01 < place["rightFoot"][1] < 0.15
    assert np.allclose(place["rightHand"] * (-1, 1, 1), place["leftHand"])


def test_it_comes_back_as_a_motion(tmp_path, motion):
    export(motion, tmp_path / "a.vrma", vrma.FORMAT)
    back = load(tmp_path / "a.vrma", vrma.FORMAT)
    assert back.rate == motion.rate
    assert np.array_equal(back.arkit, motion.arkit)
    assert np.abs(back.head_pose - motion.head_pose).max() < 1e-6
    assert np.abs(back.translation - (motion.translation - motion.translation[0])).max() < 1e-6
    knee = SMPLX_JOINTS.index("right_knee")
    assert np.abs(back.body_pose[:, knee] - motion.body_pose[:, knee]).max() < 1e-6


def test_every_avatar_speaks_through_the_presets(tmp_path, motion):
    spoken = np.zeros((40, 52), np.float32)
    for name, frames in (("jawOpen", slice(5, 15)), ("mouthPucker", slice(20, 30)), ("eyeBlinkLeft", slice(32, 36))):
        spoken[frames, ARKIT.index(name)] = 0.8
    made = Motion(motion.rate, arkit=spoken)
    report = export(made, tmp_path / "a.vrma", vrma.FORMAT, FormatOptions(profile="VRM"))
    assert any("not written" in said for said in report.lacks), "brows have no preset"
    expressions = gltf.load(tmp_path / "a.vrma").document["extensions"]["VRMC_vrm_animation"]["expressions"]
    assert set(expressions) == {"preset"}
    assert set(expressions["preset"]) == {"aa", "ih", "ou", "ee", "oh", "blinkLeft", "blinkRight"}
    curves = vrma.read(tmp_path / "a.vrma", FormatOptions()).curves
    assert curves["aa"][10] > 0.5 > 0.3 > curves["aa"][25]
    assert curves["ou"][25] > 0.3 > curves["ou"][10]
    assert curves["blinkLeft"][34] == pytest.approx(0.8, abs=0.01)
    assert max(curves[name][0] for name in expressions["preset"]) < 1e-6
    back = load(tmp_path / "a.vrma", vrma.FORMAT)
    assert back.arkit[10, ARKIT.index("jawOpen")] > 0.3
    with pytest.raises(InputError, match="not of Rhubarb"):
        export(made, tmp_path / "b.vrma", vrma.FORMAT, FormatOptions(profile="Rhubarb"))


def test_bones_of_others_may_be_turned_at_rest(tmp_path):
    """By the specification: normalised = W L^-1 local W^-1, with W and L the rotation at rest in world and parent."""
    document = gltf.GltfDocument("other.vrma")
    hips, head = Rotation.from_euler("xyz", [20, -40, 5], degrees=True), Rotation.from_euler("z", 70, degrees=True)
    document.part("nodes").extend(
        (
            {"name": "Armature_hips", "rotation": hips.as_quat().tolist(), "children": [1]},
            {"name": "Armature_head", "rotation": head.as_quat().tolist()},
            {"name": "aa"},
        )
    )
    poses = np.random.default_rng(6).normal(size=(10, 3)) * 0.4
    whole = hips * head
    local = head * whole.inv() * Rotation.from_rotvec(poses) * whole
    mouth = np.linspace(0, 1, 10)
    values = {
        (1, "rotation"): local.as_quat()[:, [3, 0, 1, 2]],
        (2, "translation"): np.stack((mouth, 0 * mouth, 0 * mouth), 1),
    }
    gltf_animation.write(document, GltfAnimation("walk", Fraction(30), 0.0, values))
    document.document["extensions"] = {
        "VRMC_vrm_animation": {
            "specVersion": "1.0",
            "humanoid": {"humanBones": {"hips": {"node": 0}, "head": {"node": 1}}},
            "expressions": {"preset": {"aa": {"node": 2}}},
        }
    }
    document.save(tmp_path / "other.vrma")
    assert np.abs(load(tmp_path / "other.vrma", vrma.FORMAT).head_pose - poses).max() < 1e-5
    found = vrma.read(tmp_path / "other.vrma", FormatOptions())
    assert np.abs(found.curves["aa"] - mouth).max() < 1e-6


@pytest.mark.parametrize(
    ("extension", "words"),
    [
        (None, "no VRM animation"),
        ([], "no VRM animation"),
        ({"humanoid": {"humanBones": {"head": {"node": 99}}}}, "of no bone and no expression"),
        ({"humanoid": {"humanBones": {"head": 3}}}, "cannot be read"),
        ({"expressions": {"custom": {"jawOpen": {}}}}, "cannot be read"),
    ],
)
def test_what_is_no_vrm_animation_is_refused(tmp_path, motion, extension, words):
    path: Path = tmp_path / "a.vrma"
    export(motion, path, vrma.FORMAT)
    document = gltf.load(path)
    document.document["extensions"] = {} if extension is None else {"VRMC_vrm_animation": extension}
    document.save(path)
    with pytest.raises(InputError) as refusal:
        load(path, vrma.FORMAT)
    assert words in str(refusal.value)
    assert "a.vrma" in str(refusal.value)


def test_a_motion_with_nothing_for_it_is_refused(tmp_path):
    jaw = Motion(Fraction(30), jaw_pose=np.zeros((3, 3), np.float32))
    with pytest.raises(InputError, match="neither face weights nor rotations"):
        export(jaw, tmp_path / "a.vrma", vrma.FORMAT)
    assert not list(tmp_path.iterdir())
