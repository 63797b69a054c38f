"""F-curves in bulk on every Blender from 4.2 on: the one module for slots, layers and channelbags, and splats.

Blender 4.4 and later keep the curves of a data-block in a channelbag that belongs to a slot of the action; 4.2 keeps
them in the action itself. A generated performance gets an action of its own for each data-block, with one slot, so
that a file can go from one version to another.

Blender 5.3 shows point clouds of a kind of their own as Gaussian splats. The names and types of their attributes are
those that its importers of PLY and SPZ write (source/blender/io/gsplat, as facts alone).
"""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, cast

import bpy
import numpy as np
from numpy.typing import NDArray

from .. import id_properties

TAKE = "animcore_take"  # custom property of an action that Animcore made: the name of its take
TAKE_ID = "animcore_take_id"  # custom property of an action: distinguishes takes of the same name; later ones sort last
SETTINGS = "animcore_settings"  # custom property of an action: what was asked of the engine, as JSON
SOUND_FRAME = "animcore_sound_frame"  # custom property of an action: the frame at which its sound starts
RATE = "animcore_rate"  # custom property of an action: the frame rate that its keys stand at, as two numbers
OWNER = "animcore_owner"  # custom property of a data-block and of the actions that were made for it: a mark of its own
OWNER_NAME = "animcore_owner_name"  # custom property of an action, for data-blocks that cannot keep a mark

_BEZIER = 2  # Keyframe.interpolation as a number
_LINEAR = 1
_AUTO_CLAMPED = 4  # Keyframe.handle_left_type as a number: smooth, and never past a key
_ALIGNED = 3
SAME_FRAME = 0.01  # frames; a key that is nearer stands on it
_THIRD = 5e-3  # of a gap between keys; a handle that is nearer to a third of the way stands there
_PARTS = (  # what a key consists of, for foreach_get
    ("co", 2, np.float32), ("handle_left", 2, np.float32), ("handle_right", 2, np.float32),
    ("handle_left_type", 1, np.int32), ("handle_right_type", 1, np.int32), ("interpolation", 1, np.int32),
    ("easing", 1, np.int32), ("type", 1, np.int32), ("amplitude", 1, np.float32), ("period", 1, np.float32),
    ("back", 1, np.float32),
)  # fmt: skip
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
        _make_writable(action, owner)
        add_channels(action, first_frame, channels)
    except BaseException:
        bpy.data.actions.remove(action)
        raise
    return action


def add_channels(action: bpy.types.Action, first_frame: int, channels: Sequence[Channel]) -> None:
    """Add curves with a key on every frame to an action that `make_action` made."""
    bag = _bag(action)
    for channel in channels:
        _write(bag.fcurves, bag.groups, first_frame, channel)


def short_name(name: str) -> str:
    """Cut a name to what a data-block can hold, without splitting a character."""
    return name.encode()[:_NAME_BYTES].decode(errors="ignore")


def assign(owner: bpy.types.ID, action: bpy.types.Action | None, slot: Any = None) -> None:
    """Make an action the one that plays on a data-block; without a slot its first one of this kind."""
    data = _animation(owner)
    data.action = action
    if action is not None and hasattr(data, "action_slot"):
        data.action_slot = slot or next((one for one in action.slots if one.target_id_type == owner.id_type), None)


def _animation(owner: bpy.types.ID) -> bpy.types.AnimData:
    """The animation data of a data-block, made where there is none."""
    return owner.animation_data or owner.animation_data_create()


def new_take_id() -> str:
    """Return a name for a take that no other has; later ones sort behind earlier ones."""
    return f"{time.time_ns():016x}-{secrets.token_hex(4)}"


def mark(owner: bpy.types.ID, action: bpy.types.Action) -> None:
    """Store the owner in an action, so that later renames do not matter."""
    if OWNER not in owner:
        owner[OWNER] = secrets.token_hex(8)
    action[OWNER], action[OWNER_NAME] = owner[OWNER], owner_name(owner)


def owner_name(owner: bpy.types.ID) -> str:
    """Return the name that the user knows a data-block by: shapes go by the name of their mesh."""
    return owner.user.name if isinstance(owner, bpy.types.Key) else owner.name


def is_made_for(action: bpy.types.Action, owner: bpy.types.ID) -> bool:
    """Whether the action of a take belongs to a data-block.

    Actions from before marks were made are known by what they move.
    """
    if OWNER in action:
        own = owner.get(OWNER)
        return bool(action[OWNER] == own if own is not None else action.get(OWNER_NAME) == owner_name(owner))
    curve = next(iter(curves_of(action)), None)
    try:
        return curve is not None and owner.path_resolve(curve.data_path) is not None
    except ValueError:
        return False


def take_id(action: bpy.types.Action) -> str:
    """Return the identifier of an action's take; older takes without one use their name and request."""
    return id_properties.text(action, TAKE_ID) or f"{take_name(action)}|{id_properties.text(action, SETTINGS)}"


def take_name(action: bpy.types.Action) -> str:
    """Return the name of an action's take."""
    return id_properties.text(action, TAKE) or str(action.name)


def stored_rate(action: bpy.types.Action) -> Fraction | None:
    """Return the frame rate that the keys of a take stand at; None where that is not known."""
    return id_properties.rate(action.get(RATE)) or id_properties.rate(id_properties.fields(action, SETTINGS).get("fps"))


def store_rate(action: bpy.types.Action, rate: Fraction) -> None:
    """Keep the frame rate that the keys of a take stand at."""
    action[RATE] = [rate.numerator, rate.denominator]


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
    strips = [cast("bpy.types.ActionKeyframeStrip", strip) for layer in action.layers for strip in layer.strips]
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
    """The actions that play on a data-block, each with its slot: the active one and those of the NLA."""
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
    data = _animation(owner)
    for track in data.nla_tracks:
        track.is_solo = False  # a solo track hides the action that plays
        track.mute = track.mute or not data.use_nla  # what was turned off as a whole stays off
    action, slot = data.action, getattr(data, "action_slot", None)
    kept = None
    if action is not None:
        action.use_fake_user = True
        if TAKE not in action and current_curves(owner):
            push_down(data, action, slot, frames)
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
        data = _animation(self._owner)
        for track in [track for track in data.nla_tracks if track.as_pointer() not in self._tracks]:
            data.nla_tracks.remove(track)
        assign(self._owner, self._action, self._slot)
        for name, value in self._settings.items():
            setattr(data, name, value)
        for track in data.nla_tracks:
            track.is_solo, track.mute = self._tracks[track.as_pointer()]
        if self._action is not None:
            self._action.use_fake_user = self._use_fake_user


def strips_of(owner: bpy.types.ID) -> list[bpy.types.NlaStrip]:
    """Return the NLA strips of a data-block."""
    data = owner.animation_data
    return [strip for track in data.nla_tracks for strip in track.strips] if data is not None else []


def remove_strips(owner: bpy.types.ID, actions: Sequence[bpy.types.Action]) -> None:
    """Take actions off the NLA of a data-block, with the tracks that are empty then."""
    data = owner.animation_data
    if data is None:
        return
    for track in list(data.nla_tracks):
        own = [strip for strip in track.strips if strip.action in actions]
        for strip in own:
            track.strips.remove(strip)
        if own and not track.strips:
            data.nla_tracks.remove(track)


def place_strip(strip: bpy.types.NlaStrip, first: float, last: float) -> None:
    """Let a strip play its action at the action's own times; with room for cycles and extrapolation to go on."""
    strip.use_sync_length = False
    strip.action_frame_start, strip.action_frame_end = first, last
    strip.scale = 1.0
    strip.frame_start, strip.frame_end = first, last


def push_down(
    data: bpy.types.AnimData, action: bpy.types.Action, slot: Any, frames: tuple[int, int], name: str = ""
) -> None:
    """Put an action on an NLA track above the others, evaluated as it was while it was active."""
    first = min(frames[0], int(np.floor(action.frame_range[0])))
    last = max(frames[1], int(np.ceil(action.frame_range[1])), first + 1)
    blend, influence = data.action_blend_type, data.action_influence
    data.action = None
    track = data.nla_tracks.new()
    track.name = name or action.name
    strip = track.strips.new(action.name, first, action)
    if slot is not None and hasattr(strip, "action_slot"):
        strip.action_slot = slot
    place_strip(strip, first, last)
    strip.blend_type, strip.influence, strip.extrapolation = blend, influence, "HOLD"
    data.use_nla = True


def _make_writable(action: bpy.types.Action, owner: bpy.types.ID) -> None:
    """Make the collections that new F-curves and their groups of this data-block go into."""
    if hasattr(action, "layers"):
        slot = action.slots.new(id_type=owner.id_type, name=owner.name)
        strip = action.layers.new("Layer").strips.new(type="KEYFRAME")
        cast("bpy.types.ActionKeyframeStrip", strip).channelbag(slot, ensure=True)


def _bag(action: bpy.types.Action) -> Any:
    """What holds the F-curves and groups of an action that `make_action` made."""
    if not hasattr(action, "layers"):
        return action
    return cast("bpy.types.ActionKeyframeStrip", action.layers[0].strips[0]).channelbags[0]


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


def sampled(curves: Sequence[bpy.types.FCurve | None], frames: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (T, C) the values of curves on frames (T,); NaN where there is no curve.

    Curves with a key on each of these frames, and those that `set_points` wrote, are computed in one piece, which is a
    hundred times faster than to ask Blender for each frame.
    """
    values = np.full((len(frames), len(curves)), np.nan)
    for column, curve in enumerate(curves):
        if curve is not None:
            places = points(curve)
            if len(places) == len(frames) and np.abs(places[:, 0] - frames).max(initial=0.0) < SAME_FRAME:
                values[:, column] = places[:, 1]
            elif (plain := _plain(curve, places, frames)) is not None:
                values[:, column] = plain
            else:
                values[:, column] = [curve.evaluate(frame) for frame in frames]
    return values


def _plain(
    curve: bpy.types.FCurve, places: NDArray[np.float32], frames: NDArray[np.float64]
) -> NDArray[np.float64] | None:
    """(T,) values of a curve whose keys are joined by lines or by cubics over time; None for other curves."""
    count = len(places)
    if count < 2 or curve.modifiers or curve.extrapolation != "CONSTANT":
        return None
    kinds = np.empty(count, np.int32)
    curve.keyframe_points.foreach_get("interpolation", kinds)
    where, height = places.astype(np.float64).T
    if (kinds == _LINEAR).all():
        return np.interp(frames, where, height)
    left, right = np.empty((2, 2 * count), np.float32)
    curve.keyframe_points.foreach_get("handle_left", left)
    curve.keyframe_points.foreach_get("handle_right", right)
    left, right = left.reshape(-1, 2)[1:].astype(np.float64), right.reshape(-1, 2)[:-1].astype(np.float64)
    gaps = np.diff(where)
    off = np.maximum(np.abs(right[:, 0] - where[:-1] - gaps / 3.0), np.abs(where[1:] - left[:, 0] - gaps / 3.0))
    if not (kinds == _BEZIER).all() or (gaps <= 0).any() or (off > _THIRD * np.maximum(gaps, 1.0)).any():
        return None
    piece = np.clip(np.searchsorted(where, frames, "right") - 1, 0, count - 2)
    t = np.clip((frames - where[piece]) / gaps[piece], 0.0, 1.0)
    rest = 1.0 - t
    ends = rest**3 * height[piece] + t**3 * height[piece + 1]
    result: NDArray[np.float64] = ends + 3.0 * rest * t * (rest * right[piece, 1] + t * left[piece, 1])
    return result


def points(curve: bpy.types.FCurve) -> NDArray[np.float32]:
    """Return (K, 2) frames and values of the keys of a curve."""
    places = np.empty(2 * len(curve.keyframe_points), np.float32)
    curve.keyframe_points.foreach_get("co", places)
    return places.reshape(-1, 2)


def set_points(
    curve: bpy.types.FCurve,
    frames: NDArray[np.float64],
    values: NDArray[np.float64],
    slopes: NDArray[np.float64] | None = None,
    *,
    linear: bool = False,
) -> None:
    """Give a curve other keys (K,).

    Args:
        curve: the curve; its modifiers, colour, lock and group stay.
        frames: of the keys, rising.
        values: of the keys.
        slopes: change of the value a frame at each key; smooth keys that never pass a neighbour where there are none.
        linear: straight lines between the keys.
    """
    keyframes = curve.keyframe_points
    if len(keyframes) != len(frames):
        keyframes.clear()
        keyframes.add(len(frames))
    keyframes.foreach_set("co", np.stack([frames, values], 1).astype(np.float32).ravel())
    keyframes.foreach_set("interpolation", np.full(len(frames), _LINEAR if linear else _BEZIER, np.int32))
    kind = _AUTO_CLAMPED if slopes is None else _ALIGNED
    gaps = np.diff(frames) / 3.0  # handles at a third of the way: the curve is then a cubic over time
    for side, way in (("left", -np.r_[gaps[:1], gaps]), ("right", np.r_[gaps, gaps[-1:]])):
        keyframes.foreach_set(f"handle_{side}_type", np.full(len(frames), kind, np.int32))
        if slopes is not None:
            handles = np.stack([frames + way, values + way * slopes], 1)
            keyframes.foreach_set(f"handle_{side}", handles.astype(np.float32).ravel())
    curve.update()


def move_points(curve: bpy.types.FCurve, origin: float, to: float, factor: float) -> None:
    """Move the keys of a curve in time: frame `origin` goes to `to`, and what is around it is stretched."""
    for name in ("handle_left", "handle_right", "co"):
        places = np.empty(2 * len(curve.keyframe_points), np.float32)
        curve.keyframe_points.foreach_get(name, places)
        places[0::2] = to + (places[0::2].astype(np.float64) - origin) * factor
        curve.keyframe_points.foreach_set(name, places)
    curve.update()


def own_splats() -> str | None:
    """Return the kind of point cloud that Blender itself shows as splats; None before Blender 5.3."""
    kind = bpy.types.PointCloud.bl_rna.properties.get("type")
    kinds = cast("bpy.types.EnumProperty", kind).enum_items.keys() if kind is not None else ()
    return next((one for one in kinds if "SPLAT" in one), None)


def make_splats(
    name: str,
    means: NDArray[np.float32],
    rotations: NDArray[np.float32],
    scales: NDArray[np.float32],
    opacities: NDArray[np.float32],
    harmonics: NDArray[np.float32],
) -> bpy.types.PointCloud:
    """Return a point cloud with the attributes that Blender 5.3 reads its splats from.

    Args:
        name: of the data-block.
        means: (N, 3).
        rotations: (N, 4) unit w x y z.
        scales: (N, 3) standard deviations.
        opacities: (N,) 0..1.
        harmonics: (N, K, 3), the constant one first, which goes with the opacity.
    """
    base = np.concatenate([harmonics[:, 0], opacities[:, None]], 1)
    rest = [
        (f"radiance:sh_{index}", "FLOAT_VECTOR", harmonics[:, index + 1]) for index in range(harmonics.shape[1] - 1)
    ]
    values = [
        ("position", "FLOAT_VECTOR", means), ("rotation", "QUATERNION", rotations), ("scale", "FLOAT_VECTOR", scales),
        ("radiance:base", "FLOAT4", base), *rest,
    ]  # fmt: skip
    cloud: Any = bpy.data.pointclouds.new(short_name(name))  # with what came after Blender 4.5
    cloud.resize(len(means))
    for attribute, kind, _ in values:  # all of them before the first is written: a new one may move the others
        if attribute not in cloud.attributes:
            cloud.attributes.new(attribute, kind, "POINT")
    for attribute, kind, numbers in values:
        flat = np.ascontiguousarray(numbers, np.float32).ravel()
        cloud.attributes[attribute].data.foreach_set("value" if kind == "QUATERNION" else "vector", flat)
    if own_splats() is not None:
        cloud.type = own_splats()
    cloud.update_tag()
    made: bpy.types.PointCloud = cloud
    return made


def copy_curve(curve: bpy.types.FCurve, action: bpy.types.Action) -> None:
    """Put a curve with all its keys into an action that `make_action` made."""
    bag = _bag(action)
    made = bag.fcurves.new(curve.data_path, index=curve.array_index)
    made.keyframe_points.add(len(curve.keyframe_points))
    for name, size, kind in _PARTS:
        values = np.empty(size * len(curve.keyframe_points), kind)
        curve.keyframe_points.foreach_get(name, values)
        made.keyframe_points.foreach_set(name, values)
    made.extrapolation = curve.extrapolation
    if curve.group is not None:
        made.group = bag.groups.get(curve.group.name) or bag.groups.new(curve.group.name)
    made.update()
