"""Choose a sound file and see what the engine hears in it. Blender reads annotations here: they are not postponed."""

import bpy

from ... import properties
from ...errors import AddonError
from ...performance import mixing, session
from ...scene import sequencer
from ...voice import source
from ..shared.operator_base import AnimcoreOperator


class ANIMCORE_OT_pick_audio(AnimcoreOperator):  # noqa: N801 (Blender's own naming)
    """Choose the sound or film file with the voice."""

    bl_idname = "animcore.pick_audio"
    bl_label = "Open Voice"
    bl_description = "Choose the sound or film file with the voice"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012

    filepath: bpy.props.StringProperty(subtype="FILE_PATH", options={"SKIP_SAVE"})
    filter_folder: bpy.props.BoolProperty(default=True, options={"HIDDEN"})
    filter_sound: bpy.props.BoolProperty(default=True, options={"HIDDEN"})
    filter_movie: bpy.props.BoolProperty(default=True, options={"HIDDEN"})

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        """Open the file browser."""
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def work(self, context: bpy.types.Context) -> None:
        """Keep the path, and look at the file where nothing else runs."""
        properties.of(context.scene).audio = self.filepath
        if not bpy.app.background and not session.session.jobs.busy:
            mixing.then(context.scene, session.order_inspection)
            session.watch()


class ANIMCORE_OT_use_strips(AnimcoreOperator):  # noqa: N801 (Blender's own naming)
    """Take the selected sound strips of the sequencer for the voice: several make one performance."""

    bl_idname = "animcore.use_strips"
    bl_label = "Use Selected Strips"
    bl_description = "Take the selected sound strips of the sequencer for the voice: several make one performance"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012

    def work(self, context: bpy.types.Context) -> None:
        """Keep their names.

        Raises:
            AddonError: where no sound strip is selected.
        """
        editor = context.scene.sequence_editor
        found = [strip for strip in (sequencer.strips_of(context.scene) if editor else ()) if strip.select]
        names = [strip.name for strip in found if strip.type in source.SOUNDING]
        if not names:
            raise AddonError("No sound strip is selected; select the strips of the voice in the sequencer.")
        settings = properties.of(context.scene)
        settings.voice_from, settings.strips = "STRIPS", "\n".join(names)


class ANIMCORE_OT_inspect(AnimcoreOperator):  # noqa: N801 (Blender's own naming)
    """Look at the sound file: its length and kind, and what may spoil the performance."""

    bl_idname = "animcore.inspect"
    bl_label = "Check Voice"
    bl_description = "Look at the sound file: its length and kind, and what may spoil the performance"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Whether a file is chosen and nothing runs."""
        busy, chosen = session.session.jobs.busy, source.chosen(context.scene)
        if busy or not chosen:
            cls.poll_message_set("The engine is at work" if busy else "Choose a sound file first")
        return chosen and not busy

    def work(self, context: bpy.types.Context) -> None:
        """Ask the engine."""
        mixing.then(context.scene, session.order_inspection)
        session.follow()
