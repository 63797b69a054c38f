"""The voice over the timeline: how loud it is, with the words and phonemes of the take that plays.

Drawing costs little: the waveform is uploaded to the GPU once, and only visible words are drawn.
Without a window nothing is hooked in.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import bpy
import numpy as np
from numpy.typing import NDArray

from animcore.motion import Event

from .. import object_data, properties
from ..character import rig_reader
from ..errors import AddonError
from ..scene import fcurves, frame_rates
from . import analysis, source

EVENTS = "animcore_events"  # custom property of a take's action: its words and phonemes
PEAK_RATE = 100  # values per second of the engine's envelope
_SHOWN = ("word", "phoneme")

_HEIGHT = 44  # pixels of the sound, at a scale of 1
_BOTTOM = 14  # pixels below it: the scroll bar
_LINE = 15  # pixels of a line of words
_LEAST = 10.0  # pixels; a narrower word is not written
_SOUND = (0.35, 0.62, 0.95, 0.45)
_BACK = (0.0, 0.0, 0.0, 0.25)
_TEXT = (0.92, 0.92, 0.92, 1.0)

Spoken = tuple[Event, ...]


def kept(events: Sequence[Event]) -> str:
    """Return words and phonemes as text to be stored with an action; empty where there are none."""
    told = [[one.kind, one.label, round(one.start, 4), round(one.end, 4)] for one in events if one.kind in _SHOWN]
    return json.dumps(told, ensure_ascii=False) if told else ""


@functools.lru_cache(maxsize=8)
def read(text: str) -> Spoken:
    """Return the words and phonemes that `kept` wrote; what cannot be read counts as none."""
    try:
        return tuple(Event(kind, str(label), float(start), float(end)) for kind, label, start, end in json.loads(text))
    except (ValueError, TypeError):
        return ()


def shape(peaks: NDArray[np.float32]) -> NDArray[np.float32]:
    """(2N, 2) the corners of a strip of triangles: seconds, and the peak below and above the middle, -1..1."""
    loudest = max(float(peaks.max(initial=0.0)), 1e-3)
    corners = np.empty((len(peaks), 2, 2), np.float32)
    corners[:, :, 0] = (np.arange(len(peaks)) / PEAK_RATE)[:, None]
    corners[:, 0, 1], corners[:, 1, 1] = -peaks / loudest, peaks / loudest
    return corners.reshape(-1, 2)


@dataclass(frozen=True)
class Label:
    """A word on the screen: where it begins and ends, in pixels, and its line from below."""

    text: str
    left: float
    right: float
    line: int


def labels(events: Spoken, pixel: Callable[[float], float], width: int) -> list[Label]:
    """Return the words and phonemes that are seen in a region and wide enough to be written.

    Args:
        events: in any order.
        pixel: the place of a second of the voice.
        width: of the region, in pixels.
    """
    found = []
    for one in events:
        left, right = pixel(one.start), pixel(one.end)
        if right > 0 and left < width and right - left >= _LEAST:
            found.append(Label(one.label, left, right, _SHOWN.index(one.kind)))
    return found


@dataclass
class _Drawn:
    """The batch on the GPU, and the audio that it belongs to."""

    peaks: Any = None
    batch: Any = None
    handles: list[tuple[Any, Any]] = field(default_factory=list)


_drawn = _Drawn()


def start() -> None:
    """Hook into the timeline and the dope sheet, where there is a window."""
    if not bpy.app.background and not _drawn.handles:
        space = bpy.types.SpaceDopeSheetEditor
        _drawn.handles.append((space, space.draw_handler_add(_draw, (), "WINDOW", "POST_PIXEL")))


def stop() -> None:
    """Unhook."""
    for space, handle in _drawn.handles:
        space.draw_handler_remove(handle, "WINDOW")
    _drawn.handles.clear()
    _drawn.peaks = _drawn.batch = None


def _draw() -> None:
    context = bpy.context
    settings = properties.of(context.scene)
    if not settings.show_waveform:
        return
    heard = analysis.of(settings)
    peaks = heard.peaks if heard is not None else None
    region = cast("bpy.types.Region", context.region)  # Blender draws in one
    scale, width = context.preferences.system.ui_scale, region.width
    if peaks is not None:
        _draw_sound(width, peaks, _pixel(context, region, source.start_frame(context.scene)), scale)
    if (take := _spoken_take(settings)) is not None:
        _draw_words(labels(read(str(take[EVENTS])), _pixel(context, region, sound_frame(take)), width), scale)


def _pixel(context: bpy.types.Context, region: bpy.types.Region, first: int) -> Callable[[float], float]:
    """The place of a second of the voice in the region that is drawn."""
    rate = float(frame_rates.exact_rate(context.scene.render.fps, context.scene.render.fps_base))
    view = region.view2d
    zero, thousand = (view.view_to_region(frame, 0.0, clip=False)[0] for frame in (first, first + 1000))
    return lambda seconds: zero + (thousand - zero) / 1000 * seconds * rate


def _spoken_take(settings: properties.AnimcoreSettings) -> bpy.types.Action | None:
    """The action of the take that plays on the character, where words are kept with it."""
    root = properties.root(settings)
    try:
        members = rig_reader.members_of(root) if root is not None else []
    except AddonError:
        return None
    for one in members:
        key = object_data.shape_keys(one) if one.type == "MESH" else None
        data = key.animation_data if key is not None else None
        if data is not None and data.action is not None and EVENTS in data.action:
            return data.action
    return None


def sound_frame(take: bpy.types.Action) -> int:
    """Return the frame at which the sound of a take starts; an older take does not say it and starts with its keys."""
    found = take.get(fcurves.SOUND_FRAME)
    return found if isinstance(found, int) else round(take.curve_frame_range[0])


def _draw_sound(width: int, peaks: NDArray[np.float32], pixel: Callable[[float], float], scale: float) -> None:
    import gpu
    from gpu_extras.batch import batch_for_shader

    shader = gpu.shader.from_builtin("UNIFORM_COLOR")
    if _drawn.peaks is not peaks:
        _drawn.peaks = peaks
        _drawn.batch = batch_for_shader(shader, "TRI_STRIP", {"pos": shape(peaks)})  # type: ignore[dict-item]  # its stub has no arrays
    left, right, half = pixel(0.0), pixel(len(peaks) / PEAK_RATE), _HEIGHT * scale / 2
    bottom = _BOTTOM * scale
    ground = [(max(left, 0), bottom), (min(right, width), bottom)]
    ground += [(x, y + 2 * half) for x, y in ground]
    back = batch_for_shader(shader, "TRI_STRIP", {"pos": ground})
    gpu.state.blend_set("ALPHA")
    shader.uniform_float("color", _BACK)
    back.draw(shader)
    with gpu.matrix.push_pop():
        gpu.matrix.translate((left, bottom + half))
        gpu.matrix.scale((pixel(1.0) - left, half))
        shader.uniform_float("color", _SOUND)
        _drawn.batch.draw(shader)
    gpu.state.blend_set("NONE")


def _draw_words(words: Sequence[Label], scale: float) -> None:
    import blf

    blf.size(0, 11 * scale)
    blf.color(0, *_TEXT)
    blf.enable(0, blf.CLIPPING)
    for word in words:
        bottom = (_BOTTOM + 4 + _LINE * (1 - word.line)) * scale
        blf.clipping(0, word.left, 0, word.right, bottom + _LINE * scale)
        blf.position(0, word.left + 2, bottom, 0)
        blf.draw(0, word.text)
    blf.disable(0, blf.CLIPPING)
