"""Characters that talk with each other: the list of parts, and the part that is chosen in it."""

from __future__ import annotations

from typing import cast

import bpy

from animcore.core.vocabulary import EMOTIONS

from ... import properties
from ...performance import dialogue
from ..shared.widgets import Sidebar, characters, running, text

_ROWS, _MOST_ROWS = 2, 6


class ANIMCORE_UL_cast(bpy.types.UIList):  # noqa: N801 (Blender's own naming)
    """One row per part: the character and its speech."""

    def draw_item(  # type: ignore[override]  # Blender counts the arguments: it has two more for those that take them
        self,
        _context: bpy.types.Context,
        layout: bpy.types.UILayout,
        _data: object,
        item: properties.AnimcorePart,
        _icon: int | None,
        _active: object,
        _property: str | None,
    ) -> None:
        """Draw the character and its speech."""
        root, row = properties.root(item), layout.split(factor=0.5)
        row.label(text=root.name if root is not None else "?", icon="ARMATURE_DATA", translate=False)
        kinds = cast("bpy.types.EnumProperty", item.bl_rna.properties["voice_from"]).enum_items
        row.label(text=_voice(item), icon=kinds[item.voice_from].icon, translate=item.voice_from == "NONE")


class ANIMCORE_PT_dialogue(Sidebar, bpy.types.Panel):  # noqa: N801
    """The list, what belongs to one part, and the button."""

    bl_label = "Dialogue"
    bl_parent_id = "ANIMCORE_PT_main"
    bl_options = {"DEFAULT_CLOSED"}  # noqa: RUF012

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the list and the part that is chosen."""
        settings, column = properties.of(context.scene), self.layout.column()
        count = len(settings.cast)
        if count:
            rows = max(_ROWS, min(count, _MOST_ROWS))
            column.template_list("ANIMCORE_UL_cast", "", settings, "cast", settings, "cast_row", rows=rows)
        row = column.row(align=True)
        row.operator("animcore.add_part", icon="ADD")
        row.operator("animcore.remove_part", text="", icon="REMOVE")
        if 0 <= settings.cast_row < count:
            _draw_part(self.layout.box().column(), context.scene, settings.cast[settings.cast_row])
        if running("dialogue") is None:
            self.layout.operator("animcore.generate_dialogue", icon="OUTLINER_OB_SPEAKER")
            if reason := dialogue.disabled_reason(context.scene):
                text(self.layout.column(), reason + ".", characters(context), "INFO")


def _voice(part: properties.AnimcorePart) -> str:
    """The text of a row about the speech."""
    speaker = part.speaker.name if part.speaker is not None else "?"
    said = {
        "FILE": bpy.path.basename(part.audio) or "?",
        "STRIPS": part.strips.replace("\n", ", ") or "?",
        "CHANNEL": str(part.channel),
        "SPEAKER": speaker,
        "NONE": "Listening",
    }
    return said[part.voice_from]


def _draw_part(column: bpy.types.UILayout, scene: bpy.types.Scene, part: properties.AnimcorePart) -> None:
    """Draw the settings of one part."""
    column.use_property_split = True
    column.use_property_decorate = False
    column.prop(part, "collection" if part.source == "COLLECTION" else "character")
    column.prop(part, "voice_from")
    if part.voice_from == "FILE":
        column.prop(part, "audio")
        column.prop(part, "start_frame")
        column.prop(part, "sound_track")
        column.prop(part, "sound_channel")
    elif part.voice_from == "CHANNEL":
        column.prop(part, "channel")
    elif part.voice_from == "SPEAKER":
        column.prop(part, "speaker")
    elif part.voice_from == "STRIPS" and scene.sequence_editor is not None:
        column.prop(part, "strips")
    if part.voice_from != "NONE":
        column.prop(part, "transcript_text")
        row = column.row()
        row.prop(part, "transcript_file", text="File")
        row.active = part.transcript_text is None
    column.prop(part, "emotion")
    row = column.row()
    row.use_property_split = False  # the label is too long for the left half
    row.prop(part, "emotion_intensity")
    row.active = part.emotion != EMOTIONS[0]
    column.prop(part, "style")
