"""What the take doctor found, one sentence each, with the button that mends it."""

from __future__ import annotations

import bpy

from ...doctor import checks
from ...performance import session
from ..shared.widgets import Sidebar, characters, text

_ICONS = {"stop": "CANCEL", "warning": "ERROR", "note": "INFO"}


class ANIMCORE_PT_doctor(Sidebar, bpy.types.Panel):  # noqa: N801 (Blender's own naming)
    """Findings and their mending."""

    bl_label = "Take Doctor"
    bl_parent_id = "ANIMCORE_PT_main"
    bl_options = {"DEFAULT_CLOSED"}  # noqa: RUF012

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the button, and what was found when it was pressed last."""
        row = self.layout.row(align=True)
        row.operator("animcore.examine", icon="VIEWZOOM")
        found = session.session.findings
        if found is None:
            return
        if any(one.mendable and one.severity != "note" for one in found):
            row.operator("animcore.mend_all", icon="MODIFIER")
        if not found:
            self.layout.label(text="Nothing is wrong.", icon="CHECKMARK")
        width = characters(context)
        for finding in found:
            _draw(self.layout.box().column(), finding, width)


def _draw(column: bpy.types.UILayout, finding: checks.Finding, width: int) -> None:
    text(column, finding.sentence, width, _ICONS[finding.severity], alert=finding.severity == "stop")
    if finding.mendable:
        column.operator("animcore.mend", text=finding.label, icon="MODIFIER").finding = finding.name
