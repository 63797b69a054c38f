"""The capture rig: its cameras see what they say, its faces are pulled, its pictures are there."""

from __future__ import annotations

import numpy as np
import pytest

bpy = pytest.importorskip("bpy")

from bpy_extras.object_utils import world_to_camera_view  # noqa: E402
from mathutils import Vector  # noqa: E402

from animcore.hybrid_head import capture_format as layout  # noqa: E402
from animcore.hybrid_head.capture_plan import CAMERAS, FACES, HELD_OUT_CAMERAS, HELD_OUT_FACES, CaptureExpression  # noqa: E402
from blender_addon.capture import camera_rig  # noqa: E402
from blender_addon.errors import AddonError  # noqa: E402

ORIGIN = Vector((0.1, 0.2, 1.5))


@pytest.fixture
def subject():
    """A cube for a head, with two shapes and two eye bones."""
    bpy.ops.object.armature_add()
    rig = bpy.context.object
    bpy.ops.object.mode_set(mode="EDIT")
    for name, side in (("left", 0.03), ("right", -0.03)):
        bone = rig.data.edit_bones.new(name)
        bone.head, bone.tail = (side, -0.1, 1.6), (side, -0.1, 1.65)
    bpy.ops.object.mode_set(mode="OBJECT")
    bpy.ops.mesh.primitive_cube_add(size=0.2, location=(0, 0, 1.6))
    cube = bpy.context.object
    for name in ("Basis", "JAWOPEN", "browInnerUp", "eyeLookOutLeft"):
        cube.shape_key_add(name=name)
    return camera_rig.Subject([cube], rig, ORIGIN, Vector((0, 0, 1.6)), 0.4, ("left", "right"))


@pytest.mark.parametrize("where", [*CAMERAS, *HELD_OUT_CAMERAS])
def test_a_view_sees_points_where_blender_sees_them(subject, tmp_path, where):
    scene = bpy.context.scene
    scene.render.resolution_x = scene.render.resolution_y = 100
    with camera_rig.camera(scene, subject) as eye:
        view = camera_rig.view_of(eye, subject, camera_rig.Shot(where, 3, CaptureExpression("x"), 7), tmp_path, 100)
        bpy.context.view_layer.update()
        points = np.random.default_rng(0).uniform(-0.1, 0.1, (10, 3)) + subject.aim
        seen = np.array([world_to_camera_view(scene, eye, Vector(point)) for point in points])
    ours = (points - np.array(ORIGIN))[:, [0, 2, 1]] * (1, 1, -1)
    there = ours @ view.camera.world_to_camera[:3, :3].T + view.camera.world_to_camera[:3, 3]
    flat = there[:, :2] / there[:, 2:] * view.camera.focal + view.camera.centre
    np.testing.assert_allclose(flat, np.stack([seen[:, 0] * 100, (1 - seen[:, 1]) * 100], 1), atol=1e-2)
    np.testing.assert_allclose(there[:, 2], seen[:, 2], atol=1e-4)
    assert view.image.name == "00007_03.png"


def test_a_face_sets_its_shapes_whatever_their_case_and_turns_the_eyes(subject):
    cube = subject.objects[0]
    cube.data.shape_keys.key_blocks["browInnerUp"].value = 0.4
    camera_rig.apply_expression(subject, CaptureExpression("x", {"jawOpen": 0.6}, look=(15, 10)))
    values = {key.name: key.value for key in cube.data.shape_keys.key_blocks[1:]}
    assert values == pytest.approx({"JAWOPEN": 0.6, "browInnerUp": 0.0, "eyeLookOutLeft": 0.5})
    bone = subject.rig.pose.bones["left"]
    turn = (bone.matrix @ bone.bone.matrix_local.inverted()).to_3x3()
    gaze = turn @ Vector((0, -1, 0))
    assert np.degrees(np.arctan2(gaze.x, -gaze.y)) == pytest.approx(15, abs=0.01)
    assert np.degrees(np.arcsin(gaze.z)) == pytest.approx(10, abs=0.01)
    assert (bone.head - bone.bone.head_local).length < 1e-6


def test_pictures_are_taken_once_and_read_back(subject, tmp_path):
    scene = bpy.context.scene
    scene.render.engine, scene.cycles.samples = "CYCLES", 1
    wanted = camera_rig.shots(((0, 0), (40, 10)), FACES[:1])
    (tmp_path / "flame_param").mkdir()
    views = list(camera_rig.take(scene, subject, wanted, tmp_path, 16))
    still = layout.HeadPose(*(np.zeros(size, np.float32) for size in ((2,), (5, 3), (3,), (0,))))
    layout.write_pose(still, views[0].pose)
    layout.write_views(tmp_path, layout.TRAIN, views)
    assert len(layout.read_views(tmp_path, layout.TRAIN)) == 2
    stamps = [view.image.stat().st_mtime_ns for view in views]
    again = list(camera_rig.take(scene, subject, wanted, tmp_path, 16))
    assert [view.image.stat().st_mtime_ns for view in again] == stamps
    assert not bpy.data.cameras


def test_a_mesh_without_shapes_is_one_sentence(subject, tmp_path):
    subject.objects[0].shape_key_clear()
    with pytest.raises(AddonError, match="ARKit's names"):
        next(camera_rig.take(bpy.context.scene, subject, camera_rig.shots(((0, 0),), FACES[:1]), tmp_path, 16))


def test_each_face_is_seen_from_the_front_and_held_out_ones_are_others():
    for thirds in (1, 2, 3):
        plan = camera_rig.shots(CAMERAS, FACES, thirds=thirds)
        for moment in range(len(FACES)):
            assert any(shot.moment == moment and abs(shot.camera[0]) < 40 for shot in plan)
        assert len([shot for shot in plan if shot.moment == 0]) == len(CAMERAS)
    assert not set(CAMERAS) & set(HELD_OUT_CAMERAS)
    assert not {face.name for face in FACES} & {face.name for face in HELD_OUT_FACES}
