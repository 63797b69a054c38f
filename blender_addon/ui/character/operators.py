"""Choose a character, or add the default one."""

from __future__ import annotations

import bpy

from ... import properties
from ...character import rig_reader
from ...errors import AddonError
from ...resources import default_character
from ..shared.operator_base import AnimcoreOperator

_COLLECTION = "Animcore Character"


class ANIMCORE_OT_add_character(AnimcoreOperator):  # noqa: N801 (Blender's own naming)
    """Add the default character, a full body with 52 face shapes, at the 3D cursor."""

    bl_idname = "animcore.add_character"
    bl_label = "Add Default Character"
    bl_description = "Add the default character, a full body with 52 face shapes, at the 3D cursor"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Whether objects can be added and selected now."""
        if context.mode != "OBJECT":
            cls.poll_message_set("Go to Object Mode first")
        return context.mode == "OBJECT"

    def work(self, context: bpy.types.Context) -> None:
        """Append the collection and choose its armature."""
        rig = add_default_character(context.scene)
        for other in context.selected_objects:
            other.select_set(False)
        if rig.name in context.view_layer.objects:
            rig.select_set(True)
            context.view_layer.objects.active = rig


class ANIMCORE_OT_use_selected(AnimcoreOperator):  # noqa: N801 (Blender's own naming)
    """Choose the selected object as the character."""

    bl_idname = "animcore.use_selected"
    bl_label = "Use Selected"
    bl_description = "Choose the selected object as the character"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Whether a mesh, armature or empty is active."""
        usable = context.object is not None and context.object.type in {"MESH", "ARMATURE", "EMPTY"}
        if not usable:
            cls.poll_message_set("Select the character's head or armature first")
        return usable

    def work(self, context: bpy.types.Context) -> None:
        """Choose it."""
        settings = properties.of(context.scene)
        settings.source, settings.character = "OBJECT", context.object


def add_default_character(scene: bpy.types.Scene) -> bpy.types.Object:
    """Append the default character to a scene, choose it there, and return its armature.

    Raises:
        AddonError: where its file is missing or broken.
    """
    path = default_character()
    with bpy.data.libraries.load(str(path), link=False) as (source, target):
        if _COLLECTION not in source.collections:
            raise AddonError(f"{path.name} holds no collection {_COLLECTION!r}; install the Animcore zip again.")
        target.collections = [_COLLECTION]
    collection = target.collections[0]
    armatures = [one for one in collection.all_objects if one.type == "ARMATURE"]
    scene.collection.children.link(collection)
    rig = next((one for one in armatures if rig_reader.MARK in one), armatures[0])
    rig.location = scene.cursor.location
    settings = properties.of(scene)
    settings.source, settings.character = "OBJECT", rig
    result: bpy.types.Object = rig
    return result
