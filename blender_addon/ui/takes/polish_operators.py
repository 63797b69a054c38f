"""The polish of the active take. Blender reads annotations here: they are not postponed."""

import bpy

from animcore.core.vocabulary import REGIONS
from animcore.postprocess.region_smoothing import FURTHEST, SMOOTHEST, STRONGEST

from ... import properties
from ...performance import session, take_actions
from ...takes import curve_view, library, mirror, polish, viseme_keys
from ..shared.operator_base import AnimcoreOperator

_REGION_ITEMS = [(name, name.capitalize(), "", 1 << number) for number, name in enumerate(REGIONS)]


class _OfPlaying(AnimcoreOperator):
    """Base of operators on the active take."""

    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Whether a take is active."""
        playing = any(take.playing for take in library.glance(context.scene))
        if not playing:
            cls.poll_message_set("There is no active take; press Generate, or choose a take")
        return playing and not session.session.jobs.busy


class ANIMCORE_OT_polish(_OfPlaying):  # noqa: N801 (Blender's own naming)
    """Set smoothing, exaggeration, timing and key reduction of the active take: for scripts; the panel has sliders."""

    bl_idname = "animcore.polish"
    bl_label = "Polish"
    bl_description = (
        "Set smoothing, exaggeration, timing and key reduction of regions; properties that are not set stay"
    )

    regions: bpy.props.EnumProperty(name="Regions", items=_REGION_ITEMS, options={"ENUM_FLAG"}, default={"lips"})
    smoothing: bpy.props.FloatProperty(name="Smoothing", min=0.0, max=SMOOTHEST)
    exaggeration: bpy.props.FloatProperty(name="Exaggeration", default=1.0, min=0.0, max=STRONGEST)
    offset: bpy.props.FloatProperty(name="Offset", min=-FURTHEST, max=FURTHEST)
    keys_per_second: bpy.props.FloatProperty(name="Keys per Second", min=0.0, max=60.0)
    key_kind: bpy.props.EnumProperty(name="Interpolation", items=(("BEZIER", "Bezier", ""), ("LINEAR", "Linear", "")))
    edits: bpy.props.FloatProperty(name="Manual Edits", default=1.0, min=0.0, max=1.0)

    def work(self, context: bpy.types.Context) -> None:
        """Set the sliders that were given, and update the curves."""
        action = library.find(context.scene).actions[0]
        given = {name for name in self.properties.keys() if self.properties.is_property_set(name)}  # noqa: SIM118
        with properties.held_curves():
            for name in given & {"keys_per_second", "key_kind", "edits"}:
                setattr(properties.polish_of(action), name, getattr(self, name))
            for name in given & {"smoothing", "exaggeration", "offset"}:
                for region in self.regions:
                    setattr(properties.polish_of(action), f"{region}_{name}", getattr(self, name))
        take_actions.follow_polish(context.scene, action)


class ANIMCORE_OT_reset_polish(_OfPlaying):  # noqa: N801
    """Reset all sliders of the polish; manual edits stay."""

    bl_idname = "animcore.reset_polish"
    bl_label = "Reset Polish"
    bl_description = "Reset all polish sliders; manual edits are kept"

    def work(self, context: bpy.types.Context) -> None:
        """Reset them."""
        action = library.find(context.scene).actions[0]
        properties.set_polish(action, None)
        take_actions.follow_polish(context.scene, action)


class ANIMCORE_OT_drop_edits(_OfPlaying):  # noqa: N801
    """Revert manual edits, in some regions and within a range of frames."""

    bl_idname = "animcore.drop_edits"
    bl_label = "Revert Manual Edits"
    bl_description = "Revert these regions to the generated curves, within the preview range if one is set"

    regions: bpy.props.EnumProperty(name="Regions", items=_REGION_ITEMS, options={"ENUM_FLAG"}, default=set(REGIONS))
    first: bpy.props.FloatProperty(name="From Frame", description="Used with To Frame only")
    last: bpy.props.FloatProperty(name="To Frame", description="Used with From Frame only")

    def work(self, context: bpy.types.Context) -> None:
        """Revert them."""
        scene = context.scene
        frames = (-float("inf"), float("inf"))
        if self.properties.is_property_set("first") and self.properties.is_property_set("last"):
            frames = (self.first, self.last)
        elif scene.use_preview_range:
            frames = (scene.frame_preview_start, scene.frame_preview_end)
        count = polish.drop_edits(library.find(scene).actions, scene, self.regions, frames)
        told = (
            f"Edits on {count} curve{'s' * (count != 1)} were reverted." if count else "There are no edits to revert."
        )
        session.session.outcome = session.Outcome(False, told)


class ANIMCORE_OT_mirror_take(_OfPlaying):  # noqa: N801
    """Swap left and right of the performance."""

    bl_idname = "animcore.mirror_take"
    bl_label = "Mirror"
    bl_description = "Swap left and right of the performance"

    def work(self, context: bpy.types.Context) -> None:
        """Mirror it."""
        mirror.mirror(context.scene, library.find(context.scene))


class ANIMCORE_OT_key_viseme(AnimcoreOperator):  # noqa: N801
    """Key a viseme at the current frame, on any rig."""

    bl_idname = "animcore.key_viseme"
    bl_label = "Key Viseme"
    bl_description = "Key this mouth shape at the current frame with eased ends, as a manual edit"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012

    viseme: bpy.props.EnumProperty(name="Viseme", items=viseme_keys.ITEMS)
    strength: bpy.props.FloatProperty(name="Strength", default=1.0, min=0.0, max=1.0, subtype="FACTOR")
    ease: bpy.props.FloatProperty(
        name="Ease",
        description="Duration of the ease in and the ease out in milliseconds",
        default=100.0,
        min=0.0,
        max=1000.0,
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Whether a character is chosen."""
        return properties.root(properties.of(context.scene)) is not None and not session.session.jobs.busy

    def work(self, context: bpy.types.Context) -> None:
        """Key it."""
        viseme_keys.key(context.scene, self.viseme, self.strength, self.ease / 1000.0)


class ANIMCORE_OT_show_curves(_OfPlaying):  # noqa: N801
    """Show the curves of some regions in the graph editor, and no others."""

    bl_idname = "animcore.show_curves"
    bl_label = "Show Curves"
    bl_description = "Show only the curves of lips and jaw, in a Graph Editor below the 3D view"

    regions: bpy.props.EnumProperty(name="Regions", items=_REGION_ITEMS, options={"ENUM_FLAG"}, default={"lips", "jaw"})

    def work(self, context: bpy.types.Context) -> None:
        """Show them."""
        curve_view.show(context, library.find(context.scene), self.regions)
