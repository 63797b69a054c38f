"""The list of the character's tracks: the detected target of each, with correction and preview."""

from __future__ import annotations

import bpy

from ... import list_properties, properties
from ...character import track_list
from ...errors import AddonError
from ..shared.widgets import Sidebar


class ANIMCORE_UL_tracks(bpy.types.UIList):  # noqa: N801 (Blender's own naming)
    """One line a track; the search below the list finds it by its name."""

    def draw_item(  # type: ignore[override]  # Blender counts the arguments: it has two more for those that take them
        self,
        _context: bpy.types.Context,
        layout: bpy.types.UILayout,
        _data: object,
        item: list_properties.AnimcoreTrack,
        _icon: int | None,
        _active: object,
        _property: str | None,
    ) -> None:
        """Draw a track and its target."""
        row = layout.split(factor=0.5)
        row.label(text=item.name, icon="BONE_DATA" if item.is_bone else "NONE", translate=False)
        row.active = item.target != track_list.NONE
        if item.target in (track_list.SOLVED, track_list.NONE):
            row.label(text="Multiple" if item.target == track_list.SOLVED else "None")
        else:
            row.label(text=item.target, icon="GREASEPENCIL" if item.corrected else "NONE", translate=False)


class ANIMCORE_PT_character(Sidebar, bpy.types.Panel):  # noqa: N801 (Blender's own naming)
    """The list, and what can be done with the line that is chosen."""

    bl_label = "Character"
    bl_parent_id = "ANIMCORE_PT_main"
    bl_options = {"DEFAULT_CLOSED"}  # noqa: RUF012

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Whether there is a character."""
        return properties.root(properties.of(context.scene)) is not None

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the list."""
        window, settings = context.window_manager, properties.of(context.scene)
        row = self.layout.row(align=True)
        row.operator("animcore.list_tracks", icon="FILE_REFRESH")
        row.operator("animcore.save_profile", text="", icon="FILE_TICK")
        row.operator("animcore.forget_corrections", text="", icon="LOOP_BACK")
        items = list_properties.tracks_of(window)
        if not len(items):
            return
        self.layout.template_list(
            "ANIMCORE_UL_tracks", "", window, list_properties.TRACKS, window, list_properties.TRACK_INDEX, rows=8
        )
        index = list_properties.track_index_of(window)
        if 0 <= index < len(items):
            _draw_line(self.layout.column(), settings, items[index])


def _draw_line(
    column: bpy.types.UILayout, settings: properties.AnimcoreSettings, item: list_properties.AnimcoreTrack
) -> None:
    """What can be done with one track."""
    row = column.row(align=True)
    if (picked := _pick(row, settings, item.is_bone)) is None:
        return
    chosen = row.operator("animcore.assign_track", text="", icon="CHECKMARK")
    chosen.track, chosen.target = item.name, picked
    nothing = row.operator("animcore.assign_track", text="", icon="X")
    nothing.track, nothing.target = item.name, "-"
    if item.is_bone:
        return
    row = column.row(align=True)
    row.operator("animcore.mirror_track", icon="MOD_MIRROR").track = item.name
    if track_list.previewed():
        row.operator("animcore.preview_track", text="End Preview", icon="LOOP_BACK").track = ""
        for block in track_list.previewed_blocks()[:3]:
            column.prop(block, "value", text=block.name, slider=True, translate=False)
    else:
        row.operator("animcore.preview_track", icon="HIDE_OFF").track = item.name


def _pick(row: bpy.types.UILayout, settings: properties.AnimcoreSettings, is_bone: bool) -> str | None:
    """Draw the field to pick a shape or a bone with; returns what is in it, None where there is nothing to pick."""
    root = properties.chosen_root(settings)
    try:
        rig, key = (track_list.armature(root), None) if is_bone else (None, track_list.richest_key(root))
    except AddonError:
        return None
    if is_bone and rig is not None:
        row.prop_search(settings, "track_bone", rig.data, "bones", text="")
        return str(settings.track_bone)
    if key is not None:
        row.prop_search(settings, "track_shape", key, "key_blocks", text="")
        return str(settings.track_shape)
    return None
