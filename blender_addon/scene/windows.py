"""Blender's windows, for the work of timers: a step of undo, a window to work in, whether the user is busy."""

from __future__ import annotations

import contextlib
from typing import Any

import bpy

# an answer waits for their end; a render is a job, whose operator ends with the next move of the mouse alone
_BUSY_OPERATORS = ("TRANSFORM_OT_", "SCULPT_OT_", "PAINT_OT_", "RENDER_OT_opengl")


def push_undo(message: str) -> None:
    """Make the change one step of undo."""
    with in_window():
        if bpy.ops.ed.undo_push.poll():
            bpy.ops.ed.undo_push(message=message)


def in_window() -> contextlib.AbstractContextManager[Any]:
    """Give the work of a timer a window, which it has none of its own of."""
    found = bpy.context.window_manager.windows
    if bpy.app.background or not len(found) or bpy.context.window is not None:
        return contextlib.nullcontext()
    return bpy.context.temp_override(window=found[0])


def interface_busy() -> bool:
    """Whether the user is in the middle of something that a change of the scene would disturb."""
    if bpy.app.is_job_running("RENDER"):
        return True
    found = bpy.context.window_manager.windows
    return any(one.bl_idname.startswith(_BUSY_OPERATORS) for window in found for one in window.modal_operators)


def redraw() -> None:
    """Draw the sidebars and the preferences anew: not the view itself, which may be heavy."""
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            wanted = {"VIEW_3D": "UI", "PREFERENCES": "WINDOW"}.get(area.type)
            for region in area.regions:
                if region.type == wanted:
                    region.tag_redraw()
