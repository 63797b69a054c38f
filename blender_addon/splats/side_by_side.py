"""One frame by two engines, beside each other: the mesh as the scene renders it, and with its Gaussians."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import bpy
import numpy as np

from animcore.errors import AnimcoreError

from .. import runner
from ..errors import AddonError
from ..swapped import Setting, Swapped
from .engine import NAME

SUFFIX = ".png"
IMAGE = "Side by Side"
_ELSE = "CYCLES"  # beside the preview, where the scene itself renders with it
_NEXT = 0.2  # seconds after which Blender has put its render away and takes another


@dataclass
class Pair:
    """Two renders of a frame, one after the other; the scene's settings as they were."""

    scene: bpy.types.Scene
    path: Path
    folder: Path
    engines: list[str]
    settings: Swapped
    done: list[Path] = field(default_factory=list)

    def prepare(self) -> None:
        """Have the scene render with the next engine."""
        engine = self.engines[len(self.done)]
        self.scene.render.engine = engine
        part = self.folder / f"{len(self.done)}{SUFFIX}"
        self.scene.render.filepath = str(part)
        self.done.append(part)

    def end(self, *, whole: bool) -> bpy.types.Image | None:
        """Put the settings back, and the two pictures side by side where both are there.

        Raises:
            AddonError: where one of them is not.
        """
        self.settings.back()
        try:
            if not whole:
                return None
            if not all(part.is_file() for part in self.done):
                raise AddonError("Blender wrote no picture; its console says why.")
            return joined(self.done, self.path)
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)


_running: list[Pair] = []


def render(scene: bpy.types.Scene, path: Path) -> None:
    """Render the current frame with the scene's engine and with Gaussian Preview, into one picture.

    With a window Blender shows its progress, and the picture when both are there.

    Args:
        scene: is rendered, with its camera and size.
        path: of the PNG.

    Raises:
        AddonError: where it cannot be made.
    """
    pair = begin(scene, path)
    if not bpy.app.background:
        _running.append(pair)
        bpy.app.handlers.render_complete.append(_complete)
        bpy.app.handlers.render_cancel.append(_cancelled)
        _start_next()
        return
    try:
        while len(pair.done) < len(pair.engines):
            pair.prepare()
            bpy.ops.render.render(write_still=True)
    except RuntimeError as error:
        pair.end(whole=False)
        raise AddonError(f"The picture could not be rendered ({_reason(error)}).") from error
    pair.end(whole=True)


def begin(scene: bpy.types.Scene, path: Path) -> Pair:
    """Have the scene's output be two small pictures.

    Raises:
        AddonError: where they cannot be made.
    """
    if _running:
        raise AddonError("Two pictures are being rendered already; wait for them, or press Esc in their window.")
    if scene.camera is None:
        raise AddonError("The scene has no camera; add one (Shift A) and press Side by Side again.")
    if not path.parent.is_dir():
        raise AddonError(f"There is no folder {path.parent}; choose another place for the picture.")
    first = scene.render.engine if scene.render.engine != NAME else _ELSE
    folder = Path(tempfile.mkdtemp(prefix="animcore-pair-"))
    return Pair(scene, path.with_suffix(SUFFIX), folder, [first, NAME], Swapped(_wanted(scene)))


def _wanted(scene: bpy.types.Scene) -> Iterator[Setting]:
    """What the scene's output has to be, in the order in which Blender accepts it; engine and path change later."""
    pictures = scene.render.image_settings
    yield scene.render, "engine", scene.render.engine
    yield scene.render, "filepath", scene.render.filepath
    if hasattr(pictures, "media_type"):  # since Blender 5.0
        yield pictures, "media_type", "IMAGE"
    yield pictures, "file_format", "PNG"
    yield pictures, "color_depth", "8"
    yield pictures, "color_mode", "RGBA"


def joined(parts: list[Path], path: Path) -> bpy.types.Image:
    """Write pictures of one height beside each other into a PNG, and return it as Blender's image."""
    halves = []
    for part in parts:
        image = bpy.data.images.load(str(part))
        width, height = image.size
        values = np.empty(width * height * 4, np.float32)
        image.pixels.foreach_get(values)
        halves.append(values.reshape(height, width, 4))
        bpy.data.images.remove(image)
    whole = np.concatenate(halves, 1)
    old = bpy.data.images.get(IMAGE)
    if old is not None:
        bpy.data.images.remove(old)
    made = bpy.data.images.new(IMAGE, whole.shape[1], whole.shape[0], alpha=True)
    made.pixels.foreach_set(np.ascontiguousarray(whole).ravel())
    made.filepath_raw, made.file_format = str(path), "PNG"
    try:
        made.save()
    except RuntimeError as error:
        raise AddonError(f"{path} cannot be written ({_reason(error)}).") from error
    return made


def stop() -> None:
    """Forget renders under way; the scene's settings come back."""
    if _running:
        _finish(whole=False)


def _start_next() -> None:
    """Render with the next engine, in the background of Blender's window."""
    if not _running:
        return
    _running[0].prepare()
    bpy.ops.render.render("INVOKE_DEFAULT", write_still=True)


def _complete(*_args: Any) -> None:
    pair = _running[0]
    if len(pair.done) < len(pair.engines):
        bpy.app.timers.register(_start_next, first_interval=_NEXT)
    else:
        bpy.app.timers.register(_finish_whole, first_interval=_NEXT)


def _cancelled(*_args: Any) -> None:
    bpy.app.timers.register(_finish_left, first_interval=_NEXT)


def _finish_whole() -> None:
    _finish(whole=True)


def _finish_left() -> None:
    _finish(whole=False)


def _finish(*, whole: bool) -> None:
    """The end of both in a window: settings back, the picture shown, a word in the panel."""
    handlers = bpy.app.handlers
    for listed, handler in ((handlers.render_complete, _complete), (handlers.render_cancel, _cancelled)):
        if handler in listed:
            listed.remove(handler)
    if not _running:
        return
    pair = _running.pop()
    try:
        image = pair.end(whole=whole)
    except AnimcoreError as error:
        runner.session.outcome = runner.Outcome(True, str(error))
        return
    if image is None:
        runner.session.outcome = runner.Outcome(False, "Side by side was cancelled; nothing is left of it.")
        return
    _show(image)
    runner.session.outcome = runner.Outcome(False, f"Side by side: {pair.path}.")


def _show(image: bpy.types.Image) -> None:
    """Show an image in an image editor that is open; where there is none it is among the file's images."""
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type == "IMAGE_EDITOR":
                area.spaces.active.image = image
                return


def _reason(error: Exception) -> str:
    return str(error).strip().removeprefix("Error: ").rstrip(".\n")
