"""Splats as Blender's own: the attributes that Blender 5.3 reads, and what earlier versions say."""

from __future__ import annotations

from types import SimpleNamespace

import bpy
import numpy as np
import pytest
from conftest import head
from splat_scenes import bound_cloud, centres, cloud, now, written

from animcore.gaussians import spherical_harmonics
from blender_addon.errors import AddonError
from blender_addon.scene import fcurves
from blender_addon.splats.render import cpu_renderer, native_points
from blender_addon.splats.scene import splat_objects

HAS_TYPES = "FLOAT4" in bpy.types.Attribute.bl_rna.properties["data_type"].enum_items
needs_types = pytest.mark.skipif(not HAS_TYPES, reason="this Blender has no attributes of four numbers")


def added(path) -> bpy.types.Object:
    bpy.ops.animcore.add_splats(filepath=str(path))
    return bpy.context.object


def stored(points: bpy.types.PointCloud, name: str, width: int) -> np.ndarray:
    values = np.empty(len(points.attributes[name].data) * width, np.float32)
    key = "value" if points.attributes[name].data_type == "QUATERNION" else "vector"
    points.attributes[name].data.foreach_get(key, values)
    return values.reshape(-1, width)


@pytest.mark.skipif(fcurves.own_splats() is not None, reason="this Blender has splats")
def test_a_blender_without_splats_says_so(tmp_path):
    holder = added(written(cloud(5), tmp_path))
    assert not bpy.ops.animcore.own_splats.poll()
    with pytest.raises(AddonError, match=r"5\.3"):
        native_points.make(bpy.context, holder)
    assert len(bpy.data.pointclouds) == 0


@pytest.mark.parametrize("kinds", [("POINTS", "GAUSSIAN_SPLAT"), ("POINT", "GSPLAT"), ("POINTS",), None])
def test_the_kind_is_found_by_what_blender_says_of_itself(monkeypatch, kinds):
    known = {} if kinds is None else {"type": SimpleNamespace(enum_items=dict.fromkeys(kinds))}
    points = SimpleNamespace(bl_rna=SimpleNamespace(properties=known))
    monkeypatch.setattr(fcurves, "bpy", SimpleNamespace(types=SimpleNamespace(PointCloud=points)))
    assert fcurves.own_splats() == (kinds[1] if kinds and len(kinds) > 1 else None)


@needs_types
@pytest.mark.parametrize("degree", [0, 1, 3])
def test_attributes_are_those_of_blenders_importers(degree):
    made = cloud(40, degree=degree)
    points = fcurves.make_splats("Hair", made.means, made.rotations, made.scales, made.opacities, made.harmonics)
    kinds = {one.name: (one.data_type, one.domain) for one in points.attributes}
    rest = {f"radiance:sh_{index}": ("FLOAT_VECTOR", "POINT") for index in range((degree + 1) ** 2 - 1)}
    assert kinds == rest | {
        "position": ("FLOAT_VECTOR", "POINT"), "rotation": ("QUATERNION", "POINT"),
        "scale": ("FLOAT_VECTOR", "POINT"), "radiance:base": ("FLOAT4", "POINT"),
    }  # fmt: skip
    assert (stored(points, "position", 3) == made.means).all()
    assert (stored(points, "rotation", 4) == made.rotations).all()
    assert (stored(points, "scale", 3) == made.scales).all()
    assert (stored(points, "radiance:base", 4) == np.c_[made.harmonics[:, 0], made.opacities]).all()
    for index in range(len(rest)):
        assert (stored(points, f"radiance:sh_{index}", 3) == made.harmonics[:, index + 1]).all()


@needs_types
@pytest.mark.parametrize("bound", [False, True])
def test_splats_stand_where_they_are_drawn_and_shine_the_same_way(tmp_path, monkeypatch, bound):
    made = cloud(60)
    if bound:
        bpy.context.view_layer.objects.active = head()
        made = bound_cloud(60, 2)
    holder = added(written(made, tmp_path))
    holder.location, holder.rotation_euler = (1.0, 2.0, 3.0), (0.4, 0.5, 0.6)
    bpy.context.view_layer.update()
    placed = splat_objects.place(holder, now())
    # what is asked first is whether it may, and then, of a real point cloud, of what kind it is to be
    monkeypatch.setattr(fcurves, "own_splats", iter([fcurves.own_splats() or "yes", fcurves.own_splats()]).__next__)
    points = native_points.make(bpy.context, holder)
    assert bpy.context.object is points
    assert holder.hide_get()
    assert holder.hide_render
    assert np.allclose(stored(points.data, "position", 3), centres(placed), atol=1e-5)
    ways = np.random.default_rng(1).normal(size=(60, 3))
    ways /= np.linalg.norm(ways, axis=1, keepdims=True)
    found = np.stack([stored(points.data, "radiance:base", 4)[:, :3]]
                     + [stored(points.data, f"radiance:sh_{index}", 3) for index in range(15)], 1)  # fmt: skip
    seen = np.einsum("nk,nkc->nc", spherical_harmonics.values(ways, 3), found)
    wanted = np.einsum("nk,nkc->nc", spherical_harmonics.values(ways @ placed.turn.T, 3), placed.cloud.splats.harmonics)
    assert np.allclose(seen, wanted, atol=1e-5)
    sizes = stored(points.data, "scale", 3)
    assert np.allclose(sizes, cpu_renderer.in_world(placed).scales, rtol=1e-4)
