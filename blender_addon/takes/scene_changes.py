"""What a take changes in a scene besides its keys: sliders, the action that plays, the range, what would hide it."""

from __future__ import annotations

from contextlib import ExitStack
from typing import cast

import bpy

from .. import object_data
from ..character import face_maps, rig_reader
from ..scene import fcurves, sequencer
from ..scene.fcurves import Channel


def own_shapes(character: rig_reader.Character, undo: ExitStack) -> list[str]:
    """Override the meshes of a linked character; returns what was done."""
    names = []
    for face in character.faces:
        if (linked := rig_reader.own_shapes(face)) is not None:
            undo.callback(_relink, object_data.mesh(face.mesh), linked)
            names.append(face.mesh.name)
    return [f"The mesh data of {', '.join(names)} got a library override, to key its shapes."] if names else []


def widened(character: rig_reader.Character, undo: ExitStack) -> list[str]:
    """Let the sliders of shapes go as far as shapes need that are weak or turned; returns what was done."""
    names = []
    for face in character.faces:
        for index, name in face_maps.shapes_of(character.map, face.mesh.name):
            block, way = face.key.key_blocks[name], character.map.channels[index]
            low, high = min(block.slider_min, way.low), max(block.slider_max, way.high)
            if way.low < min(0.0, block.slider_min) or way.high > max(1.0, block.slider_max):
                undo.callback(setattr, block, "slider_min", block.slider_min)
                undo.callback(setattr, block, "slider_max", block.slider_max)
                block.slider_min, block.slider_max = low, high
                names.append(name)
    return [f"The sliders of {', '.join(dict.fromkeys(names))} were widened to reach it."] if names else []


def _relink(own: bpy.types.Mesh, linked: bpy.types.Mesh) -> None:
    own.user_remap(linked)
    bpy.data.meshes.remove(own)


def put_into_scene(
    scene: bpy.types.Scene,
    work: list[tuple[bpy.types.ID, list[Channel]]],
    actions: list[bpy.types.Action],
    frames: tuple[int, int],
    notes: list[str],
    undo: ExitStack,
) -> None:
    """Assign the actions, keep what played before, and make the scene's range long enough."""
    shown = (min(scene.frame_start, frames[0]), max(scene.frame_end, frames[1]))
    for (owner, _), action in zip(work, actions, strict=True):
        undo.callback(fcurves.Snapshot(owner).restore)
        before = owner.animation_data.action if owner.animation_data is not None else None
        if before is not None and fcurves.TAKE in before:
            notes.append(f"The earlier take {before[fcurves.TAKE]!r} stays in the list of takes.")
        if (kept := fcurves.make_room(owner, shown)) is not None:
            notes.append(f"The action {kept!r} plays below the take, on the NLA track {kept!r}.")
        fcurves.assign(owner, action)
    if frames[1] > scene.frame_end or _ends_early(scene, frames[1]):
        undo.callback(setattr, scene, "frame_end", scene.frame_end)
        scene.frame_end = frames[1]
        notes.append(f"The scene now ends at frame {frames[1]}, with the audio.")


def _ends_early(scene: bpy.types.Scene, last: int) -> bool:
    """Whether a scene ends where every new one does, after a take, and nothing in it goes on until there."""
    strips = sequencer.strips_of(scene) if scene.sequence_editor is not None else ()
    ends = [sequencer.span(strip)[1] - 1 for strip in strips]
    ends += [marker.frame for marker in scene.timeline_markers]
    ends += [int(action.frame_range[1]) for action in bpy.data.actions if action.users]
    new = cast("bpy.types.IntProperty", scene.bl_rna.properties["frame_end"]).default
    return bool(scene.frame_start <= last < scene.frame_end == new and max(ends, default=last) <= last)


def show(character: rig_reader.Character) -> list[str]:
    """Turn off what would hide the result; returns what was turned off."""
    pinned = [face.mesh for face in character.faces if face.mesh.show_only_shape_key]
    for mesh in pinned:
        mesh.show_only_shape_key = False
    names = ", ".join(repr(mesh.name) for mesh in pinned)
    notes = [f"A solo shape key on {names} hid the others; its solo is off now."] if pinned else []
    armature = character.armature
    if armature is not None and character.bones and object_data.armature(armature).pose_position == "REST":
        object_data.armature(armature).pose_position = "POSE"
        notes.append(f"The armature {armature.name!r} was in rest position; it is in pose position now.")
    return notes
