"""The sheet of emotions."""

from __future__ import annotations

import bpy

from ...performance import emotion_sheet, mixing, session
from ..shared.operator_base import AnimcoreOperator


class ANIMCORE_OT_emotion_sheet(AnimcoreOperator):  # noqa: N801 (Blender's own naming)
    """Render the line in six emotions, side by side in one image."""

    bl_idname = "animcore.emotion_sheet"
    bl_label = "Emotion Sheet"
    bl_description = "Render the line in six emotions into one image, from the scene's camera"
    bl_options = {"REGISTER"}  # noqa: RUF012 (nothing of the scene changes)

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Whether there is a voice and a character, and nothing runs."""
        reason = (
            "An emotion sheet is being rendered; wait for it or cancel it first"
            if emotion_sheet.under_way()
            else session.disabled_reason(context.scene)
        )
        if reason:
            cls.poll_message_set(reason)
        return not reason

    def work(self, context: bpy.types.Context) -> None:
        """Begin; without a window, also wait for its end."""
        mixing.then(context.scene, emotion_sheet.begin)
        if not bpy.app.background:
            session.watch()
            session.heed_escape()
            return
        while emotion_sheet.under_way():
            session.wait()
