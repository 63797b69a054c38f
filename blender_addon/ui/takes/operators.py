"""What is done with takes. Blender reads annotations here: they are not postponed."""

import bpy

from ...performance import session, take_actions
from ...takes import library, retime
from ...takes.library import Listed
from ..shared.operator_base import AnimcoreOperator


class OfTake(AnimcoreOperator):
    """Does something with one take: the one that is named, or else the one that plays."""

    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012

    take: bpy.props.StringProperty(
        name="Take", description="What tells the take apart; the one that plays where this is empty", options={"HIDDEN"}
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Whether the character has a take, and the engine does not work."""
        if session.session.jobs.busy:
            cls.poll_message_set("The engine is at work; wait for it or cancel it first")
            return False
        if not library.glance(context.scene):
            cls.poll_message_set("There is no take yet; press Generate")
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
    """Let this take play on the character, alone of all takes."""

    bl_idname = "animcore.show_take"
    bl_label = "Show Take"
    bl_description = "Let this take play on the character, alone of all takes"

    def work_on(self, scene: bpy.types.Scene, take: Listed) -> None:
        """Show it."""
        library.show(scene, take)


class ANIMCORE_OT_compare_takes(AnimcoreOperator):  # noqa: N801
    """Go to the take that was shown before this one, and back."""

    bl_idname = "animcore.compare_takes"
    bl_label = "A/B"
    bl_description = "Go to the take that was shown before this one; press again to come back"
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
    """Call a take otherwise."""

    bl_idname = "animcore.rename_take"
    bl_label = "Rename Take"
    bl_description = "Call the take otherwise; its actions get the name too"

    name: bpy.props.StringProperty(name="Name", description="What the take is called")

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        """Ask for the name."""
        if not self.properties.is_property_set("name"):
            self.name = library.find(context.scene, self.take).name
        return context.window_manager.invoke_props_dialog(self)

    def work_on(self, scene: bpy.types.Scene, take: Listed) -> None:
        """Give the name."""
        library.rename(scene, take, self.name)


class ANIMCORE_OT_bake_take(OfTake):  # noqa: N801
    """Turn a take into plain keys, or put it on the NLA."""

    bl_idname = "animcore.bake_take"
    bl_label = "Bake Take"
    bl_description = "Turn what is seen into plain keys on every frame, edits and polish within; or put it on the NLA"

    target: bpy.props.EnumProperty(
        name="Into",
        items=(
            ("KEYS", "Plain Keys", "A key on every frame; edits and polish become part of the take"),
            ("NLA", "NLA Strip", "A track of its own, so that an action of yours can play on top"),
        ),
    )

    def work_on(self, scene: bpy.types.Scene, take: Listed) -> None:
        """Bake it."""
        {"KEYS": library.bake, "NLA": library.to_nla}[self.target](scene, take)


class ANIMCORE_OT_delete_take(OfTake):  # noqa: N801
    """Take a take out of the file."""

    bl_idname = "animcore.delete_take"
    bl_label = "Delete Take"
    bl_description = "Take this take out of the file; Undo brings it back"

    def work_on(self, scene: bpy.types.Scene, take: Listed) -> None:
        """Delete it."""
        library.delete(scene, take)


class ANIMCORE_OT_run_again(OfTake):  # noqa: N801
    """Generate a take once more, with the settings that it was made with."""

    bl_idname = "animcore.run_again"
    bl_label = "Run Again"
    bl_description = "Generate once more, with the settings that this take was made with"
    bl_options = {"REGISTER"}  # noqa: RUF012 (the step of undo comes with the keys, not with the press)

    another: bpy.props.BoolProperty(
        name="Another Take", description="With the next seed: other blinks, glances and head movement"
    )

    @classmethod
    def description(cls, _context: bpy.types.Context, properties: bpy.types.OperatorProperties) -> str:
        """Say what the button does."""
        return (
            "Generate with the settings of this take and the next seed: other blinks, glances and head movement"
            if properties.another
            else cls.bl_description
        )

    def work_on(self, scene: bpy.types.Scene, take: Listed) -> None:
        """Start the work; without a window, also wait for its end."""
        take_actions.run_again(scene, take, another=self.another)
        session.follow()


class ANIMCORE_OT_retime(AnimcoreOperator):  # noqa: N801
    """Move the keys of all takes to where they belong at the scene's frame rate."""

    bl_idname = "animcore.retime"
    bl_label = "Retime"
    bl_description = (
        "The scene's frame rate was changed: move the keys of all takes, their sound and the markers on them, so that "
        "everything happens at the same second as before"
    )
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012

    def work(self, context: bpy.types.Context) -> None:
        """Move them."""
        session.session.outcome = session.Outcome(False, retime.retime(context.scene))
