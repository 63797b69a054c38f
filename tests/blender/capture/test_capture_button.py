"""Capture Splat Head: pictures, masks, parameters and the model of any character, through the button."""

from __future__ import annotations

import json
from pathlib import Path

import ball_head
import bpy
import numpy as np
import pytest
from conftest import fake_launch, settings

pytest.importorskip("av", reason="the extension's zip brings it")

from animcore.body_models.parametric_model import load_model
from animcore.body_models.pose_tracks import flame_pose
from animcore.core import images
from animcore.errors import Cancelled
from animcore.hybrid_head import capture_format as layout
from animcore.rendering.mesh_rasterizers.rasterize import draw_mesh
from blender_addon import preferences
from blender_addon.capture import head_measurement, order, render_job, render_studio
from blender_addon.character import rig_reader
from blender_addon.errors import AddonError
from blender_addon.performance import session

SIZE = 48


def plan(folder: Path, root: bpy.types.ID, **changed) -> dict:
    """What the button asks of the other Blender, of a copy of this file."""
    copy = folder.with_suffix(".blend")
    bpy.ops.wm.save_as_mainfile(filepath=str(copy), copy=True)
    small = {"cameras": 3, "faces": 2, "size": SIZE, "samples": 1, "engine": "CYCLES"} | changed
    return {"file": str(copy), "scripts": False, "kind": "objects", "root": root.name, "folder": str(folder), **small}


def taken(folder: Path, root: bpy.types.ID, **changed) -> dict:
    """Do its work here."""
    return render_job.run(plan(folder, root, **changed), lambda fraction, stage: None)


def posed(folder: Path, view: layout.CaptureView) -> tuple[np.ndarray, np.ndarray]:
    """The vertices and faces of the captured model at the moment of a view."""
    model, pose = load_model(folder / layout.MODEL), layout.read_pose(view.pose)
    return model.posed(pose.joints[None], pose.expression[None])[0][0], model.faces


@pytest.mark.parametrize(("units", "yaw", "bones"), [(1.0, 0.0, False), (100.0, 0.8, False), (1.0, -0.6, True)])
def test_the_model_fills_the_pictures_as_the_character_does(tmp_path, units, yaw, bones):
    head = ball_head.add(units, yaw, bones=bones)
    answer = taken(tmp_path / "shots", head)
    assert answer["millimetres"] < 0.05
    views = layout.read_views(tmp_path / "shots", layout.TRAIN)
    assert len(views) == answer["images"] == 6
    for view in views:
        vertices, faces = posed(tmp_path / "shots", view)
        ours = np.isfinite(draw_mesh(vertices, faces, view.camera).depth)
        theirs = images.decoded(view.image.read_bytes(), "image")[..., 3] > 127
        assert ours.sum() > 0.2 * ours.size
        assert (ours ^ theirs).sum() < 0.03 * ours.sum()
        mask = images.decoded(view.mask.read_bytes(), "mask")
        assert ((mask[..., 0] > 127) == theirs).all()


def test_bones_of_head_and_eyes_turn_the_model_as_they_turn_the_character(tmp_path):
    root = ball_head.add(yaw=0.4, bones=True)
    who, studio = render_studio.prepared(bpy.context.scene, root)
    measured = head_measurement.measure(who, studio, lambda done: None)
    assert {one.name for one in studio.skin} == {"Ball", "eye_L", "eye_R"}  # and no shirt
    render_job.blendshape_head.write(measured, tmp_path / "model.npz")
    model = load_model(tmp_path / "model.npz")
    motion = render_studio.still(2)
    motion.head_pose[1], motion.eye_pose[1] = (0.2, -0.4, 0.1), ((0.1, 0.3, 0), (0.1, 0.3, 0))
    motion.arkit[1, 17] = 0.7
    render_studio.Puppet(who, motion).show(1)
    seen = head_measurement.current_vertices(who, studio)
    assert np.abs(seen - measured.vertices).max() > 0.05
    assert head_measurement.error(model, motion, 1, seen) < 0.05
    assert flame_pose(motion).shape == (2, 5, 3)


def test_a_neck_ends_in_a_line_and_not_in_the_corners_of_its_faces():
    """A tube of large faces whose lower end is the body's: the border runs across the faces."""
    bpy.ops.mesh.primitive_cylinder_add(vertices=16, radius=0.06, depth=0.4, end_fill_type="NOTHING")
    bpy.ops.object.mode_set(mode="EDIT")
    bpy.ops.mesh.select_all(action="SELECT")
    bpy.ops.mesh.subdivide(number_cuts=9)
    bpy.ops.object.mode_set(mode="OBJECT")
    tube = bpy.context.object
    places = np.array([one.co for one in tube.data.vertices])
    across = places @ (0.6, 0, 0.8)  # not along the rings
    assert render_studio._cut(tube, 0.5 + 4 * across, 0.0)
    mesh = tube.evaluated_get(bpy.context.evaluated_depsgraph_get()).data
    left = np.array([one.co for one in mesh.vertices])
    edges = [key for face in mesh.polygons for key in face.edge_keys]
    border = [key for key in set(edges) if edges.count(key) == 1]
    ends = left[sorted({number for key in border for number in key})]
    lower = ends[ends[:, 2] < 0.19]
    assert len(lower) >= 16
    assert np.abs(lower @ (0.6, 0, 0.8)).max() < 0.004  # the edges are 0.04 long


def test_hair_has_masks_of_its_own_and_is_no_part_of_the_model(tmp_path):
    head = ball_head.add(hair=True)
    bare = len(head.data.vertices)
    assert taken(tmp_path / "shots", head, cameras=2, faces=1)["vertices"] == bare
    for view in layout.read_views(tmp_path / "shots", layout.TRAIN):
        hair = images.decoded((tmp_path / "shots" / "hair_masks" / view.image.name).read_bytes(), "hair")[..., 0]
        whole = images.decoded(view.mask.read_bytes(), "mask")[..., 0]
        assert (hair > 127).sum() > 30
        assert (hair[SIZE * 2 // 3 :] == 0).all()
        assert not ((hair > 200) & (whole < 100)).any()


def test_the_users_pose_look_and_file_stay_out_of_it(tmp_path):
    head = ball_head.add()
    head.data.shape_keys.key_blocks["jawOpen"].value = 0.9
    bpy.ops.mesh.primitive_plane_add(size=3, location=(0, 0.5, 1.6), rotation=(1.57, 0, 0))
    taken(tmp_path / "shots", head, faces=1, cameras=2)
    view = layout.read_views(tmp_path / "shots", layout.TRAIN)[0]
    vertices, faces = posed(tmp_path / "shots", view)
    ours = np.isfinite(draw_mesh(vertices, faces, view.camera).depth)
    assert (ours ^ (images.decoded(view.image.read_bytes(), "image")[..., 3] > 127)).sum() < 0.03 * ours.sum()


def covered(folder: Path) -> list[float]:
    """How much of each picture is seen."""
    pngs = sorted((folder / "images").glob("*.png"))
    return [round(float((images.decoded(png.read_bytes(), "image")[..., 3] > 127).mean()), 2) for png in pngs]


def disturb(scene: bpy.types.Scene) -> None:
    """What users have in their scenes that must not come into the pictures."""
    scene.view_layers.new("Second")
    scene.view_layers[0].material_override = bpy.data.materials.new("Clay")
    scene.render.pixel_aspect_x = 2.0
    scene.render.use_stamp = scene.render.use_multiview = True
    scene.background_set = bpy.data.scenes.new("Set")
    wall = bpy.data.objects.new("Wall", bpy.data.meshes["Shirt"])
    scene.background_set.collection.objects.link(wall)
    wall.location = (0, 0, 0.4)
    shirt = bpy.data.objects["Shirt"]
    shirt.driver_add("hide_render").driver.expression = "0"
    eye = bpy.data.objects["eye_L"]
    eye.hide_render = False
    eye.keyframe_insert("hide_render")
    hidden = bpy.data.collections.new("Hidden")
    scene.collection.children.link(hidden)
    for thing in list(scene.collection.objects):
        scene.collection.objects.unlink(thing)
        hidden.objects.link(thing)
    hidden.hide_viewport = True


def test_what_the_users_scene_adds_or_hides_changes_no_picture(tmp_path):
    plain = taken(tmp_path / "plain", ball_head.add(bones=True))
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    head = ball_head.add(bones=True)
    disturb(bpy.context.scene)
    assert taken(tmp_path / "full", head) == plain
    assert covered(tmp_path / "full") == covered(tmp_path / "plain")


def test_an_override_is_taken_as_what_it_is_of(tmp_path):
    head = ball_head.add(bones=True)
    plain = taken(tmp_path / "plain", head)
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    head, mine = ball_head.add(bones=True), bpy.data.collections.new("Character")
    for thing in bpy.context.scene.objects:
        mine.objects.link(thing)
    bpy.data.libraries.write(str(tmp_path / "library.blend"), {mine})
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    with bpy.data.libraries.load(str(tmp_path / "library.blend"), link=True) as (_, wanted):
        wanted.collections = ["Character"]
    linked = wanted.collections[0]
    bpy.context.scene.collection.children.link(linked)
    own = linked.override_hierarchy_create(bpy.context.scene, bpy.context.view_layer, do_fully_editable=True)
    head = next(one for one in own.all_objects if one.name.startswith("Ball"))
    assert taken(tmp_path / "own", head) == plain
    assert covered(tmp_path / "own") == covered(tmp_path / "plain")


def test_a_layout_of_textures_is_kept_when_another_mesh_gets_one(tmp_path):
    head = ball_head.add(bones=True)
    eye = bpy.data.objects["eye_L"].data
    places = np.full(2 * len(eye.loops), 0.25, np.float32)
    eye.uv_layers.new(name="Mine").uv.foreach_set("vector", places)
    for thing in bpy.context.scene.objects:
        thing.select_set(True)
    who, studio = render_studio.prepared(bpy.context.scene, head)
    head_measurement.measure(who, studio, lambda done: None)
    after = np.empty_like(places)
    eye.uv_layers[0].uv.foreach_get("vector", after)
    assert (after == places).all()
    assert len(head.data.uv_layers) == 1


def test_pictures_of_the_head_as_it_was_are_not_mixed_with_others(tmp_path):
    taken(tmp_path / "shots", ball_head.add(), faces=1)
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    model = (tmp_path / "shots" / layout.MODEL).read_bytes()
    with pytest.raises(AddonError, match="The size of the head differs"):
        taken(tmp_path / "shots", ball_head.add(hair=True), faces=2)
    assert (tmp_path / "shots" / layout.MODEL).read_bytes() == model


def test_pictures_that_are_there_are_kept_and_more_faces_are_added(tmp_path):
    folder, head = tmp_path / "shots", ball_head.add()
    seen = []

    def cancel_at_the_third(fraction: float, stage: str) -> None:
        seen.append(stage)
        if stage.startswith("Image 3"):
            raise Cancelled

    with pytest.raises(Cancelled):
        render_job.run(plan(folder, head), cancel_at_the_third)
    first = {path: path.stat().st_mtime_ns for path in (folder / "images").glob("*.png")}
    assert len(first) == 2
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    answer = taken(folder, ball_head.add(), faces=3)
    assert answer["images"] == len(list((folder / "images").glob("*.png"))) == 9
    assert {path: path.stat().st_mtime_ns for path in first} == first
    with pytest.raises(AddonError, match="another capture"):
        render_job._claim(render_job.CapturePlan(folder, 3, 3, 64, 1, "CYCLES"), "Ball")


def test_a_folder_of_other_pictures_is_left_alone(tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "holiday.png").write_bytes(b"mine")
    with pytest.raises(AddonError, match="images of another character"):
        render_job._claim(render_job.CapturePlan(tmp_path, 3, 3, 64, 1, "CYCLES"), "Ball")
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["holiday.png"]


def scene_state() -> dict:
    scene = bpy.context.scene
    return {
        "objects": {one.name: (tuple(one.location), one.hide_render, len(one.modifiers)) for one in scene.objects},
        "engine": scene.render.engine, "path": scene.render.filepath, "file": bpy.data.filepath,
        "camera": scene.camera, "world": scene.world, "keys": [
            key.value for one in scene.objects if one.type == "MESH" and one.data.shape_keys
            for key in one.data.shape_keys.key_blocks
        ],
    }  # fmt: skip


def test_the_button_takes_them_in_another_blender_and_touches_nothing(tmp_path):
    settings().character = ball_head.add(hair=True)
    mine = bpy.context.scene.animcore_capture
    mine.folder, mine.cameras, mine.faces, mine.size, mine.samples = str(tmp_path / "a capture"), 2, 2, 64, 1
    before = scene_state()
    bpy.ops.animcore.capture_head()
    assert scene_state() == before
    said = session.session.outcome
    assert "4 images of 'Ball'" in said.message
    assert f'animcore avatar fit "{tmp_path / "a capture"}"' in said.notes[-1]
    assert len(layout.read_views(tmp_path / "a capture", layout.TRAIN)) == 4
    assert json.loads((tmp_path / "a capture" / "capture.json").read_text())["character"] == "Ball"
    assert order.disabled_fit(bpy.context.scene) == ""
    assert session.session.jobs.engine is None  # the other Blender holds the whole file: it is gone


def test_what_the_other_blender_refuses_is_said_in_the_panel(tmp_path):
    settings().character = ball_head.add()
    bpy.context.scene.animcore_capture.folder = str(tmp_path)
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "holiday.png").write_bytes(b"mine")
    with pytest.raises(RuntimeError, match="images of another character"):
        bpy.ops.animcore.capture_head()
    assert session.session.outcome.failed


def test_reasons_for_a_grey_button():
    scene = bpy.context.scene
    assert "character" in order.disabled_reason(scene)
    assert "Capture" in order.disabled_fit(scene)
    settings().character = head = ball_head.add()
    assert order.disabled_reason(scene) == ""
    bpy.context.view_layer.objects.active = head
    bpy.ops.object.mode_set(mode="EDIT")
    assert "Object Mode" in order.disabled_reason(scene)
    bpy.ops.object.mode_set(mode="OBJECT")
    for nowhere in ("", "//shots", "shots"):  # the file is not saved
        scene.animcore_capture.folder = nowhere
        with pytest.raises(AddonError, match="relative to an unsaved file"):
            order.order_capture(scene)


def test_a_body_without_a_known_head_is_refused():
    head = ball_head.add(units=10.0, bones=True)
    for bone in head.parent.data.bones:
        bone.name = f"x{bone.name.encode().hex()}"
    bpy.context.view_layer.update()
    assert not rig_reader.read(head).bones
    with pytest.raises(AddonError, match="role head"):
        render_studio.prepared(bpy.context.scene, head)


def test_the_fit_is_asked_of_the_engine(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(preferences, "launch", fake_launch)
    monkeypatch.setattr(session.session.jobs, "begin", lambda launch, request: asked.append(request))
    mine = bpy.context.scene.animcore_capture
    mine.folder, mine.gaussians, mine.steps = str(tmp_path), 12000, 50
    (tmp_path / "transforms_train.json").write_text("{}")
    order.order_fit(bpy.context.scene)
    fit = {
        "do": "fit_head",
        "capture": str(tmp_path),
        "out": str(tmp_path / "fit"),
        "gaussians": 12000,
        "iterations": 50,
    }
    assert asked == [fit]
