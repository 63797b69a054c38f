"""Generate and cancel."""

from __future__ import annotations

from typing import cast

import bpy

from ...performance import emotion_sheet, mixing, session
from ...splats.scene import file_cache
from ..shared.operator_base import AnimcoreOperator, Result


class ANIMCORE_OT_generate(AnimcoreOperator):  # noqa: N801 (Blender's own naming)
    """Generate a performance from the speech and key it on the character."""

    bl_idname = "animcore.generate"
    bl_label = "Generate"
    bl_description = "Generate a performance from the speech and key it on the character"
    bl_options = {"REGISTER"}  # noqa: RUF012 (the step of undo comes with the keys, not with the press)

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Whether there is speech and a character, and nothing runs."""
        reason = session.disabled_reason(context.scene)
        if reason:
            cls.poll_message_set(reason)
        return not reason

    def work(self, context: bpy.types.Context) -> None:
        """Start the work; without a window, also wait for its end."""
        mixing.then(context.scene, session.order_take)
        session.follow()


class ANIMCORE_OT_cancel(AnimcoreOperator):  # noqa: N801 (Blender's own naming)
    """Cancel the running job; the scene stays unchanged."""

    bl_idname = "animcore.cancel"
    bl_label = "Cancel"
    bl_description = "Cancel the running job; the scene stays unchanged"

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        """Whether something runs."""
        if not _busy():
            cls.poll_message_set("Nothing is running")
        return _busy()

    def work(self, _context: bpy.types.Context) -> None:
        """Cancel the job in the engine; the timer does the rest."""
        _leave()


class ANIMCORE_OT_heed_escape(bpy.types.Operator):  # noqa: N801
    """Cancel by the Esc key; what else is pressed goes where it always goes."""

    bl_idname = "animcore.heed_escape"
    bl_label = "Cancel with Esc"
    bl_options = {"INTERNAL"}  # noqa: RUF012

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        """Whether something runs, and there are keys."""
        return _busy() and not bpy.app.background

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> Result:
        """Run as a modal operator that passes all other events through, once per window."""
        window = cast("bpy.types.Window", context.window)  # events come from one
        if any(one.bl_idname == "ANIMCORE_OT_heed_escape" for one in window.modal_operators):
            return {"CANCELLED"}
        context.window_manager.modal_handler_add(self)
        return {"RUNNING_MODAL"}

    def modal(self, _context: bpy.types.Context, event: bpy.types.Event) -> Result:
        """Cancel where Esc is pressed; end where nothing is made any more."""
        if not _busy():
            return {"FINISHED", "PASS_THROUGH"}
        if event.type != "ESC" or event.value != "PRESS":
            return {"PASS_THROUGH"}
        _leave()
        return {"FINISHED"}


def _busy() -> bool:
    return session.session.jobs.busy or emotion_sheet.under_way() is not None or bool(file_cache.under_way())


def _leave() -> None:
    session.cancel()
    emotion_sheet.cancel()
    if file_cache.cancel():
        session.session.outcome = session.Outcome(False, "Cancelled; nothing was added.")
