"""The source of the speech, its transcript, and the range to generate."""

from __future__ import annotations

import bpy

from ... import properties
from ...voice import analysis
from ..shared.widgets import Sidebar, characters, running, text


class ANIMCORE_PT_voice(Sidebar, bpy.types.Panel):  # noqa: N801 (Blender's own naming)
    """Offset, range, transcript and markers; the file itself is chosen above Generate."""

    bl_label = "Speech"
    bl_parent_id = "ANIMCORE_PT_main"
    bl_options = {"DEFAULT_CLOSED"}  # noqa: RUF012

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the settings that are rarely changed."""
        settings = properties.of(context.scene)
        self.layout.use_property_split = True
        self.layout.use_property_decorate = False
        column = self.layout.column(align=True)
        if settings.voice_from == "FILE":
            column.prop(settings, "sound_track")
            column.prop(settings, "sound_channel")
        column.prop(settings, "scope")
        column.prop(settings, "offset")
        column = self.layout.column(align=True)
        column.prop(settings, "transcript_text")
        row = column.row()
        row.prop(settings, "transcript_file", text="File")
        row.active = settings.transcript_text is None
        column = self.layout.column(align=True)
        column.prop(settings, "use_markers")
        column.prop(settings, "show_waveform")


def draw_choice(column: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """Draw the choice of the audio, and the result of its check."""
    settings, width = properties.of(context.scene), characters(context)
    row = column.row()
    row.label(text="Speech", icon="SPEAKER")
    row.prop(settings, "voice_from", text="", icon_only=True, expand=True)
    row = column.row(align=True)
    if settings.voice_from == "FILE":
        row.prop(settings, "audio", text="")
        row.operator("animcore.pick_audio", text="", icon="FILE_FOLDER")
    elif settings.voice_from == "STRIPS":
        names = settings.strips.split("\n") if settings.strips else []
        row.label(text=", ".join(names), translate=False)
        row.operator("animcore.use_strips", text="" if names else "Use Selected Strips", icon="RESTRICT_SELECT_OFF")
    else:
        row.prop(settings, "speaker", text="")
    row.operator("animcore.inspect", text="", icon="VIEWZOOM")
    if running("inspect"):
        column.label(text="Analyzing the audio ...", icon="SORTTIME")
    elif (seen := analysis.of(settings)) is not None:
        if seen.line:
            text(column, seen.line, width, "CHECKMARK")
        if seen.problem:
            text(column, seen.problem, width, "ERROR")
    if settings.voice_from != "STRIPS":
        row = column.row()
        row.prop(settings, "start_frame")
        if settings.voice_from == "FILE":
            row.prop(settings, "add_sound")
