"""Looks at what each shape and each bone of a face does to its meshes, for rigs whose names say nothing.

Shapes are read from their data. Bones are turned and moved a little, one channel after the other, and the meshes are
evaluated: so constraints, drivers and control rigs count for what they do, however they are built. This takes time on
large rigs, so that it is a generator which the interface can run piece by piece; whatever happens, the rig is put back.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

import bpy
import numpy as np
from mathutils import Quaternion, Vector
from numpy.typing import NDArray

from . import rigs
from .errors import AddonError

FloatArray = NDArray[np.float32]

TURN = 0.1  # radians that a bone is turned by
_SHARE = 0.02  # of the face's height that a bone is moved by
_LARGEST_TURN = 0.7  # radians, either way
_LARGEST_MOVE = 0.12  # of the face's height, either way
_STILL = 1e-3  # of the face's height: what moves less than this does not belong to the face
_MOST_BONES = 300
# Modifiers that keep the vertices and bring them where bones want them; all others are off while bones are tried.
_DEFORMING = {
    "ARMATURE", "CAST", "CURVE", "DISPLACE", "HOOK", "LAPLACIANDEFORM", "LATTICE", "MESH_DEFORM", "SHRINKWRAP",
    "SIMPLE_DEFORM", "SMOOTH", "CORRECTIVE_SMOOTH", "LAPLACIANSMOOTH", "SURFACE_DEFORM", "WARP",
}  # fmt: skip


@dataclass(frozen=True)
class Field:
    """What one channel does: at `step` it moves the vertices by `delta` (V, 3), in metres, Y up.

    Attributes:
        owner: name of the mesh or armature object.
        bone: name of the bone; empty for a shape.
        kind: `shape`, `location` or `rotation` (about the bone's own axis, radians).
        name: name of the shape; the axis 0, 1 or 2 of a bone's channel.
        low, high: the range that the channel may be keyed in.
    """

    owner: str
    bone: str
    kind: str
    name: str
    step: float
    low: float
    high: float
    delta: FloatArray


@dataclass(frozen=True)
class Probed:
    """The meshes of a face as one: rest (V, 3) in metres, Y up, triangles (F, 3), and the fields."""

    rest: FloatArray
    triangles: NDArray[np.int32]
    fields: tuple[Field, ...]


def probe(character: rigs.Parts) -> Iterator[float | Probed]:
    """Yield the share of the work that is done (0..1), again and again, and at the end what was found.

    Raises:
        AddonError: where there is no mesh to look at.
    """
    meshes = [mesh for mesh in character.meshes if len(mesh.data.polygons)]
    if not meshes:
        raise AddonError(f"{character.name!r} has no mesh with faces; pick the character's head.")
    with ExitStack() as undo:
        _bare(meshes, undo)
        armature = character.armature
        if armature is not None:
            _at_rest(armature, undo)
        bpy.context.view_layer.update()
        meshes = [mesh for mesh in meshes if len(_evaluated(mesh)) == len(mesh.data.vertices)]
        rest = _all(meshes)
        height = float(np.ptp(rest[:, 1]))
        fields = list(_shape_fields(meshes, len(rest)))
        bones = _candidates(armature) if armature is not None else []
        for number, bone in enumerate(bones):
            yield number / len(bones)
            fields += _bone_fields(armature, bone, meshes, rest, height)
        result = Probed(rest, _triangles(meshes), tuple(fields))
    bpy.context.view_layer.update()
    yield result


def _bare(meshes: Sequence[bpy.types.Object], undo: ExitStack) -> None:
    """Turn off the modifiers that change the number of vertices, and every shape."""
    for mesh in meshes:
        for modifier in mesh.modifiers:
            if modifier.show_viewport and modifier.type not in _DEFORMING:
                undo.callback(setattr, modifier, "show_viewport", True)
                modifier.show_viewport = False
        key = mesh.data.shape_keys
        for block in list(key.key_blocks)[1:] if key is not None else ():
            if block.value:
                undo.callback(setattr, block, "value", block.value)
                block.value = 0.0


def _at_rest(armature: bpy.types.Object, undo: ExitStack) -> None:
    """Clear the pose of a rig."""
    if armature.data.pose_position == "REST":
        undo.callback(setattr, armature.data, "pose_position", "REST")
        armature.data.pose_position = "POSE"
    for bone in armature.pose.bones:
        undo.callback(setattr, bone, "matrix_basis", bone.matrix_basis.copy())
        bone.matrix_basis.identity()


def _candidates(armature: bpy.types.Object) -> list[bpy.types.PoseBone]:
    """The bones that may move a face: those behind the head bone, or all where there is no such bone."""
    head = rigs.head_bone(armature)
    bones = list(head.children_recursive) if head is not None else list(armature.pose.bones)
    bones = [bone for bone in bones if not (all(bone.lock_rotation) and all(bone.lock_location))]
    shown = [bone for bone in bones if not bone.bone.hide]
    return (shown or bones)[:_MOST_BONES]


def _bone_fields(
    armature: bpy.types.Object,
    bone: bpy.types.PoseBone,
    meshes: Sequence[bpy.types.Object],
    rest: FloatArray,
    height: float,
) -> Iterator[Field]:
    """Try the free channels of one bone; those that move nothing of the face are left out."""
    scale = armature.matrix_world.median_scale or 1.0
    move = _SHARE * height / scale
    for axis in range(3):
        trials = (
            ("rotation", TURN, _LARGEST_TURN, bone.lock_rotation[axis]),
            ("location", move, _LARGEST_MOVE * height / scale, bone.lock_location[axis]),
        )
        for kind, step, most, locked in trials:
            if locked:
                continue
            delta = _moved(bone, kind, axis, step, meshes) - rest
            if np.abs(delta).max(initial=0.0) > _STILL * height * (TURN if kind == "rotation" else 1.0):
                yield Field(armature.name, bone.name, kind, str(axis), step, -most, most, delta)


def _moved(
    bone: bpy.types.PoseBone, kind: str, axis: int, step: float, meshes: Sequence[bpy.types.Object]
) -> FloatArray:
    """(V, 3) the vertices with one channel of a bone at `step`; the bone is put back."""
    direction = Vector([float(axis == index) for index in range(3)])
    turn = Quaternion(direction, step) if kind == "rotation" else Quaternion()
    bone.matrix_basis = turn.to_matrix().to_4x4()
    if kind == "location":
        bone.location = direction * step
    bpy.context.view_layer.update()
    try:
        return _all(meshes)
    finally:
        bone.matrix_basis.identity()


def _shape_fields(meshes: Sequence[bpy.types.Object], count: int) -> Iterator[Field]:
    """What each relative shape does, from its data."""
    first = 0
    for mesh in meshes:
        size = len(mesh.data.vertices)
        key = mesh.data.shape_keys
        for block in list(key.key_blocks)[1:] if key is not None and key.use_relative else ():
            delta = np.zeros((count, 3), np.float32)
            delta[first : first + size] = _y_up(_turned(mesh, _points(block.data) - _points(block.relative_key.data)))
            low, high = max(block.slider_min, -1.0), block.slider_max
            yield Field(mesh.name, "", "shape", block.name, 1.0, low, high, delta)
        first += size


def _points(points: bpy.types.bpy_prop_collection) -> FloatArray:
    """(V, 3) coordinates of a shape's points, in the mesh's own axes."""
    places = np.empty(len(points) * 3, np.float32)
    points.foreach_get("co", places)
    return places.reshape(-1, 3)


def _turned(mesh: bpy.types.Object, offsets: FloatArray) -> FloatArray:
    """Offsets (V, 3) in world axes."""
    return offsets @ np.array(mesh.matrix_world.to_3x3(), np.float32).T


def _all(meshes: Sequence[bpy.types.Object]) -> FloatArray:
    """(V, 3) the vertices of all meshes as they are now, in metres, Y up."""
    return np.concatenate([_evaluated(mesh) for mesh in meshes])


def _evaluated(mesh: bpy.types.Object) -> FloatArray:
    """(V, 3) the evaluated vertices of one mesh in the world, Y up."""
    seen = mesh.evaluated_get(bpy.context.evaluated_depsgraph_get())
    data = seen.to_mesh()
    try:
        places = np.empty(len(data.vertices) * 3, np.float32)
        data.vertices.foreach_get("co", places)
    finally:
        seen.to_mesh_clear()
    world = np.array(mesh.matrix_world, np.float32)
    return _y_up(places.reshape(-1, 3) @ world[:3, :3].T + world[:3, 3])


def _y_up(points: FloatArray) -> FloatArray:
    """From Blender's axes (Z up, facing -Y) to the engine's (Y up, facing Z)."""
    return np.stack([points[:, 0], points[:, 2], -points[:, 1]], 1)


def _triangles(meshes: Sequence[bpy.types.Object]) -> NDArray[np.int32]:
    """(F, 3) corners of the triangles of all meshes."""
    parts, first = [], 0
    for mesh in meshes:
        mesh.data.calc_loop_triangles()
        corners = np.empty(len(mesh.data.loop_triangles) * 3, np.int32)
        mesh.data.loop_triangles.foreach_get("vertices", corners)
        parts.append(corners.reshape(-1, 3) + first)
        first += len(mesh.data.vertices)
    return np.concatenate(parts)
