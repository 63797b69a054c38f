"""Files of Gaussians as objects: where they are, what carries them, and what is said where they cannot be drawn."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import bpy
import numpy as np
import pytest
from conftest import head
from splat_scenes import bound_cloud, centres, cloud, now, written

import blender_addon
from animcore.gaussians import triangle_binding
from blender_addon.errors import AddonError
from blender_addon.performance import session
from blender_addon.splats.render import gpu_packing
from blender_addon.splats.scene import camera_view, file_cache, placement, splat_objects

Y_UP = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])  # the engine's axes -> Blender's


def added(path: Path) -> bpy.types.Object:
    bpy.ops.animcore.add_splats(filepath=str(path))
    return bpy.context.object


def refusal() -> str:
    outcome = session.session.outcome
    assert outcome is not None
    assert outcome.failed
    return outcome.message


def test_a_file_becomes_an_object_that_stands_where_it_is_put(tmp_path):
    made = cloud(50)
    holder = added(written(made, tmp_path))
    assert holder.type == "EMPTY"
    assert splat_objects.told(holder).text == "50 Gaussians."
    holder.location, holder.scale = (1.0, 2.0, 3.0), (2.0, 2.0, 2.0)
    bpy.context.view_layer.update()
    (placed,) = splat_objects.all_placed(now())
    assert np.allclose(centres(placed), made.means @ Y_UP.T * 2 + (1, 2, 3), atol=1e-5)


def test_what_is_hidden_is_not_there(tmp_path):
    holder = added(written(cloud(5), tmp_path))
    holder.hide_set(True)
    assert splat_objects.all_placed(now()) == []


def test_an_instance_of_a_collection_shows_them_where_it_stands(tmp_path):
    holder = added(written(cloud(5), tmp_path))
    group = bpy.data.collections.new("Group")
    group.objects.link(holder)
    bpy.context.scene.collection.objects.unlink(holder)
    one = bpy.data.objects.new("Instance", None)
    one.instance_type, one.instance_collection, one.location = "COLLECTION", group, (0, 0, 7)
    bpy.context.scene.collection.objects.link(one)
    (placed,) = splat_objects.all_placed(now())
    assert np.allclose(placed.frames[0, :, 3], (0, 0, 7))


def test_gaussians_follow_the_shapes_of_the_mesh_that_carries_them(tmp_path):
    carrier = head(shapes=("jawOpen", "mouthClose"))
    bpy.context.view_layer.objects.active = carrier
    made = bound_cloud(40, triangles=2)
    holder = added(written(made, tmp_path))
    assert holder.animcore_splats.carrier == carrier
    for block, value in zip(carrier.data.shape_keys.key_blocks, (0.0, 0.0, 0.5), strict=True):
        block.value = value
    carrier.rotation_euler = (0.3, 0.2, 0.1)
    bpy.context.view_layer.update()
    (placed,) = splat_objects.all_placed(now())
    corners = [tuple(vertex.co) for vertex in carrier.data.vertices]
    corners[1] = (1, 0, 0.5)  # which that shape lifts by 1
    to_world = np.array(carrier.matrix_world)
    world = np.array(corners) @ to_world[:3, :3].T + to_world[:3, 3]
    expected = triangle_binding.to_world(made, triangle_binding.frames(world, placement.triangles(carrier.data)))
    assert np.allclose(centres(placed), expected.means, atol=1e-5)


def test_keys_move_them(tmp_path):
    carrier = head(shapes=("jawOpen",))
    bpy.context.view_layer.objects.active = carrier
    added(written(bound_cloud(10, triangles=2), tmp_path))
    block = carrier.data.shape_keys.key_blocks["jawOpen"]
    for frame, value in ((1, 0.0), (11, 1.0)):
        block.value = value
        block.keyframe_insert("value", frame=frame)
    seen = []
    for frame in (1, 11):
        bpy.context.scene.frame_set(frame)
        (placed,) = splat_objects.all_placed(now())
        seen.append(centres(placed))
    assert np.abs(seen[0] - seen[1]).max() > 0.05


def test_a_subdivided_mesh_still_carries_them(tmp_path):
    carrier = head(shapes=("jawOpen",))
    bpy.context.view_layer.objects.active = carrier
    added(written(bound_cloud(10, triangles=2), tmp_path))
    carrier.modifiers.new("Subdivision", "SUBSURF").subdivision_type = "SIMPLE"
    (placed,) = splat_objects.all_placed(now())
    carrier.modifiers.clear()
    (plain,) = splat_objects.all_placed(now())
    assert np.allclose(centres(placed), centres(plain), atol=1e-5)


def test_the_mesh_can_be_chosen_later(tmp_path):
    holder = added(written(bound_cloud(10, triangles=2), tmp_path))
    assert "Bound Mesh" in splat_objects.told(holder).text
    carrier = head()
    carrier.select_set(True)
    bpy.ops.animcore.attach_splats()
    assert holder.animcore_splats.carrier == carrier
    assert splat_objects.told(holder).text == "10 Gaussians."


def spoilt_by_a_modifier(carrier):
    carrier.modifiers.new("Array", "ARRAY")


def spoilt_by_another_mesh(carrier):
    bpy.ops.mesh.primitive_plane_add()
    carrier.data = bpy.context.object.data


def spoilt_by_deletion(carrier):
    bpy.context.scene.collection.objects.unlink(carrier)


def spoilt_by_removal(carrier):
    bpy.data.objects.remove(carrier)


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (spoilt_by_a_modifier, "modifiers of 'Head' make 12 vertices of its 6"),
        (spoilt_by_another_mesh, "triangles up to 3, and 'Head' has 2"),
        (spoilt_by_deletion, "no longer in the scene"),
        (spoilt_by_removal, "choose it under Bound Mesh"),
    ],
)
def test_a_mesh_that_cannot_carry_them_is_said_in_one_sentence(tmp_path, spoil, sentence):
    mesh = bpy.data.meshes.new("Strip")
    mesh.from_pydata([(x, y, 0) for x in range(3) for y in range(2)], [], [(0, 1, 3, 2), (2, 3, 5, 4)])
    carrier = bpy.data.objects.new("Head", mesh)
    bpy.context.scene.collection.objects.link(carrier)
    bpy.context.view_layer.objects.active = carrier
    holder = added(written(bound_cloud(10, triangles=4), tmp_path))
    assert holder.animcore_splats.carrier == carrier
    spoil(carrier)
    assert splat_objects.all_placed(now()) == []
    known = splat_objects.told(holder)
    assert known.failed
    assert sentence in known.text
    assert splat_objects.problems(now()) == [known.text]


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("none.ply", None, "There is no file"),
        ("text.ply", b"no splats in here", "text.ply"),
        ("points.ply", b"ply\nformat ascii 1.0\nelement vertex 1\nproperty float x\nproperty float y\n"
         b"property float z\nend_header\n0 0 0\n", "points.ply"),
        ("film.mp4", b"", "film.mp4"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_drawn_leaves_nothing_behind(tmp_path, name, content, sentence):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(RuntimeError, match=sentence):
        added(tmp_path / name)
    assert sentence in refusal()
    assert not bpy.data.objects


def test_a_file_without_numbers_is_refused_and_one_with_some_is_drawn(tmp_path):
    bad = cloud(4)
    bad.means[:] = np.nan
    with pytest.raises(RuntimeError, match="NaN"):
        added(written(bad, tmp_path))
    some = cloud(4)
    some.means[1] = np.inf
    holder = added(written(some, tmp_path, "some.ply"))
    assert "1 Gaussians that are not numbers" in splat_objects.told(holder).text


def test_too_many_are_thinned_to_those_that_show_most(tmp_path, monkeypatch):
    many = cloud(60)
    many.opacities[:] = 0.01
    many.opacities[20:30] = 0.9
    monkeypatch.setattr(file_cache, "MOST", 10)
    holder = added(written(many, tmp_path))
    (placed,) = splat_objects.all_placed(now())
    assert np.allclose(placed.cloud.splats.means, many.means[20:30], atol=1e-6)
    assert splat_objects.told(holder).text == "60 Gaussians in the file; the 10 most visible are drawn."


def test_a_file_that_changes_on_disk_is_read_again_and_not_before(tmp_path):
    path, time = written(cloud(5), tmp_path), [0.0]
    first = file_cache.of_file(path, lambda: time[0])
    time[0] = 10.0
    assert file_cache.of_file(path, lambda: time[0]) is first
    written(cloud(7), tmp_path)
    time[0] = 20.0
    assert file_cache.of_file(path, lambda: time[0]).splats.count == 7
    path.unlink()
    time[0] = 30.0
    with pytest.raises(AddonError, match="There is no file"):
        file_cache.of_file(path, lambda: time[0])


def test_a_saved_file_opens_with_its_splats_beside_it(tmp_path):
    carrier = head()
    bpy.context.view_layer.objects.active = carrier
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scene.blend"))
    holder = added(written(bound_cloud(10, triangles=2), tmp_path))
    assert holder.animcore_splats.filepath.startswith("//")
    bpy.ops.wm.save_mainfile()
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "scene.blend"))
    (placed,) = splat_objects.all_placed(now())
    assert placed.cloud.splats.count == 10


def test_a_file_that_is_saved_elsewhere_still_finds_its_splats(tmp_path):
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scene.blend"))
    holder = added(written(cloud(5), tmp_path))
    (tmp_path / "other").mkdir()
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "other" / "scene.blend"))
    assert splat_objects.path_of(holder) == tmp_path / "cloud.ply"
    written(cloud(6), tmp_path / "other")
    assert splat_objects.path_of(holder).parent == tmp_path / "other"  # what lies beside the file comes first


def test_what_is_wrong_with_hidden_ones_stops_nothing(tmp_path):
    path = written(cloud(5), tmp_path)
    holder = added(path)
    path.unlink()
    file_cache.forget()
    assert splat_objects.all_placed(now()) == []
    assert len(splat_objects.problems(now())) == 1
    holder.hide_set(True)
    assert splat_objects.problems(now()) == []


def test_undo_takes_them_away_and_redo_brings_them_back(tmp_path):
    bpy.ops.ed.undo_push(message="before")
    added(written(cloud(5), tmp_path))
    bpy.ops.ed.undo_push(message="after")
    bpy.ops.ed.undo()
    assert splat_objects.all_placed(now()) == []
    bpy.ops.ed.redo()
    assert len(splat_objects.all_placed(now())) == 1


def test_the_mesh_under_them_is_shown_as_wires_and_back():
    carrier, holder = head(), bpy.data.objects.new("Splats", None)
    bpy.context.scene.collection.objects.link(holder)
    holder.animcore_splats.filepath, holder.animcore_splats.carrier = "x.ply", carrier
    bpy.context.view_layer.objects.active = holder
    bpy.ops.animcore.toggle_carrier()
    assert carrier.display_type == "WIRE"
    bpy.ops.animcore.toggle_carrier()
    assert carrier.display_type == "TEXTURED"


def test_attaching_what_stands_by_itself_says_so(tmp_path):
    holder = added(written(cloud(5), tmp_path))
    with pytest.raises(AddonError, match="bound to no triangles"):
        splat_objects.attach(holder, head())


def test_the_order_is_that_of_depth():
    parts = [cloud(3000, seed) for seed in (1, 2)]
    parts[1] = replace(parts[1], harmonics=parts[1].harmonics[:, :1])  # of another degree
    made = [file_cache.Cloud(part, part.count) for part in parts]
    placed = [
        placement.standing(one, np.diag([scale, scale, scale, 1.0])) for one, scale in zip(made, (1, 2), strict=True)
    ]
    for flat in (0.0, 1.0):
        projection = np.eye(4)
        projection[3, 3] = flat
        to_view = np.eye(4)
        to_view[2, 3] = -3
        looked = camera_view.View(to_view, projection, 8, 8)
        together = gpu_packing.Gathered(made)
        order = together.order(together.frames(placed, looked), looked)
        depth = -(np.concatenate([centres(one) for one in placed])[:, 2] - 3)
        assert sorted(order) == list(range(6000))
        assert np.diff(depth[order]).max() < 1e-3  # within a level of depth they stand as they come
    assert together.degree == 3


def test_it_registers_again_and_again(tmp_path):
    for _ in range(2):
        blender_addon.unregister()
        blender_addon.unregister()
        assert not hasattr(bpy.types.Object, "animcore_splats")
        blender_addon.register()
    added(written(cloud(5), tmp_path))
    assert len(splat_objects.all_placed(now())) == 1
