"""The microphone: begin and stop. Blender reads annotations here: they are not postponed."""

import bpy

from ... import properties
from ...performance import live_session, session
from ..shared.operator_base import AnimcoreOperator


class ANIMCORE_OT_listen(AnimcoreOperator):  # noqa: N801 (Blender's own naming)
    """Let a voice from the microphone move the character while it is spoken."""

    bl_idname = "animcore.listen"
    bl_label = "Speak Live"
    bl_description = "Let your voice move the character while you speak; Stop makes a take of it"
    bl_options = {"REGISTER"}  # noqa: RUF012 (the step of undo comes with the take)

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Whether there is a character, a window to see it in, and nothing runs."""
        reason = _why_not(context.scene)
        if reason:
            cls.poll_message_set(reason)
        return not reason

    def work(self, context: bpy.types.Context) -> None:
        """Begin."""
        live_session.begin(context.scene)
        session.heed_escape()


class ANIMCORE_OT_stop_listening(AnimcoreOperator):  # noqa: N801
    """End the recording; a take is made of it."""

    bl_idname = "animcore.stop_listening"
    bl_label = "Stop"
    bl_description = "End the recording and make a take of it"

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        """Whether somebody is listened to."""
        if live_session.stage() is None:
            cls.poll_message_set("The microphone is off")
        return live_session.stage() is not None

    def work(self, _context: bpy.types.Context) -> None:
        """Tell the engine; the timer sees to the rest."""
        session.session.jobs.stop()


def _why_not(scene: bpy.types.Scene) -> str:
    if bpy.app.background:
        return "A voice is heard live in a window alone"
    if session.session.jobs.busy:
        return "Something is being made already; wait for it or cancel it first"
    settings = properties.of(scene)
    if properties.root(settings) is None:
        return "Choose a character first, or add the default one"
    return session.character_seen(settings).problem
