"""The joints of a head's model as an armature: five bones by SMPL-X's names, which every take finds.

The bones stand upright, so that their own axes are the engine's: left, up, forward.
"""

from __future__ import annotations

from typing import Any, cast

import bmesh
import bpy
import numpy as np
from mathutils import Vector
from numpy.typing import NDArray

from animcore.body_models.pose_tracks import FLAME_JOINTS

from ... import object_data

_LENGTH = 0.04  # metres of a bone
_LIGHTEST = 1e-3  # a vertex that follows a joint less does not follow it


def add(
    mesh: bpy.types.Object,
    joints: NDArray[Any],
    parents: tuple[int, ...],
    weights: NDArray[Any],
    collection: bpy.types.Collection,
) -> bpy.types.Object:
    """Add an armature and have it carry a mesh, which becomes its child.

    Args:
        mesh: the object.
        joints: (5, 3) where they are, in Blender's axes.
        parents: (5,) the number of each one's parent, -1 of the root.
        weights: (V, 5) of the vertices.
        collection: that the armature goes into.
    """
    data = bpy.data.armatures.new(mesh.name)
    data.display_type = "STICK"
    rig = bpy.data.objects.new(f"{mesh.name} Rig", data)
    collection.objects.link(rig)
    _add_bones(rig, joints, parents)
    rig.show_in_front = True
    _weigh(mesh, weights)
    mesh.parent = rig
    modifier = cast("bpy.types.ArmatureModifier", mesh.modifiers.new("Joints", "ARMATURE"))
    modifier.object = rig
    return rig


def _add_bones(rig: bpy.types.Object, joints: NDArray[Any], parents: tuple[int, ...]) -> None:
    layer = bpy.context.view_layer
    before = layer.objects.active
    layer.objects.active = rig
    bpy.ops.object.mode_set(mode="EDIT")
    made: list[bpy.types.EditBone] = []
    for name, place, parent in zip(FLAME_JOINTS, joints, parents, strict=True):
        bone = object_data.armature(rig).edit_bones.new(name)
        bone.head = Vector(place)
        bone.tail = bone.head + Vector((0, 0, _LENGTH))
        bone.parent = made[parent] if parent >= 0 else None
        made.append(bone)
    bpy.ops.object.mode_set(mode="OBJECT")
    layer.objects.active = before


def _weigh(mesh: bpy.types.Object, weights: NDArray[Any]) -> None:
    for name in FLAME_JOINTS:
        mesh.vertex_groups.new(name=name)
    whole = bmesh.new()
    whole.from_mesh(object_data.mesh(mesh))
    layer = whole.verts.layers.deform.verify()
    kept = weights > _LIGHTEST
    for vertex, row, used in zip(whole.verts, weights.tolist(), kept, strict=True):
        own: Any = vertex[layer]  # a mapping from groups to weights, which its stub is not
        for joint in np.flatnonzero(used).tolist():
            own[joint] = row[joint]
    whole.to_mesh(object_data.mesh(mesh))
    whole.free()
