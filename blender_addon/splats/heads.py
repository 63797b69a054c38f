"""Hybrid heads in Blender: their mesh with texture and shapes, and all of their Gaussians on its triangles."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import bpy
import numpy as np
from numpy.typing import NDArray

from animcore.avatar import binding
from animcore.avatar.head import HybridHead
from animcore.avatar.moving import joined
from animcore.avatar.splats import Splats
from animcore.files import avatar_folder, hybrid_head
from animcore.motion import Motion
from animcore.names import ARKIT, TONGUE

_SHAPES = ARKIT + TONGUE
_JOINTS = (5, 3)  # axis-angle of the model's joints


def is_head(path: Path) -> bool:
    """Whether a path is the folder of a hybrid head, and not of Gaussians alone.

    Raises:
        InputError: where it is a folder that cannot be read.
    """
    return path.is_dir() and "mesh.faces" in avatar_folder.facts_of(path).get("arrays", {})


def gaussians(head: HybridHead) -> tuple[Splats, NDArray[np.int64]]:
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
        hair = binding.bound(head.hair, binding.frames(rest, faces), carried)
        parts.append(hair)
    return joined(parts), faces


def add_mesh(head: HybridHead, folder: Path, collection: bpy.types.Collection) -> bpy.types.Object:
    """Add the mesh of a head with its texture and a shape key for each ARKit and tongue shape.

    The shapes are what the head's model makes of each of them; a take that is made for the mesh so moves the head.
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
    made.shape_key_add(name="Basis", from_mix=False)
    weights = np.eye(len(_SHAPES), dtype=np.float32)
    motion = head.prepared(Motion(Fraction(30), arkit=weights[:, : len(ARKIT)], tongue=weights[:, len(ARKIT) :]))
    for frame, name in enumerate(_SHAPES):
        block = made.shape_key_add(name=name, from_mix=False)
        block.value = 0.0  # Blender 5 makes them at 1
        block.data.foreach_set("co", _in_blender(head.posed(motion, frame).vertices).ravel())
    return made


def _still(head: HybridHead) -> NDArray[np.float32]:
    """(V, 3) of the head at rest."""
    count = head.model.expression_count
    return head.at(np.zeros(count, np.float32), np.zeros(_JOINTS, np.float32), np.zeros(3, np.float32)).vertices


def _in_blender(vertices: NDArray[Any]) -> NDArray[np.float32]:
    """Points of the engine, Y up, as Blender has them, Z up."""
    return np.ascontiguousarray(np.stack((vertices[:, 0], -vertices[:, 2], vertices[:, 1]), 1), np.float32)


def _material(folder: Path) -> bpy.types.Material:
    """The texture as it is: the light of the pictures that it was made from is in it."""
    made = bpy.data.materials.new(folder.name)
    if made.node_tree is None:
        made.use_nodes = True  # Blender 5 has no other materials
    tree = made.node_tree
    tree.nodes.clear()
    out, glow, image = (tree.nodes.new(f"ShaderNode{kind}") for kind in ("OutputMaterial", "Emission", "TexImage"))
    image.image = bpy.data.images.load(str(folder / f"{hybrid_head.TEXTURE}.png"), check_existing=True)
    tree.links.new(image.outputs["Color"], glow.inputs["Color"])
    tree.links.new(glow.outputs["Emission"], out.inputs["Surface"])
    return made
