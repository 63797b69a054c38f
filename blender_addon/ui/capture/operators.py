"""A character becomes a splat head. Blender reads annotations here: they are not postponed."""

import bpy

from ...capture import order
from ...performance import session
from ...splats.properties import capture_of
from ..shared.operator_base import AnimcoreOperator, Result


class ANIMCORE_OT_capture_head(AnimcoreOperator):  # noqa: N801 (Blender's own naming)
    """Render images of the character's head for a splat head, in a background Blender."""

    bl_idname = "animcore.capture_head"
    bl_label = "Capture Splat Head"
    bl_description = "Render the character's head from all sides with many expressions, in a background Blender"
    bl_options = {"REGISTER"}  # noqa: RUF012 (nothing of the scene changes)

    directory: bpy.props.StringProperty(subtype="DIR_PATH", options={"SKIP_SAVE", "HIDDEN"})
    filter_folder: bpy.props.BoolProperty(default=True, options={"HIDDEN"})

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Whether a character is chosen and nothing runs."""
        reason = order.disabled_reason(context.scene)
        if reason:
            cls.poll_message_set(reason)
        return not reason

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> Result:
        """Ask for the folder where none is chosen."""
        if order.folder_of(context.scene) is not None:
            return self.execute(context)
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def work(self, context: bpy.types.Context) -> None:
        """Start the work; without a window, also wait for its end."""
        if self.directory:
            capture_of(context.scene).folder = self.directory
        order.order_capture(context.scene)
        session.follow()


class ANIMCORE_OT_fit_head(AnimcoreOperator):  # noqa: N801
    """Fit a head of mesh and Gaussians to the capture, in the engine."""

    bl_idname = "animcore.fit_head"
    bl_label = "Fit Splat Head"
    bl_description = (
        "Fit a head of mesh and Gaussians to the captured images; needs PyTorch (External Python in the preferences)"
    )
    bl_options = {"REGISTER"}  # noqa: RUF012

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Whether there is a capture and nothing runs."""
        reason = order.disabled_fit(context.scene)
        if reason:
            cls.poll_message_set(reason)
        return not reason

    def work(self, context: bpy.types.Context) -> None:
        """Start the work; without a window, also wait for its end."""
        order.order_fit(context.scene)
        session.follow()
