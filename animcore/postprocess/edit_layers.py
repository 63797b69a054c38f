"""Hand edits as a layer on top of what was generated, so that a new solve keeps them.

No one has to work in a layer: an animator edits the visible keys. The generated keys are stored, so the difference
from it is the edit: per channel, on the frames on which it differs. On new curves the layer is either added, or stands
in their place with soft ends.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Mode = Literal["add", "replace"]
Array = NDArray[np.float64]
Floats = NDArray[np.floating[Any]]
Mask = NDArray[np.bool_]

TOLERANCE = 2e-5  # of a unit (a weight, a radian); what a program's rounding may change without anybody's doing
JOIN = 0.25  # seconds; edits of a channel that are less apart belong together
EASE = 0.12  # seconds that an edit which replaces takes to come and to go


@dataclass(frozen=True)
class EditSpan:
    """An edit: a channel, its first and its last frame."""

    channel: int
    first: int
    last: int


def absorb(layer: Floats, current: Floats, written: Floats) -> Array:
    """Return a layer (T, C) with what was changed by hand since the curves were written.

    Args:
        layer: (T, C) edits that the written curves hold already.
        current: (T, C) the curves as they are now; NaN where a curve is gone, which changes nothing.
        written: (T, C) the curves as they were written.
    """
    off = np.nan_to_num(np.asarray(current, np.float64) - written, nan=0.0)
    result: Array = np.where(np.abs(off) > TOLERANCE, layer + off, layer)
    return np.where(np.abs(result) > TOLERANCE, result, 0.0)


def spans(layer: Floats, rate: float) -> list[EditSpan]:
    """Return the edits of a layer (T, C) at `rate` FPS, channel by channel in the order of time."""
    found = []
    for channel in np.flatnonzero(np.any(layer != 0, axis=0)):
        edited = np.flatnonzero(layer[:, channel])
        breaks = np.flatnonzero(np.diff(edited) > JOIN * rate)
        starts, ends = edited[np.r_[0, breaks + 1]], edited[np.r_[breaks, len(edited) - 1]]
        found += [EditSpan(int(channel), int(first), int(last)) for first, last in zip(starts, ends, strict=True)]
    return found


def apply_layer(
    new: Floats,
    layer: Floats,
    before: Floats,
    rate: float,
    mode: Mode = "add",
) -> Array:
    """Return the layer (T, C) that keeps the hand edits on new curves.

    Added, an edit is as far from the new curves as it was from the old ones. Replacing, the curves go exactly where the
    animator put them, and on both sides of a span pass into the new ones within `EASE`. On the same curves both give
    the same: nothing changes.

    Args:
        new: (T, C) the curves that come, without edits.
        layer: (T, C) the edits so far, on the same frames.
        before: (T, C) the curves that the edits were made on, without edits.
        rate: frame rate.
        mode: `add` or `replace`.
    """
    layer = np.asarray(layer, np.float64)
    if mode == "add":
        return layer.copy()
    weight = presence(layer, rate)
    return layer * (weight > 0) + weight * (np.asarray(before, np.float64) - new)


def presence(layer: Floats, rate: float) -> Array:
    """Return (T, C) how much of each frame is the animator's: 1 in the spans of a layer, easing to 0 around them."""
    weight = np.zeros(layer.shape)
    frames = np.arange(len(layer))
    for span in spans(layer, rate):
        away = np.maximum(np.maximum(span.first - frames, frames - span.last), 0) / (EASE * rate)
        near = np.clip(1.0 - away, 0.0, 1.0)
        weight[:, span.channel] = np.maximum(weight[:, span.channel], near * near * (3.0 - 2.0 * near))
    return weight


def remove_edits(layer: Floats, channels: Mask, frames: Mask) -> Array:
    """Return a layer (T, C) without the edits of some channels (C,) on some frames (T,)."""
    gone = frames[:, None] & channels
    return np.where(gone, 0.0, layer)


def resampled(values: Floats, times: Floats, wanted: Floats, *, hold: bool) -> Array:
    """Return curves (T, C) at other times (seconds), by linear interpolation.

    Args:
        values: (T, C).
        times: (T,) in seconds, rising.
        wanted: (N,) in seconds.
        hold: whether the curves hold beyond their ends (a performance), or are 0 there (a layer).
    """
    values = np.asarray(values, np.float64)
    if len(times) == len(wanted) and np.allclose(times, wanted, atol=1e-9, rtol=0):
        return values.copy()
    place = np.interp(wanted, times, np.arange(len(times)))
    before = np.minimum(place.astype(np.int64), len(times) - 1)
    after = np.minimum(before + 1, len(times) - 1)
    share = (place - before)[:, None]
    result: Array = values[before] * (1.0 - share) + values[after] * share
    if not hold:
        result[(wanted < times[0] - 1e-9) | (wanted > times[-1] + 1e-9)] = 0.0
    return result
