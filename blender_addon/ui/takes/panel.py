"""The takes of the character."""

from __future__ import annotations

from typing import TYPE_CHECKING

import bpy

from ... import properties
from ...scene import fcurves
from ...takes import library, retime
from ..shared.widgets import Sidebar, characters, text

if TYPE_CHECKING:
    from bpy.stub_internal.rna_enums import IconItems

_ROWS, _MOST_ROWS = 2, 6
_BUTTONS: tuple[tuple[str, IconItems], ...] = (
    ("animcore.rename_take", "GREASEPENCIL"), ("animcore.delete_take", "TRASH"),
)  # fmt: skip


class ANIMCORE_UL_takes(bpy.types.UIList):  # noqa: N801 (Blender's own naming)
    """The takes among all actions of the file: one row for the first action of each, the latest on top."""

    def filter_items(  # type: ignore[override]  # lists are as good as the arrays of its stub
        self, context: bpy.types.Context, data: object, property: str
    ) -> tuple[list[int], list[int]]:
        """Show the first action of each take, in the order in which they were made."""
        actions = getattr(data, property)
        found = library.glance(context.scene)
        wanted = {take.actions[0].name: len(found) - place for place, take in enumerate(found)}
        shown = self.bitflag_filter_item
        flags, order, behind = [], [], len(found) + 1
        for action in actions:
            place = wanted.get(action.name) if fcurves.TAKE in action else None
            if place is None or self.filter_name.lower() not in fcurves.take_name(action).lower():
                flags.append(0)
                order.append(behind)
                behind += 1
            else:
                flags.append(shown)
                order.append(place)
        ranks = sorted(range(len(order)), key=order.__getitem__)
        places = [0] * len(order)
        for rank, index in enumerate(ranks):
            places[index] = rank
        return flags, places

    def draw_item(  # type: ignore[override]  # Blender counts the arguments: it has two more for those that take them
        self,
        context: bpy.types.Context,
        layout: bpy.types.UILayout,
        _data: object,
        action: bpy.types.Action,
        _icon: int | None,
        _active: object,
        _property: str | None,
    ) -> None:
        """Draw name, state and buttons of a take."""
        ident = fcurves.take_id(action)
        take = next((one for one in library.glance(context.scene) if one.ident == ident), None)
        row = layout.row(align=True)
        icon: IconItems = "RADIOBUT_ON" if take is not None and take.playing else "RADIOBUT_OFF"
        if take is not None and take.on_nla:
            icon = "NLA"
        row.label(text=fcurves.take_name(action), icon=icon, translate=False)
        for operator, symbol in _BUTTONS:
            row.operator(operator, text="", icon=symbol, emboss=False).take = ident


class ANIMCORE_PT_takes(Sidebar, bpy.types.Panel):  # noqa: N801
    """The list, and the operators on the active take."""

    bl_label = "Takes"
    bl_parent_id = "ANIMCORE_PT_main"
    bl_options = {"DEFAULT_CLOSED"}  # noqa: RUF012

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the list and its buttons."""
        settings, column = properties.of(context.scene), self.layout.column()
        found = library.drawn(context.scene)
        if not found:
            text(column, "No takes yet: press Generate.", characters(context), "INFO")
            return
        column.template_list(
            "ANIMCORE_UL_takes",
            "",
            bpy.data,
            "actions",
            settings,
            "take_row",
            rows=max(_ROWS, min(len(found), _MOST_ROWS)),
        )
        row = column.row(align=True)
        row.operator("animcore.compare_takes", icon="ARROW_LEFTRIGHT")
        row.operator("animcore.run_again", icon="FILE_REFRESH")
        row = column.row(align=True)
        row.operator("animcore.run_again", text="Another Take", icon="ADD").another = True
        row.operator("animcore.film_take", icon="RENDER_ANIMATION")
        row = column.split(factor=0.65, align=True)
        row.operator("animcore.bake_take", text="Bake to Keyframes", icon="KEYFRAME_HLT").target = "KEYS"
        row.operator("animcore.bake_take", text="To NLA", icon="NLA").target = "NLA"
        column.prop(settings, "keep_edits")
        if retime.is_behind(context.scene, found):
            text(column, "The scene's frame rate has changed; retime the takes.", characters(context), "ERROR")
            column.operator("animcore.retime", icon="TIME")
