"""Gaussians in Blender: the preview of photoreal heads, in the viewport and as a render engine."""

from __future__ import annotations

import bpy

from . import clouds, drawing, engine, holders, overlay, paths, placing, shaders, side_by_side
from .properties import AnimcoreCapture, AnimcoreSplats, AnimcoreSplatsView

CLASSES = (AnimcoreSplats, AnimcoreSplatsView, AnimcoreCapture, engine.AnimcoreGaussianPreview)


def start() -> None:
    """Give objects and scenes their properties, and hook into viewports and panels."""
    bpy.types.Object.animcore_splats = bpy.props.PointerProperty(type=AnimcoreSplats)
    bpy.types.Scene.animcore_splats = bpy.props.PointerProperty(type=AnimcoreSplatsView)
    bpy.types.Scene.animcore_capture = bpy.props.PointerProperty(type=AnimcoreCapture)
    engine.start()
    overlay.start()
    paths.start()


def stop() -> None:
    """Take it all out again, and let go of files and of the graphics card."""
    side_by_side.stop()
    paths.stop()
    overlay.stop()
    engine.stop()
    for room in (clouds, placing, holders, shaders):
        room.forget()
    drawing.stock.cache_clear()
    del bpy.types.Scene.animcore_capture, bpy.types.Scene.animcore_splats, bpy.types.Object.animcore_splats
