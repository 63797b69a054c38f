"""Gaussians: the file, the bound mesh, errors, and comparison renders."""

from __future__ import annotations

import bpy

from ...scene import fcurves
from ...splats.properties import splats_of, view_of
from ...splats.render import preview_engine
from ...splats.scene import splat_objects
from ..shared.widgets import Sidebar, characters, text


class ANIMCORE_PT_splats(Sidebar, bpy.types.Panel):  # noqa: N801 (Blender's own naming)
    """The splats that are selected, and what is done with all of them."""

    bl_label = "Splats"
    bl_parent_id = "ANIMCORE_PT_main"
    bl_options = {"DEFAULT_CLOSED"}  # noqa: RUF012

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the file, the mesh and the buttons."""
        column = self.layout.column()
        column.operator("animcore.add_splats", icon="ADD")
        column.operator("animcore.add_hybrid_head", icon="USER")
        active = context.object
        if splat_objects.is_holder(active):
            _draw_holder(column.box().column(), active, characters(context))
        elif any(map(splat_objects.is_holder, context.selected_objects)):
            column.operator("animcore.attach_splats", icon="LINKED")
        column.prop(view_of(context.scene), "overlay")
        column.operator("animcore.render_side_by_side", icon="RENDER_STILL")
        previewed = context.scene.render.engine == preview_engine.NAME
        if previewed and (missing := preview_engine.left_out(context.scene)):
            text(column, missing, characters(context), "INFO")


def _draw_holder(column: bpy.types.UILayout, holder: bpy.types.Object, width: int) -> None:
    column.prop(splats_of(holder), "filepath", text="")
    row = column.row()
    row.use_property_split, row.use_property_decorate = True, False  # else the label is cut
    row.prop(splats_of(holder), "carrier")
    carrier = splats_of(holder).carrier
    if carrier is not None:
        hidden = carrier.display_type == "WIRE"
        label = "Show Mesh" if hidden else "Hide Mesh"
        column.operator("animcore.toggle_carrier", text=label, icon="MESH_DATA" if hidden else "SHADING_WIRE")
    if fcurves.own_splats() is not None:
        column.operator("animcore.own_splats", icon="POINTCLOUD_DATA")
    known = splat_objects.told(holder)
    if known is not None:
        text(column, known.text, width, "ERROR" if known.failed else "CHECKMARK", alert=known.failed)
