"""What the settings call without knowing who answers; `registration` fills it in, so that imports run one way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


def _nothing(*_arguments: Any) -> None:
    """Do nothing: nobody has registered."""


def _no_row(_settings: Any) -> int:
    return -1


def _no_note() -> str:
    return ""


@dataclass
class Callbacks:
    """What features answer.

    Attributes:
        playing_row: place in `bpy.data.actions` of the take that plays on the character of these settings; -1 for none.
        show_row: shows the take whose first action stands at a place.
        follow_polish: writes the curves of an action (scene, action) after a slider of its polish was moved.
        engine_note: one sentence on how the engine is, or nothing.
    """

    playing_row: Callable[[Any], int] = _no_row
    show_row: Callable[[Any, int], None] = _nothing
    follow_polish: Callable[[Any, Any], None] = _nothing
    engine_note: Callable[[], str] = _no_note


registered = Callbacks()
