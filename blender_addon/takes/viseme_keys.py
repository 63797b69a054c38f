"""The shapes of a mouth as poses for any rig: keyed at a frame, softly, on top of whatever plays."""

from __future__ import annotations

from fractions import Fraction

import bpy
import numpy as np
from numpy.typing import NDArray

from animcore.core.vocabulary import ARKIT, TONGUE
from animcore.motion import Motion
from animcore.retarget.reference_head import row_of
from animcore.retarget.rig_profiles import profiles
from animcore.retarget.source_tracks import INDEX, SOURCES

from .. import properties
from ..character import rig_reader
from ..scene import fcurves
from ..scene.frame_rates import exact_rate
from . import curve_roles, keying

_PROFILE = "viseme"
_SAYS = {
    "sil": "Rest", "PP": "p b m", "FF": "f v", "TH": "th", "DD": "t d", "kk": "k g", "CH": "ch sh j", "SS": "s z",
    "nn": "n l", "RR": "r", "aa": "a", "E": "e", "I": "i", "O": "o", "U": "u",
}  # fmt: skip
ITEMS = [(name, says, f"Mouth shape of {says}", number) for number, (name, says) in enumerate(_SAYS.items())]
_JAW_ANGLE = 0.41  # radians at jawOpen = 1, as in performances
_ALIKE = 0.05  # share of a viseme that a shape may be off from it and still be that viseme
_MOUTH = ("lips", "jaw", "tongue")


def key(scene: bpy.types.Scene, viseme: str, strength: float, ease: float) -> int:
    """Give the mouth of the chosen character a shape at the current frame; returns how many curves were changed.

    On curves of a take the shape comes and goes within `ease` seconds; a channel that is not keyed yet gets one key.

    Args:
        scene: whose character it is, and whose frame counts.
        viseme: of `ITEMS`.
        strength: 0..1, between what is there and the shape.
        ease: seconds that the shape takes to come and to go.

    Raises:
        AddonError: where no character is chosen, or it cannot be keyed.
    """
    character = rig_reader.read(properties.root(properties.of(scene)))
    rate = exact_rate(scene.render.fps, scene.render.fps_base)
    motion, values = _motion(viseme, rate), _own_shape(character, viseme)
    frame, count = scene.frame_current, 0
    for owner, channels in keying.channels_of(character, motion, values):
        described = curve_roles.curves(character, owner, channels, motion)
        playing = {(curve.data_path, curve.array_index): curve for curve in fcurves.current_curves(owner)}
        for channel, curve in zip(channels, described, strict=True):
            if curve.region not in _MOUTH:
                continue
            target = float(channel.values[0])
            own = playing.get((channel.path, channel.index))
            if own is not None and not own.lock:
                _pull(own, frame, target, strength, ease * float(rate))
            elif own is None:
                _key_once(owner, channel, frame, strength)
            count += 1
    scene.frame_set(scene.frame_current)
    return count


def _own_shape(character: rig_reader.Character, viseme: str) -> NDArray[np.float64] | None:
    """(2, K) the channels where one of them is this viseme: it alone, and then everything; None where none is."""
    recipe = _recipe(viseme)
    does = curve_roles.effects(character.map)
    off = np.linalg.norm(does - recipe, axis=1) if len(does) else np.zeros(0)
    if not len(off) or off.min() > _ALIKE * np.linalg.norm(recipe):
        return None
    values = np.array([[channel.rest for channel in character.map.channels]] * 2)
    values[0, int(np.argmin(off))] = 1.0
    values[1] += 0.5
    return values


def _recipe(viseme: str) -> NDArray[np.float64]:
    """(S,) the engine's tracks of a viseme."""
    profile = next(one for one in profiles() if one.name == _PROFILE)
    return row_of(dict(profile.recipes[f"viseme_{viseme}"]))


def _motion(viseme: str, rate: Fraction) -> Motion:
    """A frame that is a viseme, and one in which everything moves: still channels are not keyed in a performance."""
    rows = np.full((2, len(SOURCES)), 0.5, np.float32)
    rows[0] = _recipe(viseme)
    jaw = np.zeros((2, 3), np.float32)
    jaw[:, 0] = _JAW_ANGLE * rows[:, INDEX["jawOpen"]]
    tongue = rows[:, len(ARKIT) : len(ARKIT) + len(TONGUE)]
    return Motion(rate=rate, arkit=rows[:, : len(ARKIT)], tongue=tongue, jaw_pose=jaw)


def _pull(curve: bpy.types.FCurve, frame: int, target: float, strength: float, ease: float) -> None:
    """Draw a curve towards a value around a frame: its keys within reach, with one at the frame itself."""
    reach = max(ease, 1.0)
    before = {place: curve.evaluate(place) for place in (frame - reach, frame, frame + reach)}
    for place, value in before.items():
        if not _has_key(curve, place, reach / 2 if place != frame else 0.5):
            curve.keyframe_points.insert(place, value, options={"FAST"})
    curve.update()
    places = fcurves.points(curve)
    away = np.clip(1.0 - np.abs(places[:, 0] - frame) / reach, 0.0, 1.0)
    weight = strength * away * away * (3.0 - 2.0 * away)
    moved = places[:, 1] + weight * (target - places[:, 1])
    for index in np.flatnonzero(weight > 0):
        point = curve.keyframe_points[int(index)]
        point.co.y, by = moved[index], float(moved[index] - places[index, 1])
        point.handle_left.y += by
        point.handle_right.y += by
    curve.update()


def _has_key(curve: bpy.types.FCurve, place: float, near: float) -> bool:
    places: NDArray[np.float32] = fcurves.points(curve)[:, 0]
    return bool(len(places) and np.abs(places - place).min() < near)


def _key_once(owner: bpy.types.ID, channel: fcurves.Channel, frame: int, strength: float) -> None:
    """Key a property that nothing moves yet."""
    holder_path, _, name = channel.path.rpartition(".")
    holder = owner.path_resolve(holder_path)
    now = getattr(holder, name)
    if isinstance(now, float):
        setattr(holder, name, now + strength * (float(channel.values[0]) - now))
        holder.keyframe_insert(name, frame=frame)
    else:
        now[channel.index] += strength * (float(channel.values[0]) - now[channel.index])
        holder.keyframe_insert(name, index=channel.index, frame=frame)
