"""The lines of a batch: a list, and the buttons to import them and to send edits back."""

from __future__ import annotations

import bpy

from ... import list_properties, properties
from ..shared.widgets import Sidebar


class ANIMCORE_UL_lines(bpy.types.UIList):  # noqa: N801 (Blender's own naming)
    """One row a line: its mark, its name, its quality and what is said."""

    def draw_item(  # type: ignore[override]  # Blender counts the arguments: it has two more for those that take them
        self,
        _context: bpy.types.Context,
        layout: bpy.types.UILayout,
        _data: object,
        item: list_properties.AnimcoreBatchLine,
        _icon: int | None,
        _active: object,
        _property: str | None,
    ) -> None:
        """Draw a line."""
        row = layout.row(align=True)
        row.prop(item, "chosen", text="")
        row.label(text=item.name, translate=False)
        row.label(text=item.text, translate=False)
        row.label(text=f"{item.quality:.0%}", translate=False)


class ANIMCORE_PT_batch(Sidebar, bpy.types.Panel):  # noqa: N801
    """The list, and the operators."""

    bl_label = "Batch"
    bl_parent_id = "ANIMCORE_PT_main"
    bl_options = {"DEFAULT_CLOSED"}  # noqa: RUF012

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the list and its buttons."""
        window = context.window_manager
        column = self.layout.column()
        column.operator("animcore.list_batch", icon="FILE_FOLDER")
        if len(list_properties.lines_of(window)):
            column.label(text=properties.of(context.scene).batch_folder, translate=False)
            column.template_list(
                "ANIMCORE_UL_lines", "", window, list_properties.LINES, window, list_properties.LINE_INDEX, rows=6
            )
            row = column.row(align=True)
            for kind, text in (("TAKES", "Takes"), ("STRIPS", "Strips"), ("SCENES", "Scenes")):
                row.operator("animcore.import_lines", text=text).arrangement = kind
        column.operator("animcore.export_edits", icon="EXPORT")
