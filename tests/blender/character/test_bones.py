"""Bones turn in the character's axes, whatever their roll, their rest direction and the rig's own axes."""

from __future__ import annotations

import math

import bpy
import numpy as np
import pytest
from conftest import armature, generate, head
from fake_engine import swings
from mathutils import Matrix, Vector

from blender_addon.character import rig_reader
from blender_addon.scene import fcurves

FRAME = 10
FACE = {
    "pelvis": ((0, 0, 0.9), (0, 0, 1.0), 0.0),
    "left_hip": ((0.1, 0, 0.9), (0.1, 0, 0.5), 0.4),
    "right_hip": ((-0.1, 0, 0.9), (-0.1, 0, 0.5), 0.4),
    "head": ((0, 0.01, 1.5), (0, -0.02, 1.7), 0.3),
    "jaw": ((0, -0.02, 1.52), (0, -0.1, 1.48), 1.1),
    "left_eye_smplhf": ((0.03, -0.08, 1.6), (0.05, -0.12, 1.6), 0.7),
    "right_eye_smplhf": ((-0.03, -0.08, 1.6), (-0.03, -0.12, 1.63), -0.2),
}


def rig(turn: Matrix | None = None, mode: str = "QUATERNION") -> bpy.types.Object:
    """A small skeleton that looks along -Y with Z up, or turned as a whole into other axes in its rest pose."""
    turn = turn or Matrix.Identity(3)
    bones = {name: (turn @ Vector(start), turn @ Vector(end), roll) for name, (start, end, roll) in FACE.items()}
    made = armature(bones)
    for bone in made.pose.bones:
        bone.rotation_mode = mode
    made.data.bones["jaw"].use_deform = False
    head().parent = made
    return made


def turned(rig: bpy.types.Object, name: str) -> np.ndarray:
    """The rotation (3, 3) of a bone against its rest and its parent's pose, in armature axes."""
    bpy.context.scene.frame_set(FRAME)
    bone = rig.evaluated_get(bpy.context.evaluated_depsgraph_get()).pose.bones[name]
    above = bone.parent
    rest = bone.bone.matrix_local.to_3x3()
    posed = bone.matrix.to_3x3()
    if above is not None:
        posed = (above.matrix.to_3x3() @ above.bone.matrix_local.to_3x3().inverted()).inverted() @ posed
    return np.array(posed @ rest.inverted())


def wanted(pose: np.ndarray, turn: Matrix) -> np.ndarray:
    """The same from the engine's vector: X stays, up is Z, forward is -Y; then the rig's own turn."""
    axis = turn @ Vector((pose[0], -pose[2], pose[1]))
    return np.array(Matrix.Rotation(axis.length, 3, axis))


@pytest.mark.parametrize("mode", ["QUATERNION", "XYZ", "ZXY", "YXZ", "XZY", "YZX", "ZYX", "AXIS_ANGLE"])
def test_head_jaw_and_eyes_turn_about_the_axes_of_the_character(voice, mode):
    made = rig(mode=mode)
    generate(made, voice())
    poses = swings(np.array([(FRAME - 1) / 24]))
    np.testing.assert_allclose(turned(made, "head"), wanted(poses["head_pose"][0], Matrix.Identity(3)), atol=1e-5)
    np.testing.assert_allclose(turned(made, "jaw"), wanted(poses["jaw_pose"][0], Matrix.Identity(3)), atol=1e-5)
    for name in ("left_eye_smplhf", "right_eye_smplhf"):
        np.testing.assert_allclose(turned(made, name), wanted(poses["eye_pose"][0, 0], Matrix.Identity(3)), atol=1e-5)


@pytest.mark.parametrize(
    ("degrees", "axis", "counts_as"),
    [(-90, "X", -90), (90, "Z", 90), (180, "Z", 180), (45, "Z", 45), (15, "X", 0)],
    ids=["Y up", "looks along X", "looks back", "looks between axes", "leans a little"],
)
def test_a_skeleton_with_other_axes_of_its_own(voice, degrees, axis, counts_as):
    made = rig(Matrix.Rotation(math.radians(degrees), 3, axis))
    generate(made, voice())
    pose = swings(np.array([(FRAME - 1) / 24]))["head_pose"][0]
    seen = Matrix.Rotation(math.radians(counts_as), 3, axis)
    np.testing.assert_allclose(turned(made, "head"), wanted(pose, seen), atol=1e-5)


def test_opening_the_jaw_moves_the_chin_down(voice):
    made = rig()
    generate(made, voice())
    bpy.context.scene.frame_set(FRAME)
    bones = made.evaluated_get(bpy.context.evaluated_depsgraph_get()).pose.bones
    by_the_head = bones["head"].matrix @ bones["head"].bone.matrix_local.inverted()
    chin = by_the_head.inverted() @ bones["jaw"].tail
    assert chin.z < made.data.bones["jaw"].tail_local.z - 0.005


def test_neck_and_head_share_a_turn(voice):
    bones = dict(list(FACE.items())[:3]) | {"neck": ((0, 0, 1.4), (0, 0, 1.5), 0.2), "head": FACE["head"]}
    made = armature(bones)
    head().parent = made
    generate(made, voice())
    pose = swings(np.array([(FRAME - 1) / 24]))["head_pose"][0]
    np.testing.assert_allclose(turned(made, "neck"), wanted(0.4 * pose, Matrix.Identity(3)), atol=1e-5)
    np.testing.assert_allclose(turned(made, "head"), wanted(0.6 * pose, Matrix.Identity(3)), atol=1e-5)


def test_a_jaw_that_the_shapes_open_is_not_opened_twice(voice):
    made = rig()
    made.data.bones["jaw"].use_deform = True
    generate(made, voice())
    assert not any('"jaw"' in curve.data_path for curve in fcurves.current_curves(made))


def test_eyeballs_that_the_look_shapes_turn_are_not_turned_twice():
    made = rig()
    face = next(child for child in made.children if child.type == "MESH")
    look = face.data.shape_keys.key_blocks["eyeLookUpLeft"]
    mover = next(index for index, point in enumerate(look.data) if point.co.z > 0.5)
    group = face.vertex_groups.new(name="left_eye_smplhf")
    group.add([mover], 1.0, "REPLACE")
    face.vertex_groups.new(name="right_eye_smplhf")
    assert "left_eye" not in rig_reader.read(made).bones
    assert "right_eye" in rig_reader.read(made).bones
    look.data[mover].co.z = 0.0
    assert "left_eye" in rig_reader.read(made).bones


def test_locked_bones_are_left_alone_and_named(voice):
    made = rig()
    made.pose.bones["head"].lock_rotation = (True, True, True)
    outcome = generate(made, voice())
    assert any("'head' is locked" in note for note in outcome.notes)
    assert not any('"head"' in curve.data_path for curve in fcurves.current_curves(made))


def test_an_armature_in_rest_position_is_let_go(voice):
    made = rig()
    made.data.pose_position = "REST"
    outcome = generate(made, voice())
    assert made.data.pose_position == "POSE"
    assert any("rest position" in note for note in outcome.notes)


@pytest.mark.parametrize(
    ("names", "profile"),
    [
        (("mixamorig:Head", "mixamorig:Neck", "mixamorig:LeftEye", "mixamorig:RightEye"), "Mixamo"),
        (("head", "neck", "jaw_master", "master_eye.L", "master_eye.R", "DEF-jaw"), "Rigify"),
        (("CC_Base_Head", "CC_Base_NeckTwist01", "CC_Base_JawRoot", "CC_Base_L_Eye"), "Character Creator"),
        (("J_Bip_C_Head", "J_Bip_C_Neck", "J_Adj_L_FaceEye", "J_Adj_R_FaceEye"), "VRM"),
        (("Bip01 Head", "Bip01 Neck", "Eye_L", "Eye_R", "Jaw"), "common"),
    ],
)
def test_bones_of_known_rigs_are_found(names, profile):
    made = armature({name: ((0, 0, 1), (0, 0, 2), 0.0) for name in names})
    head().parent = made
    character = rig_reader.read(made)
    assert character.profile == profile
    assert {"head", "neck", "left_eye"} <= character.bones.keys()
    assert set(character.bones.values()) <= set(names) - {"DEF-jaw"}
