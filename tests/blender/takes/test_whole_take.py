"""A take of face and body: every part where SMPL-X has it, nothing through the hips, and the user's own body stays."""

from __future__ import annotations

import sys
from fractions import Fraction

import bpy
import numpy as np
import pytest
from conftest import ROOT, head, set_rate
from mathutils.bvhtree import BVHTree
from test_body import GOLDEN, keyed, rig_of

sys.path.append(str(ROOT / "tests" / "retarget"))
from proportions import proportioned

from animcore.body_models.kinematics import INDEX, PARENTS, joint_positions, open_body_joints, world_rotations
from animcore.core.vocabulary import SMPLX_JOINTS
from animcore.geometry import rotations
from animcore.motion import Motion
from animcore.retarget import bone_names
from animcore.retarget.skeleton_retarget import Skeleton
from blender_addon.character import body_bones, rig_reader
from blender_addon.takes import keying, readback

COUNT = 12
TIPS = tuple(f"{side}_{finger}3" for side in ("left", "right") for finger in ("index", "middle", "pinky", "thumb"))
ENDS = (*(f"{side}_{end}" for side in ("left", "right") for end in ("wrist", "ankle", "foot")), "head", *TIPS)
CHARACTER = ROOT / "assets" / "character" / "character.blend"


def whole(seed: int = 3) -> Motion:
    """A take in which everything moves: shapes, eyes, jaw, head, body, fingers, the way."""
    generator = np.random.default_rng(seed)
    pose = generator.normal(size=(1, 55, 3)) * 0.25 + generator.normal(size=(COUNT, 55, 3)) * 0.1
    turns = {name: (generator.normal(size=(COUNT, 3)) * 0.2).astype(np.float32)
             for name in ("head_pose", "neck_pose", "jaw_pose")}  # fmt: skip
    return Motion(
        Fraction(24),
        arkit=generator.random((COUNT, 52), np.float32),
        eye_pose=np.zeros((COUNT, 2, 3), np.float32),
        body_pose=pose.astype(np.float32),
        translation=np.linspace((0, 0, 0), (0.2, 0.0, 0.4), COUNT).astype(np.float32),
        **turns,
    )


def hanging(degrees: float) -> Motion:
    """Arms at the sides, so many degrees under the T-pose."""
    pose = np.zeros((COUNT, 55, 3), np.float32)
    for side, sign in (("left", 1), ("right", -1)):
        pose[:, INDEX[f"{side}_shoulder"], 2] = -sign * np.radians(degrees)
        pose[:, INDEX[f"{side}_index1"], 2] = -sign * 0.1
    return Motion(Fraction(24), arkit=np.zeros((COUNT, 52), np.float32), body_pose=pose)


def smplx_rig() -> bpy.types.Object:
    """An armature whose bones stand at SMPL-X's own joints in its T-pose."""
    rig = bpy.data.objects.new("SMPLX", bpy.data.armatures.new("SMPLX"))
    bpy.context.scene.collection.objects.link(rig)
    bpy.context.view_layer.objects.active = rig
    bpy.ops.object.mode_set(mode="EDIT")
    bones = []
    for name, (x, y, z), parent in zip(SMPLX_JOINTS, open_body_joints(), PARENTS, strict=True):
        bone = rig.data.edit_bones.new(name)
        bone.head, bone.tail = (x, -z, y), (x, -z, y + 0.05)
        bone.parent = bones[parent] if parent >= 0 else None
        bones.append(bone)
    bpy.ops.object.mode_set(mode="OBJECT")
    head().parent = rig
    return rig


def joints_of(rig: bpy.types.Object, name: str) -> np.ndarray:
    """(55, 3) the joints of SMPL-X's body with the proportions of an armature."""
    if name == "SMPL-X":
        return open_body_joints()
    with np.load(GOLDEN / f"{name}.npz") as data:
        own = Skeleton(tuple(map(str, data["names"])), tuple(map(int, data["parents"])), data["rest"].astype(float))
    return proportioned(own, bone_names.find(own.names), open_body_joints())


@pytest.mark.parametrize("name", ["SMPL-X", "default", "mixamo"])
def test_hands_fingertips_feet_and_head_are_where_the_engine_has_them(name):
    rig, motion = smplx_rig() if name == "SMPL-X" else rig_of(name), whole()
    take = keyed(rig, motion)
    assert len(take.actions) == 2, "one action for the face's shapes and one for all bones"
    pose = np.array(motion.body_pose)
    pose[:, INDEX["head"]], pose[:, INDEX["neck"]] = motion.head_pose, motion.neck_pose
    wanted = _forward(joints_of(rig, name), pose)
    chains = bone_names.find([bone.name for bone in rig.data.bones]).chains
    hips = ("left_hip", "right_hip")
    for frame in range(COUNT):
        bpy.context.scene.frame_set(frame + 1)
        bones = rig.evaluated_get(bpy.context.evaluated_depsgraph_get()).pose.bones
        found = {joint: np.array(bones[chains[joint][0]].head)[[0, 2, 1]] * (1, 1, -1)
                 for joint in (*ENDS, *hips) if joint in chains}  # fmt: skip
        middle = np.mean([found[hip] for hip in hips], 0)
        for joint in found:
            due = wanted[frame, INDEX[joint]] - wanted[frame, [INDEX[hip] for hip in hips]].mean(0)
            assert np.linalg.norm(found[joint] - middle - due) < 0.003, (joint, frame)


def _forward(joints: np.ndarray, pose: np.ndarray) -> np.ndarray:
    turns, found = world_rotations(pose), np.zeros(pose.shape)
    for joint, parent in enumerate(PARENTS):
        if parent >= 0:
            found[:, joint] = found[:, parent] + turns[:, parent] @ (joints[joint] - joints[parent])
    return found


def default_character(widened: float = 1.0) -> bpy.types.Object:
    """The default character in the scene; its clothes wider across by a factor."""
    with bpy.data.libraries.load(str(CHARACTER)) as (source, into):
        into.collections = list(source.collections)
    for collection in into.collections:
        bpy.context.scene.collection.children.link(collection)
    for name in ("Animcore Sweater", "Animcore Trousers"):
        mesh = bpy.data.objects[name].data
        for vertex in mesh.vertices:
            vertex.co.x *= widened
    return bpy.data.objects["Animcore Rig"]


def deepest(rig: bpy.types.Object) -> float:
    """How deep hands are in sweater or trousers, metres; below 0 they are free of them."""
    graph = bpy.context.evaluated_depsgraph_get()
    skin = bpy.data.objects["Animcore Skin"]
    hands = {index for index, group in enumerate(skin.vertex_groups)
             if group.name.endswith("_wrist") or (group.name[-1].isdigit() and "spine" not in group.name)}  # fmt: skip
    ours = [vertex.index for vertex in skin.data.vertices
            if sum(part.weight for part in vertex.groups if part.group in hands) > 0.9]  # fmt: skip
    modifiers = [modifier for modifier in skin.modifiers if modifier.type == "SUBSURF"]
    for modifier in modifiers:
        modifier.show_viewport = False
    places_of = [vertex.co for vertex in skin.evaluated_get(bpy.context.evaluated_depsgraph_get()).data.vertices]
    worst = -1.0
    tree = BVHTree.FromObject(bpy.data.objects["Animcore Trousers"], graph)
    for index in ours[::3]:
        near, normal, _, distance = tree.find_nearest(places_of[index])
        if near is not None and distance < 0.2:
            worst = max(worst, float((near - places_of[index]) @ normal))
    return worst


@pytest.mark.parametrize("widened", [1.0, 1.3])
def test_hanging_hands_stay_out_of_the_thighs(widened):
    rig = default_character(widened)
    keyed(rig, hanging(80))
    bpy.context.scene.frame_set(3)
    assert deepest(rig) < 0.001
    spread = body_bones.read(rig).retarget.spread
    assert spread < 0.07 if widened == 1.0 else spread > 0.1


def test_arms_that_are_up_do_not_spread():
    rig, motion = default_character(1.3), hanging(-20)
    keyed(rig, motion)
    bpy.context.scene.frame_set(3)
    bones = rig.evaluated_get(bpy.context.evaluated_depsgraph_get()).pose.bones
    way = rotations.normalized(np.array(bones["left_elbow"].head - bones["left_shoulder"].head))
    at = joint_positions(world_rotations(motion.body_pose))[0]
    wanted = rotations.normalized(at[INDEX["left_elbow"]] - at[INDEX["left_shoulder"]])
    assert np.degrees(np.arccos(min(way[[0, 2, 1]] @ (wanted * (1, 1, -1)), 1.0))) < 0.5


@pytest.mark.parametrize("name", ["SMPL-X", "default", "mixamo"])
@pytest.mark.parametrize("mode", ["QUATERNION", "XYZ"])
def test_keys_give_the_whole_take_back(name, mode):
    """What Deliver writes as BVH, BEAT2 or NPZ."""
    rig, motion = smplx_rig() if name == "SMPL-X" else rig_of(name), whole()
    for bone in rig.pose.bones:
        bone.rotation_mode = mode
    keyed(rig, motion)
    back = readback.performance(bpy.context.scene, rig_reader.read(rig))
    pose = np.array(motion.body_pose)
    pose[:, INDEX["head"]], pose[:, INDEX["neck"]] = motion.head_pose, motion.neck_pose
    ends = [INDEX[joint] for joint in ENDS if joint in body_bones.read(rig).retarget.joints]
    off = joint_positions(world_rotations(back.body_pose))[:, ends] - joint_positions(world_rotations(pose))[:, ends]
    assert np.abs(off).max() < 1e-3
    gone = back.translation - back.translation[0]
    np.testing.assert_allclose(gone, motion.translation - motion.translation[0], atol=1e-3)
    np.testing.assert_allclose(back.head_pose, motion.head_pose, atol=1e-4)


def test_keys_of_a_face_alone_are_no_body():
    rig, motion = rig_of("default"), whole()
    keyed(rig, Motion(motion.rate, arkit=motion.arkit, head_pose=motion.head_pose))
    assert readback.performance(bpy.context.scene, rig_reader.read(rig)).body_pose is None


def own_turns(rig: bpy.types.Object, values: dict[str, tuple[float, float]], name: str) -> bpy.types.Action:
    """An action of the user's: bones that turn about Z from one angle on frame 1 to another on frame 12."""
    for bone, angles in values.items():
        rig.pose.bones[bone].rotation_mode = "XYZ"
        for frame, angle in zip((1, 12), angles, strict=True):
            rig.pose.bones[bone].rotation_euler.z = angle
            rig.pose.bones[bone].keyframe_insert("rotation_euler", frame=frame)
    rig.animation_data.action.name = name
    return rig.animation_data.action


def test_a_take_leaves_the_bones_that_the_users_own_action_animates():
    rig, motion = rig_of("default"), whole()
    walk = {"pelvis": (0.0, 0.2), "left_hip": (0.0, 0.9), "head": (0.0, 0.3)}
    own_turns(rig, walk, "Walk")
    for _ in range(2):  # after the first take the walk is on the NLA
        take = keyed(rig, motion)
        assert any("'Walk' animates the body, so its 2 bones (left_hip, pelvis ...) are left" in note
                   for note in take.notes)  # fmt: skip
        assert not {"pelvis", "left_hip"} & set(take.bones)
        assert {"head", "right_hip", "left_shoulder"} <= set(take.bones), "the head is the voice's"
        bpy.context.scene.frame_set(12)
        assert rig.pose.bones["left_hip"].rotation_euler.z == pytest.approx(0.9, abs=1e-5)
        assert tuple(rig.pose.bones["pelvis"].location) == (0, 0, 0), "who walks goes the user's way"


def test_a_pose_that_an_importer_keyed_is_no_animation():
    rig = rig_of("default")
    own_turns(rig, {"left_hip": (0.1, 0.1), "left_shoulder": (0.2, 0.2)}, "T-pose")
    assert {"left_hip", "left_shoulder", "pelvis"} <= set(keyed(rig, whole()).bones)


def test_a_muted_action_is_no_animation():
    rig = rig_of("default")
    action = own_turns(rig, {"left_hip": (0.1, 0.5)}, "Off")
    rig.animation_data.action = None
    rig.animation_data.nla_tracks.new().strips.new("Off", 1, action)
    rig.animation_data.nla_tracks[0].mute = True
    assert "left_hip" in keyed(rig, whole()).bones


def test_fingers_that_a_motion_says_nothing_of_keep_their_pose():
    rig, motion = rig_of("default"), whole()
    motion.body_pose[:, [INDEX[joint] for joint in INDEX if joint.startswith("left") and joint[-1].isdigit()]] = 0.0
    rig.pose.bones["left_index2"].rotation_quaternion = (0.9, 0.1, 0.2, 0.3)
    take = keyed(rig, motion)
    assert "left_index2" not in take.bones
    assert {"right_index2", "left_wrist"} <= set(take.bones)
    assert rig.pose.bones["left_index2"].rotation_quaternion[3] == pytest.approx(0.3)


def test_hands_that_are_switched_off_keep_their_fingers():
    rig, motion = rig_of("default"), whole()
    set_rate(motion.rate)
    for strength, are_keyed in ((0.0, False), (1.0, True)):
        asked = {"direction": {"strengths": {"hands": strength}}}
        take = keying.apply(bpy.context.scene, rig_reader.read(rig), motion, keying.Placement(1, "one", settings=asked))
        assert ("left_index2" in take.bones, "left_wrist" in take.bones) == (are_keyed, True)


def test_a_skeleton_is_read_once_a_take(monkeypatch):
    rig, calls, read = rig_of("default"), [], body_bones.read
    monkeypatch.setattr(body_bones, "read", lambda armature: calls.append(armature) or read(armature))
    keyed(rig, whole())
    assert len(calls) == 1
