"""Choose an audio file and check it in the engine. Blender reads annotations here: they are not postponed."""

import bpy

from ... import properties
from ...errors import AddonError
from ...performance import mixing, session
from ...scene import sequencer
from ...voice import source
from ..shared.operator_base import AnimcoreOperator, Result


class ANIMCORE_OT_pick_audio(AnimcoreOperator):  # noqa: N801 (Blender's own naming)
    """Choose the audio or video file with the speech."""

    bl_idname = "animcore.pick_audio"
    bl_label = "Open Audio"
    bl_description = "Choose the audio or video file with the speech"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012

    filepath: bpy.props.StringProperty(subtype="FILE_PATH", options={"SKIP_SAVE"})
    filter_folder: bpy.props.BoolProperty(default=True, options={"HIDDEN"})
    filter_sound: bpy.props.BoolProperty(default=True, options={"HIDDEN"})
    filter_movie: bpy.props.BoolProperty(default=True, options={"HIDDEN"})

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> Result:
        """Open the file browser."""
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def work(self, context: bpy.types.Context) -> None:
        """Store the path, and check the file where nothing else runs."""
        properties.of(context.scene).audio = self.filepath
        if not bpy.app.background and not session.session.jobs.busy:
            mixing.then(context.scene, session.order_inspection)
            session.watch()


class ANIMCORE_OT_use_strips(AnimcoreOperator):  # noqa: N801 (Blender's own naming)
    """Use the selected sound strips of the sequencer, mixed into one recording."""

    bl_idname = "animcore.use_strips"
    bl_label = "Use Selected Strips"
    bl_description = "Use the selected sound strips of the sequencer, mixed into one recording"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012

    def work(self, context: bpy.types.Context) -> None:
        """Store their names.

        Raises:
            AddonError: where no sound strip is selected.
        """
        editor = context.scene.sequence_editor
        found = [strip for strip in (sequencer.strips_of(context.scene) if editor else ()) if strip.select]
        names = [strip.name for strip in found if strip.type in source.SOUNDING]
        if not names:
            raise AddonError("No sound strip is selected in the sequencer; select the strips with the speech.")
        settings = properties.of(context.scene)
        settings.voice_from, settings.strips = "STRIPS", "\n".join(names)


class ANIMCORE_OT_inspect(AnimcoreOperator):  # noqa: N801 (Blender's own naming)
    """Check the audio: its duration, format and quality."""

    bl_idname = "animcore.inspect"
    bl_label = "Check Audio"
    bl_description = "Check the audio: its duration, format and quality"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Whether a file is chosen and nothing runs."""
        busy, chosen = session.session.jobs.busy, source.chosen(context.scene)
        if busy or not chosen:
            cls.poll_message_set("The engine is busy" if busy else "Choose an audio file first")
        return chosen and not busy

    def work(self, context: bpy.types.Context) -> None:
        """Send the request to the engine."""
        mixing.then(context.scene, session.order_inspection)
        session.follow()
