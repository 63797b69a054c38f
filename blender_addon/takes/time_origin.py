"""Second 0 of exported files: the start of the take's own audio, the same for every format.

Keys before the sound would stand before second 0, where most formats have no place. Then the first key is second 0, of
every file alike, and it is said how much later the sound starts. What the panel's Start Frame shows is of no account:
it is where the next take will go.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import bpy
import numpy as np
from numpy.typing import NDArray

from animcore.errors import AnimcoreError

from ..scene import fcurves
from ..scene.frame_rates import exact_rate
from . import polish

_PARTS = ("handle_left", "handle_right", "co")


@dataclass(frozen=True)
class Span:
    """The frames of the scene that are exported.

    Attributes:
        first: becomes second 0 of every file.
        last: the last frame.
        sentence: where second 0 is, for the report.
    """

    first: int
    last: int
    sentence: str

    @property
    def count(self) -> int:
        """How many frames there are."""
        return self.last - self.first + 1


def span_of(scene: bpy.types.Scene, actions: Sequence[bpy.types.Action]) -> Span:
    """Return the exported frames of a take: from the start of its audio, or its first key before that.

    Args:
        scene: whose frame rate counts.
        actions: of the take, at least one.
    """
    first = int(np.floor(min(action.curve_frame_range[0] for action in actions)))
    last = int(np.ceil(max(action.curve_frame_range[1] for action in actions)))
    sound = _sound_frame(scene, actions)
    if sound is None:
        return Span(first, last, f"Second 0 of every file is frame {first}, the first of the take.")
    if first < sound:
        late = float((sound - first) / exact_rate(scene.render.fps, scene.render.fps_base))
        told = f"the first of the take; its audio starts {late:.3f} s later"
        return Span(first, last, f"Second 0 of every file is frame {first}, {told}.")
    return Span(sound, last, f"Second 0 of every file is frame {sound}, where the audio of the take starts.")


def _sound_frame(scene: bpy.types.Scene, actions: Sequence[bpy.types.Action]) -> int | None:
    """The frame at which the sound of a take starts, as the take recorded it; None where that cannot be read."""
    try:
        return min(polish.record_of(action, scene).sound_frame for action in actions)
    except AnimcoreError:
        return None


@contextmanager
def at_zero(scene: bpy.types.Scene, frame: int) -> Iterator[None]:
    """Let what moves in the file run as if `frame` were frame 0: no exporter writes what is before it.

    Keys and NLA strips are moved, and stand where they were to the last bit afterwards.
    """
    current = scene.frame_current
    active = {data.action for data in _animated() if data.action is not None}
    kept = [(curve, _places(curve)) for action in active for curve in fcurves.curves_of(action)]
    strips = [strip for data in _animated() for track in data.nla_tracks for strip in track.strips]
    try:
        for curve, places in kept:
            _place(curve, [part - (np.arange(part.size) % 2 == 0) * np.float32(frame) for part in places])
        _move_strips(strips, -frame, active)
        _refresh(scene, active, current - frame)
        yield
    finally:
        for curve, places in kept:
            _place(curve, places)
        _move_strips(strips, frame, active)
        _refresh(scene, active, current)


def _animated() -> Iterator[bpy.types.AnimData]:
    """The animation of everything that can be in a file of a character."""
    for blocks in (bpy.data.objects, bpy.data.shape_keys, bpy.data.armatures):
        yield from (one.animation_data for one in blocks if one.animation_data is not None)


def _places(curve: bpy.types.FCurve) -> list[NDArray[np.float32]]:
    parts = [np.empty(2 * len(curve.keyframe_points), np.float32) for _ in _PARTS]
    for name, places in zip(_PARTS, parts, strict=True):
        curve.keyframe_points.foreach_get(name, places)
    return parts


def _place(curve: bpy.types.FCurve, parts: Sequence[NDArray[np.float32]]) -> None:
    for name, places in zip(_PARTS, parts, strict=True):
        curve.keyframe_points.foreach_set(name, places)
    curve.update()


def _move_strips(strips: Sequence[bpy.types.NlaStrip], by: int, moved: set[bpy.types.Action]) -> None:
    """Move strips in time, the foremost first, so that none runs into its neighbour."""
    for strip in sorted(strips, key=lambda one: one.frame_start, reverse=by > 0):
        first = strip.frame_start
        if strip.action in moved:  # its keys went along
            ends = (strip.action_frame_start + by, strip.action_frame_end + by)
            names = ("action_frame_start", "action_frame_end")
            for name, value in sorted(zip(names, ends, strict=True), reverse=by < 0):
                setattr(strip, name, value)
        strip.frame_start_ui = first + by


def _refresh(scene: bpy.types.Scene, actions: set[bpy.types.Action], frame: int) -> None:
    for action in actions:
        action.update_tag()
    scene.frame_set(frame)
