"""Correct the results of rig detection. Blender reads annotations here: they are not postponed."""

import bpy

from animcore.retarget.rig_profiles import ROLES

from ... import properties
from ...character import corrections, rig_reader, shape_naming, track_list
from ...errors import AddonError
from ...performance import session
from ..shared.operator_base import OnCharacter, Result


def _root(context: bpy.types.Context) -> bpy.types.Object | bpy.types.Collection:
    root = properties.root(properties.of(context.scene))
    if root is None:
        raise AddonError("Choose a character first.")
    return root


def fill(context: bpy.types.Context) -> None:
    """Read the list of the character again."""
    track_list.fill(context.window_manager, _root(context))
    session.session.character = None  # the result that the panel shows may be outdated


class ANIMCORE_OT_list_tracks(OnCharacter):  # noqa: N801 (Blender's own naming)
    """List the character's shape key for each facial track, and its bones."""

    bl_idname = "animcore.list_tracks"
    bl_label = "List Tracks"
    bl_description = "List the character's shape key for each facial track, and its bones"

    def work(self, context: bpy.types.Context) -> None:
        """Read the character."""
        fill(context)


class ANIMCORE_OT_assign_track(OnCharacter):  # noqa: N801 (Blender's own naming)
    """Assign another shape key to a track, or another bone to a role."""

    bl_idname = "animcore.assign_track"
    bl_label = "Assign"
    bl_description = "Assign the picked shape key to this track, or the picked bone to this role"

    track: bpy.props.StringProperty(name="Track", description="The track, or the role of a bone")
    target: bpy.props.StringProperty(
        name="Target", description="Name of the shape key or bone; - for none, empty for the detected one"
    )

    def work(self, context: bpy.types.Context) -> None:
        """Keep it with the character."""
        track_list.end_preview()
        track_list.assign(_root(context), self.track, self.target)
        fill(context)


class ANIMCORE_OT_mirror_track(OnCharacter):  # noqa: N801 (Blender's own naming)
    """Assign the mirrored shape key to the track of the other side."""

    bl_idname = "animcore.mirror_track"
    bl_label = "Mirror"
    bl_description = "Assign the mirrored shape key to the track of the other side"

    track: bpy.props.StringProperty(name="Track", description="Track whose shape key is mirrored")

    def work(self, context: bpy.types.Context) -> None:
        """Find both counterparts by their names."""
        root = _root(context)
        row = next((row for row in track_list.rows(root) if row.track == self.track), None)
        if row is None or row.is_bone:
            raise AddonError(f"There is no track {self.track!r} to mirror; pick one of the list of tracks.")
        other, twin = corrections.mirrored(self.track, row.target, track_list.shape_names(root))
        track_list.assign(root, other, twin)
        fill(context)


class ANIMCORE_OT_forget_corrections(OnCharacter):  # noqa: N801 (Blender's own naming)
    """Clear all manual corrections and use the detected tracks."""

    bl_idname = "animcore.forget_corrections"
    bl_label = "Clear Corrections"
    bl_description = "Clear all manual corrections and use the detected tracks"

    def work(self, context: bpy.types.Context) -> None:
        """Drop them."""
        corrections.store(_root(context), corrections.Corrections())
        fill(context)


class ANIMCORE_OT_preview_track(OnCharacter):  # noqa: N801 (Blender's own naming)
    """Preview a track on the character; press again to end the preview."""

    bl_idname = "animcore.preview_track"
    bl_label = "Preview"
    bl_description = "Preview this track on the character; press again to end the preview"

    track: bpy.props.StringProperty(name="Track", description="Name of the track; empty to end the preview")
    weight: bpy.props.FloatProperty(name="Weight", description="Weight of the track", default=1.0, min=0.0, max=1.0)

    def work(self, context: bpy.types.Context) -> None:
        """Set the shapes, or put them back."""
        if self.track:
            track_list.preview(_root(context), self.track, self.weight)
        else:
            track_list.end_preview()


class ANIMCORE_OT_save_profile(OnCharacter):  # noqa: N801 (Blender's own naming)
    """Save the list as a rig profile, which detects characters with the same names."""

    bl_idname = "animcore.save_profile"
    bl_label = "Save as Profile"
    bl_description = "Save the list as a rig profile, which detects characters with the same names"
    bl_options = {"REGISTER"}  # noqa: RUF012 (undo does not cover files)

    name: bpy.props.StringProperty(name="Name", description="Name of the rig profile")

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> Result:
        """Ask for the name."""
        self.name = self.name or _root(context).name
        return set(context.window_manager.invoke_props_dialog(self))

    def work(self, context: bpy.types.Context) -> None:
        """Write the file."""
        root = _root(context)
        proposal, bones = rig_reader.proposed(root)
        path = corrections.save_profile(self.name, proposal, {role: bones[role] for role in ROLES if role in bones})
        shape_naming.forget()
        self.report({"INFO"}, f"Saved as {path}")
