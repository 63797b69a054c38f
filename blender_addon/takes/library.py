"""The takes of a character that are in the file, and what is done with one: show, rename, bake, delete, run again.

A take is its actions: nothing else is stored, so that undo, append and save cover it.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import bpy

from .. import id_properties, object_data, properties
from ..character import rig_reader
from ..errors import AddonError
from ..scene import fcurves, sequencer
from . import keying, polish

_GLANCE = 2.0  # seconds that the data-blocks of a character stay true enough for drawing
_ONE_DRAWING = 0.03  # seconds within which calls belong to the drawing of one panel


@dataclass(frozen=True)
class Listed:
    """A take in the file.

    Attributes:
        ident: its identifier.
        name: its name.
        actions: its actions, by name.
        playing: whether it is what plays on the character.
        on_nla: whether it stands on NLA tracks.
    """

    ident: str
    name: str
    actions: tuple[bpy.types.Action, ...]
    playing: bool
    on_nla: bool


def owners_of(root: bpy.types.Object | bpy.types.Collection) -> list[bpy.types.ID]:
    """Return the data-blocks of a character that a take can play on: the shapes of its meshes, and its armature.

    Raises:
        AddonError: where it is an instance of a linked collection.
    """
    members = rig_reader.members_of(root)
    shapes = object_data.keys_of(one for one in members if one.type == "MESH")
    return [*dict.fromkeys(shapes), *(one for one in members if one.type == "ARMATURE")]


def listed(owners: Iterable[bpy.types.ID]) -> list[Listed]:
    """Return the takes of a character's data-blocks, the earliest first."""
    owners = list(owners)
    grouped: dict[str, list[bpy.types.Action]] = {}
    for action in bpy.data.actions:
        if fcurves.TAKE in action and any(fcurves.is_made_for(action, owner) for owner in owners):
            grouped.setdefault(fcurves.take_id(action), []).append(action)
    played = {data.action for owner in owners if (data := owner.animation_data) is not None}
    laid = {strip.action for owner in owners for strip in fcurves.strips_of(owner)}
    return [
        Listed(
            ident, fcurves.take_name(actions[0]), tuple(actions), bool(played & set(actions)), bool(laid & set(actions))
        )
        for ident, actions in sorted(grouped.items(), key=lambda item: ("|" not in item[0], item[0]))
    ]


def all_takes(scene: bpy.types.Scene) -> list[Listed]:
    """Return the takes of the chosen character.

    Raises:
        AddonError: where none is chosen.
    """
    global _drawn
    _drawn = None
    return listed(_owners(scene))


def find(scene: bpy.types.Scene, ident: str = "") -> Listed:
    """Return the take of that name apart, or the one that plays.

    Raises:
        AddonError: where there is none.
    """
    found = all_takes(scene)
    take = next((one for one in found if (one.ident == ident if ident else one.playing)), None)
    if take is None:
        raise AddonError(
            "The take is no longer in the file; choose another."
            if ident
            else "There is no active take; choose one in the list."
        )
    return take


def show(scene: bpy.types.Scene, take: Listed) -> None:
    """Let a take play on the character, alone of all takes; what the user has beneath it goes on."""
    playing = next((one for one in all_takes(scene) if one.playing), None)
    if playing is not None and playing.ident != take.ident:
        properties.of(scene).take_before = playing.ident
    for owner in _owners(scene):
        action = next((one for one in take.actions if fcurves.is_made_for(one, owner)), None)
        now = owner.animation_data.action if owner.animation_data is not None else None
        fcurves.remove_strips(owner, take.actions)
        if action is not None and action != now:
            fcurves.make_room(owner, (scene.frame_start, scene.frame_end))
            fcurves.assign(owner, action)
        elif action is None and now is not None and fcurves.TAKE in now:
            fcurves.assign(owner, None)
    if "audio" in (asked := settings_of(take)):
        sequencer.only(scene, asked, [settings_of(one) for one in all_takes(scene)])
    _look(scene)


def compare(scene: bpy.types.Scene) -> Listed:
    """Show the take that was shown before this one, and so to and fro; returns it.

    Raises:
        AddonError: where there are not two takes.
    """
    found = all_takes(scene)
    before = properties.of(scene).take_before
    others = [one for one in found if not one.playing]
    if not others:
        raise AddonError("There is only one take to compare; press Another Take first.")
    other = next((one for one in others if one.ident == before), others[-1])
    show(scene, other)
    return other


def rename(scene: bpy.types.Scene, take: Listed, name: str) -> None:
    """Call a take otherwise, its actions too.

    Raises:
        AddonError: without a name.
    """
    name = name.strip()
    if not name:
        raise AddonError("The name of the take is empty; type one.")
    owners = _owners(scene)
    for action in take.actions:
        owner = next((one for one in owners if fcurves.is_made_for(action, one)), None)
        action[fcurves.TAKE] = name
        if owner is not None:
            action.name = fcurves.short_name(keying.action_name(name, owner, len(take.actions)))


def bake(scene: bpy.types.Scene, take: Listed) -> None:
    """Turn a take into plain keys on every frame, edits and polish within."""
    polish.bake(take.actions, scene)
    _look(scene)


def to_nla(scene: bpy.types.Scene, take: Listed) -> None:
    """Put a take on an NLA track of its name, so that the user can work in an action on top of it."""
    show(scene, take)
    for owner in _owners(scene):
        data = owner.animation_data
        if data is not None and data.action in take.actions:
            action, slot = data.action, getattr(data, "action_slot", None)
            first, last = (round(frame) for frame in action.frame_range)
            fcurves.push_down(data, action, slot, (first, last), take.name)
    _look(scene)


def delete(scene: bpy.types.Scene, take: Listed) -> None:
    """Take a take out of the file; where it played, the take before it plays."""
    left = [one for one in all_takes(scene) if one.ident != take.ident]
    for owner in _owners(scene):
        fcurves.remove_strips(owner, take.actions)
    for action in take.actions:
        bpy.data.actions.remove(action)
    if take.playing and left:
        show(scene, left[-1])
    _look(scene)


def settings_of(take: Listed) -> dict[str, Any]:
    """Return what the engine was asked for."""
    return id_properties.wish(take.actions[0], fcurves.SETTINGS)


_seen: dict[int, tuple[float, list[int]]] = {}
_drawn: tuple[float, int, list[Listed]] | None = None  # what a panel that is being drawn has found, for its parts


def drawn(scene: bpy.types.Scene) -> list[Listed]:
    """Return the takes of the chosen character for a drawing that begins now; its parts get them by `glance`."""
    global _drawn
    _drawn = None
    _drawn = (time.monotonic(), scene.session_uid, glance(scene))
    return _drawn[2]


def glance(scene: bpy.types.Scene) -> list[Listed]:
    """Return the takes of the chosen character for drawing: its data-blocks are looked for every two seconds alone."""
    now = time.monotonic()
    if _drawn is not None and now - _drawn[0] < _ONE_DRAWING and _drawn[1] == scene.session_uid:
        return _drawn[2]
    root = properties.root(properties.of(scene))
    if root is None:
        return []
    when, uids = _seen.get(root.session_uid, (0.0, []))
    if now - when > _GLANCE:
        try:
            uids = [owner.session_uid for owner in owners_of(root)]
        except AddonError:
            uids = []
        _seen.clear()
        _seen[root.session_uid] = (now, uids)
    wanted = set(uids)
    owners = [one for blocks in (bpy.data.shape_keys, bpy.data.objects) for one in blocks if one.session_uid in wanted]
    return listed(owners)


def playing_row(settings: properties.AnimcoreSettings) -> int:
    """Return the place in `bpy.data.actions` of the first action of the take that plays; -1 for none."""
    take = next((one for one in glance(properties.scene_of(settings)) if one.playing), None)
    return bpy.data.actions.find(take.actions[0].name) if take is not None else -1


def show_row(settings: properties.AnimcoreSettings, row: int) -> None:
    """Show the take whose first action stands at that place."""
    scene = properties.scene_of(settings)
    if 0 <= row < len(bpy.data.actions):
        action = bpy.data.actions[row]
        take = next((one for one in glance(scene) if action in one.actions), None)
        if take is not None and not take.playing:
            show(scene, take)


def _owners(scene: bpy.types.Scene) -> list[bpy.types.ID]:
    root = properties.root(properties.of(scene))
    if root is None:
        raise AddonError("Choose a character first; its takes are listed then.")
    return owners_of(root)


def _look(scene: bpy.types.Scene) -> None:
    """Show what is assigned now: it would show at the next evaluation alone."""
    global _drawn
    _drawn = None
    scene.frame_set(scene.frame_current)
