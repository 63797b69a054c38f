"""A take from a video. Blender reads annotations here: they are not postponed."""

from pathlib import Path

import bpy

from ...performance import film_take, session
from ..shared.operator_base import AnimcoreOperator, Result


class ANIMCORE_OT_take_from_video(AnimcoreOperator):  # noqa: N801 (Blender's own naming)
    """Track a person in a video and key the performance on the character."""

    bl_idname = "animcore.take_from_video"
    bl_label = "Take from Video"
    bl_description = "Track one person in a video, and key what they do on the character"
    bl_options = {"REGISTER"}  # noqa: RUF012 (the step of undo comes with the keys, not with the press)

    filepath: bpy.props.StringProperty(subtype="FILE_PATH", options={"SKIP_SAVE"})
    filter_folder: bpy.props.BoolProperty(default=True, options={"HIDDEN"})
    filter_movie: bpy.props.BoolProperty(default=True, options={"HIDDEN"})
    part: bpy.props.EnumProperty(
        name="Tracked Part",
        description="What of the person is tracked",
        items=(
            ("face", "Face", "Expressions, head and gaze; the face fills a third of the image's height or more"),
            ("body", "Body", "Body and hands; the person is seen from head to hips or to the feet"),
            ("both", "Face and Body", "Both at once, where the face is large enough"),
        ),
        default="face",
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Whether there is a character, and nothing runs."""
        reason = film_take.disabled_reason(context.scene)
        if reason:
            cls.poll_message_set(reason)
        return not reason

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> Result:
        """Open the file browser."""
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def work(self, context: bpy.types.Context) -> None:
        """Start the work; without a window, also wait for its end."""
        film_take.order(context.scene, Path(bpy.path.abspath(self.filepath)), self.part)
        session.follow()
