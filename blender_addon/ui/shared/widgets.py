"""Shared by the panels: their location, and text that wraps."""

from __future__ import annotations

import re
import textwrap
import unicodedata
from typing import TYPE_CHECKING, cast

import bpy

from ...engine.jobs import Job
from ...locale.translations import spoken
from ...performance import session

if TYPE_CHECKING:
    from bpy.stub_internal.rna_enums import IconItems, RegionTypeItems, SpaceTypeItems

_TOKENS = re.compile(r"[\x21-\x7e]+|\s+|.")  # what stays on one line: a word, or a single wide letter
_NEVER_FIRST = "。，、；：）」！？"  # what no line begins with
_LETTER = 6.3  # pixels that a letter takes in a label, at a scale of 1
_MARGIN = 84  # pixels around the text: tabs, the borders of panel and box, the icon


class Sidebar:
    """The location of every panel: the sidebar of the 3D view."""

    bl_space_type: SpaceTypeItems = "VIEW_3D"
    bl_region_type: RegionTypeItems = "UI"
    bl_category = "Animcore"


def characters(context: bpy.types.Context) -> int:
    """Return how many characters a line of the panel holds."""
    scale = context.preferences.system.ui_scale
    region = cast("bpy.types.Region", context.region)  # a panel is drawn in one
    return max(16, int((region.width / scale - _MARGIN) / _LETTER))


def text(column: bpy.types.UILayout, sentence: str, width: int, icon: IconItems, *, alert: bool = False) -> None:
    """Draw a sentence over as many lines as it needs; only the first has the icon."""
    lines = column.column(align=True)
    lines.alert = alert
    lines.scale_y = 0.8
    for number, line in enumerate(_wrapped(spoken(sentence), width)):
        lines.label(text=line, icon="BLANK1" if number else icon, translate=False)


def _wrapped(text: str, width: int) -> list[str]:
    """Break a text at spaces, and long words where they must be; Chinese and Japanese anywhere, at twice the width."""
    if not any(map(_is_wide, text)):
        return textwrap.wrap(text, width, break_long_words=True) or [text]
    lines, room = [""], width
    for token in _TOKENS.findall(text):
        size = sum(1 + _is_wide(letter) for letter in token)
        if size > room and lines[-1] and token not in _NEVER_FIRST:
            lines.append("")
            room = width
        lines[-1] += token if lines[-1] else token.lstrip()
        room -= size
    return lines


def _is_wide(letter: str) -> bool:
    return unicodedata.east_asian_width(letter) in "WF"


def duration(seconds: float) -> str:
    """Return seconds as text for the panel."""
    whole = max(1, round(seconds))
    return f"{whole} s" if whole < 90 else f"{whole // 60} min {whole % 60:02d} s"


def running(wish: str) -> Job | None:
    """Return the job under way, if it is of that kind."""
    job = session.session.jobs.current
    return job if job is not None and not job.state.over and job.request.get("do") == wish else None
