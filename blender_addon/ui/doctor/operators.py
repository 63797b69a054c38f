"""Run the take doctor, and fix its findings. Blender reads annotations here: they are not postponed."""

import bpy

from ... import properties
from ...doctor import examination
from ...errors import AddonError
from ...performance import mixing, session
from ...voice import analysis, source
from ..shared.operator_base import AnimcoreOperator


class ANIMCORE_OT_examine(AnimcoreOperator):  # noqa: N801 (Blender's own naming)
    """Check audio, scene and rig for problems before generating."""

    bl_idname = "animcore.examine"
    bl_label = "Examine"
    bl_description = "Check audio, scene and rig for problems before generating"

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        """Whether nothing runs."""
        if session.session.jobs.busy:
            cls.poll_message_set("The engine is busy; wait for it or cancel it first")
        return not session.session.jobs.busy

    def work(self, context: bpy.types.Context) -> None:
        """Check at once, and again after the engine has analyzed new audio."""
        scene = context.scene
        found = session.examine(scene)
        unheard = source.chosen(scene) and analysis.of(properties.of(scene)) is None
        if unheard and not any(one.name == "no_voice" for one in found):
            mixing.then(scene, lambda scene: session.order_inspection(scene, lambda: session.examine(scene)))
            session.follow()


class ANIMCORE_OT_mend(AnimcoreOperator):  # noqa: N801 (Blender's own naming)
    """Fix one finding of the take doctor."""

    bl_idname = "animcore.mend"
    bl_label = "Fix"
    bl_description = "Fix this problem"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012

    finding: bpy.props.StringProperty(name="Finding", description="Name of the finding", options={"SKIP_SAVE"})

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Whether data may be changed now."""
        return _can_mend(cls, context)

    def work(self, context: bpy.types.Context) -> None:
        """Fix it, and check again."""
        _mend(context.scene, [self.finding])


class ANIMCORE_OT_mend_all(AnimcoreOperator):  # noqa: N801 (Blender's own naming)
    """Fix all problems that keep the take from being generated or seen; notes are left alone."""

    bl_idname = "animcore.mend_all"
    bl_label = "Fix All"
    bl_description = "Fix all problems that keep the take from being generated or seen, except notes"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Whether data may be changed now."""
        return _can_mend(cls, context)

    def work(self, context: bpy.types.Context) -> None:
        """Fix all but notes; a fixed link may reveal more problems, so check until none is left."""
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
        cls.poll_message_set("The engine is busy; wait for it or cancel it first")
        return False
    return True


def _mend(scene: bpy.types.Scene, names: list[str]) -> None:
    if not scene.is_editable:
        raise AddonError(
            f"The scene {scene.name!r} is linked from another file and cannot be changed here; use a local scene."
        )
    facts = analysis.facts(properties.of(scene))
    for name in names:
        examination.mend(examination.patient(scene, facts, float(facts.get("duration", 0.0))), name)
    session.session.character = None  # the result that the panel shows may be outdated
    session.examine(scene)
