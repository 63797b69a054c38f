"""A new performance of a marked range goes into the take that plays: outside the range its keys stay as they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

import bpy
import numpy as np
from numpy.typing import NDArray

from ..scene import fcurves
from ..scene.fcurves import Channel

Work = list[tuple[bpy.types.ID, list[Channel]]]

_BLEND = Fraction(3, 25)  # seconds in which the old goes over into the new, within the range


def joined(work: Work, first: int, last: int, rate: Fraction) -> tuple[Work, int, int]:
    """Return new channels with what the take that plays has before and after them, and the frames of the whole.

    Args:
        work: each data-block with its channels, a value a frame.
        first: the frame of their first value.
        last: the frame of their last value.
        rate: frames per second.
    """
    playing = {owner: _take_of(owner) for owner, _ in work}
    reach = [curve.range() for curves in playing.values() for curve in curves.values()]
    begin = min([first, *(round(low) for low, _ in reach)])
    end = max([last, *(round(high) for _, high in reach)])
    share = _share(begin, end, first, last, round(_BLEND * rate))
    return [(owner, _mixed(channels, playing[owner], begin, end, first, share)) for owner, channels in work], begin, end


def _take_of(owner: bpy.types.ID) -> dict[tuple[str, int], bpy.types.FCurve]:
    """The curves of the take that plays on a data-block, by what they key."""
    action = owner.animation_data.action if owner.animation_data is not None else None
    if action is None or fcurves.TAKE not in action:
        return {}
    return {(curve.data_path, curve.array_index): curve for curve in fcurves.current_curves(owner)}


def _share(begin: int, end: int, first: int, last: int, blend: int) -> NDArray[np.float32]:
    """(T,) how much of each frame is the new performance: all of it within the range but for its borders."""
    frames = np.arange(begin, end + 1)
    ramp = np.minimum(frames - first, last - frames) + 1
    share = np.clip(ramp / (blend + 1), 0.0, 1.0)
    if first == begin:  # nothing is before it to go over from
        share[frames <= (first + last) // 2] = 1.0
    if last == end:
        share[frames > (first + last) // 2] = 1.0
    return np.where((frames < first) | (frames > last), 0.0, share).astype(np.float32)


def _mixed(
    channels: Sequence[Channel],
    playing: dict[tuple[str, int], bpy.types.FCurve],
    begin: int,
    end: int,
    first: int,
    share: NDArray[np.float32],
) -> list[Channel]:
    frames = range(begin, end + 1)
    mixed = []
    for channel in channels:
        new = np.pad(channel.values, (first - begin, end + 1 - first - len(channel.values)), mode="edge")
        curve = playing.pop((channel.path, channel.index), None)
        old = _sampled(curve, frames) if curve is not None else new
        mixed.append(replace(channel, values=(old + share * (new - old)).astype(np.float32)))
    for curve in playing.values():
        group = curve.group.name if curve.group is not None else "Face"
        mixed.append(Channel(curve.data_path, curve.array_index, group, _sampled(curve, frames)))
    return mixed


def _sampled(curve: bpy.types.FCurve, frames: range) -> NDArray[np.float32]:
    """(T,) a curve on whole frames: its keys where there is one on each, which is fast, else what it is there."""
    points = np.empty(2 * len(curve.keyframe_points), np.float32)
    curve.keyframe_points.foreach_get("co", points)
    times, values = points.reshape(-1, 2).T
    if len(times) == len(frames) and np.array_equal(times, np.array(frames)):
        result: NDArray[np.float32] = values.copy()
        return result
    return np.array([curve.evaluate(frame) for frame in frames], np.float32)
