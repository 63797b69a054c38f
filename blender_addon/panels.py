"""The panel in the sidebar of the 3D view. Drawing reads what is known already and computes nothing."""

from __future__ import annotations

import textwrap
import time

import bpy

from animcore.names import EMOTIONS, REGIONS

from . import maps, properties, runner
from .jobs import Job, State

_LETTER = 6.3  # pixels that a letter takes in a label, at a scale of 1
_MARGIN = 84  # pixels beside the text: tabs, the borders of panel and box, the icon


class _Sidebar:
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "Animcore"


class ANIMCORE_PT_main(_Sidebar, bpy.types.Panel):  # noqa: N801 (Blender's own naming)
    """Character, voice, Generate and what came of it."""

    bl_label = "Animcore"

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the boxes from top to bottom."""
        settings = properties.of(context.scene)
        width = _characters(context)
        _draw_character(self.layout.box().column(), settings, width)
        _draw_voice(self.layout.box().column(), settings, width)
        _draw_generate(self.layout, context.scene, width)


class ANIMCORE_PT_direction(_Sidebar, bpy.types.Panel):  # noqa: N801 (Blender's own naming)
    """How the performance is to be played."""

    bl_label = "Direction"
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
        row.prop(settings, "emotion_intensity", text="Felt")
        row.active = settings.emotion != EMOTIONS[0]
        self.layout.prop(settings, "intensity")
        column = self.layout.column(align=True)
        for region in REGIONS:
            column.prop(settings, region)
        self.layout.prop(settings, "style")
        self.layout.prop(settings, "seed")


class ANIMCORE_PT_deliver(_Sidebar, bpy.types.Panel):  # noqa: N801 (Blender's own naming)
    """The take as files for other programs."""

    bl_label = "Deliver"
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
        for item in settings.bl_rna.properties["deliver_formats"].enum_items_static:
            grid.prop_enum(settings, "deliver_formats", item.identifier)


CLASSES = (ANIMCORE_PT_main, ANIMCORE_PT_direction, ANIMCORE_PT_deliver)


def _draw_character(column: bpy.types.UILayout, settings: properties.AnimcoreSettings, width: int) -> None:
    row = column.row()
    row.label(text="Character", icon="ARMATURE_DATA")
    row.prop(settings, "source", text="", icon_only=True, expand=True)
    if settings.source == "COLLECTION":
        column.prop(settings, "collection", text="")
    else:
        row = column.row(align=True)
        row.prop(settings, "character", text="")
        row.operator("animcore.use_selected", text="", icon="RESTRICT_SELECT_OFF")
    if properties.root(settings) is None:
        column.operator("animcore.add_character", icon="ADD")
        return
    seen = runner.character_seen(settings)
    if seen.problem:
        _text(column, seen.problem, width, "ERROR")
        column.operator("animcore.match", icon="SHAPEKEY_DATA")
        column.operator("animcore.add_character", icon="ADD")
        return
    _text(column, seen.found, width, "CHECKMARK")
    measured = maps.PROPERTY in properties.root(settings)
    if measured or not seen.certain:
        row = column.row(align=True)
        row.operator("animcore.match", icon="SHAPEKEY_DATA")
        if measured:
            row.operator("animcore.forget_match", icon="LOOP_BACK")


def _draw_voice(column: bpy.types.UILayout, settings: properties.AnimcoreSettings, width: int) -> None:
    column.label(text="Voice", icon="SPEAKER")
    row = column.row(align=True)
    row.prop(settings, "audio", text="")
    row.operator("animcore.pick_audio", text="", icon="FILE_FOLDER")
    row.operator("animcore.inspect", text="", icon="VIEWZOOM")
    if _running("inspect"):
        column.label(text="Listening to the file ...", icon="SORTTIME")
    elif (seen := runner.voice_seen(settings)) is not None:
        if seen.found:
            _text(column, seen.found, width, "CHECKMARK")
        if seen.problem:
            _text(column, seen.problem, width, "ERROR")
    row = column.row()
    row.prop(settings, "start_frame")
    row.prop(settings, "add_sound")


def _draw_generate(layout: bpy.types.UILayout, scene: bpy.types.Scene, width: int) -> None:
    column = layout.column()
    if (job := _running("generate") or _running("export") or _running("fit")) is not None:
        _draw_progress(column.box().column(), job)
    else:
        button = column.column()
        button.scale_y = 1.6
        button.operator("animcore.generate", icon="PLAY")
        reason = runner.disabled_reason(scene)
        # a sentence about the character, and what is under way, stand above already
        if reason and not reason.endswith(".") and not runner.session.jobs.busy:
            _text(column, reason + ".", width, "INFO")
    if runner.session.outcome is not None:
        _draw_outcome(column.box().column(), runner.session.outcome, width)


def _running(wish: str) -> Job | None:
    """The job under way, if it is of that kind."""
    job = runner.session.jobs.current
    return job if job is not None and not job.state.over and job.request.get("do") == wish else None


def _draw_progress(column: bpy.types.UILayout, job: Job) -> None:
    left = job.seconds_left(time.monotonic())
    column.progress(factor=job.fraction, text=f"{job.stage} · {job.fraction:.0%}", type="BAR")
    row = column.row()
    row.label(text="" if left is None else f"{_duration(left)} left")
    row.operator("animcore.cancel", icon="X")
    row.enabled = job.state is not State.CANCELLING


def _draw_outcome(column: bpy.types.UILayout, outcome: runner.Outcome, width: int) -> None:
    row = column.row()
    _text(row.column(), outcome.message, width - 4, "ERROR" if outcome.failed else "CHECKMARK", alert=outcome.failed)
    row.operator("animcore.dismiss", text="", icon="X", emboss=False)
    for note in outcome.notes:
        _text(column, note, width, "INFO")
    if outcome.failed:
        column.operator("animcore.copy_report", icon="COPYDOWN")


def _characters(context: bpy.types.Context) -> int:
    """How many characters a line of the panel holds."""
    scale = context.preferences.system.ui_scale
    return max(16, int((context.region.width / scale - _MARGIN) / _LETTER))


def _text(column: bpy.types.UILayout, text: str, width: int, icon: str, *, alert: bool = False) -> None:
    """A sentence over as many lines as it needs; only the first has the icon."""
    lines = column.column(align=True)
    lines.alert = alert
    lines.scale_y = 0.8
    for number, line in enumerate(_wrapped(text, width)):
        lines.label(text=line, icon="BLANK1" if number else icon, translate=False)


def _wrapped(text: str, width: int) -> list[str]:
    """Break a text at spaces, and long words where they must be."""
    return textwrap.wrap(text, width, break_long_words=True) or [text]


def _duration(seconds: float) -> str:
    """Seconds as people say them."""
    whole = max(1, round(seconds))
    return f"{whole} s" if whole < 90 else f"{whole // 60} min {whole % 60:02d} s"
