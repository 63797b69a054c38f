"""The same line in six emotions, as one picture: the engine performs it, the scene's camera sees it.

Pictures are rendered one at a time, each with everything as it was before and after, so that work can go on between
them.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import bpy
import numpy as np
from numpy.typing import NDArray

from animcore.errors import AnimcoreError
from animcore.motion import Motion

from . import keys, orders, places, preferences, properties, rigs, runner, takes, voice
from .errors import AddonError
from .jobs import Job, State
from .swapped import Setting, Swapped

EMOTIONS = ("joy", "sadness", "anger", "disgust", "fear", "surprise")
NAME = "Animcore Emotions"
TIMES = 4  # pictures of an emotion
SIDE = 240  # pixels that a picture is high
_SAMPLES = 16  # of a pixel, at most
_STEP = 0.05  # seconds that Blender has for itself between two pictures
_STAMPS = (
    "camera", "date", "filename", "frame", "frame_range", "hostname", "lens", "marker", "memory", "render_time",
    "scene", "sequencer_strip", "time",
)  # fmt: skip


@dataclass
class Sheet:
    """A sheet that is being made.

    Attributes:
        scene, root: session numbers of the scene and of the character's object or collection.
        wish: what the engine is asked with, without the emotion.
        start_frame: the frame of the start of the sound.
        folder: for what is made on the way.
        motions: of the emotions, as far as they are performed.
        pictures: (height, width, 4) in 0..1 each, bottom row first, as far as they are rendered.
    """

    scene: int
    root: int
    wish: dict[str, Any]
    start_frame: int
    folder: Path
    motions: list[Motion] = field(default_factory=list)
    pictures: list[NDArray[np.float32]] = field(default_factory=list)

    @property
    def fraction(self) -> float:
        """How much of it is rendered, 0..1."""
        return len(self.pictures) / (len(EMOTIONS) * TIMES)


_under_way: list[Sheet] = []


def under_way() -> Sheet | None:
    """Return the sheet that is being made."""
    return _under_way[0] if _under_way else None


def begin(scene: bpy.types.Scene) -> None:
    """Ask the engine for the line in the first of the emotions; the rest follows by itself.

    Raises:
        AddonError: where no sheet can be made: what is missing.
    """
    if runner.session.jobs.busy or _under_way:
        raise AddonError("Something is being made already; wait for it or cancel it first.")
    if scene.camera is None:
        raise AddonError("The scene has no camera to see the face with; add one (Shift A) that looks at it.")
    said, root = voice.read(scene), properties.root(properties.of(scene))
    rigs.read_face(root)
    wish = voice.asked(scene, said)
    wish["direction"]["strengths"] |= {"body": 0.0, "hands": 0.0}
    folder = Path(tempfile.mkdtemp(prefix="animcore-"))
    _under_way[:] = [Sheet(scene.session_uid, root.session_uid, wish, said.start_frame, folder)]
    runner.session.outcome = None
    _ask(_under_way[0])


def cancel() -> None:
    """Leave the sheet."""
    if _under_way:
        _end(runner.Outcome(False, "Cancelled; there is no sheet."))


def stop() -> None:
    """Forget a sheet under way."""
    if _under_way:
        shutil.rmtree(_under_way.pop().folder, ignore_errors=True)
    if bpy.app.timers.is_registered(_tick):
        bpy.app.timers.unregister(_tick)


def _ask(sheet: Sheet) -> None:
    felt = {"emotion": EMOTIONS[len(sheet.motions)], "intensity": 1.0}
    direction = {**sheet.wish["direction"], "emotions": [felt]}
    request = {"do": "generate", **sheet.wish, "direction": direction, "out": str(sheet.folder / "take.npz")}
    try:
        runner.session.jobs.begin(preferences.launch(), request)
    except BaseException:
        stop()
        raise
    runner.session.finish = _performed


def _performed(job: Job) -> None:
    """The engine has answered: ask for the next emotion, or begin with the pictures."""
    sheet = under_way()
    if sheet is None:
        return
    if job.state is not State.DONE:
        cancelled = runner.Outcome(False, "Cancelled; there is no sheet.")
        _end(cancelled if job.state is State.CANCELLED else runner.Outcome(True, job.message, report=job.report))
        return
    sheet.motions.append(Motion.load(Path(job.answer["motion"])))
    if len(sheet.motions) < len(EMOTIONS):
        _ask(sheet)
    elif not bpy.app.background:
        bpy.app.timers.register(_tick, first_interval=_STEP)


def work() -> bool:
    """Render the next picture; returns whether there is more to do."""
    sheet = under_way()
    if sheet is None:
        return False
    try:
        sheet.pictures.append(_picture(sheet, len(sheet.pictures)))
        if sheet.fraction < 1:
            return True
        image = _compose(sheet.pictures)
    except (AnimcoreError, RuntimeError) as error:
        _end(runner.Outcome(True, str(error).strip()))
        return False
    _end(runner.Outcome(False, f"The sheet is the image {image.name!r}; open it in an Image Editor."))
    return False


def _tick() -> float | None:
    more = work()
    runner.redraw()
    return _STEP if more else None


def _end(outcome: runner.Outcome) -> None:
    stop()
    runner.session.outcome = outcome


def _picture(sheet: Sheet, number: int) -> NDArray[np.float32]:
    """Render one of the pictures, (height, width, 4)."""
    scene = orders.by_uid(bpy.data.scenes, sheet.scene)
    root = orders.root_by_uid(sheet.root)
    if scene is None or root is None or scene.camera is None:
        raise AddonError("The character, its scene or the camera was deleted; there is no sheet.")
    emotion, column = divmod(number, TIMES)
    motion = sheet.motions[emotion]
    first = sheet.start_frame + round(motion.start * motion.rate)
    frame = first + int((column + 0.5) / TIMES * motion.frame_count)
    path = sheet.folder / f"{number}.png"
    before = scene.frame_current, scene.frame_subframe
    with ExitStack() as back:
        back.callback(lambda: scene.frame_set(before[0], subframe=before[1]))
        _wear(rigs.read(root), motion, first, back)
        back.callback(
            Swapped(
                _settings(scene, f"{EMOTIONS[emotion]} {motion.start + (frame - first) / motion.fps:.2f} s", path)
            ).back
        )
        scene.frame_set(frame)
        bpy.ops.render.render(write_still=True, scene=scene.name)
    return _pixels(path)


def _wear(character: rigs.Character, motion: Motion, first: int, back: ExitStack) -> None:
    """Have a performance play on a character until the stack is closed."""
    shown = places.Shown()
    back.callback(shown.back)
    for owner, channels in takes.channels_of(character, motion, None):
        shown.remember(places.of(owner, channel) for channel in channels)
        back.callback(keys.Snapshot(owner).restore)
        action = keys.make_action(owner, NAME, first, channels)
        back.callback(bpy.data.actions.remove, action)
        keys.assign(owner, action)


def _settings(scene: bpy.types.Scene, label: str, path: Path) -> Iterator[Setting]:
    """A small picture with the emotion's name in it."""
    render, pictures = scene.render, scene.render.image_settings
    yield render, "resolution_x", max(1, round(SIDE * render.resolution_x / render.resolution_y))
    yield render, "resolution_y", SIDE
    yield render, "resolution_percentage", 100
    yield render, "filepath", str(path)
    if hasattr(pictures, "media_type"):  # since Blender 5.0
        yield pictures, "media_type", "IMAGE"
    yield pictures, "file_format", "PNG"
    yield render, "use_sequencer", False
    yield render, "use_stamp", True
    yield render, "use_stamp_note", True
    yield render, "stamp_note_text", label
    yield render, "stamp_font_size", 14
    for name in _STAMPS:
        yield render, f"use_stamp_{name}", False
    if scene.render.engine == "CYCLES":
        yield scene.cycles, "samples", min(scene.cycles.samples, _SAMPLES)


def _pixels(path: Path) -> NDArray[np.float32]:
    image = bpy.data.images.load(str(path))
    try:
        pixels = np.empty(image.size[0] * image.size[1] * image.channels, np.float32)
        image.pixels.foreach_get(pixels)
        return pixels.reshape(image.size[1], image.size[0], image.channels)
    finally:
        bpy.data.images.remove(image)


def _compose(pictures: list[NDArray[np.float32]]) -> bpy.types.Image:
    """The image of all pictures: a row an emotion, the first at the top."""
    rows = [np.concatenate(pictures[first : first + TIMES], 1) for first in range(0, len(pictures), TIMES)]
    whole = np.concatenate(rows[::-1], 0)  # images begin at the bottom
    height, width, channels = whole.shape
    if (earlier := bpy.data.images.get(NAME)) is not None:
        bpy.data.images.remove(earlier)
    image = bpy.data.images.new(NAME, width, height, alpha=channels == 4)
    filled = np.ones((height, width, 4), np.float32)
    filled[..., :channels] = whole
    image.pixels.foreach_set(filled.ravel())
    image.pack()
    return image
