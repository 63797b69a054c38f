"""The portrait studio: lights, camera and backdrop around the character, once however often it is asked for."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

bpy = pytest.importorskip("bpy", reason="Blender as a module is not installed")
from bpy_extras.object_utils import world_to_camera_view  # noqa: E402  (comes with bpy)

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def stage() -> ModuleType:
    """Load the module by its file, as it needs no package around it."""
    spec = importlib.util.spec_from_file_location(
        "animcore_stage", ROOT / "blender_addon" / "scene" / "portrait_studio.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_frames_the_head_and_can_be_repeated(stage: ModuleType) -> None:
    """The face lies in the upper middle of the picture, the whole head inside; a second call replaces the first."""
    bpy.ops.wm.open_mainfile(filepath=str(ROOT / "assets" / "character" / "character.blend"))
    scene = bpy.context.scene
    objects = list(bpy.data.collections["Animcore Character"].objects)
    scene.render.resolution_x, scene.render.resolution_y = 400, 480
    for _ in range(2):
        camera = stage.set_stage(scene, objects, samples=8)
    assert scene.camera is camera
    assert scene.render.engine == "CYCLES"
    assert len([thing for thing in scene.objects if thing.type == "LIGHT"]) == 3
    assert len([thing for thing in scene.objects if thing.type == "CAMERA"]) == 1
    bpy.context.view_layer.update()
    bone = bpy.data.objects["Animcore Rig"].pose.bones["head"]
    for point in (bone.head, bone.tail):
        place = world_to_camera_view(scene, camera, point)
        assert 0.4 < place.x < 0.6
        assert 0.3 < place.y < 0.97


@pytest.mark.parametrize(
    ("framing", "inside", "outside"),
    [
        ("medium", ("head", "left_wrist", "right_wrist"), ("left_ankle",)),
        ("whole", ("head", "left_wrist", "left_ankle"), ()),
    ],
)
def test_a_second_camera_shows_hands_or_everything(stage: ModuleType, framing: str, inside, outside) -> None:
    """The first camera stays the one of the scene, until a marker changes it."""
    bpy.ops.wm.open_mainfile(filepath=str(ROOT / "assets" / "character" / "character.blend"))
    scene = bpy.context.scene
    objects = list(bpy.data.collections["Animcore Character"].objects)
    scene.render.resolution_x = scene.render.resolution_y = 300
    first = stage.set_stage(scene, objects)
    camera = stage.add_camera(scene, objects, 12.0, framing)
    assert scene.camera is first
    bpy.context.view_layer.update()
    bones = bpy.data.objects["Animcore Rig"].pose.bones
    for names, are_seen in ((inside, True), (outside, False)):
        for name in names:
            place = world_to_camera_view(scene, camera, bones[name].head)
            assert (0.02 < place.x < 0.98 and 0.02 < place.y < 0.98) == are_seen, name


def test_works_without_a_character(stage: ModuleType) -> None:
    """A scene with a plain mesh is lit and framed too."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    mesh = bpy.data.meshes.new("Box")
    mesh.from_pydata([(-0.1, -0.1, 0), (0.1, -0.1, 0), (0.1, 0.1, 0.3), (-0.1, 0.1, 0.3)], [], [[0, 1, 2, 3]])
    box = bpy.data.objects.new("Box", mesh)
    bpy.context.scene.collection.objects.link(box)
    bpy.context.view_layer.update()
    camera = stage.set_stage(bpy.context.scene, [box])
    bpy.context.view_layer.update()
    place = world_to_camera_view(bpy.context.scene, camera, box.matrix_world @ mesh.vertices[0].co)
    assert 0 < place.x < 1
    assert 0 < place.y < 1
