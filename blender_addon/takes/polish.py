"""The polish of takes, on their curves: manual edits are detected first, and are always kept.

Everything is made anew from what the engine solved: smoothing, exaggeration and timing of each region, then the hand
edits, then fewer keys. So every slider can go back to where it was.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import bpy
import numpy as np
from numpy.typing import NDArray

from animcore.core.vocabulary import REGIONS
from animcore.postprocess import edit_layers, key_reduction, lip_closure
from animcore.postprocess.region_smoothing import NOTHING, RegionAdjustment

from .. import id_properties, properties
from ..errors import AddonError
from ..scene import fcurves
from ..scene.frame_rates import exact_rate
from . import curve_roles, record
from .record import Record, Settings

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Polished:
    """Result of a rewrite: keys per second and moving curve, the greatest error on the lips in millimetres, edits."""

    keys_per_second: float
    lip_error: float
    edited: tuple[str, ...] = ()


def settings_of(action: bpy.types.Action) -> Settings:
    """Return the polish that the sliders of an action ask for."""
    asked = properties.polish_of(action)
    touches = {}
    for region in REGIONS:
        touch = RegionAdjustment(
            *(getattr(asked, f"{region}_{what}") for what in ("smoothing", "exaggeration", "offset"))
        )
        if touch != NOTHING:
            touches[region] = touch
    kind: key_reduction.Kind = "linear" if asked.key_kind == "LINEAR" else "bezier"
    return Settings(touches, asked.keys_per_second, kind, asked.edits)


def record_of(action: bpy.types.Action, scene: bpy.types.Scene) -> Record:
    """Return the data stored with an action; an older one starts from its curves as they are.

    Raises:
        AddonError: when the stored data cannot be read.
    """
    data = action.get(record.PROPERTY)
    return Record.unpacked(data) if isinstance(data, bytes) else _from_curves(action, scene)


def store(action: bpy.types.Action, kept: Record) -> None:
    """Keep a record with an action."""
    keep(action, kept.packed(), kept.sound_frame)


def keep(action: bpy.types.Action, packed: bytes, sound_frame: int) -> None:
    """Keep a record that is packed already with an action."""
    if record.PROPERTY in action:
        del action[record.PROPERTY]  # Blender 4.5 cuts bytes off that are written over others at their first zero
    action[record.PROPERTY] = packed
    action[fcurves.SOUND_FRAME] = sound_frame


def curves_in(action: bpy.types.Action, kept: Record) -> list[bpy.types.FCurve | None]:
    """Return the F-curves of a record's curves; None for those that the user has removed."""
    found = {(curve.data_path, curve.array_index): curve for curve in fcurves.curves_of(action)}
    return [found.get((curve.path, curve.index)) for curve in kept.curves]


def seen(action: bpy.types.Action, scene: bpy.types.Scene) -> Record:
    """Return the record of an action with everything that was changed by hand in its layer; nothing is written."""
    return _read(action, scene)[0]


def _read(action: bpy.types.Action, scene: bpy.types.Scene) -> tuple[Record, Array]:
    """The record of an action with the hand edits, and (T, C) its curves as they are."""
    kept = record_of(action, scene)
    current = fcurves.sampled(curves_in(action, kept), kept.frames)
    return kept.with_edits(current), current


def rewrite(actions: Sequence[bpy.types.Action], settings: Settings, scene: bpy.types.Scene) -> Polished:
    """Rewrite the curves of a take with a polish; manual edits stay.

    Raises:
        AddonError: when the stored data of the take cannot be read; nothing is written then.
    """
    read = [_read(action, scene) for action in actions]
    done = [write(action, kept, settings, current) for action, (kept, current) in zip(actions, read, strict=True)]
    edited = dict.fromkeys(region for one in done for region in one.edited)
    return Polished(
        max((one.keys_per_second for one in done), default=0.0),
        max((one.lip_error for one in done), default=0.0),
        tuple(region for region in REGIONS if region in edited),
    )


def write(action: bpy.types.Action, kept: Record, settings: Settings, current: Array | None = None) -> Polished:
    """Write the curves of one action from its record, and keep it; `current` (T, C) saves reading them."""
    wanted = kept.composed(settings)
    order = mask = None
    if settings.keys_per_second > 0 and len(wanted) > 1:
        importance = kept.lips.importance(wanted, kept.importance)
        order = key_reduction.key_order(wanted, importance, settings.kind)
        mask = lip_closure.keep_sealed(order, order.keys(settings.keys_per_second, float(kept.rate)), kept.lips)
    curves = curves_in(action, kept)
    frames, step = kept.frames, float(kept.scene_rate / kept.rate)
    current = fcurves.sampled(curves, frames) if current is None else current
    written = np.array(wanted)
    for index, curve in enumerate(curves):
        if curve is None or curve.lock:  # removed, or held by the user: what it is counts
            written[:, index] = np.nan_to_num(current[:, index], nan=wanted[0, index])
        elif mask is None or order is None:
            same = np.abs(current[:, index] - wanted[:, index]).max(initial=0.0) <= edit_layers.TOLERANCE
            if not same or _is_reduced(curve, len(frames)):
                fcurves.set_points(curve, frames, wanted[:, index])
        else:
            chosen = mask[:, index]
            slopes = order.slopes[chosen, index] / step
            fcurves.set_points(curve, frames[chosen], wanted[chosen, index], slopes, linear=settings.kind == "linear")
            written[:, index] = fcurves.sampled([curve], frames)[:, 0]
    kept = replace(kept, written=written.astype(np.float32), shown=settings.edits)
    store(action, kept)
    return _told(kept, wanted, mask)


def _is_reduced(curve: bpy.types.FCurve, count: int) -> bool:
    """Whether a curve has fewer keys than frames."""
    return len(curve.keyframe_points) < count


def _told(kept: Record, wanted: Array, mask: NDArray[np.bool_] | None) -> Polished:
    edited = tuple(dict.fromkeys(kept.curves[index].region for index in np.flatnonzero(kept.layer.any(0))))
    if mask is None:
        return Polished(float(kept.rate), 0.0, edited)
    moving = mask.sum(0) > 2
    seconds = len(wanted) / float(kept.rate)
    per_second = float(mask[:, moving].sum()) / seconds / max(1, int(moving.sum()))
    return Polished(per_second, kept.lips.error(kept.written, wanted), edited)


def carry(earlier: bpy.types.Action, action: bpy.types.Action, made: Record, scene: bpy.types.Scene) -> tuple[str, ...]:
    """Bring the hand edits and the polish of an earlier take onto the curves of a new one.

    Args:
        earlier: the action of the earlier take.
        action: the new one, with a key on every frame, and its record `made`.
        made: as the engine solved it.
        scene: for the frame rate of takes without their own.

    Returns:
        The regions in which edits were kept.
    """
    before = seen(earlier, scene)
    settings = settings_of(earlier)
    properties.set_polish(action, earlier)
    base = edit_layers.resampled(before.base(settings), before.times, made.times, hold=True)
    layer = edit_layers.resampled(before.layer, before.times, made.times, hold=False)
    place = {(curve.path, curve.index): index for index, curve in enumerate(before.curves)}
    own = [place.get((curve.path, curve.index), -1) for curve in made.curves]
    layer, base = (np.where(np.array(own) >= 0, values[:, own], 0.0) for values in (layer, base))
    mode: edit_layers.Mode = "replace" if properties.polish_of(earlier).edits_mode == "REPLACE" else "add"
    made = replace(
        made, layer=edit_layers.apply_layer(made.base(settings), layer, base, float(made.rate), mode).astype(np.float32)
    )
    _keep_foreign(earlier, before, action)
    if not made.layer.any() and settings == Settings():
        return ()
    return write(action, made, settings).edited


def _keep_foreign(earlier: bpy.types.Action, before: Record, action: bpy.types.Action) -> None:
    """Bring over curves that the user has added to an earlier take."""
    known = {(curve.path, curve.index) for curve in before.curves}
    known |= {(curve.data_path, curve.array_index) for curve in fcurves.curves_of(action)}
    for curve in fcurves.curves_of(earlier):
        if (curve.data_path, curve.array_index) not in known:
            fcurves.copy_curve(curve, action)


def drop_edits(
    actions: Iterable[bpy.types.Action], scene: bpy.types.Scene, regions: Iterable[str], frames: tuple[float, float]
) -> int:
    """Take hand edits back in some regions, on frames from the first to the last; returns how many curves had some."""
    wanted, count = set(regions), 0
    for action in actions:
        kept = seen(action, scene)
        channels = np.array([curve.region in wanted for curve in kept.curves], bool)
        within = (kept.frames >= frames[0]) & (kept.frames <= frames[1])
        layer = edit_layers.remove_edits(kept.layer, channels, within)
        count += int(np.any(layer != kept.layer, axis=0).sum())
        write(action, replace(kept, layer=layer.astype(np.float32)), settings_of(action))
    return count


def bake(actions: Iterable[bpy.types.Action], scene: bpy.types.Scene) -> None:
    """Turn what is seen into plain keys on every whole frame: edits and polish become part of what was generated."""
    for action in actions:
        kept = record_of(action, scene)
        curves, frames = curves_in(action, kept), _whole_frames(action, kept)
        values = fcurves.sampled(curves, frames)
        for index, curve in enumerate(curves):
            if curve is None:  # removed by the user
                values[:, index] = np.interp(frames, kept.frames, kept.generated[:, index])
            else:
                fcurves.set_points(curve, frames, values[:, index])
        plain, rate = values.astype(np.float32), kept.scene_rate
        start = float((int(frames[0]) - kept.sound_frame) / rate)
        properties.set_polish(action, None)
        store(action, Record(rate, start, rate, kept.sound_frame, kept.curves, plain, np.zeros_like(plain), plain))


def _whole_frames(action: bpy.types.Action, kept: Record) -> Array:
    """(T,) the whole frames that a take reaches over: its moments stand between them after a change of the rate."""
    first = min(kept.frames[0], action.curve_frame_range[0]) + fcurves.SAME_FRAME
    last = max(kept.frames[-1], action.curve_frame_range[1]) - fcurves.SAME_FRAME
    return np.arange(np.floor(first), np.ceil(last) + 1)


def _from_curves(action: bpy.types.Action, scene: bpy.types.Scene) -> Record:
    """A record of a take that was made by an older Animcore: what its curves do now counts as generated."""
    found = fcurves.curves_of(action)
    if not found:
        raise AddonError(f"The action {action.name!r} has no curves; generate again.")
    rate = id_properties.rate(id_properties.fields(action, fcurves.SETTINGS).get("fps"))
    rate = rate or exact_rate(scene.render.fps, scene.render.fps_base)
    places = [fcurves.points(curve)[:, 0] for curve in found if len(curve.keyframe_points)]
    first = int(np.floor(min(place[0] for place in places)))
    frames = np.arange(first, int(np.ceil(max(place[-1] for place in places))) + 1, dtype=np.float64)
    values = fcurves.sampled(found, frames).astype(np.float32)
    curves = tuple(curve_roles.by_name(curve.data_path, curve.array_index) for curve in found)
    return Record(rate, 0.0, rate, first, curves, values, np.zeros_like(values), values)
