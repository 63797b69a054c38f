"""Everything that is registered with Blender, in one ordered list; leaving mirrors entering."""

from __future__ import annotations

import atexit

import bpy

from . import callbacks, preferences, properties, resources, splats, ui
from .locale import translations
from .performance import emotion_sheet, live_session, session, take_actions, video_render
from .scene import temporary_settings, temporary_values
from .takes import library
from .voice import waveform

CLASSES = (
    properties.AnimcoreTrack,
    properties.AnimcoreBatchLine,
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
    bpy.types.Scene.animcore = bpy.props.PointerProperty(type=properties.AnimcoreSettings)
    bpy.types.Action.animcore = bpy.props.PointerProperty(type=properties.AnimcorePolish)
    bpy.types.WindowManager.animcore_tracks = bpy.props.CollectionProperty(type=properties.AnimcoreTrack)
    bpy.types.WindowManager.animcore_track_index = bpy.props.IntProperty(name="Track", options=set())
    bpy.types.WindowManager.animcore_lines = bpy.props.CollectionProperty(type=properties.AnimcoreBatchLine)
    bpy.types.WindowManager.animcore_line_index = bpy.props.IntProperty(name="Line", options=set())
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
    if not hasattr(bpy.types.Scene, "animcore"):
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
    del bpy.types.WindowManager.animcore_line_index, bpy.types.WindowManager.animcore_lines
    del bpy.types.WindowManager.animcore_track_index, bpy.types.WindowManager.animcore_tracks
    del bpy.types.Scene.animcore
    del bpy.types.Action.animcore
    callbacks.registered = callbacks.Callbacks()
    for cls in reversed(CLASSES):
        bpy.utils.unregister_class(cls)
