"""Characters that talk with each other."""

from __future__ import annotations

import bpy

from ... import properties
from ...performance import dialogue, mixing, session
from ..shared.operator_base import AnimcoreOperator, OnCharacter


class ANIMCORE_OT_add_part(OnCharacter):  # noqa: N801 (Blender's own naming)
    """Add the chosen character and its speech to the dialogue."""

    bl_idname = "animcore.add_part"
    bl_label = "Add to Dialogue"
    bl_description = "Add the character and the speech chosen above as a part; without speech it only listens"

    def work(self, context: bpy.types.Context) -> None:
        """Add it."""
        dialogue.add(context.scene)


class ANIMCORE_OT_remove_part(AnimcoreOperator):  # noqa: N801
    """Remove the selected part from the dialogue."""

    bl_idname = "animcore.remove_part"
    bl_label = "Remove from Dialogue"
    bl_description = "Remove the selected part from the dialogue; character, audio and takes stay"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Whether there is a part."""
        if not len(properties.of(context.scene).cast):
            cls.poll_message_set("The dialogue has no parts")
        return len(properties.of(context.scene).cast) > 0

    def work(self, context: bpy.types.Context) -> None:
        """Remove it."""
        dialogue.remove(context.scene)


class ANIMCORE_OT_generate_dialogue(AnimcoreOperator):  # noqa: N801
    """Generate all parts: each recording drives its own character, and silent characters listen."""

    bl_idname = "animcore.generate_dialogue"
    bl_label = "Generate Dialogue"
    bl_description = "Generate a take for every character of the list; characters that do not speak listen"
    bl_options = {"REGISTER"}  # noqa: RUF012 (the step of undo comes with the keys, not with the press)

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Whether there are two parts, and nothing runs."""
        reason = dialogue.disabled_reason(context.scene)
        if reason:
            cls.poll_message_set(reason)
        return not reason

    def work(self, context: bpy.types.Context) -> None:
        """Start the work; without a window, also wait for its end."""
        mixing.then(context.scene, dialogue.order, tuple(properties.of(context.scene).cast))
        session.follow()
