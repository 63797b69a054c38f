"""After a change of the scene's frame rate: every key, its sound and the markers on it go to their second again."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from fractions import Fraction

import bpy

from .. import object_data, properties
from ..errors import AddonError
from ..scene import fcurves, sequencer
from ..scene.frame_rates import exact_rate
from . import polish
from .library import Listed


@dataclass(frozen=True)
class Move:
    """How frames move: `origin`, the frame of a sound, goes to `to`, and what is around it is stretched by `factor`."""

    origin: int
    to: int
    factor: Fraction

    def __call__(self, frame: float) -> float:
        """Return where a frame goes."""
        return self.to + (frame - self.origin) * float(self.factor)


def behind(scene: bpy.types.Scene) -> list[bpy.types.Action]:
    """Return the takes on the scene's characters whose keys stand at another frame rate than the scene's."""
    return [action for action in _on(scene) if fcurves.stored_rate(action) not in (None, _rate(scene))]


def _on(scene: bpy.types.Scene) -> list[bpy.types.Action]:
    """The takes on the scene's characters."""
    owners = [block for thing in scene.objects for block in _animated(thing)]
    takes = [action for action in bpy.data.actions if fcurves.TAKE in action]
    return [action for action in takes if any(fcurves.is_made_for(action, owner) for owner in owners)]


def is_behind(scene: bpy.types.Scene, takes: Iterable[Listed]) -> bool:
    """Whether takes of the chosen character stand at another frame rate than the scene's; cheap enough for drawing."""
    rate = _rate(scene)
    return any(fcurves.stored_rate(action) not in (None, rate) for take in takes for action in take.actions[:1])


def retime(scene: bpy.types.Scene) -> str:
    """Move everything; returns what was done in one sentence.

    Sounds start on whole frames; keys keep their exact time from the start of their sound.

    Raises:
        AddonError: where nothing stands at another rate.
    """
    late = behind(scene)
    if not late:
        raise AddonError("All takes are at the scene's frame rate; there is nothing to retime.")
    rate, settings = _rate(scene), properties.of(scene)
    is_whole = len(late) == len(_on(scene))  # else the scene stands at its rate already, and a take came to it
    moves: dict[tuple[int, Fraction], Move] = {}
    spans: dict[Move, tuple[float, float]] = {}
    for action in late:
        kept = polish.record_of(action, scene)
        factor = rate / kept.scene_rate
        to = scene.frame_start + round((kept.sound_frame - scene.frame_start) * factor)
        move = moves.setdefault((kept.sound_frame, factor), Move(kept.sound_frame, to, factor))
        first, last = spans.get(move, (float("inf"), -float("inf")))
        spans[move] = (min(first, kept.frames[0], kept.sound_frame), max(last, kept.frames[-1]))
        for curve in fcurves.curves_of(action):
            fcurves.move_points(curve, move.origin, move.to, float(factor))
        _move_strips(action, move)
        polish.store(action, replace(kept, scene_rate=rate, sound_frame=to))
        fcurves.store_rate(action, rate)
    starts = {move.origin: move for move in moves.values()}
    for strip in sequencer.own_strips(scene):
        frame = sequencer.content_start(strip)
        within = (move for move, span in spans.items() if span[0] <= frame <= span[1])  # a later voice of a dialogue
        if (found := starts.get(round(frame), next(within, None))) is not None:
            sequencer.move(strip, round(found(frame)))
    if settings.start_frame in starts:
        settings.start_frame = starts[settings.start_frame].to
    _move_markers(scene, spans)
    ends = [int(move(span[1]) + 0.999) for move, span in spans.items()]
    if is_whole:
        _move_range(scene, max(move.factor for move in spans))
    scene.frame_end = max(scene.frame_end, *ends)
    scene.frame_set(scene.frame_current)
    count = len({fcurves.take_id(action) for action in late})
    return f"{count} take{'s' * (count > 1)} moved to {float(rate):.5g} FPS."


def _rate(scene: bpy.types.Scene) -> Fraction:
    return exact_rate(scene.render.fps, scene.render.fps_base)


def _animated(thing: bpy.types.Object) -> list[bpy.types.ID]:
    """The data-blocks of an object that a take can play on."""
    if thing.type == "MESH":
        return [*object_data.keys_of([thing])]
    return [thing] if thing.type == "ARMATURE" else []


def _move_strips(action: bpy.types.Action, move: Move) -> None:
    """Move the NLA strips that a take was baked into."""
    for owner in (*bpy.data.shape_keys, *bpy.data.objects):
        for strip in fcurves.strips_of(owner):
            if strip.action == action:
                first, last = move(strip.action_frame_start), move(strip.action_frame_end)
                fcurves.place_strip(strip, first, last)


def _move_range(scene: bpy.types.Scene, factor: Fraction) -> None:
    """Let the scene and its preview range reach over the same seconds as before; the scene's first frame stays."""

    def moved(frame: int) -> int:
        return scene.frame_start + round((frame - scene.frame_start) * factor)

    scene.frame_end = moved(scene.frame_end)
    if scene.use_preview_range:
        first, last = moved(scene.frame_preview_start), moved(scene.frame_preview_end)
        scene.frame_preview_end, scene.frame_preview_start = last, first  # each keeps the other in order ...
        scene.frame_preview_end = last  # ... so that the end comes once more


def _move_markers(scene: bpy.types.Scene, spans: dict[Move, tuple[float, float]]) -> None:
    """Move the markers on a take: they mark its speech."""
    for marker in scene.timeline_markers:
        for move, (first, last) in spans.items():
            if first <= marker.frame <= last:
                marker.frame = round(move(marker.frame))
                break
