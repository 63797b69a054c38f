"""The rows of the lists that panels show; they belong to the window and are not saved.

Blender reads the annotations of these classes as values, so this module does not postpone them.
"""

import bpy

# what the extension adds to the window manager
TRACKS = "animcore_tracks"
TRACK_INDEX = "animcore_track_index"
LINES = "animcore_lines"
LINE_INDEX = "animcore_line_index"


class AnimcoreTrack(bpy.types.PropertyGroup):
    """A row of the list of a character's tracks; `name` is the track."""

    target: bpy.props.StringProperty(
        name="Target", description="The shape key or bone that this track drives", options=set()
    )
    is_bone: bpy.props.BoolProperty(name="Bone", description="This row is the role of a bone", options=set())
    corrected: bpy.props.BoolProperty(name="Corrected", description="The target was set by hand", options=set())


class AnimcoreBatchLine(bpy.types.PropertyGroup):
    """A row of the list of a batch's lines; `name` is the line."""

    text: bpy.props.StringProperty(name="Text", description="What is said in this line", options=set())
    quality: bpy.props.FloatProperty(name="Quality", description="Score of this line", min=0.0, max=1.0, options=set())
    chosen: bpy.props.BoolProperty(name="Import", description="Import this line", options=set())


def tracks_of(manager: bpy.types.WindowManager) -> "bpy.types.bpy_prop_collection_idprop[AnimcoreTrack]":
    """Return the list of a character's tracks, as the panel draws it."""
    found: bpy.types.bpy_prop_collection_idprop[AnimcoreTrack] = getattr(manager, TRACKS)
    return found


def track_index_of(manager: bpy.types.WindowManager) -> int:
    """Return the selected row of the list of tracks."""
    return int(getattr(manager, TRACK_INDEX))


def lines_of(manager: bpy.types.WindowManager) -> "bpy.types.bpy_prop_collection_idprop[AnimcoreBatchLine]":
    """Return the lines of a batch, as the panel lists them."""
    found: bpy.types.bpy_prop_collection_idprop[AnimcoreBatchLine] = getattr(manager, LINES)
    return found


def line_index_of(manager: bpy.types.WindowManager) -> int:
    """Return the selected row of the list of lines."""
    return int(getattr(manager, LINE_INDEX))
