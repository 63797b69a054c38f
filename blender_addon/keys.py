"""F-curves in bulk on every Blender from 4.2 on: the one module that knows slots, layers and channelbags.

Blender 4.4 and later keep the curves of a data-block in a channelbag that belongs to a slot of the action; 4.2 keeps
them in the action itself. A generated performance gets an action of its own for each data-block, with one slot, so
that a file can go from one version to another.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import bpy
import numpy as np
from numpy.typing import NDArray

TAKE = "animcore_take"  # custom property of an action that Animcore made: the name of its take

_BEZIER = 2  # Keyframe.interpolation as a number
_AUTO_CLAMPED = 4  # Keyframe.handle_left_type as a number: smooth, and never past a key
_NAME_BYTES = 63  # of a data-block's name in Blender before 5.0
_MOVES = 1e-4  # by which the keys of a curve differ that is more than a pose: radians or units
_BONE = re.compile(r'pose\.bones\["(?P<name>.*)"\]\.(?:location|rotation_\w+)')


@dataclass(frozen=True)
class Channel:
    """The values (T,) of one property over time: its data path, index and the group of the dope sheet it stands in."""

    path: str
    index: int
    group: str
    values: NDArray[np.float32]


def make_action(owner: bpy.types.ID, name: str, first_frame: int, channels: Sequence[Channel]) -> bpy.types.Action:
    """Make an action with a key on every frame from `first_frame` on. It is not assigned; nothing else is touched."""
    action = bpy.data.actions.new(short_name(name))
    try:
        curves, groups = _writable(action, owner)
        for channel in channels:
            _write(curves, groups, first_frame, channel)
    except BaseException:
        bpy.data.actions.remove(action)
        raise
    return action


def short_name(name: str) -> str:
    """Cut a name to what a data-block can hold, without splitting a character."""
    return name.encode()[:_NAME_BYTES].decode(errors="ignore")


def assign(owner: bpy.types.ID, action: bpy.types.Action | None, slot: Any = None) -> None:
    """Make an action the one that plays on a data-block; without a slot its first one of this kind."""
    data = owner.animation_data or owner.animation_data_create()
    data.action = action
    if action is not None and hasattr(data, "action_slot"):
        data.action_slot = slot or next((one for one in action.slots if one.target_id_type == owner.id_type), None)


def current_curves(owner: bpy.types.ID) -> list[bpy.types.FCurve]:
    """Return the F-curves that play on a data-block through its active action."""
    data = owner.animation_data
    if data is None or data.action is None:
        return []
    return curves_of(data.action, getattr(data, "action_slot", None))


def curves_of(action: bpy.types.Action, slot: Any = None) -> list[bpy.types.FCurve]:
    """Return the F-curves of an action: of one slot, or of all where none is given."""
    if not hasattr(action, "layers"):
        return list(action.fcurves)
    slots = action.slots if slot is None else [slot]
    strips = [strip for layer in action.layers for strip in layer.strips]
    bags = (strip.channelbag(one) for strip in strips for one in slots)
    return [curve for bag in bags if bag is not None for curve in bag.fcurves]


def own_animation(owner: bpy.types.ID) -> dict[str, set[str]]:
    """Return the bones that actions of the user's move on a data-block: by the action's name, those it has keys for.

    A pose that is keyed and held, as importers bring with a character, is no animation. Neither is a take.
    """
    found = {}
    for action, slot in _playing(owner):
        curves = [(match, curve) for curve in curves_of(action, slot) if (match := _BONE.fullmatch(curve.data_path))]
        if TAKE not in action and any(_moves(curve) for _, curve in curves):
            found[action.name] = {bpy.utils.unescape_identifier(match["name"]) for match, _ in curves}
    return found


def _playing(owner: bpy.types.ID) -> Iterator[tuple[bpy.types.Action, Any]]:
    """The actions that are heard on a data-block, each with its slot: the active one and those of the NLA."""
    data = owner.animation_data
    if data is None:
        return
    if data.action is not None:
        yield data.action, getattr(data, "action_slot", None)
    for track in data.nla_tracks if data.use_nla else ():
        for strip in track.strips if not track.mute else ():
            if strip.action is not None and not strip.mute:
                yield strip.action, getattr(strip, "action_slot", None)


def _moves(curve: bpy.types.FCurve) -> bool:
    if curve.mute or not len(curve.keyframe_points):
        return False
    points = np.empty(2 * len(curve.keyframe_points), np.float32)
    curve.keyframe_points.foreach_get("co", points)
    return bool(len(curve.modifiers) or np.ptp(points[1::2]) > _MOVES)


def make_room(owner: bpy.types.ID, frames: tuple[int, int]) -> str | None:
    """Clear the way for a take on a data-block: what the user has there keeps playing beneath it.

    An action of the user's goes to an NLA track of its own name, over the frames given and its own, so that it still
    moves everything that the take does not. An action of an earlier take is only set aside: it has a fake user.

    Returns:
        The name of the user's action that went to the NLA, or None.
    """
    data = owner.animation_data or owner.animation_data_create()
    for track in data.nla_tracks:
        track.is_solo = False  # a solo track hides the action that plays
        track.mute = track.mute or not data.use_nla  # what was turned off as a whole stays off
    action, slot = data.action, getattr(data, "action_slot", None)
    kept = None
    if action is not None:
        action.use_fake_user = True
        if TAKE not in action and current_curves(owner):
            _push_down(data, action, slot, frames)
            kept = action.name
    data.action = None
    data.action_blend_type, data.action_influence, data.action_extrapolation = "REPLACE", 1.0, "HOLD"
    return kept


class Snapshot:
    """What plays on a data-block now, to be put back where a take fails half-way."""

    def __init__(self, owner: bpy.types.ID) -> None:
        data = owner.animation_data
        self._owner = owner
        self._bare = data is None
        self._action = data.action if data is not None else None
        self._slot = getattr(data, "action_slot", None)
        self._use_fake_user = self._action.use_fake_user if self._action is not None else False
        names = ("action_blend_type", "action_influence", "action_extrapolation", "use_nla")
        self._settings = {name: getattr(data, name) for name in names} if data is not None else {}
        tracks = data.nla_tracks if data is not None else ()
        self._tracks = {track.as_pointer(): (track.is_solo, track.mute) for track in tracks}

    def restore(self) -> None:
        """Put it back."""
        if self._bare:
            self._owner.animation_data_clear()
            return
        data = self._owner.animation_data
        for track in [track for track in data.nla_tracks if track.as_pointer() not in self._tracks]:
            data.nla_tracks.remove(track)
        assign(self._owner, self._action, self._slot)
        for name, value in self._settings.items():
            setattr(data, name, value)
        for track in data.nla_tracks:
            track.is_solo, track.mute = self._tracks[track.as_pointer()]
        if self._action is not None:
            self._action.use_fake_user = self._use_fake_user


def _push_down(data: bpy.types.AnimData, action: bpy.types.Action, slot: Any, frames: tuple[int, int]) -> None:
    """Put an action on an NLA track above the others, evaluated as it was while it was active."""
    first = min(frames[0], int(np.floor(action.frame_range[0])))
    last = max(frames[1], int(np.ceil(action.frame_range[1])), first + 1)
    blend, influence = data.action_blend_type, data.action_influence
    data.action = None
    track = data.nla_tracks.new()
    track.name = action.name
    strip = track.strips.new(action.name, first, action)
    if slot is not None and hasattr(strip, "action_slot"):
        strip.action_slot = slot
    # with the action's own times, and wide enough for cycles and extrapolation to go on
    strip.use_sync_length = False
    strip.action_frame_start, strip.action_frame_end = first, last
    strip.scale = 1.0
    strip.frame_start, strip.frame_end = first, last
    strip.blend_type, strip.influence, strip.extrapolation = blend, influence, "HOLD"
    data.use_nla = True


def _writable(action: bpy.types.Action, owner: bpy.types.ID) -> tuple[Any, Any]:
    """The collections that new F-curves and their groups of this data-block go into."""
    if not hasattr(action, "layers"):
        return action.fcurves, action.groups
    slot = action.slots.new(id_type=owner.id_type, name=owner.name)
    strip = action.layers.new("Layer").strips.new(type="KEYFRAME")
    bag = strip.channelbag(slot, ensure=True)
    return bag.fcurves, bag.groups


def _write(curves: Any, groups: Any, first_frame: int, channel: Channel) -> None:
    """Add one F-curve with a key a frame."""
    curve = curves.new(channel.path, index=channel.index)
    curve.group = groups.get(channel.group) or groups.new(channel.group)
    count = len(channel.values)
    places = np.empty((count, 2), np.float32)
    places[:, 0] = np.arange(first_frame, first_frame + count)
    places[:, 1] = channel.values
    points = curve.keyframe_points
    points.add(count)
    points.foreach_set("co", places.ravel())
    points.foreach_set("interpolation", np.full(count, _BEZIER, np.int32))
    for side in ("handle_left_type", "handle_right_type"):
        points.foreach_set(side, np.full(count, _AUTO_CLAMPED, np.int32))
    curve.update()  # computes the handles


def remove_actions(actions: Iterable[bpy.types.Action]) -> None:
    """Remove actions of a take that failed."""
    for action in actions:
        bpy.data.actions.remove(action)
