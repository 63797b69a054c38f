"""Match a rig by the deformation of its shapes and bones, or by their names."""

from __future__ import annotations

import bpy

from ... import properties
from ...character import face_maps
from ...performance import session, shape_matching
from ..shared.operator_base import AnimcoreOperator


class ANIMCORE_OT_match(AnimcoreOperator):  # noqa: N801 (Blender's own naming)
    """Measure how shapes and bones deform the face and match them with the reference head."""

    bl_idname = "animcore.match"
    bl_label = "Match by Shape"
    bl_description = "Measure how shape keys and bones deform the face, for rigs without known names"
    bl_options = {"REGISTER"}  # noqa: RUF012 (the step of undo comes with the map)

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Whether a character is chosen and nothing runs."""
        reason = shape_matching.disabled_reason(context.scene)
        if reason:
            cls.poll_message_set(reason)
        return not reason

    def work(self, context: bpy.types.Context) -> None:
        """Start the work; without a window, also wait for its end."""
        shape_matching.order_match(context.scene)
        session.follow()


class ANIMCORE_OT_forget_match(AnimcoreOperator):  # noqa: N801 (Blender's own naming)
    """Discard the measured match and match by the names of shape keys and bones."""

    bl_idname = "animcore.forget_match"
    bl_label = "Match by Name"
    bl_description = "Discard the measured match and match by the names of shape keys and bones"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Whether something was measured."""
        root = properties.root(properties.of(context.scene))
        return root is not None and face_maps.PROPERTY in root

    def work(self, context: bpy.types.Context) -> None:
        """Drop the map."""
        shape_matching.forget(properties.chosen_root(properties.of(context.scene)))
