"""Choose a sound file and see what the engine hears in it. Blender reads annotations here: they are not postponed."""

import bpy

from .. import properties, runner
from .base import AnimcoreOperator


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
        if not bpy.app.background and not runner.session.jobs.busy:
            runner.order_inspection(context.scene)
            runner.watch()


class ANIMCORE_OT_inspect(AnimcoreOperator):  # noqa: N801 (Blender's own naming)
    """Look at the sound file: its length and kind, and what may spoil the performance."""

    bl_idname = "animcore.inspect"
    bl_label = "Check Voice"
    bl_description = "Look at the sound file: its length and kind, and what may spoil the performance"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Whether a file is chosen and nothing runs."""
        busy, chosen = runner.session.jobs.busy, bool(properties.of(context.scene).audio)
        if busy or not chosen:
            cls.poll_message_set("The engine is at work" if busy else "Choose a sound file first")
        return chosen and not busy

    def work(self, context: bpy.types.Context) -> None:
        """Ask the engine."""
        runner.order_inspection(context.scene)
        runner.follow()
