"""Everything that is registered with Blender, in one ordered list; leaving mirrors entering."""

from __future__ import annotations

import atexit

import bpy

from . import operators, panels, preferences, properties, runner, waveform

CLASSES = (
    properties.AnimcoreSettings,
    preferences.AnimcorePreferences,
    *operators.CLASSES,
    *panels.CLASSES,
)


def register() -> None:
    """Register classes, the scene's property and the handlers."""
    for cls in CLASSES:
        bpy.utils.register_class(cls)
    bpy.types.Scene.animcore = bpy.props.PointerProperty(type=properties.AnimcoreSettings)
    runner.start()
    waveform.start()
    # Blender does this itself when it quits; a script that uses Blender as a module would crash at its end without it
    atexit.register(unregister)


def unregister() -> None:
    """End the engine and remove everything that `register` added; where that is done already, nothing."""
    if not hasattr(bpy.types.Scene, "animcore"):
        return
    atexit.unregister(unregister)
    waveform.stop()
    runner.stop()
    del bpy.types.Scene.animcore
    for cls in reversed(CLASSES):
        bpy.utils.unregister_class(cls)
