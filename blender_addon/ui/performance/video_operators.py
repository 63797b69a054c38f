"""Render a take to a video. Blender reads annotations here: they are not postponed."""

from pathlib import Path

import bpy

from ... import resources
from ...performance import video_render
from ...takes import library
from ..shared.operator_base import Result
from ..takes.operators import OfTake


class ANIMCORE_OT_film_take(OfTake):  # noqa: N801 (Blender's own naming)
    """Render the active take to a video with audio, with the scene's render settings."""

    bl_idname = "animcore.film_take"
    bl_label = "Render Video"
    bl_description = "Render the active take to a video with audio, with the scene's engine, camera and resolution"
    bl_options = {"REGISTER"}  # noqa: RUF012 (nothing of the scene changes)

    filepath: bpy.props.StringProperty(subtype="FILE_PATH", options={"SKIP_SAVE"})
    filter_glob: bpy.props.StringProperty(default="*" + video_render.SUFFIX, options={"HIDDEN"})
    check_existing: bpy.props.BoolProperty(default=True, options={"HIDDEN"})

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> Result:
        """Open the file browser."""
        self.filepath = str(
            resources.beside_file() / f"{bpy.path.clean_name(library.find(context.scene).name)}{video_render.SUFFIX}"
        )
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def work_on(self, scene: bpy.types.Scene, take: library.Listed) -> None:
        """Render it."""
        video_render.shoot(scene, take, Path(bpy.path.abspath(self.filepath)))
