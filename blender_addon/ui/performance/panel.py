"""The direction of the performance: emotion, strengths and style."""

from __future__ import annotations

import bpy

from animcore.core.vocabulary import EMOTIONS, REGIONS

from ... import properties
from ...locale import translations
from ..shared.widgets import Sidebar


class ANIMCORE_PT_direction(Sidebar, bpy.types.Panel):  # noqa: N801 (Blender's own naming)
    """Emotion, style and strengths."""

    bl_label = "Direction"
    bl_translation_context = translations.OWN
    bl_parent_id = "ANIMCORE_PT_main"
    bl_options = {"DEFAULT_CLOSED"}  # noqa: RUF012

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the strengths."""
        settings = properties.of(context.scene)
        self.layout.use_property_split = True
        self.layout.use_property_decorate = False
        column = self.layout.column(align=True)
        column.prop(settings, "emotion")
        row = column.row()
        row.use_property_split = False  # the label is too long for the left half
        row.prop(settings, "emotion_intensity")
        row.active = settings.emotion != EMOTIONS[0]
        column.row().prop(settings, "transition", expand=True)
        column.operator("animcore.emotion_sheet", icon="IMAGE_REFERENCE")
        self.layout.prop(settings, "intensity")
        column = self.layout.column(align=True)
        for region in REGIONS:
            column.prop(settings, region)
        column = self.layout.column()
        column.prop(settings, "style")
        column.prop(settings, "still_legs")
        column.prop(settings, "look_at")
        column.prop(settings, "variant")
        column.prop(settings, "face_model")
        column.prop(settings, "gesture_model")
        self.layout.prop(settings, "seed")
