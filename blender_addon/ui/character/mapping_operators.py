"""Correct what the rig reader found. Blender reads annotations here: they are not postponed."""

import bpy

from animcore.retarget.rig_profiles import ROLES

from ... import properties
from ...character import corrections, rig_reader, shape_naming, track_list
from ...errors import AddonError
from ...performance import session
from ..shared.operator_base import OnCharacter


def _root(context: bpy.types.Context) -> bpy.types.Object | bpy.types.Collection:
    root = properties.root(properties.of(context.scene))
    if root is None:
        raise AddonError("Choose a character first.")
    return root


def fill(context: bpy.types.Context) -> None:
    """Read the list of the character anew."""
    track_list.fill(context.window_manager, _root(context))
    session.session.character = None  # what the panel says of it may no longer be true


class ANIMCORE_OT_list_tracks(OnCharacter):  # noqa: N801 (Blender's own naming)
    """List what the character has for each track of the face, and its bones."""

    bl_idname = "animcore.list_tracks"
    bl_label = "List Tracks"
    bl_description = "List what the character has for each track of the face, and its bones"

    def work(self, context: bpy.types.Context) -> None:
        """Read the character."""
        fill(context)


class ANIMCORE_OT_assign_track(OnCharacter):  # noqa: N801 (Blender's own naming)
    """Let a track move another shape, or give a role to another bone."""

    bl_idname = "animcore.assign_track"
    bl_label = "Assign"
    bl_description = "Let this track move the shape that is picked, or give this role to the bone"

    track: bpy.props.StringProperty(name="Track", description="The track, or the role of a bone")
    target: bpy.props.StringProperty(
        name="Target", description="The shape or bone; - for none, nothing to go back to what was found"
    )

    def work(self, context: bpy.types.Context) -> None:
        """Keep it with the character."""
        track_list.end_preview()
        track_list.assign(_root(context), self.track, self.target)
        fill(context)


class ANIMCORE_OT_mirror_track(OnCharacter):  # noqa: N801 (Blender's own naming)
    """Give the track of the other side the shape of the other side."""

    bl_idname = "animcore.mirror_track"
    bl_label = "Mirror"
    bl_description = "Give the track of the other side the shape of the other side"

    track: bpy.props.StringProperty(name="Track", description="The track whose shape is mirrored")

    def work(self, context: bpy.types.Context) -> None:
        """Find both twins by their names."""
        root = _root(context)
        row = next((row for row in track_list.rows(root) if row.track == self.track), None)
        if row is None or row.is_bone:
            raise AddonError(f"There is no track {self.track!r} that could be mirrored.")
        other, twin = corrections.mirrored(self.track, row.target, track_list.shape_names(root))
        track_list.assign(root, other, twin)
        fill(context)


class ANIMCORE_OT_forget_corrections(OnCharacter):  # noqa: N801 (Blender's own naming)
    """Go back to what the rig reader found."""

    bl_idname = "animcore.forget_corrections"
    bl_label = "Forget Corrections"
    bl_description = "Go back to what the rig reader found"

    def work(self, context: bpy.types.Context) -> None:
        """Drop them."""
        corrections.store(_root(context), corrections.Corrections())
        fill(context)


class ANIMCORE_OT_preview_track(OnCharacter):  # noqa: N801 (Blender's own naming)
    """Show what a track does on the character; press again to put its shapes back."""

    bl_idname = "animcore.preview_track"
    bl_label = "Preview"
    bl_description = "Show what this track does on the character; press again to put its shapes back"

    track: bpy.props.StringProperty(name="Track", description="The track; empty to put everything back")
    weight: bpy.props.FloatProperty(name="Weight", description="How far", default=1.0, min=0.0, max=1.0)

    def work(self, context: bpy.types.Context) -> None:
        """Set the shapes, or put them back."""
        if self.track:
            track_list.preview(_root(context), self.track, self.weight)
        else:
            track_list.end_preview()


class ANIMCORE_OT_save_profile(OnCharacter):  # noqa: N801 (Blender's own naming)
    """Save the list as a profile of your own: characters with the same names are then known at once."""

    bl_idname = "animcore.save_profile"
    bl_label = "Save as Profile"
    bl_description = "Save the list as a profile of your own: characters with the same names are then known at once"
    bl_options = {"REGISTER"}  # noqa: RUF012 (a file is no matter of undo)

    name: bpy.props.StringProperty(name="Name", description="What the profile is called")

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
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
