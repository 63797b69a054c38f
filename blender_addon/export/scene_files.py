"""Characters with their takes as files: FBX, USD, Alembic and glTF through Blender's exporters, and PC2 caches.

Only the character goes into the file, on the frames and at the exact rate of the take; the scene stays as it was.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import bpy
import numpy as np
from numpy.typing import NDArray

from animcore.core.atomic_files import whole_file
from animcore.core.progress import Progress

from .. import object_data
from ..errors import AddonError
from ..scene.frame_rates import exact_rate

_LARGEST_FPS = 32767  # that `scene.render.fps` can hold
_EXPORTERS: dict[str, tuple[str, dict[str, Any]]] = {
    "fbx": (
        "export_scene.fbx",
        {
            "use_selection": True,
            "add_leaf_bones": False,
            "bake_anim": True,
            "bake_anim_use_nla_strips": False,
            "bake_anim_use_all_actions": False,
            "bake_anim_simplify_factor": 0.0,  # a key a frame
            "mesh_smooth_type": "FACE",
            "path_mode": "COPY",
            "embed_textures": True,
        },
    ),
    "usd": (
        "wm.usd_export",
        {
            "selected_objects_only": True,
            "export_animation": True,
            "export_armatures": True,
            "export_shapekeys": True,
            "export_subdivision": "IGNORE",
            "evaluation_mode": "VIEWPORT",
            "convert_orientation": True,  # Y up, as engines and usdchecker require
            "convert_world_material": False,
            "export_custom_properties": False,
            "export_lights": False,
            "export_cameras": False,
            "root_prim_path": "/Character",
        },
    ),
    "alembic": (
        "wm.alembic_export",
        {
            "selected": True,
            "evaluation_mode": "VIEWPORT",
            "export_hair": False,
            "export_particles": False,
            "export_custom_properties": False,
            "init_scene_frame_range": False,
        },
    ),
    "glb": (
        "export_scene.gltf",
        {
            "export_format": "GLB",
            "use_selection": True,
            "export_animation_mode": "SCENE",  # all parts of the character in one animation
            "export_anim_scene_split_object": False,
            "export_frame_range": True,
            "export_optimize_animation_size": False,
            "export_current_frame": False,
        },
    ),
}
_STILL_GLB = {"export_animations": False, "export_rest_position_armature": False, "export_frame_range": False}
_COUNT_CHANGING = {"SUBSURF", "MULTIRES", "MIRROR", "DECIMATE", "REMESH", "SOLIDIFY"}
_PC2 = struct.Struct("<12siiffi")


def export(
    scene: bpy.types.Scene,
    objects: Sequence[bpy.types.Object],
    path: Path,
    kind: str,
    frames: tuple[int, int],
) -> list[str]:
    """Write a character and its active animation to one file; returns notes for the user.

    Args:
        scene: its scene.
        objects: armature and meshes of the character.
        path: of the file; it is written over.
        kind: `fbx`, `usd`, `alembic` or `glb`.
        frames: the first and the last frame.

    Raises:
        AddonError: where Blender's exporter refuses.
    """
    name, options = _EXPORTERS[kind]
    if kind == "alembic":
        options = {**options, "start": frames[0], "end": frames[1]}
    return _run(scene, objects, path, name, options, frames)


def export_still(scene: bpy.types.Scene, objects: Sequence[bpy.types.Object], path: Path) -> list[str]:
    """Write a character as `.glb` in the pose it stands in, without animation.

    Raises:
        AddonError: where Blender's exporter refuses.
    """
    name, options = _EXPORTERS["glb"]
    frame = scene.frame_current
    return _run(scene, objects, path, name, {**options, **_STILL_GLB}, (frame, frame))


def write_pc2(
    scene: bpy.types.Scene, mesh: bpy.types.Object, path: Path, frames: tuple[int, int], told: Progress | None = None
) -> None:
    """Write the vertices of a mesh, moved by shapes and bones, as a PC2 cache in the mesh's own space.

    Layout: the text POINTCACHE2, version 1, the number of points, the first frame and the frames a sample as floats,
    the number of samples, then x, y, z of every point of every sample as 32-bit floats.

    Raises:
        AddonError: where a modifier makes or merges vertices, which such a cache cannot hold.
    """
    count, points = frames[1] - frames[0] + 1, len(object_data.mesh(mesh).vertices)
    with whole_file(path) as temporary, temporary.open("wb") as handle:
        handle.write(_PC2.pack(b"POINTCACHE2\0", 1, points, float(frames[0]), 1.0, count))
        for done, places in enumerate(vertices(scene, [mesh], range(frames[0], frames[1] + 1))):
            if len(places[0]) != points:
                raise AddonError(
                    f"{mesh.name!r} has {len(places[0])} vertices on frame {frames[0] + done} and "
                    f"{points} as it is, which PC2 cannot hold; turn off the modifier that changes "
                    "their number."
                )
            handle.write(places[0].astype("<f4").tobytes())
            if told is not None:
                told((done + 1) / count, "Vertices")


def vertices(
    scene: bpy.types.Scene, meshes: Sequence[bpy.types.Object], frames: Iterable[int], *, cached: bool = True
) -> Iterator[list[NDArray[np.float32]]]:
    """Give the places (V, 3) of the vertices of each mesh on each frame, in its own space.

    They are those of a cache for the mesh as it is, or those that Blender's exporters write.
    """
    current = scene.frame_current
    with _only_deforming(meshes if cached else _shaped(meshes)):
        for frame in frames:
            scene.frame_set(frame)
            graph = bpy.context.evaluated_depsgraph_get()
            found = []
            for mesh in meshes:
                data = object_data.mesh(mesh.evaluated_get(graph))
                places = np.empty(3 * len(data.vertices), np.float32)
                data.vertices.foreach_get("co", places)
                found.append(places.reshape(-1, 3))
            yield found
    scene.frame_set(current)


def operator(name: str) -> Any | None:
    """Return the operator of that name, or None where this Blender has none."""
    group, own = name.split(".")
    found = getattr(getattr(bpy.ops, group), own)
    try:
        found.get_rna_type()
    except KeyError:
        return None
    return found


def set_exact_rate(scene: bpy.types.Scene, rate: Fraction) -> None:
    """Set a frame rate so that no rounding is in it: 24000 over 1001, where 24 over 1.001 is not exact in 32 bits."""
    share = 1
    while rate.numerator / share > _LARGEST_FPS and rate.numerator % (2 * share) == 0:
        share *= 2
    if rate.numerator // share <= _LARGEST_FPS:
        scene.render.fps, scene.render.fps_base = rate.numerator // share, rate.denominator / share
    else:
        whole = max(round(rate), 1)
        scene.render.fps, scene.render.fps_base = whole, float(whole / rate)


def _run(
    scene: bpy.types.Scene,
    objects: Sequence[bpy.types.Object],
    path: Path,
    name: str,
    options: dict[str, Any],
    frames: tuple[int, int],
) -> list[str]:
    work = operator(name)
    if work is None:
        raise AddonError(f"This Blender has no {name}; enable the add-on of that format in the preferences.")
    known = {one.identifier for one in work.get_rna_type().properties}
    # subdivided meshes lose their shapes in FBX, and fit no cache
    with _only_deforming(_shaped(objects)), _prepared(scene, objects, frames, name == "export_scene.gltf") as notes:
        try:
            work(filepath=str(path), **{key: value for key, value in options.items() if key in known})
        except RuntimeError as error:
            reason = str(error).strip().splitlines()[-1].removeprefix("Error: ")
            raise AddonError(f"Blender could not write {path.name}: {reason}") from error
    if not path.is_file():
        raise AddonError(f"Blender wrote no file {path.name}; see its log.")
    return notes


@contextmanager
def _prepared(
    scene: bpy.types.Scene, objects: Sequence[bpy.types.Object], frames: tuple[int, int], by_product: bool
) -> Iterator[list[str]]:
    """Select the character alone, with its range and exact rate; put everything back afterwards.

    Blender's glTF exporter multiplies `fps` by `fps_base` where everything else divides: `by_product` is for it.
    """
    layer = bpy.context.view_layer
    if bpy.context.mode != "OBJECT":
        raise AddonError("The character cannot be exported in this mode; go to Object Mode first.")
    render = scene.render
    kept = (scene.frame_start, scene.frame_end, scene.frame_current, render.fps, render.fps_base)
    selected, active = list(bpy.context.selected_objects), layer.objects.active
    hidden = [one.name for one in objects if one.name not in layer.objects or not one.visible_get()]
    shown = [one for one in objects if one.name not in hidden]
    if not shown:
        raise AddonError("All objects of the character are hidden; show them to export the character.")
    try:
        for one in selected:
            one.select_set(False)
        for one in shown:
            one.select_set(True)
        layer.objects.active = next((one for one in shown if one.type == "ARMATURE"), shown[0])
        scene.frame_start, scene.frame_end = frames
        rate = exact_rate(render.fps, render.fps_base)
        if by_product:
            render.fps, render.fps_base = max(round(rate), 1), float(rate / max(round(rate), 1))
        else:
            set_exact_rate(scene, rate)
        yield [f"{', '.join(hidden)}: hidden, so not written."] if hidden else []
    finally:
        scene.frame_start, scene.frame_end, render.fps, render.fps_base = kept[0], kept[1], kept[3], kept[4]
        scene.frame_set(kept[2])
        for one in shown:
            one.select_set(one in selected)
        for one in selected:
            one.select_set(True)
        layer.objects.active = active


def _shaped(objects: Iterable[bpy.types.Object]) -> list[bpy.types.Object]:
    return [one for one in objects if one.type == "MESH" and object_data.shape_keys(one) is not None]


@contextmanager
def _only_deforming(meshes: Iterable[bpy.types.Object]) -> Iterator[None]:
    """Turn off modifiers that change how many vertices there are, so that a cache fits the mesh as it is."""
    counting = [modifier for mesh in meshes for modifier in mesh.modifiers if modifier.type in _COUNT_CHANGING]
    shown = [(modifier, modifier.show_viewport, modifier.show_render) for modifier in counting]
    for modifier in counting:
        modifier.show_viewport = modifier.show_render = False
    try:
        yield
    finally:
        for modifier, in_view, in_render in shown:
            modifier.show_viewport, modifier.show_render = in_view, in_render
