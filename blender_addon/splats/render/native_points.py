"""Gaussians as Blender's own splats, which Cycles and EEVEE render: Blender 5.3 and later."""

from __future__ import annotations

import bpy

from animcore.gaussians import spherical_harmonics

from ...errors import AddonError
from ...scene import fcurves
from ..scene import splat_objects
from . import cpu_renderer


def make(context: bpy.types.Context, holder: bpy.types.Object) -> bpy.types.Object:
    """Add a point cloud of the Gaussians of an object, as they are in the scene's frame, and make it the active one.

    The object is kept, and hidden: what rides on a mesh moves with it there, and stands still in the point cloud.

    Args:
        context: of the scene.
        holder: the object that stands for a file.

    Raises:
        AddonError: where Blender has no splats of its own, or the file cannot be drawn.
    """
    if fcurves.own_splats() is None:
        raise AddonError("Blender's own splats need Blender 5.3 or later; use Gaussian Preview here.")
    placed = splat_objects.place(holder, context.evaluated_depsgraph_get())
    if placed is None:
        told = splat_objects.told(holder)
        raise AddonError(told.text if told is not None else f"{holder.name!r} cannot be drawn.")
    splats = cpu_renderer.in_world(placed)
    turned = spherical_harmonics.turned(splats.harmonics, placed.turn.T)  # they are told by the file's directions
    cloud = fcurves.make_splats(holder.name, splats.means, splats.rotations, splats.scales, splats.opacities, turned)
    made = bpy.data.objects.new(holder.name, cloud)
    context.collection.objects.link(made)
    for other in context.selected_objects:
        other.select_set(False)
    holder.hide_set(True)
    holder.hide_render = True
    made.select_set(True)
    context.view_layer.objects.active = made
    return made
