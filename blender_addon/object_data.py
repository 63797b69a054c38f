"""The data of an object whose type is known: Blender has one attribute for all of it.

Nothing is looked up or checked here at run time; callers have asked for the type of the object before. Data-blocks are
named as text in `cast`, so that a Blender without one of them does not mind.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

import bpy


def mesh(thing: bpy.types.Object) -> bpy.types.Mesh:
    """Return the data of an object of type MESH."""
    return cast("bpy.types.Mesh", thing.data)


def shape_keys(thing: bpy.types.Object) -> bpy.types.Key | None:
    """Return the shape keys of an object of type MESH; None where it has none."""
    return mesh(thing).shape_keys


def keys_of(things: Iterable[bpy.types.Object]) -> list[bpy.types.Key]:
    """Return the shape keys of objects of type MESH, of those that have some."""
    found = [shape_keys(thing) for thing in things]
    return [key for key in found if key is not None]


def key_blocks(thing: bpy.types.Object) -> bpy.types.bpy_prop_collection[bpy.types.ShapeKey]:
    """Return the shapes of an object of type MESH that has shape keys."""
    return key_of(thing).key_blocks


def armature(thing: bpy.types.Object) -> bpy.types.Armature:
    """Return the data of an object of type ARMATURE."""
    return cast("bpy.types.Armature", thing.data)


def bones(thing: bpy.types.Object) -> bpy.types.bpy_prop_collection[bpy.types.Bone]:
    """Return the bones at rest of an object of type ARMATURE."""
    return armature(thing).bones


def pose_bones(thing: bpy.types.Object) -> bpy.types.bpy_prop_collection[bpy.types.PoseBone]:
    """Return the posed bones of an object of type ARMATURE."""
    return cast("bpy.types.Pose", thing.pose).bones


def key_of(thing: bpy.types.Object) -> bpy.types.Key:
    """Return the shape keys of an object of type MESH that has some."""
    return cast("bpy.types.Key", mesh(thing).shape_keys)


def points(block: bpy.types.ShapeKey) -> bpy.types.bpy_prop_collection[bpy.types.ShapeKeyPoint]:
    """Return the points of a shape of a mesh: the stubs have none, as curves have others."""
    return cast("bpy.types.bpy_prop_collection[bpy.types.ShapeKeyPoint]", block.data)


def armature_modifiers(thing: bpy.types.Object) -> list[bpy.types.ArmatureModifier]:
    """Return the modifiers of an object that deform it by an armature."""
    return [cast("bpy.types.ArmatureModifier", one) for one in thing.modifiers if one.type == "ARMATURE"]


def subdivisions(thing: bpy.types.Object) -> list[bpy.types.SubsurfModifier]:
    """Return the modifiers of an object that subdivide it."""
    return [cast("bpy.types.SubsurfModifier", one) for one in thing.modifiers if one.type == "SUBSURF"]


def vectors(data: bpy.types.Mesh, name: str) -> bpy.types.bpy_prop_collection[bpy.types.FloatVectorAttributeValue]:
    """Return the values of an attribute of vectors."""
    return cast("bpy.types.FloatVectorAttribute", data.attributes[name]).data


def animation(owner: bpy.types.ID) -> bpy.types.AnimData:
    """Return the animation data of a data-block that has some."""
    return cast("bpy.types.AnimData", owner.animation_data)


def nodes(owner: bpy.types.Material | bpy.types.World) -> bpy.types.ShaderNodeTree:
    """Return the nodes of a material or world that uses them."""
    return cast("bpy.types.ShaderNodeTree", owner.node_tree)
