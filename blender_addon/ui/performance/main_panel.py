"""Character, speech, Generate and its result."""

from __future__ import annotations

import time

import bpy

from ... import properties
from ...character import face_maps
from ...engine.jobs import Job, State
from ...performance import live_session, session
from ...splats.scene import file_cache
from ..shared.widgets import Sidebar, characters, duration, running, text
from ..voice.panel import draw_choice

# requests whose progress is drawn
_SHOWN = ("generate", "dialogue", "export", "fit", "mix", "capture", "fit_head", "add_head", "emotion_sheet")


class ANIMCORE_PT_main(Sidebar, bpy.types.Panel):  # noqa: N801 (Blender's own naming)
    """The main panel."""

    bl_label = "Animcore"

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the boxes from top to bottom."""
        settings = properties.of(context.scene)
        width = characters(context)
        _draw_character(self.layout.box().column(), settings, width)
        draw_choice(self.layout.box().column(), context)
        _draw_generate(self.layout, context.scene, width)


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
    seen = session.character_seen(settings)
    if seen.problem:
        text(column, seen.problem, width, "ERROR")
        column.operator("animcore.match", icon="SHAPEKEY_DATA")
        column.operator("animcore.add_character", icon="ADD")
        return
    text(column, seen.found, width, "CHECKMARK")
    measured = face_maps.PROPERTY in properties.chosen_root(settings)
    if measured or not seen.certain:
        row = column.row(align=True)
        row.operator("animcore.match", icon="SHAPEKEY_DATA")
        if measured:
            row.operator("animcore.forget_match", icon="LOOP_BACK")


def _draw_generate(layout: bpy.types.UILayout, scene: bpy.types.Scene, width: int) -> None:
    column = layout.column()
    if (moved := live_session.stage()) is not None:
        _draw_live(column.box().column(), moved)
    elif (job := next(filter(None, map(running, _SHOWN)), None)) is not None:
        _draw_progress(column.box().column(), job)
    else:
        row = column.row(align=True)
        row.scale_y = 1.6
        row.operator("animcore.generate", icon="PLAY")
        row.operator("animcore.listen", text="", icon="REC")
        row.operator("animcore.take_from_video", text="", icon="FILE_MOVIE")
        reason = session.disabled_reason(scene)
        # a sentence about the character, and what is under way, stand above already
        if reason and not reason.endswith(".") and not session.session.jobs.busy:
            text(column, reason + ".", width, "INFO")
    for one in file_cache.under_way():
        _draw_reading(column.box().column(), one)
    if session.session.outcome is not None:
        _draw_outcome(column.box().column(), session.session.outcome, width)


def _draw_live(column: bpy.types.UILayout, moved: live_session.Stage) -> None:
    column.progress(factor=moved.level, text="Recording Speech", type="BAR")
    row = column.row()
    row.operator("animcore.stop_listening", icon="KEYTYPE_EXTREME_VEC")
    row.operator("animcore.cancel", icon="X")


def _draw_progress(column: bpy.types.UILayout, job: Job) -> None:
    left = job.seconds_left(time.monotonic())
    column.progress(factor=job.fraction, text=f"{job.stage} · {job.fraction:.0%}", type="BAR")
    row = column.row()
    row.label(text="" if left is None else f"{duration(left)} left")
    row.operator("animcore.cancel", icon="X")
    row.enabled = job.state is not State.CANCELLING


def _draw_reading(column: bpy.types.UILayout, one: file_cache.Reading) -> None:
    now = time.monotonic()
    fraction = one.fraction(now)
    column.progress(factor=fraction, text=f"{one.name} · {fraction:.0%}", type="BAR")
    row = column.row()
    left = one.seconds_left(now)
    row.label(text=f"{duration(left)} left" if left else "")
    row.operator("animcore.cancel", icon="X")


def _draw_outcome(column: bpy.types.UILayout, outcome: session.Outcome, width: int) -> None:
    row = column.row()
    text(row.column(), outcome.message, width - 4, "ERROR" if outcome.failed else "CHECKMARK", alert=outcome.failed)
    row.operator("animcore.dismiss", text="", icon="X", emboss=False)
    for note in outcome.notes:
        text(column, note, width, "INFO")
    if outcome.failed:
        column.operator("animcore.copy_report", icon="COPYDOWN")
