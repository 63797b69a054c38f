"""The findings of the take doctor, one sentence each, with the button that fixes it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import bpy

from ...doctor import checks
from ...performance import session
from ..shared.widgets import Sidebar, characters, text

if TYPE_CHECKING:
    from bpy.stub_internal.rna_enums import IconItems

_ICONS: dict[str, IconItems] = {"stop": "CANCEL", "warning": "ERROR", "note": "INFO"}


class ANIMCORE_PT_doctor(Sidebar, bpy.types.Panel):  # noqa: N801 (Blender's own naming)
    """Findings and their fixes."""

    bl_label = "Take Doctor"
    bl_parent_id = "ANIMCORE_PT_main"
    bl_options = {"DEFAULT_CLOSED"}  # noqa: RUF012

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the button, and the findings of the last check."""
        row = self.layout.row(align=True)
        row.operator("animcore.examine", icon="VIEWZOOM")
        found = session.session.findings
        if found is None:
            return
        if any(one.mendable and one.severity != "note" for one in found):
            row.operator("animcore.mend_all", icon="MODIFIER")
        if not found:
            self.layout.label(text="No problems found.", icon="CHECKMARK")
        width = characters(context)
        for finding in found:
            _draw(self.layout.box().column(), finding, width)


def _draw(column: bpy.types.UILayout, finding: checks.Finding, width: int) -> None:
    text(column, finding.sentence, width, _ICONS[finding.severity], alert=finding.severity == "stop")
    if finding.mendable:
        column.operator("animcore.mend", text=finding.label, icon="MODIFIER").finding = finding.name
