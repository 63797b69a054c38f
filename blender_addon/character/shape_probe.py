"""Measures how each shape and each bone of a face deforms its meshes, for rigs without known names.

Shapes are read from their data. Bones are turned and moved a little, one channel after the other, and the meshes are
evaluated: so constraints, drivers and control rigs count for what they do, however they are built. This takes time on
large rigs (a second for a hundred bones), so another Blender does it on a copy of the file (`measure`); whatever
happens, the rig is put back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import bpy
import numpy as np
from mathutils import Matrix, Quaternion, Vector
from numpy.typing import NDArray

from animcore.retarget.face_map import RigChannel
from animcore.retarget.geometry_matching import RigGeometry

from .. import object_data
from ..errors import AddonError
from ..scene import file_copies
from ..scene.shape_points import coordinates
from . import face_maps, head_bones, rig_reader

FloatArray = NDArray[np.float32]

TURN = 0.1  # radians that a bone is turned by
_SHARE = 0.02  # of the face's height that a bone is moved by
_LARGEST_TURN = 0.7  # radians, either way
_LARGEST_MOVE = 0.12  # of the face's height, either way
_STILL = 1e-3  # of the face's height: what moves less than this does not belong to the face
_MOST_BONES = 120
# Modifiers that keep the vertices and bring them where bones want them; all others are off while bones are tried.
_DEFORMING = {
    "ARMATURE", "CAST", "CURVE", "DISPLACE", "HOOK", "LAPLACIANDEFORM", "LATTICE", "MESH_DEFORM", "SHRINKWRAP",
    "SIMPLE_DEFORM", "SMOOTH", "CORRECTIVE_SMOOTH", "LAPLACIANSMOOTH", "SURFACE_DEFORM", "WARP",
}  # fmt: skip


Told = Callable[[float], None]


class NothingMoves(AddonError):
    """Neither shapes nor bones move the meshes of a character: it has no face to measure."""


def probe(root: bpy.types.Object | bpy.types.Collection, told: Told) -> RigGeometry:
    """Return what every shape and every bone of a character's face does to its meshes, taken as one.

    Args:
        root: the object or collection that the character is chosen by.
        told: called with the fraction done, 0..1.

    Raises:
        NothingMoves: where nothing moves its meshes.
        AddonError: where there is nothing to look at.
        InputError: where the rig moves vertices to places that are not numbers.
    """
    members = rig_reader.members_of(root)
    meshes = [
        one for one in members if one.type == "MESH" and len(object_data.mesh(one).polygons) and one.visible_get()
    ]
    if not meshes:
        raise AddonError(f"{root.name!r} has no visible mesh with faces; choose or show the character's head.")
    armature = rig_reader.armature_of(members, meshes)
    with ExitStack() as undo:
        undo.callback(bpy.context.view_layer.update)
        _bare(meshes, undo)
        if armature is not None:
            _at_rest(armature, undo)
        bpy.context.view_layer.update()
        meshes = _of_the_face(meshes, armature)
        axes = _axes(meshes, armature)
        rest = _all(meshes, axes)
        height = float(np.ptp(rest[:, 1]))
        found = list(_shape_fields(meshes, len(rest), axes))
        bones = _candidates(armature) if armature is not None else []
        scale = (armature.matrix_world.median_scale if armature is not None else 0.0) or 1.0
        for number, bone in enumerate(bones):
            told(number / len(bones))
            found += _bone_fields(bone, meshes, rest, axes, height, scale)
    if not found:
        raise NothingMoves(
            f"Neither shapes nor bones of {root.name!r} move a face; choose the whole character where it has one."
        )
    channels, fields = zip(*found, strict=True)
    eyes = _eyes(armature, axes) if armature is not None else None
    return RigGeometry(rest.astype(np.float64), _triangles(meshes), channels, np.stack(fields), eyes)


def measure(request: dict[str, Any], told: Callable[[float, str], None]) -> dict[str, Any]:
    """Write what the character of a copied file does into `out`; runs in the other Blender.

    Answers with `rig`, the file; without one, and with the reason as `still`, where nothing moves a face.
    """
    told(0.0, "Opening a copy of the file")
    _, root = file_copies.opened(request)
    try:
        found = probe(root, lambda share: told(share, "Measuring the character"))
    except NothingMoves as nothing:
        return {"rig": "", "still": str(nothing)}
    save(found, Path(request["out"]))
    return {"rig": request["out"]}


def save(geometry: RigGeometry, path: Path) -> None:
    """Write what the engine needs to fit a rig; docs/developers/service.md describes it."""
    channels = geometry.channels
    np.savez(
        path,
        rest=geometry.rest,
        triangles=geometry.triangles,
        fields=geometry.fields,
        names=np.array([one.name for one in channels], np.str_),
        kinds=np.array([one.kind for one in channels], np.str_),
        meshes=np.array([one.targets[0][0] for one in channels], np.str_),
        targets=np.array([one.targets[0][1] for one in channels], np.str_),
        ranges=np.array([(one.low, one.high, one.rest) for one in channels]),
        eyes=geometry.eyes if geometry.eyes is not None else np.zeros((0, 3)),
    )


def _of_the_face(meshes: list[bpy.types.Object], armature: bpy.types.Object | None) -> list[bpy.types.Object]:
    """The meshes that can be compared: whose vertices stay when they are evaluated; the ones with shapes or bones."""
    same = [mesh for mesh in meshes if len(_evaluated(mesh)) == len(object_data.mesh(mesh).vertices)]
    shaped = [mesh for mesh in same if object_data.shape_keys(mesh) is not None]
    return shaped or same


def _axes(meshes: Sequence[bpy.types.Object], armature: bpy.types.Object | None) -> FloatArray:
    """(3, 3) columns left, up, forward of the character in the world."""
    moved = []
    for mesh in meshes:
        size = np.zeros(len(object_data.mesh(mesh).vertices), np.float32)
        for name in rig_reader.free_shapes(mesh):
            block = object_data.key_blocks(mesh)[name]
            own = np.linalg.norm(coordinates(block) - coordinates(block.relative_key), axis=1)
            size += own / max(float(own.max(initial=0.0)), 1e-12)
        moved.append(size)
    places = _all(meshes, np.eye(3, dtype=np.float32))
    return head_bones.world_axes(armature, places, np.concatenate(moved)).astype(np.float32)


def _eyes(armature: bpy.types.Object, axes: FloatArray) -> NDArray[np.float64] | None:
    """(2, 3) the centres of the eyes where bones have known names, in metres, Y up."""
    found = head_bones.roles(armature)[1]
    if not {"left_eye", "right_eye"} <= found.keys():
        return None
    places = [
        armature.matrix_world @ object_data.bones(armature)[found[f"{side}_eye"]].head_local
        for side in ("left", "right")
    ]
    return (np.array(places, np.float32) @ axes).astype(np.float64)


def _bare(meshes: Sequence[bpy.types.Object], undo: ExitStack) -> None:
    """Turn off the modifiers that change the number of vertices, and every shape."""
    for mesh in meshes:
        for modifier in mesh.modifiers:
            if modifier.show_viewport and modifier.type not in _DEFORMING:
                undo.callback(setattr, modifier, "show_viewport", True)
                modifier.show_viewport = False
        key = object_data.shape_keys(mesh)
        for block in list(key.key_blocks)[1:] if key is not None else ():
            if block.value:
                undo.callback(setattr, block, "value", block.value)
                block.value = 0.0


def _at_rest(armature: bpy.types.Object, undo: ExitStack) -> None:
    """Clear the pose of a rig."""
    if object_data.armature(armature).pose_position == "REST":
        undo.callback(setattr, armature.data, "pose_position", "REST")
        object_data.armature(armature).pose_position = "POSE"
    for bone in object_data.pose_bones(armature):
        undo.callback(setattr, bone, "matrix_basis", bone.matrix_basis.copy())
        bone.matrix_basis = Matrix()


def _candidates(armature: bpy.types.Object) -> list[bpy.types.PoseBone]:
    """The bones that may move a face: those behind the head bone, those no lower than it, or all of a rig without one.

    A body's own bones are none of them: a leg that moves is no mouth that opens.
    """
    head, body = head_bones.roles(armature)[1].get("head"), head_bones.joints(armature)
    bones = list(object_data.pose_bones(armature)[head].children_recursive) if head is not None else []
    if not bones:
        up = head_bones.character_axes(armature)[:, 1]
        least = float(np.array(object_data.bones(armature)[head].head_local) @ up) if head is not None else -np.inf
        bones = [
            bone for bone in object_data.pose_bones(armature) if float(np.array(bone.bone.head_local) @ up) >= least
        ]
    bones = [bone for bone in bones if bone.name not in body]
    bones = [bone for bone in bones if not (all(bone.lock_rotation) and all(bone.lock_location))]
    shown = [bone for bone in bones if not bone.bone.hide]
    return (shown or bones)[:_MOST_BONES]


def _bone_fields(
    bone: bpy.types.PoseBone,
    meshes: Sequence[bpy.types.Object],
    rest: FloatArray,
    axes: FloatArray,
    height: float,
    scale: float,
) -> Iterator[tuple[RigChannel, FloatArray]]:
    """Try the free channels of one bone; those that move nothing of the face are left out."""
    for axis in range(3):
        trials = (
            ("rotation", TURN, _LARGEST_TURN, bone.lock_rotation[axis]),
            ("location", _SHARE * height / scale, _LARGEST_MOVE * height / scale, bone.lock_location[axis]),
        )
        for kind, step, most, locked in trials:
            if locked or (kind == "location" and bone.bone.use_connect):
                continue
            delta = _moved(bone, kind, axis, step, meshes, axes) - rest
            if np.abs(delta).max(initial=0.0) > _STILL * height:
                name = face_maps.measured_name(bone.name, kind, axis)
                yield RigChannel(name, "bone", (("", bone.name),), axis, -most, most), delta / step


def _moved(
    bone: bpy.types.PoseBone,
    kind: str,
    axis: int,
    step: float,
    meshes: Sequence[bpy.types.Object],
    axes: FloatArray,
) -> FloatArray:
    """(V, 3) the vertices with one channel of a bone at `step`; the bone is put back."""
    direction = Vector([float(axis == index) for index in range(3)])
    if kind == "rotation":
        bone.matrix_basis = Quaternion(direction, step).to_matrix().to_4x4()
    else:
        bone.matrix_basis = Matrix.Translation(direction * step)
    bpy.context.view_layer.update()
    try:
        return _all(meshes, axes)
    finally:
        bone.matrix_basis = Matrix()


def _shape_fields(
    meshes: Sequence[bpy.types.Object], count: int, axes: FloatArray
) -> Iterator[tuple[RigChannel, FloatArray]]:
    """What each relative shape does, from its data; those that are driven or locked are another's business."""
    first = 0
    for mesh in meshes:
        size = len(object_data.mesh(mesh).vertices)
        for name in rig_reader.free_shapes(mesh):
            block = object_data.key_blocks(mesh)[name]
            delta = np.zeros((count, 3), np.float32)
            delta[first : first + size] = _turned(mesh, coordinates(block) - coordinates(block.relative_key)) @ axes
            channel = RigChannel(f"{mesh.name}|{name}", "shape", ((mesh.name, name),), -1, max(block.slider_min, -1.0),
                              min(block.slider_max, 2.0))  # fmt: skip
            yield channel, delta
        first += size


def _turned(mesh: bpy.types.Object, offsets: FloatArray) -> FloatArray:
    """Offsets (V, 3) in world axes."""
    return offsets @ np.array(mesh.matrix_world.to_3x3(), np.float32).T


def _all(meshes: Sequence[bpy.types.Object], axes: FloatArray) -> FloatArray:
    """(V, 3) the vertices of all meshes as they are now, in metres along the character's left, up and forward."""
    return np.concatenate([_evaluated(mesh) for mesh in meshes]) @ axes


def _evaluated(mesh: bpy.types.Object) -> FloatArray:
    """(V, 3) the evaluated vertices of one mesh in the world."""
    seen = mesh.evaluated_get(bpy.context.evaluated_depsgraph_get())
    data = seen.to_mesh()
    try:
        places = np.empty(len(data.vertices) * 3, np.float32)
        data.vertices.foreach_get("co", places)
    finally:
        seen.to_mesh_clear()
    world = np.array(mesh.matrix_world, np.float32)
    moved: FloatArray = places.reshape(-1, 3) @ world[:3, :3].T + world[:3, 3]
    return moved


def _triangles(meshes: Sequence[bpy.types.Object]) -> NDArray[np.int64]:
    """(F, 3) corners of the triangles of all meshes."""
    parts, first = [], 0
    for mesh in meshes:
        object_data.mesh(mesh).calc_loop_triangles()
        corners = np.empty(len(object_data.mesh(mesh).loop_triangles) * 3, np.int32)
        object_data.mesh(mesh).loop_triangles.foreach_get("vertices", corners)
        parts.append(corners.reshape(-1, 3).astype(np.int64) + first)
        first += len(object_data.mesh(mesh).vertices)
    return np.concatenate(parts)
