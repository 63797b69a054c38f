"""The meshes of a scene as triangles with a colour or an image: what Gaussians hide and what hides them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, cast

import bpy
import numpy as np
from numpy.typing import NDArray

from ... import object_data
from ..scene import camera_view, texture_drivers

Floats = NDArray[np.float32]

_SOLID = {"MESH", "CURVE", "SURFACE", "FONT", "META"}
_OUTLINED = {"WIRE", "BOUNDS"}  # what Blender does not show as a surface is none here
_GREY = (0.8, 0.8, 0.8, 1.0)


@dataclass(frozen=True)
class Look:
    """What is left of a material.

    Attributes:
        colour: red, green, blue and opacity as light.
        image: Blender's image that gives the colour instead, or None.
        glows: whether it shows as it is, without the one light: an emission, as the textures of captured heads are.
        change: (h, w, 3) what the moment adds to the image as a screen has it, the first row at the bottom, or None.
    """

    colour: tuple[float, ...]
    image: bpy.types.Image | None = None
    glows: bool = False
    change: Floats | None = None


@dataclass(frozen=True, eq=False)
class Surface:
    """Triangles of one look.

    Attributes:
        corners: (T, 3, 3) in Blender's world.
        normals: (T, 3, 3) there.
        uv: (T, 3, 2) places in the image.
        look: of all of them.
    """

    corners: Floats
    normals: Floats
    uv: Floats
    look: Look


@dataclass(frozen=True, eq=False)
class Pattern:
    """What of a mesh stays while it only moves; triangles of one material stand together.

    Attributes:
        vertices, loops: (3T,) of the triangles.
        uv: (T, 3, 2).
        parts: the triangles of each material that has some: its number, and the first and the one after the last.
    """

    vertices: NDArray[np.int64]
    loops: NDArray[np.int64]
    uv: Floats
    parts: tuple[tuple[int, int, int], ...]


Patterns = dict[tuple[int, ...], Pattern]


def of_scene(
    depsgraph: bpy.types.Depsgraph,
    space: bpy.types.SpaceView3D | None = None,
    patterns: Patterns | None = None,
) -> list[Surface]:
    """Return all surfaces that are seen, as they are in a moment.

    Args:
        depsgraph: of the viewport or of the render.
        space: the viewport, where it is one: what its local view leaves out is not there.
        patterns: of an earlier moment, of meshes that have only moved since; new ones are added.
    """
    patterns = {} if patterns is None else patterns
    found: list[Surface] = []
    for one in depsgraph.object_instances:
        thing = one.object
        if thing.type not in _SOLID or thing.display_type in _OUTLINED or not one.show_self or not thing.visible_camera:
            continue
        if space is not None and not one.is_instance and not thing.original.visible_in_viewport_get(space):
            continue
        mesh = object_data.mesh(thing) if thing.type == "MESH" else thing.to_mesh()
        if mesh is not None and len(mesh.polygons):
            key = (thing.original.session_uid, len(mesh.vertices), len(mesh.loops), len(mesh.polygons))
            if key not in patterns:
                patterns[key] = _pattern(mesh)
            looks = [_look_now(thing, slot.material) for slot in thing.material_slots] or [Look(_GREY)]
            found += _surfaces(mesh, patterns[key], looks, camera_view.matrix(one.matrix_world))
        if thing.type != "MESH":
            thing.to_mesh_clear()
    return found


def _pattern(mesh: bpy.types.Mesh) -> Pattern:
    triangles = mesh.loop_triangles
    mesh.calc_loop_triangles()
    material = _read(triangles, "material_index", len(triangles), np.int32)
    order = np.argsort(material, kind="stable")
    numbers, firsts = np.unique(material[order], return_index=True)
    ends = (*firsts[1:], len(triangles))
    vertices, loops = (
        _read(triangles, name, len(triangles) * 3, np.int32).reshape(-1, 3)[order].ravel().astype(np.int64)
        for name in ("vertices", "loops")
    )
    uv = np.zeros((len(loops), 2), np.float32)
    layer = next((one for one in mesh.uv_layers if one.active_render), None)
    if layer is not None and len(layer.uv) == len(mesh.loops):
        uv = _read(layer.uv, "vector", len(mesh.loops) * 2, np.float32).reshape(-1, 2).take(loops, 0)
    parts = zip(numbers.tolist(), firsts.tolist(), map(int, ends), strict=True)
    return Pattern(vertices, loops, uv.reshape(-1, 3, 2), tuple(parts))


def _surfaces(
    mesh: bpy.types.Mesh,
    pattern: Pattern,
    looks: list[Look],
    to_world: NDArray[np.float64],
) -> Iterator[Surface]:
    places = _read(object_data.vectors(mesh, "position"), "vector", len(mesh.vertices) * 3, np.float32).reshape(-1, 3)
    normals = _read(mesh.corner_normals, "vector", len(mesh.loops) * 3, np.float32).reshape(-1, 3)
    axes, shift = to_world[:3, :3].astype(np.float32), to_world[:3, 3].astype(np.float32)
    upright = np.linalg.pinv(to_world[:3, :3]).astype(np.float32)
    corners = (places @ axes.T + shift).take(pattern.vertices, 0).reshape(-1, 3, 3)
    facing = (normals @ upright).take(pattern.loops, 0).reshape(-1, 3, 3)
    for number, first, end in pattern.parts:
        look = looks[min(number, len(looks) - 1)]
        yield Surface(corners[first:end], facing[first:end], pattern.uv[first:end], look)


def _read(items: Any, name: str, count: int, kind: Any) -> NDArray[Any]:
    values = np.empty(count, kind)
    items.foreach_get(name, values)
    return values


def _look_now(thing: bpy.types.Object, material: bpy.types.Material | None) -> Look:
    """The look of a material on an evaluated object, with what the moment adds to it."""
    look = look_of(material)
    change = texture_drivers.of(thing, material)
    return look if change is None else replace(look, change=change)


def look_of(material: bpy.types.Material | None) -> Look:
    """Return the base colour of a material, or the image that gives it; of an emission, what it emits."""
    if material is None:
        return Look(_GREY)
    shader = _shader(material.node_tree)
    if shader is None:
        return Look(tuple(material.diffuse_color))
    glows = shader.type == "EMISSION"
    socket = shader.inputs["Color" if glows else "Base Color"]
    if not socket.is_linked:
        return Look(tuple(socket.default_value), None, glows)
    return Look(tuple(material.diffuse_color), _image_before(socket), glows)


def _shader(tree: bpy.types.NodeTree | None) -> bpy.types.Node | None:
    """The node that a material is mostly made of."""
    nodes = tree.nodes if tree is not None else ()
    kinds = ("BSDF_PRINCIPLED", "EMISSION")
    return next((node for kind in kinds for node in nodes if node.type == kind), None)


def _image_before(socket: bpy.types.NodeSocket) -> bpy.types.Image | None:
    """The nearest image among the nodes that lead to a socket."""
    waiting, seen = deque([socket]), set()
    while waiting:
        for link in waiting.popleft().links:
            node = link.from_node
            if texture_drivers.is_change(node):
                continue
            image = cast("bpy.types.ShaderNodeTexImage", node).image if node.type == "TEX_IMAGE" else None
            if image is not None and image.size[0]:
                return image
            if node.name not in seen:
                seen.add(node.name)
                waiting.extend(one for one in node.inputs if one.is_linked)
    return None


def light_from(looked: camera_view.View) -> NDArray[np.float64]:
    """(3,) where the one light comes from, in Blender's world: from over the viewer's left shoulder."""
    towards = np.array([-0.35, 0.45, 0.82])
    return np.asarray(looked.to_view[:3, :3].T @ (towards / np.linalg.norm(towards)))


def backdrop(scene: bpy.types.Scene) -> tuple[float, float, float]:
    """The colour of the world as light: black without one, as in Cycles; that of its viewport where nodes make it."""
    world = scene.world
    if world is None:
        return 0.0, 0.0, 0.0
    tree = world.node_tree if world.use_nodes else None
    node = next((one for one in tree.nodes if one.type == "BACKGROUND"), None) if tree is not None else None
    if node is None or node.inputs["Color"].is_linked:
        return _rgb(world.color)
    strength = node.inputs["Strength"].default_value
    return _rgb(strength * part for part in node.inputs["Color"].default_value[:3])


def _rgb(parts: Iterable[float]) -> tuple[float, float, float]:
    red, green, blue = parts
    return red, green, blue
