"""Hybrid heads in Blender: their mesh with texture, shapes and joints, and all of their Gaussians on its triangles."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any, cast
from weakref import WeakValueDictionary

import bpy
import numpy as np
from numpy.typing import NDArray

from animcore.body_models.pose_tracks import flame_pose
from animcore.core.vocabulary import ARKIT, ARKIT_INDEX, TONGUE
from animcore.files.avatars import avatar_folder, hybrid_head
from animcore.gaussians import triangle_binding
from animcore.gaussians.gaussians import Gaussians
from animcore.gaussians.transforms import concatenated
from animcore.hybrid_head.head_model import HybridHead
from animcore.motion import Motion

from ... import object_data
from . import armature, texture_drivers

_SHAPES = ARKIT + TONGUE
_JAW = ARKIT_INDEX["jawOpen"]
_ARC = "Jaw Arc"  # the key that bends the way of the jaw
_BENT = 1e-4  # metres from which that way is bent
_JOINTS = (5, 3)  # axis-angle of the model's joints

_held: WeakValueDictionary[tuple[Path, int], HybridHead] = WeakValueDictionary()


def is_head(path: Path) -> bool:
    """Whether a path is the folder of a hybrid head, and not of Gaussians alone.

    Raises:
        InputError: where it is a folder that cannot be read.
    """
    return path.is_dir() and "mesh.faces" in avatar_folder.facts_of(path).get("arrays", {})


def loaded(folder: Path) -> HybridHead:
    """Return the head of a folder; one that somebody still holds is not read again, which takes a second.

    Raises:
        InputError: where it cannot be read.
    """
    key = (folder, (folder / avatar_folder.FACTS).stat().st_mtime_ns)
    head = _held.get(key)
    if head is None:
        head = _held[key] = hybrid_head.load(folder)
    return head


def gaussians(head: HybridHead) -> tuple[Gaussians, NDArray[np.int64]]:
    """Return all Gaussians as they ride on triangles, and the vertices (F, 3) of these triangles.

    Hair goes with the skull as a stiff whole: one triangle at the top of it, which no expression moves, carries it.

    Raises:
        InputError: where the head has none.
    """
    faces = np.asarray(head.model.faces, np.int64)
    parts = [] if head.riding is None else [head.riding]
    if head.hair is not None:
        rest = _still(head)
        top = int(rest[faces][:, :, 1].mean(1).argmax())
        carried = np.full(head.hair.count, top, np.int64)
        hair = triangle_binding.to_local(head.hair, triangle_binding.frames(rest, faces), carried)
        parts.append(hair)
    return concatenated(parts), faces


def add_mesh(head: HybridHead, folder: Path, collection: bpy.types.Collection) -> bpy.types.Object:
    """Add the mesh of a head with its texture, a shape key for each ARKit and tongue shape, and an armature.

    The shapes are what the head's model makes of each of them, and the bones are its joints; a take that is made for
    the mesh so moves the head. Where the jaw turns, a key of its own bends the way between closed and open as the
    model does. The texture changes with the shapes.
    """
    faces = head.model.faces if head.drawn is None else head.model.faces[head.drawn]
    corners = head.uv_faces if head.drawn is None else head.uv_faces[head.drawn]
    mesh = bpy.data.meshes.new(folder.name)
    mesh.from_pydata(_in_blender(_still(head)), [], np.asarray(faces).tolist())
    layer = mesh.uv_layers.new(name="UVMap")
    layer.uv.foreach_set("vector", np.ascontiguousarray(head.uv[corners], np.float32).ravel())
    mesh.polygons.foreach_set("use_smooth", np.ones(len(mesh.polygons), bool))
    if head.texture is not None:
        mesh.materials.append(_material(folder))
    made = bpy.data.objects.new(folder.name, mesh)
    collection.objects.link(made)
    model = head.model
    joints = model.posed(shape=head.shape)[1][0]
    armature.add(made, _in_blender(joints), model.parents, model.weights, collection)
    details = _add_shapes(made, head)
    if head.texture is not None and head.changes is not None and len(head.changes):
        texture_drivers.add(made, _SHAPES, details, head.changes)
    return made


def _add_shapes(made: bpy.types.Object, head: HybridHead) -> texture_drivers.Details:
    """Add the shape keys; returns how the changes of the texture follow from them."""
    count = len(_SHAPES)
    weights = np.concatenate([np.eye(count), 0.5 * np.eye(count)[[_JAW]]]).astype(np.float32)
    motion = head.prepared(Motion(Fraction(30), arkit=weights[:, : len(ARKIT)], tongue=weights[:, len(ARKIT) :]))
    assert motion.expression is not None
    person = replace(head.model, template=head.model.template + head.offset)
    poses = flame_pose(motion)
    vertices = person.posed(poses, motion.expression, head.shape)[0]
    details = np.array([head.detail(*both) for both in zip(motion.expression, poses, strict=True)])
    still, rest = _still(head), head.detail(np.zeros(0, np.float32), np.zeros(_JOINTS, np.float32))
    made.shape_key_add(name="Basis", from_mix=False)
    for name, places in zip(_SHAPES, vertices, strict=False):
        _add_key(made, name, places)
    bend = 4 * (vertices[count] - (still + vertices[_JAW]) / 2)
    if np.abs(bend).max() > _BENT:
        key = _add_key(made, _ARC, still + bend)
        where = f'key_blocks["{_SHAPES[_JAW]}"].value'
        texture_drivers.drive(texture_drivers.added(key, "value"), "j*(1-j)", {"j": (object_data.key_of(made), where)})
    return texture_drivers.Details(
        rest, details[:count] - rest, 4 * (details[count] - (rest + details[_JAW]) / 2), _JAW
    )


def _add_key(made: bpy.types.Object, name: str, places: NDArray[np.float32]) -> bpy.types.ShapeKey:
    key = made.shape_key_add(name=name, from_mix=False)
    key.value = 0.0  # Blender 5 makes them at 1
    key.data.foreach_set("co", _in_blender(places).ravel())
    return key


def _still(head: HybridHead) -> NDArray[np.float32]:
    """(V, 3) of the head at rest."""
    count = head.model.expression_count
    return head.at(np.zeros(count, np.float32), np.zeros(_JOINTS, np.float32), np.zeros(3, np.float32)).vertices


def _in_blender(vertices: NDArray[Any]) -> NDArray[np.float32]:
    """Points of the engine, Y up, as Blender has them, Z up."""
    return np.ascontiguousarray(np.stack((vertices[:, 0], -vertices[:, 2], vertices[:, 1]), 1), np.float32)


def _material(folder: Path) -> bpy.types.Material:
    """The texture as it is: it contains the light of the images that it was made from."""
    made = bpy.data.materials.new(folder.name)
    if made.node_tree is None:
        made.use_nodes = True  # Blender 5 has no other materials
    tree = object_data.nodes(made)
    tree.nodes.clear()
    out, glow, image = (tree.nodes.new(f"ShaderNode{kind}") for kind in ("OutputMaterial", "Emission", "TexImage"))
    cast("bpy.types.ShaderNodeTexImage", image).image = bpy.data.images.load(
        str(folder / f"{hybrid_head.TEXTURE}.png")
    )  # a fit may have rewritten it
    tree.links.new(image.outputs["Color"], glow.inputs["Color"])
    tree.links.new(glow.outputs["Emission"], out.inputs["Surface"])
    return made
