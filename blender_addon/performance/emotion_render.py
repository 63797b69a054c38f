"""The renders of an emotion sheet, in a Blender of its own that has a copy of the user's file (`child`)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bpy
import numpy as np
from numpy.typing import NDArray

from animcore.core.origin import COMPOSITE, Origin
from animcore.core.progress import Progress
from animcore.motion import Motion
from animcore.provenance import marks

from ..character import rig_reader
from ..scene import fcurves, file_copies
from ..scene.temporary_settings import Setting
from ..takes import keying

NAME = "Animcore Emotions"
TIMES = 4  # images per emotion
_SAMPLES = 16  # of a pixel, at most
_STAMPS = (
    "camera", "date", "filename", "frame", "frame_range", "hostname", "lens", "marker", "memory", "render_time",
    "scene", "sequencer_strip", "time",
)  # fmt: skip


def make(request: dict[str, Any], told: Progress) -> dict[str, Any]:
    """Render moments of each performance from the scene's camera into one image.

    The request names `motions` (emotion -> file), `start_frame`, `side` (pixels that a moment is high) and `out`.
    """
    told(0.0, "Opening a copy of the file")
    scene, root = file_copies.opened(request)
    character = rig_reader.read(root)
    images: list[NDArray[np.float32]] = []
    for emotion, path in request["motions"].items():
        motion = Motion.load(Path(path))
        first = request["start_frame"] + round(motion.start * motion.rate)
        _wear(character, motion, first)
        for column in range(TIMES):
            told(len(images) / (len(request["motions"]) * TIMES), "Rendering the sheet")
            frame = first + int((column + 0.5) / TIMES * motion.frame_count)
            label = f"{emotion} {motion.start + (frame - first) / motion.fps:.2f} s"
            images.append(_render_image(scene, frame, label, request["side"], Path(request["out"])))
    _save(images, Path(request["out"]))
    return {"sheet": request["out"]}


def _wear(character: rig_reader.Character, motion: Motion, first: int) -> None:
    """Have a performance play on a character, in place of what does."""
    for owner, channels in keying.channels_of(character, motion, None):
        fcurves.assign(owner, fcurves.make_action(owner, NAME, first, channels))


def _render_image(scene: bpy.types.Scene, frame: int, label: str, side: int, path: Path) -> NDArray[np.float32]:
    """Render one of the images, (height, width, 4) in 0..1, bottom row first."""
    for owner, name, value in _settings(scene, label, side, path):
        setattr(owner, name, value)
    scene.frame_set(frame)
    bpy.ops.render.render(write_still=True, scene=scene.name)
    image = bpy.data.images.load(str(path))
    pixels = np.empty(image.size[0] * image.size[1] * image.channels, np.float32)
    image.pixels.foreach_get(pixels)
    shaped = pixels.reshape(image.size[1], image.size[0], image.channels)
    bpy.data.images.remove(image)
    return shaped


def _settings(scene: bpy.types.Scene, label: str, side: int, path: Path) -> Iterator[Setting]:
    """A small image with the emotion's name."""
    render, output = scene.render, scene.render.image_settings
    if render.resolution_y != side:
        yield render, "resolution_x", max(1, round(side * render.resolution_x / render.resolution_y))
    yield render, "resolution_y", side
    yield render, "resolution_percentage", 100
    yield render, "filepath", str(path)
    if hasattr(output, "media_type"):  # since Blender 5.0
        yield output, "media_type", "IMAGE"
    yield output, "file_format", "PNG"
    yield output, "color_mode", "RGBA"
    yield render, "use_sequencer", False
    yield render, "use_persistent_data", True
    yield render, "use_stamp", True
    yield render, "use_stamp_note", True
    yield render, "stamp_note_text", label
    yield render, "stamp_font_size", 14
    for name in _STAMPS:
        yield render, f"use_stamp_{name}", False
    if scene.render.engine == "CYCLES":
        yield scene.cycles, "samples", min(scene.cycles.samples, _SAMPLES)


def _save(images: list[NDArray[np.float32]], path: Path) -> None:
    """Write the image of all renders: a row per emotion, the first at the top."""
    rows = [np.concatenate(images[first : first + TIMES], 1) for first in range(0, len(images), TIMES)]
    whole = np.ascontiguousarray(np.concatenate(rows[::-1], 0))  # images begin at the bottom
    height, width, _ = whole.shape
    image = bpy.data.images.new(NAME, width, height, alpha=True)
    image.pixels.foreach_set(whole.ravel())
    image.filepath_raw, image.file_format = str(path), "PNG"
    image.save()
    marks.mark(path, Origin(COMPOSITE))
