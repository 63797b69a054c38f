"""The polish of the active take."""

from __future__ import annotations

import bpy

from ... import properties
from ...performance import take_actions
from ...takes import library
from ...takes.polish import Polished
from ..shared.widgets import Sidebar, characters, text


class ANIMCORE_PT_polish(Sidebar, bpy.types.Panel):  # noqa: N801 (Blender's own naming)
    """Sliders of a region, number of keys, edits, visemes and curves."""

    bl_label = "Polish"
    bl_parent_id = "ANIMCORE_PT_main"
    bl_options = {"DEFAULT_CLOSED"}  # noqa: RUF012

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the settings of the active take."""
        settings, layout = properties.of(context.scene), self.layout
        take = next((one for one in library.drawn(context.scene) if one.playing), None)
        if take is None:
            text(
                layout.column(),
                "There is no active take: press Generate, or choose one in Takes.",
                characters(context),
                "INFO",
            )
            _draw_visemes(layout, settings)
            return
        polish = properties.polish_of(take.actions[0])
        told = take_actions.told(take.ident)
        _draw_region(layout, settings, polish)
        _draw_keys(layout, polish, told, characters(context))
        _draw_edits(layout, polish, told, characters(context))
        row = layout.row(align=True)
        row.operator("animcore.mirror_take", icon="MOD_MIRROR")
        row.operator("animcore.show_curves", text="Curves", icon="GRAPH")
        row.operator("animcore.reset_polish", text="Reset", icon="LOOP_BACK")
        _draw_visemes(layout, settings)


def _draw_region(
    layout: bpy.types.UILayout, settings: properties.AnimcoreSettings, polish: properties.AnimcorePolish
) -> None:
    column = layout.column(align=True)
    column.prop(settings, "polish_region", text="")
    for what in ("smoothing", "exaggeration", "offset"):
        column.prop(polish, f"{settings.polish_region}_{what}")


def _draw_keys(
    layout: bpy.types.UILayout, polish: properties.AnimcorePolish, told: Polished | None, width: int
) -> None:
    column = layout.column(align=True)
    column.prop(polish, "keys_per_second")
    column.row(align=True).prop(polish, "key_kind", expand=True)
    if polish.keys_per_second > 0 and told is not None:
        sentence = f"{told.keys_per_second:.1f} keys per second; maximum lip error {told.lip_error:.2f} mm."
        text(layout.column(), sentence, width, "INFO")


def _draw_edits(
    layout: bpy.types.UILayout, polish: properties.AnimcorePolish, told: Polished | None, width: int
) -> None:
    row = layout.row(align=True)
    row.prop(polish, "edits")
    row.operator("animcore.drop_edits", text="", icon="LOOP_BACK")
    row = layout.row(align=True)
    row.label(text="New Takes")
    row.prop(polish, "edits_mode", expand=True)
    if told is not None and told.edited:
        text(layout.column(), f"Edited by hand: {', '.join(told.edited)}.", width, "INFO")


def _draw_visemes(layout: bpy.types.UILayout, settings: properties.AnimcoreSettings) -> None:
    column = layout.column(align=True)
    column.operator_menu_enum("animcore.key_viseme", "viseme", text="Key Viseme", icon="SHAPEKEY_DATA")
