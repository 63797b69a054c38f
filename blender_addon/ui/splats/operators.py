"""Gaussians in the scene. Blender reads annotations here: they are not postponed."""

from pathlib import Path
from typing import cast

import bpy

from ... import properties, resources
from ...errors import AddonError
from ...performance import session
from ...scene import fcurves
from ...splats.properties import splats_of
from ...splats.render import native_points, side_by_side
from ...splats.scene import head_import, hybrid_heads, splat_objects
from ..shared.operator_base import AnimcoreOperator, Result


class ANIMCORE_OT_add_splats(AnimcoreOperator):  # noqa: N801 (Blender's own naming)
    """Add a file of Gaussian splats, or the folder of an avatar, to the scene."""

    bl_idname = "animcore.add_splats"
    bl_label = "Add Splats"
    bl_description = (
        "Add a file of Gaussian splats or the folder of an avatar; bound splats are attached to the selected mesh"
    )
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012

    filepath: bpy.props.StringProperty(subtype="FILE_PATH", options={"SKIP_SAVE"})
    filter_glob: bpy.props.StringProperty(default=splat_objects.GLOB, options={"HIDDEN"})

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> Result:
        """Open the file browser."""
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def work(self, context: bpy.types.Context) -> None:
        """Add it."""
        if context.mode != "OBJECT":
            raise AddonError("Go to Object Mode first.")
        path = Path(bpy.path.abspath(self.filepath))
        if bpy.app.background:
            head_import.choose(context.scene, splat_objects.add(context, path, _carrier(context)))
        elif hybrid_heads.is_head(path):
            head_import.order(context.scene, path)
            session.follow()
        else:
            head_import.read(path, lambda: splat_objects.add(bpy.context, path, _carrier(bpy.context)))


class ANIMCORE_OT_add_hybrid_head(AnimcoreOperator):  # noqa: N801 (Blender's own naming)
    """Add the bundled hybrid head, and choose it as the character where none is chosen."""

    bl_idname = "animcore.add_hybrid_head"
    bl_label = "Add Hybrid Head"
    bl_description = "Add the bundled example head of mesh and Gaussians"
    bl_options = {"REGISTER"}  # noqa: RUF012 (the step of undo comes with the head, not with the press)

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Whether objects can be added now."""
        reason = "The engine is busy; wait for it or cancel it first" if session.session.jobs.busy else ""
        reason = reason or ("Go to Object Mode first" if context.mode != "OBJECT" else "")
        if reason:
            cls.poll_message_set(reason)
        return not reason

    def work(self, context: bpy.types.Context) -> None:
        """Start the work; without a window, also wait for its end."""
        head_import.order(context.scene, resources.hybrid_head())
        session.follow()


class ANIMCORE_OT_attach_splats(AnimcoreOperator):  # noqa: N801
    """Attach the selected splats to the selected mesh."""

    bl_idname = "animcore.attach_splats"
    bl_label = "Attach to Mesh"
    bl_description = "Attach the selected splats to the triangles of the selected mesh"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Whether splats and a mesh are selected."""
        chosen = context.selected_objects
        if not any(map(splat_objects.is_holder, chosen)) or _carrier(context) is None:
            cls.poll_message_set("Select the splats and the mesh that they are bound to")
            return False
        return True

    def work(self, context: bpy.types.Context) -> None:
        """Attach them."""
        carrier = cast("bpy.types.Object", _carrier(context))
        for holder in filter(splat_objects.is_holder, context.selected_objects):
            splat_objects.attach(holder, carrier)
            splat_objects.place(holder, context.evaluated_depsgraph_get())


class ANIMCORE_OT_toggle_carrier(AnimcoreOperator):  # noqa: N801
    """Show the bound mesh as a surface, or as wires that hide nothing."""

    bl_idname = "animcore.toggle_carrier"
    bl_label = "Show or Hide Mesh"
    bl_description = "Display the bound mesh as a surface or as wires"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Whether the active object is splats that are bound to a mesh."""
        active = context.object
        return splat_objects.is_holder(active) and splats_of(active).carrier is not None

    def work(self, context: bpy.types.Context) -> None:
        """Change how it is displayed."""
        carrier = cast("bpy.types.Object", splats_of(cast("bpy.types.Object", context.object)).carrier)
        carrier.display_type = "TEXTURED" if carrier.display_type == "WIRE" else "WIRE"


class ANIMCORE_OT_own_splats(AnimcoreOperator):  # noqa: N801
    """Convert the splats to a point cloud of Blender's own splats."""

    bl_idname = "animcore.own_splats"
    bl_label = "Convert to Blender Splats"
    bl_description = "Add the splats of this frame as a point cloud that Cycles and EEVEE render as splats"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Whether splats are active and Blender has its own."""
        if fcurves.own_splats() is None:
            cls.poll_message_set("Blender's own splats need Blender 5.3 or later")
            return False
        return splat_objects.is_holder(context.object)

    def work(self, context: bpy.types.Context) -> None:
        """Write them."""
        native_points.make(context, cast("bpy.types.Object", context.object))


class ANIMCORE_OT_render_side_by_side(AnimcoreOperator):  # noqa: N801
    """Render the current frame with the scene's engine and with Gaussian Preview, into one image."""

    bl_idname = "animcore.render_side_by_side"
    bl_label = "Side by Side"
    bl_description = "Render the current frame with the scene's engine and with Gaussian Preview, into one image"
    bl_options = {"REGISTER"}  # noqa: RUF012 (nothing of the scene changes)

    filepath: bpy.props.StringProperty(subtype="FILE_PATH", options={"SKIP_SAVE"})
    filter_glob: bpy.props.StringProperty(default="*" + side_by_side.SUFFIX, options={"HIDDEN"})
    check_existing: bpy.props.BoolProperty(default=True, options={"HIDDEN"})

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> Result:
        """Open the file browser."""
        self.filepath = str(resources.beside_file() / f"side_by_side{side_by_side.SUFFIX}")
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def work(self, context: bpy.types.Context) -> None:
        """Render both."""
        side_by_side.render(context.scene, Path(bpy.path.abspath(self.filepath)))


def _carrier(context: bpy.types.Context) -> bpy.types.Object | None:
    """The mesh that is selected, the active one first; else the character, where it is a mesh."""
    chosen = [context.object, *context.selected_objects, properties.of(context.scene).character]
    return next((one for one in chosen if one is not None and one.type == "MESH"), None)
