"""Gaussians in Blender: the preview of photoreal heads, in the viewport and as a render engine."""

from __future__ import annotations

import bpy

from .properties import CAPTURE, SPLATS, AnimcoreCapture, AnimcoreSplats, AnimcoreSplatsView
from .render import gpu_drawing, gpu_shaders, preview_engine, side_by_side, viewport_overlay
from .scene import file_cache, placement, relative_paths, splat_objects

OWN: tuple[tuple[type, str, type], ...] = (  # what is added to Blender's own types
    (bpy.types.Object, SPLATS, AnimcoreSplats),
    (bpy.types.Scene, SPLATS, AnimcoreSplatsView),
    (bpy.types.Scene, CAPTURE, AnimcoreCapture),
)

CLASSES = (AnimcoreSplats, AnimcoreSplatsView, AnimcoreCapture, preview_engine.AnimcoreGaussianPreview)


def start() -> None:
    """Give objects and scenes their properties, and hook into viewports and panels."""
    for owner, name, group in OWN:
        setattr(owner, name, bpy.props.PointerProperty(type=group))
    preview_engine.start()
    viewport_overlay.start()
    relative_paths.start()


def stop() -> None:
    """Unregister everything, and release files and GPU resources."""
    side_by_side.stop()
    relative_paths.stop()
    viewport_overlay.stop()
    preview_engine.stop()
    for room in (file_cache, placement, splat_objects, gpu_shaders):
        room.forget()
    gpu_drawing.stock.cache_clear()
    for owner, name, _ in reversed(OWN):
        delattr(owner, name)
