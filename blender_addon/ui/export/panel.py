"""The take as files for other programs."""

from __future__ import annotations

from typing import cast

import bpy

from ... import properties
from ..shared.widgets import Sidebar


class ANIMCORE_PT_deliver(Sidebar, bpy.types.Panel):  # noqa: N801 (Blender's own naming)
    """Folder, formats and the button."""

    bl_label = "Export"
    bl_parent_id = "ANIMCORE_PT_main"
    bl_options = {"DEFAULT_CLOSED"}  # noqa: RUF012

    def draw(self, context: bpy.types.Context) -> None:
        """Draw folder, formats and the button."""
        settings = properties.of(context.scene)
        row = self.layout.row(align=True)
        row.prop(settings, "deliver_folder", text="")
        row.operator("animcore.pick_folder", text="", icon="FILE_FOLDER")
        self.layout.operator("animcore.deliver", icon="EXPORT")
        grid = self.layout.grid_flow(row_major=True, columns=2, even_columns=True, align=True)
        formats = cast("bpy.types.EnumProperty", settings.bl_rna.properties["deliver_formats"])
        for item in formats.enum_items_static:
            grid.prop_enum(settings, "deliver_formats", item.identifier)
