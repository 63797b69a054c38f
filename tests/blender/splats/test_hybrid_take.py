"""A whole performance on a hybrid head in Blender: face, jaw, head and gaze as the head's own answer, texture too."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import bpy
import numpy as np
import pytest
from conftest import settings
from splat_scenes import bound_cloud, centres, now

pytest.importorskip("safetensors", reason="the extension's zip brings it")

from animcore.body_models.parametric_model import load_model
from animcore.core.vocabulary import ARKIT_INDEX
from animcore.files.avatars import hybrid_head
from animcore.hybrid_head.head_model import HybridHead
from animcore.motion import Motion
from blender_addon.character import rig_reader
from blender_addon.splats.render import scene_meshes
from blender_addon.splats.scene import file_cache, hybrid_heads, splat_objects, texture_drivers
from blender_addon.takes import keying, readback

FRAMES = 4
MANY = {"jawOpen": 0.35, "mouthSmileLeft": 0.7, "browInnerUp": 0.5, "eyeBlinkRight": 1.0, "jawLeft": 0.2}


@pytest.fixture(scope="module")
def head() -> HybridHead:
    """A head whose texture changes in six ways, and hair of its own."""
    model = load_model("open-head")
    random = np.random.default_rng(3)
    mix = random.normal(0, 0.2, (model.expression_count + 16, 6)).astype(np.float32)
    mix[model.expression_count : -1] = 0  # what gaze adds is left out in Blender
    hair = replace(bound_cloud(20, triangles=1), binding=None)
    low, high = model.template[:, :2].min(0), model.template[:, :2].max(0)
    return HybridHead(
        model=model,
        shape=np.zeros(0, np.float32),
        offset=np.zeros_like(model.template, np.float32),
        uv=((model.template[:, :2] - low) / (high - low)).astype(np.float32),
        uv_faces=model.faces.astype(np.int64),
        texture=np.kron(random.uniform(0.3, 0.7, (4, 4, 3)), np.ones((16, 16, 1))).astype(np.float32),
        changes=random.uniform(-0.1, 0.1, (6, 4, 4, 3)).astype(np.float32),
        mix=mix,
        riding=bound_cloud(30, triangles=len(model.faces)),
        hair=replace(hair, means=(hair.means * 0.05 + (0, 0.25, 0)).astype(np.float32)),
    )


@pytest.fixture
def added(head, tmp_path) -> bpy.types.Object:
    """The mesh of the head in the scene."""
    hybrid_head.save(head, tmp_path / "Ada")
    bpy.ops.animcore.add_splats(filepath=str(tmp_path / "Ada"))
    return bpy.context.object.animcore_splats.carrier


@pytest.fixture
def motion() -> Motion:
    swing = np.sin(np.arange(FRAMES)).astype(np.float32)[:, None]
    arkit = np.zeros((FRAMES, 52), np.float32)
    for name, value in MANY.items():
        arkit[1:, ARKIT_INDEX[name]] = value
    arkit[2, ARKIT_INDEX["jawOpen"]] = 0.8
    return Motion(
        Fraction(24),
        arkit=arkit,
        tongue=np.zeros((FRAMES, 16), np.float32),
        neck_pose=swing * np.float32([0.1, 0.2, 0.05]),
        head_pose=swing * np.float32([0.2, -0.3, 0.1]),
        eye_pose=np.repeat((swing * np.float32([0.1, 0.25, 0]))[:, None], 2, 1),
    )


def play(mesh: bpy.types.Object, motion: Motion) -> None:
    bpy.context.scene.render.fps = 24
    keying.apply(bpy.context.scene, rig_reader.read(mesh), motion, keying.Placement(1, "line"))


def evaluated(mesh: bpy.types.Object) -> np.ndarray:
    found = mesh.evaluated_get(bpy.context.evaluated_depsgraph_get())
    places = np.empty(len(found.data.vertices) * 3, np.float32)
    found.data.attributes["position"].data.foreach_get("vector", places)
    there = places.reshape(-1, 3) @ np.array(found.matrix_world)[:3, :3].T + np.array(found.matrix_world)[:3, 3]
    return np.stack([there[:, 0], there[:, 2], -there[:, 1]], 1)


def test_the_rig_is_found_with_head_neck_and_eyes(added):
    who = rig_reader.read(added)
    assert set(who.bones) == {"neck", "head", "left_eye", "right_eye"}  # the jaw is in the shapes
    assert who.notes == ()
    assert settings().character == added.parent


def test_a_take_moves_skin_head_and_gaze_as_the_head_itself(head, added, motion):
    play(added, motion)
    own = head.prepared(motion)
    for frame in range(FRAMES):
        bpy.context.scene.frame_set(1 + frame)
        expected = head.posed(own, frame).vertices
        if frame:
            assert np.linalg.norm(expected - head.posed(own, 0).vertices, axis=1).mean() > 0.005
        away = np.linalg.norm(evaluated(added) - expected, axis=1)
        assert away.mean() < 2e-4  # joints that move with the expression, which bones do not
        assert away.max() < 1.2e-3


def test_gaussians_follow_the_head_with_the_hair(head, added, motion):
    play(added, motion)
    own = head.prepared(motion)
    bpy.context.scene.frame_set(3)
    expected = head.splats(head.posed(own, 2)).means
    (placed,) = splat_objects.all_placed(now())
    there = np.stack((expected[:, 0], -expected[:, 2], expected[:, 1]), 1)
    assert np.abs(centres(placed) - there).max() < 1e-3


def test_the_texture_of_the_moment_is_the_heads_own(head, added, motion):
    play(added, motion)
    own = head.prepared(motion)
    for frame in range(FRAMES):
        bpy.context.scene.frame_set(1 + frame)
        (surface,) = scene_meshes.of_scene(now())
        assert np.abs(surface.look.change[::-1] - head.change(head.posed(own, frame))).mean() < 0.004
    assert np.abs(surface.look.change).mean() > 0.03


def test_drivers_need_no_python(added):
    drivers = [*added.animation_data.drivers, *added.data.shape_keys.animation_data.drivers]
    assert len(drivers) >= 3
    assert all(curve.driver.is_simple_expression and curve.driver.is_valid for curve in drivers)


def rendered(engine: str, path) -> np.ndarray:
    scene = bpy.context.scene
    scene.render.engine = engine
    scene.cycles.samples = 16
    scene.render.resolution_x = scene.render.resolution_y = 48
    scene.render.resolution_percentage = 100
    scene.render.film_transparent = True
    scene.view_settings.view_transform = "Standard"
    scene.render.filepath = str(path)
    bpy.ops.render.render(write_still=True)
    image = bpy.data.images.load(str(path))
    return np.array(image.pixels[:], np.float32).reshape(48, 48, 4)


def test_cycles_and_the_preview_show_the_same_change(added, tmp_path):
    bpy.context.view_layer.objects.active.hide_render = True  # the Gaussians
    bpy.context.view_layer.objects.active.hide_viewport = True
    scene = bpy.context.scene
    scene.camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    scene.collection.objects.link(scene.camera)
    scene.camera.location, scene.camera.rotation_euler[0] = (0, -0.9, 0.13), np.pi / 2
    scene.camera.data.lens = 80
    keys = added.data.shape_keys.key_blocks
    pictures = {}
    for name, value in (("rest", 0.0), ("raised", 1.0)):
        keys["browInnerUp"].value = keys["mouthSmileLeft"].value = value
        pictures[name] = [rendered(one, tmp_path / f"{one}{name}.png") for one in ("CYCLES", "ANIMCORE_GAUSSIAN")]
    inside = np.all([picture[..., 3] > 0.99 for both in pictures.values() for picture in both], 0)
    assert inside.sum() > 300
    first, second = pictures["raised"]
    assert np.abs(first - second)[inside].mean() < 0.01
    assert np.abs(second - pictures["rest"][1])[inside].mean() > 0.012
    assert np.abs(first - pictures["rest"][0])[inside].mean() > 0.012


def test_saved_and_opened_it_moves_and_paints_as_before(head, added, motion, tmp_path):
    play(added, motion)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "shot.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "shot.blend"))
    own = head.prepared(motion)
    bpy.context.scene.frame_set(3)
    (surface,) = scene_meshes.of_scene(now())
    assert np.abs(surface.look.change[::-1] - head.change(head.posed(own, 2))).mean() < 0.004
    mesh = bpy.data.objects["Ada"].animcore_splats.carrier
    assert np.linalg.norm(evaluated(mesh) - head.posed(own, 2).vertices, axis=1).mean() < 2e-4
    assert readback.playing(rig_reader.read(mesh))


def test_undo_takes_the_whole_head_away_and_redo_brings_it_back(head, tmp_path):
    hybrid_head.save(head, tmp_path / "Ada")
    bpy.context.preferences.edit.use_global_undo = True
    bpy.ops.ed.undo_push(message="before")
    bpy.ops.animcore.add_splats(filepath=str(tmp_path / "Ada"))
    bpy.ops.ed.undo_push(message="added")
    bpy.ops.ed.undo()
    assert not bpy.context.scene.objects
    assert settings().character is None
    bpy.ops.ed.redo()
    assert len(bpy.context.scene.objects) == 3
    bpy.context.scene.objects["Ada.001"].data.shape_keys.key_blocks["browInnerUp"].value = 1.0
    (surface,) = scene_meshes.of_scene(now())
    motion = Motion(Fraction(24), arkit=np.eye(52, dtype=np.float32)[[ARKIT_INDEX["browInnerUp"]]])
    assert np.abs(surface.look.change[::-1] - head.change(head.posed(head.prepared(motion), 0))).max() < 1e-3


def test_a_head_without_changes_has_no_drivers_but_its_jaw(head, tmp_path):
    hybrid_head.save(replace(head, changes=None, mix=None), tmp_path / "Plain")
    bpy.ops.animcore.add_splats(filepath=str(tmp_path / "Plain"))
    mesh = bpy.context.object.animcore_splats.carrier
    assert mesh.animation_data is None or not mesh.animation_data.drivers
    (surface,) = scene_meshes.of_scene(now())
    assert surface.look.change is None
    assert surface.look.image is not None


def test_a_head_whose_files_are_gone_still_moves_and_says_what_is_missing(head, added, motion, tmp_path):
    play(added, motion)
    for path in (tmp_path / "Ada").iterdir():
        path.unlink()
    file_cache.forget()
    assert not splat_objects.all_placed(now())
    assert "Ada" in splat_objects.problems(now())[0]
    bpy.context.scene.frame_set(3)
    away = np.linalg.norm(evaluated(added) - head.posed(head.prepared(motion), 2).vertices, axis=1)
    assert away.mean() < 2e-4
    with pytest.raises(RuntimeError, match="Ada"):
        bpy.ops.animcore.add_splats(filepath=str(tmp_path / "Ada"))


def test_of_two_heads_each_changes_by_itself(head, added, tmp_path):
    bpy.ops.animcore.add_splats(filepath=str(tmp_path / "Ada"))
    other = bpy.context.object.animcore_splats.carrier
    other.data.shape_keys.key_blocks["jawOpen"].value = 1.0
    now()
    found = {one.name: one.evaluated_get(now())[texture_drivers.DETAIL.format(0)] for one in (added, other)}
    assert abs(found[added.name] - found[other.name]) > 0.05


def texture_of(thing: bpy.types.Object) -> bpy.types.Image:
    nodes = thing.active_material.node_tree.nodes
    return next(node.image for node in nodes if node.type == "TEX_IMAGE" and not texture_drivers.is_change(node))


def test_a_head_that_was_fitted_again_comes_with_its_new_texture(head, added, tmp_path):
    assert min(texture_of(added).pixels[:3]) > 0.2
    hybrid_head.save(replace(head, texture=np.zeros_like(head.texture)), tmp_path / "Ada")
    bpy.ops.animcore.add_splats(filepath=str(tmp_path / "Ada"))
    assert max(texture_of(bpy.context.object.animcore_splats.carrier).pixels[:3]) == 0
    assert not len(hybrid_heads._held)  # nobody needs the whole head any more
