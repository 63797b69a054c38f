"""Everything that is registered with Blender, in one ordered list; leaving mirrors entering."""

from __future__ import annotations

import atexit

import bpy

from . import callbacks, list_properties, preferences, properties, resources, splats, ui
from .locale import translations
from .performance import emotion_sheet, live_session, session, take_actions, video_render
from .scene import temporary_settings, temporary_values
from .takes import library
from .voice import waveform

OWN = (  # what is added to Blender's own types
    (bpy.types.Scene, properties.SETTINGS, bpy.props.PointerProperty, {"type": properties.AnimcoreSettings}),
    (bpy.types.Action, properties.POLISH, bpy.props.PointerProperty, {"type": properties.AnimcorePolish}),
    (
        bpy.types.WindowManager,
        list_properties.TRACKS,
        bpy.props.CollectionProperty,
        {"type": list_properties.AnimcoreTrack},
    ),
    (bpy.types.WindowManager, list_properties.TRACK_INDEX, bpy.props.IntProperty, {"name": "Track", "options": set()}),
    (
        bpy.types.WindowManager,
        list_properties.LINES,
        bpy.props.CollectionProperty,
        {"type": list_properties.AnimcoreBatchLine},
    ),
    (bpy.types.WindowManager, list_properties.LINE_INDEX, bpy.props.IntProperty, {"name": "Line", "options": set()}),
)

CLASSES = (
    list_properties.AnimcoreTrack,
    list_properties.AnimcoreBatchLine,
    properties.AnimcorePart,
    properties.AnimcoreSettings,
    properties.AnimcorePolish,
    preferences.AnimcorePreferences,
    *splats.CLASSES,
    *ui.CLASSES,
)


def register() -> None:
    """Register classes, the scene's property and the handlers."""
    for cls in CLASSES:
        bpy.utils.register_class(cls)
    for owner, name, kind, settings in OWN:
        setattr(owner, name, kind(**settings))
    callbacks.registered = callbacks.Callbacks(
        library.playing_row, library.show_row, take_actions.follow_polish, lambda: session.session.engine_note
    )
    temporary_values.start()
    temporary_settings.start()
    splats.start()
    resources.tell_user_folder()
    session.start()
    live_session.start()
    waveform.start()
    translations.register()
    # Blender does this itself when it quits; a script that uses Blender as a module would crash at its end without it
    atexit.register(unregister)


def unregister() -> None:
    """End the engine and remove everything that `register` added; where that is done already, nothing."""
    if not hasattr(bpy.types.Scene, properties.SETTINGS):
        return
    atexit.unregister(unregister)
    translations.unregister()
    waveform.stop()
    emotion_sheet.stop()
    video_render.stop()
    live_session.stop()
    session.stop()
    splats.stop()
    temporary_settings.stop()
    temporary_values.stop()
    for owner, name, _, _ in reversed(OWN):
        delattr(owner, name)
    callbacks.registered = callbacks.Callbacks()
    for cls in reversed(CLASSES):
        bpy.utils.unregister_class(cls)
