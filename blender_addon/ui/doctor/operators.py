"""Ask the take doctor, and let it mend what it found. Blender reads annotations here: they are not postponed."""

import bpy

from ... import properties
from ...doctor import examination
from ...errors import AddonError
from ...performance import mixing, session
from ...voice import analysis, source
from ..shared.operator_base import AnimcoreOperator


class ANIMCORE_OT_examine(AnimcoreOperator):  # noqa: N801 (Blender's own naming)
    """Look for what is wrong with voice, scene and rig before anything is written."""

    bl_idname = "animcore.examine"
    bl_label = "Examine"
    bl_description = "Look for what is wrong with voice, scene and rig before anything is written"

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        """Whether nothing runs."""
        if session.session.jobs.busy:
            cls.poll_message_set("The engine is at work; wait for it or cancel it first")
        return not session.session.jobs.busy

    def work(self, context: bpy.types.Context) -> None:
        """Look at once, and again when the engine has listened to a voice that it does not know yet."""
        scene = context.scene
        found = session.examine(scene)
        unheard = source.chosen(scene) and analysis.of(properties.of(scene)) is None
        if unheard and not any(one.name == "no_voice" for one in found):
            mixing.then(scene, lambda scene: session.order_inspection(scene, lambda: session.examine(scene)))
            session.follow()


class ANIMCORE_OT_mend(AnimcoreOperator):  # noqa: N801 (Blender's own naming)
    """Put one thing right that the take doctor found."""

    bl_idname = "animcore.mend"
    bl_label = "Mend"
    bl_description = "Put right what this sentence says"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012

    finding: bpy.props.StringProperty(name="Finding", description="The name of the finding", options={"SKIP_SAVE"})

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Whether data may be changed now."""
        return _can_mend(cls, context)

    def work(self, context: bpy.types.Context) -> None:
        """Mend it, and look again."""
        _mend(context.scene, [self.finding])


class ANIMCORE_OT_mend_all(AnimcoreOperator):  # noqa: N801 (Blender's own naming)
    """Put right everything that keeps the take from being made or seen; what is only worth knowing is left alone."""

    bl_idname = "animcore.mend_all"
    bl_label = "Mend All"
    bl_description = "Put right all that keeps the take from being made or seen; what is only worth knowing stays"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Whether data may be changed now."""
        return _can_mend(cls, context)

    def work(self, context: bpy.types.Context) -> None:
        """Mend what is more than a note; a link that was mended may show more, so look until nothing is left."""
        done: set[str] = set()
        while wanted := [
            one.name
            for one in session.examine(context.scene)
            if one.mendable and one.severity != "note" and one.name not in done
        ]:
            _mend(context.scene, wanted)
            done.update(wanted)


def _can_mend(cls: type[bpy.types.Operator], context: bpy.types.Context) -> bool:
    if context.mode not in ("OBJECT", "POSE"):
        cls.poll_message_set("Go to Object Mode first")
        return False
    if session.session.jobs.busy:
        cls.poll_message_set("The engine is at work; wait for it or cancel it first")
        return False
    return True


def _mend(scene: bpy.types.Scene, names: list[str]) -> None:
    if not scene.is_editable:
        raise AddonError(f"The scene {scene.name!r} is linked from another file and cannot be changed here.")
    facts = analysis.facts(properties.of(scene))
    for name in names:
        examination.mend(examination.patient(scene, facts, float(facts.get("duration", 0.0))), name)
    session.session.character = None  # what the panel says of it may no longer be true
    session.examine(scene)
