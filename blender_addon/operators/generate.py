"""Generate and cancel."""

from __future__ import annotations

import bpy

from .. import emotion_sheet, runner
from .base import AnimcoreOperator


class ANIMCORE_OT_generate(AnimcoreOperator):  # noqa: N801 (Blender's own naming)
    """Make a performance from the voice and key it on the character."""

    bl_idname = "animcore.generate"
    bl_label = "Generate"
    bl_description = "Make a performance from the voice and key it on the character"
    bl_options = {"REGISTER"}  # noqa: RUF012 (the step of undo comes with the keys, not with the press)

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Whether there is a voice and a character, and nothing runs."""
        reason = runner.disabled_reason(context.scene)
        if reason:
            cls.poll_message_set(reason)
        return not reason

    def work(self, context: bpy.types.Context) -> None:
        """Start the work; without a window, also wait for its end."""
        runner.order_take(context.scene)
        runner.follow()


class ANIMCORE_OT_cancel(AnimcoreOperator):  # noqa: N801 (Blender's own naming)
    """Leave the performance that is being made; the scene stays as it is."""

    bl_idname = "animcore.cancel"
    bl_label = "Cancel"
    bl_description = "Leave the performance that is being made; the scene stays as it is"

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        """Whether something runs."""
        busy = runner.session.jobs.busy or emotion_sheet.under_way() is not None
        if not busy:
            cls.poll_message_set("Nothing is being made")
        return busy

    def work(self, _context: bpy.types.Context) -> None:
        """Ask the engine to stop; the timer sees to the rest."""
        runner.cancel()
        emotion_sheet.cancel()
