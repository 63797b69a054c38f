"""The microphone: begin and stop. Blender reads annotations here: they are not postponed."""

import bpy

from ... import properties
from ...performance import live_session, session
from ..shared.operator_base import AnimcoreOperator


class ANIMCORE_OT_listen(AnimcoreOperator):  # noqa: N801 (Blender's own naming)
    """Drive the character with live speech from the microphone."""

    bl_idname = "animcore.listen"
    bl_label = "Speak Live"
    bl_description = "Drive the character with live speech from the microphone; Stop makes a take of it"
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
    bl_description = "Stop the recording and make a take of it"

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        """Whether the microphone is on."""
        if live_session.stage() is None:
            cls.poll_message_set("The microphone is off")
        return live_session.stage() is not None

    def work(self, _context: bpy.types.Context) -> None:
        """Stop the engine's recording; the timer does the rest."""
        session.session.jobs.stop()


def _why_not(scene: bpy.types.Scene) -> str:
    if bpy.app.background:
        return "Live speech needs a Blender window"
    if session.session.jobs.busy:
        return "The engine is busy; wait for it or cancel it first"
    settings = properties.of(scene)
    if properties.root(settings) is None:
        return "Choose a character first, or add the default one"
    return session.character_seen(settings).problem
