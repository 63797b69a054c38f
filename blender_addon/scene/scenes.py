"""Copies of scenes with all that is in them."""

from __future__ import annotations

import bpy

from ..errors import AddonError


def full_copy(scene: bpy.types.Scene, name: str) -> bpy.types.Scene:
    """Return a copy of a scene whose objects, meshes and armatures are its own; the window shows the old one.

    Raises:
        AddonError: where Blender makes none.
    """
    before = set(bpy.data.scenes)
    window = bpy.context.window
    with bpy.context.temp_override(scene=scene):
        bpy.ops.scene.new(type="FULL_COPY")
    made = [one for one in bpy.data.scenes if one not in before]
    if not made:
        raise AddonError(f"The scene {scene.name!r} cannot be copied; save the file and try again.")
    made[0].name = name
    if window is not None:
        window.scene = scene
    return made[0]
