"""The list of a character's tracks: what moves for each of them, to be read, corrected and tried out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

import bpy

from animcore.errors import AnimcoreError
from animcore.retarget.face_map import SEEN
from animcore.retarget.rig_profiles import ROLES
from animcore.retarget.source_tracks import INDEX

from .. import list_properties, object_data
from ..errors import AddonError
from ..scene import temporary_values
from . import corrections, rig_reader

SOLVED, NONE = "solved", "none"  # targets of a track without a shape of its own


Root = bpy.types.Object | bpy.types.Collection  # what a character is chosen by


@dataclass(frozen=True)
class Row:
    """A line of the list: a track of the engine or the role of a bone, and what the rig has for it."""

    track: str
    target: str
    is_bone: bool = False
    corrected: bool = False


def rows(root: Root) -> list[Row]:
    """Return the list of a character: every track of the face and every role of a bone."""
    known = corrections.of(root)
    try:
        character = rig_reader.read(root)
    except AnimcoreError:
        character = None
    if character is None or not character.map.channels:  # what is known of it is not enough to speak yet
        targets = {track: shape for track, shape in known.shapes.items() if shape != corrections.NOTHING}
        bones = dict(known.bones) if character is None else character.bones
    else:
        targets = {track: _target(character, track) for track in corrections.TRACKS}
        bones = character.bones
    face = [Row(track, targets.get(track, NONE), False, track in known.shapes) for track in corrections.TRACKS]
    return face + [Row(role, bones.get(role, NONE), True, role in known.bones) for role in ROLES]


def fill(window: bpy.types.WindowManager, root: Root | None) -> None:
    """Put the list where the panel draws it from; without a character it is empty."""
    tracks = list_properties.tracks_of(window)
    tracks.clear()
    for row in rows(root) if root is not None else ():
        item = tracks.add()
        item.name, item.target = row.track, row.target
        item.is_bone, item.corrected = row.is_bone, row.corrected


def _target(character: rig_reader.Character, track: str) -> str:
    names = dict.fromkeys(name for _, name in _targets(character, track))
    if names:
        return ", ".join(names)
    return SOLVED if character.map.explained[INDEX[track]] >= SEEN else NONE


def _targets(character: rig_reader.Character, track: str) -> Iterator[tuple[str, str]]:
    """(mesh, shape) of everything that takes a track as it is."""
    for index, channel in enumerate(character.map.channels):
        if character.map.direct[index, INDEX[track]]:
            yield from channel.targets


def shape_names(root: Root) -> list[str]:
    """Return the names of all shapes of a character, each once."""
    faces = rig_reader.faces_of(one for one in rig_reader.members_of(root) if one.type == "MESH")
    return list(dict.fromkeys(name for face in faces for name in face.names))


def richest_key(root: Root) -> bpy.types.Key | None:
    """Return the shapes of the mesh that has most of them, to pick one from; costs nothing."""
    keys = object_data.keys_of(one for one in rig_reader.members_of(root) if one.type == "MESH")
    return max(keys, key=lambda key: len(key.key_blocks), default=None)


def armature(root: Root) -> bpy.types.Object | None:
    """Return the armature of a character."""
    members = rig_reader.members_of(root)
    return rig_reader.armature_of(members, [one for one in members if one.type == "MESH"])


def assign(root: Root, track: str, target: str) -> None:
    """Assign the shape of a track, or the bone of a role; an empty target restores the detected one.

    Raises:
        AddonError: for an unknown track, or where the character has no such shape or bone.
    """
    known = corrections.of(root)
    is_bone = track in ROLES
    if not is_bone and track not in corrections.TRACKS:
        raise AddonError(f"There is no track {track!r}; pick one of the list of tracks.")
    rig = armature(root)
    present = (object_data.bones(rig).keys() if rig is not None else []) if is_bone else shape_names(root)
    if target not in ("", corrections.NOTHING) and target not in present:
        kind = "bone" if is_bone else "shape that can be keyed"
        raise AddonError(f"{root.name!r} has no {kind} named {target!r}; pick one of its own.")
    changed = {name: one for name, one in (known.bones if is_bone else known.shapes).items() if name != track}
    if target:
        changed[track] = target
    parts = (known.shapes, changed) if is_bone else (changed, known.bones)
    corrections.store(root, corrections.Corrections(*parts))


_shown = temporary_values.Shown()


def previewed() -> bool:
    """Whether a shape is being tried out."""
    return bool(_shown.places)


def preview(root: Root, track: str, weight: float) -> None:
    """Show what a track does; `end_preview` puts every shape back.

    Raises:
        AddonError: where no shape stands for it alone.
    """
    end_preview()
    character = rig_reader.read(root)
    targets = set(_targets(character, track)) if track in INDEX else set()
    if not targets:
        raise AddonError(f"{track} is made by several shapes together and has no preview; pick another track.")
    keys = {mesh: object_data.key_of(bpy.data.objects[mesh]) for mesh, _ in targets}
    _shown.show(
        {("shape_keys", keys[mesh].session_uid, rig_reader.shape_path(name), 0): weight for mesh, name in targets}
    )


def previewed_blocks() -> list[bpy.types.ShapeKey]:
    """Return the shapes that are being tried out."""
    found = []
    for place in _shown.places:
        with suppress(StopIteration, ValueError):  # deleted in the meantime
            found.append(temporary_values.target(place)[0])
    return found


def end_preview() -> None:
    """Put the shapes back that were tried out."""
    _shown.back()


def forget_preview() -> None:
    """Another file is open: nothing of it was tried out."""
    _shown.forget()
