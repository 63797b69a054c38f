"""Gaussians over a viewport that shows solid meshes, hidden by them where they are farther away."""

from __future__ import annotations

import sys
import traceback
from typing import Any, cast

import bpy

from ..properties import view_of
from ..scene import camera_view, splat_objects
from .gpu_drawing import Drawer

_handle: Any = None
_drawers: dict[int, Drawer] = {}


def start() -> None:
    """Hook into the 3D view, where there is a window."""
    global _handle
    if not bpy.app.background and _handle is None:
        _handle = bpy.types.SpaceView3D.draw_handler_add(_draw, (), "WINDOW", "POST_VIEW")


def stop() -> None:
    """Unhook, and free the GPU resources."""
    global _handle
    if _handle is not None:
        bpy.types.SpaceView3D.draw_handler_remove(_handle, "WINDOW")
    _handle = None
    _drawers.clear()


def _draw() -> None:
    context = bpy.context
    space = cast("bpy.types.SpaceView3D", context.space_data)
    shown = view_of(context.scene).overlay and space.overlay.show_overlays and space.shading.type != "RENDERED"
    if not shown:
        return
    try:
        draw(context)
    except Exception:  # Blender would call this again with every redraw, and stop at none of them
        sys.stderr.write(traceback.format_exc())
        view_of(context.scene).overlay = False


def draw(context: bpy.types.Context) -> None:
    """Draw the Gaussians of a scene into its viewport."""
    space = cast("bpy.types.SpaceView3D", context.space_data)
    placed = splat_objects.all_placed(context.evaluated_depsgraph_get(), space)
    if placed:
        drawer = _drawers.setdefault(cast("bpy.types.Region", context.region).as_pointer(), Drawer())
        drawer.draw(placed, camera_view.of_context(context), "OVERLAY")
