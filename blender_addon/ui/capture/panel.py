"""A character becomes a splat head: settings of the capture, its folder, and the fit."""

from __future__ import annotations

import bpy

from ...locale.translations import spoken
from ...splats.properties import capture_of
from ..shared.widgets import Sidebar


class ANIMCORE_PT_capture(Sidebar, bpy.types.Panel):  # noqa: N801 (Blender's own naming)
    """The capture and its fit."""

    bl_label = "Splat Head"
    bl_parent_id = "ANIMCORE_PT_main"
    bl_options = {"DEFAULT_CLOSED"}  # noqa: RUF012

    def draw(self, context: bpy.types.Context) -> None:
        """Draw settings and buttons."""
        settings = capture_of(context.scene)
        column = self.layout.column()
        column.prop(settings, "folder", text="", placeholder=spoken("Capture Folder"))
        grid = column.grid_flow(row_major=True, columns=2, even_columns=True, align=True)
        for name in ("cameras", "faces", "size", "samples"):
            grid.prop(settings, name)
        column.row().prop(settings, "engine", expand=True)
        column.operator("animcore.capture_head", icon="CAMERA_DATA")
        below = column.column(align=True)
        below.prop(settings, "gaussians")
        below.prop(settings, "steps")
        column.operator("animcore.fit_head", icon="MOD_FLUIDSIM")
