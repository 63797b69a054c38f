"""Operators on takes. Blender reads annotations here: they are not postponed."""

import bpy

from ...performance import session, take_actions
from ...takes import library, retime
from ...takes.library import Listed
from ..shared.operator_base import AnimcoreOperator, Result


class OfTake(AnimcoreOperator):
    """Base of operators on one take: the named one, or else the active one."""

    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012

    take: bpy.props.StringProperty(
        name="Take", description="Identifier of the take; if empty, the active take is used", options={"HIDDEN"}
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Whether the character has a take, and the engine does not work."""
        if session.session.jobs.busy:
            cls.poll_message_set("The engine is busy; wait for it or cancel it first")
            return False
        if not library.glance(context.scene):
            cls.poll_message_set("There are no takes yet; press Generate")
            return False
        return True

    def work(self, context: bpy.types.Context) -> None:
        """Do it with the take."""
        self.work_on(context.scene, library.find(context.scene, self.take))

    def work_on(self, scene: bpy.types.Scene, take: Listed) -> None:
        """Do it.

        Raises:
            AnimcoreError: where it cannot be done.
        """
        raise NotImplementedError


class ANIMCORE_OT_show_take(OfTake):  # noqa: N801 (Blender's own naming)
    """Make this the active take of the character."""

    bl_idname = "animcore.show_take"
    bl_label = "Show Take"
    bl_description = "Make this the active take of the character"

    def work_on(self, scene: bpy.types.Scene, take: Listed) -> None:
        """Show it."""
        library.show(scene, take)


class ANIMCORE_OT_compare_takes(AnimcoreOperator):  # noqa: N801
    """Switch between the active take and the previous one."""

    bl_idname = "animcore.compare_takes"
    bl_label = "A/B"
    bl_description = "Switch between the active take and the previous one"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Whether there are two takes."""
        if len(library.glance(context.scene)) < 2:
            cls.poll_message_set("There is only one take; press Another Take first")
            return False
        return not session.session.jobs.busy

    def work(self, context: bpy.types.Context) -> None:
        """Show the other."""
        library.compare(context.scene)


class ANIMCORE_OT_rename_take(OfTake):  # noqa: N801
    """Rename a take."""

    bl_idname = "animcore.rename_take"
    bl_label = "Rename Take"
    bl_description = "Rename the take and its actions"

    name: bpy.props.StringProperty(name="Name", description="New name of the take")

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> Result:
        """Ask for the name."""
        if not self.properties.is_property_set("name"):
            self.name = library.find(context.scene, self.take).name
        return context.window_manager.invoke_props_dialog(self)

    def work_on(self, scene: bpy.types.Scene, take: Listed) -> None:
        """Give the name."""
        library.rename(scene, take, self.name)


class ANIMCORE_OT_bake_take(OfTake):  # noqa: N801
    """Bake a take to keyframes, or add it to the NLA."""

    bl_idname = "animcore.bake_take"
    bl_label = "Bake Take"
    bl_description = "Bake the take with its edits and polish to keyframes, or add it to the NLA"

    target: bpy.props.EnumProperty(
        name="Target",
        items=(
            ("KEYS", "Keyframes", "A key on every frame, with edits and polish included"),
            ("NLA", "NLA Strip", "An NLA track of its own, so that another action can play on top"),
        ),
    )

    def work_on(self, scene: bpy.types.Scene, take: Listed) -> None:
        """Bake it."""
        {"KEYS": library.bake, "NLA": library.to_nla}[self.target](scene, take)


class ANIMCORE_OT_delete_take(OfTake):  # noqa: N801
    """Delete a take from the file."""

    bl_idname = "animcore.delete_take"
    bl_label = "Delete Take"
    bl_description = "Delete this take from the file"

    def work_on(self, scene: bpy.types.Scene, take: Listed) -> None:
        """Delete it."""
        library.delete(scene, take)


class ANIMCORE_OT_run_again(OfTake):  # noqa: N801
    """Generate a take again with its own settings."""

    bl_idname = "animcore.run_again"
    bl_label = "Run Again"
    bl_description = "Generate again with the settings of this take"
    bl_options = {"REGISTER"}  # noqa: RUF012 (the step of undo comes with the keys, not with the press)

    another: bpy.props.BoolProperty(
        name="Another Take", description="Use the next seed, for other blinks, glances and head motion"
    )

    @classmethod
    def description(cls, _context: bpy.types.Context, properties: bpy.types.OperatorProperties) -> str:
        """Return the tooltip of the button."""
        return (
            "Generate with the settings of this take and the next seed, for other blinks, glances and head motion"
            if properties.another
            else cls.bl_description
        )

    def work_on(self, scene: bpy.types.Scene, take: Listed) -> None:
        """Start the work; without a window, also wait for its end."""
        take_actions.run_again(scene, take, another=self.another)
        session.follow()


class ANIMCORE_OT_retime(AnimcoreOperator):  # noqa: N801
    """Move the keys of all takes to the scene's new frame rate."""

    bl_idname = "animcore.retime"
    bl_label = "Retime"
    bl_description = "Move keys, sound and markers of all takes to the scene's new frame rate; times in seconds stay"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012

    def work(self, context: bpy.types.Context) -> None:
        """Move them."""
        session.session.outcome = session.Outcome(False, retime.retime(context.scene))
