"""A hybrid head in Blender: its mesh with texture and shapes, its Gaussians on it, and a take that moves both."""

from __future__ import annotations

import threading
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import bpy
import numpy as np
import pytest
from splat_scenes import bound_cloud, centres, cloud, now

pytest.importorskip("safetensors", reason="the extension's zip brings it")

from animcore.body_models.parametric_model import load_model
from animcore.core.vocabulary import ARKIT, ARKIT_INDEX, TONGUE
from animcore.files.avatars import hybrid_head
from animcore.hybrid_head.head_model import HybridHead
from animcore.motion import Motion
from blender_addon.performance import session
from blender_addon.splats.render import scene_meshes
from blender_addon.splats.scene import file_cache, hybrid_heads, splat_objects


@pytest.fixture(scope="module")
def head() -> HybridHead:
    model = load_model("open-head")
    hair = cloud(30, spread=0.02, size=0.002)
    return HybridHead(
        model=model,
        shape=np.zeros(0, np.float32),
        offset=np.zeros_like(model.template, np.float32),
        uv=model.template[:, :2].astype(np.float32),
        uv_faces=model.faces.astype(np.int64),
        texture=np.full((8, 8, 3), 0.5, np.float32),
        riding=bound_cloud(50, triangles=len(model.faces)),
        hair=replace(hair, means=hair.means + model.template[model.template[:, 1].argmax()].astype(np.float32)),
    )


@pytest.fixture
def folder(head, tmp_path) -> Path:
    hybrid_head.save(head, tmp_path / "Ada")
    return tmp_path / "Ada"


def in_blender(points: np.ndarray) -> np.ndarray:
    return np.stack((points[:, 0], -points[:, 2], points[:, 1]), 1)


def test_a_head_brings_its_mesh_and_shapes_move_both(head, folder):
    bpy.ops.animcore.add_splats(filepath=str(folder))
    holder = bpy.context.object
    carrier = holder.animcore_splats.carrier
    assert splat_objects.told(holder).text == "80 Gaussians."
    assert [block.name for block in carrier.data.shape_keys.key_blocks[1:]] == [*ARKIT, *TONGUE, "Jaw Arc"]
    weights = np.zeros((1, 52), np.float32)
    for value in (0.0, 0.4, 1.0):
        weights[0, ARKIT_INDEX["jawOpen"]] = value
        carrier.data.shape_keys.key_blocks["jawOpen"].value = value
        motion = head.prepared(Motion(Fraction(30), arkit=weights, tongue=np.zeros((1, 16), np.float32)))
        expected = head.splats(head.posed(motion, 0))
        (placed,) = splat_objects.all_placed(now())
        assert np.abs(centres(placed) - in_blender(expected.means)).max() < 2e-4


def test_a_head_goes_where_its_empty_goes(folder):
    bpy.ops.animcore.add_splats(filepath=str(folder))
    holder = bpy.context.object
    carrier = holder.animcore_splats.carrier
    assert bpy.context.scene.animcore.character == carrier.parent
    (placed,) = splat_objects.all_placed(now())
    before = centres(placed), np.array([carrier.matrix_world @ one.co for one in carrier.data.vertices])
    holder.location, holder.rotation_euler, holder.scale = (1, 2, 3), (0.2, 0, 0.5), (2, 2, 2)
    bpy.context.view_layer.update()
    (placed,) = splat_objects.all_placed(now())
    after = centres(placed), np.array([carrier.matrix_world @ one.co for one in carrier.data.vertices])
    moved = np.array(holder.matrix_world)
    for was, now_is in zip(before, after, strict=True):
        assert np.abs(now_is - (was @ moved[:3, :3].T + moved[:3, 3])).max() < 1e-4


def test_its_texture_shows_as_it_is(folder):
    bpy.ops.animcore.add_splats(filepath=str(folder))
    (surface,) = scene_meshes.of_scene(now())
    assert surface.look.glows
    assert Path(bpy.path.abspath(surface.look.image.filepath)) == folder / "texture.png"


def test_only_the_skin_that_is_drawn_becomes_a_mesh(head, tmp_path):
    drawn = np.zeros(len(head.model.faces), bool)
    drawn[:100] = True
    hybrid_head.save(replace(head, drawn=drawn), tmp_path / "Half")
    bpy.ops.animcore.add_splats(filepath=str(tmp_path / "Half"))
    assert len(bpy.context.object.animcore_splats.carrier.data.polygons) == 100
    assert len(splat_objects.all_placed(now())) == 1


def test_a_damaged_folder_is_one_sentence_and_leaves_nothing(folder):
    (folder / "avatar.safetensors").write_bytes(b"cut off")
    with pytest.raises(RuntimeError, match="copy the folder again"):
        bpy.ops.animcore.add_splats(filepath=str(folder))
    assert not bpy.data.objects
    assert hybrid_heads.is_head(folder)


def test_the_button_adds_the_shipped_head_beside_the_window(real_engine):
    bpy.ops.animcore.add_hybrid_head()
    assert not session.session.outcome.failed
    holder = bpy.context.object
    mesh = holder.animcore_splats.carrier
    assert bpy.context.scene.animcore.character == mesh.parent
    assert mesh.parent.type == "ARMATURE"
    assert len(mesh.data.shape_keys.key_blocks) >= 1 + 52 + 16
    assert splat_objects.place(holder, bpy.context.evaluated_depsgraph_get()).cloud.is_bound
    assert {one.name for one in bpy.context.scene.objects} == {holder.name, mesh.name, mesh.parent.name}


def read_all() -> None:
    """Wait for the threads that read files, as a window's timer would."""
    for one in list(file_cache._readings.values()):
        one.thread.join()
    file_cache._look_for_read()


def test_adding_a_file_shows_progress_and_can_be_cancelled(folder, monkeypatch):
    added, start, read = [], threading.Event(), file_cache._read
    monkeypatch.setattr(file_cache, "_read", lambda path: (start.wait(), read(path))[1])
    file_cache.reading(folder, lambda: added.append(1))
    (one,) = file_cache.under_way()
    assert one.name == folder.name
    assert 0.0 < one.fraction(one.started + 0.05) < one.fraction(one.started + 5.0) < 1.0
    assert one.seconds_left(one.started) > 0.0
    assert bpy.ops.animcore.cancel() == {"FINISHED"}
    assert session.session.outcome.message == "Cancelled; nothing was added."
    assert not file_cache.under_way()
    start.set()
    one.thread.join()
    file_cache._look_for_read()
    assert not added
    assert not file_cache._kept, "what nobody waits for is not kept"
    file_cache.reading(folder, lambda: added.append(2))
    read_all()
    assert added == [2]


def test_a_window_is_not_held_up_while_gaussians_are_read(folder, monkeypatch):
    bpy.ops.animcore.add_splats(filepath=str(folder))
    holder, graph = bpy.context.object, bpy.context.evaluated_depsgraph_get()
    file_cache.forget()
    monkeypatch.setattr(file_cache, "_holds_a_window", lambda: True)
    assert splat_objects.place(holder, graph) is None
    assert splat_objects.told(holder) == splat_objects.Told("Reading Ada ...")
    read_all()
    assert splat_objects.place(holder, graph).cloud.splats.count == 80
    assert splat_objects.told(holder).text == "80 Gaussians."
