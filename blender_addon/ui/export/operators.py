"""Export a take to files, and choose their folder. Blender reads annotations here: they are not postponed."""

import bpy

from ... import properties
from ...export import delivery
from ...performance import session
from ..shared.operator_base import AnimcoreOperator, Result


class ANIMCORE_OT_deliver(AnimcoreOperator):  # noqa: N801 (Blender's own naming)
    """Export the take with its manual edits in the selected formats, and verify each file by reading it back."""

    bl_idname = "animcore.deliver"
    bl_label = "Export Take"
    bl_description = (
        "Export the take with its manual edits in the selected formats, and verify each file by reading it back"
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Whether there is something to write, somewhere, and nothing runs."""
        reason = delivery.disabled_reason(context.scene)
        if reason:
            cls.poll_message_set(reason)
        return not reason

    def work(self, context: bpy.types.Context) -> None:
        """Start the work; without a window, also wait for its end."""
        delivery.order_delivery(context.scene)
        session.follow()


class ANIMCORE_OT_pick_folder(AnimcoreOperator):  # noqa: N801 (Blender's own naming)
    """Choose the folder of the exported files."""

    bl_idname = "animcore.pick_folder"
    bl_label = "Choose Folder"
    bl_description = "Choose the folder of the exported files"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012

    directory: bpy.props.StringProperty(subtype="DIR_PATH", options={"SKIP_SAVE"})
    filter_folder: bpy.props.BoolProperty(default=True, options={"HIDDEN"})

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> Result:
        """Open the file browser."""
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def work(self, context: bpy.types.Context) -> None:
        """Keep the path."""
        properties.of(context.scene).deliver_folder = self.directory
