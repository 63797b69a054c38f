"""One frame by two engines, side by side: the mesh as the scene renders it, and with its Gaussians."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import bpy
import numpy as np

from animcore.core.origin import COMPOSITE, Origin
from animcore.errors import AnimcoreError
from animcore.provenance import marks

from ...errors import AddonError
from ...performance import requests, session
from ...scene import temporary_settings
from ...scene.temporary_settings import Setting
from .preview_engine import NAME, left_out

SUFFIX = ".png"
IMAGE = "Side by Side"
_ELSE = "CYCLES"  # beside the preview, where the scene itself renders with it
_NEXT = 0.2  # seconds after which Blender has put its render away and takes another


@dataclass
class Pair:
    """Two renders of a frame, one after the other, of a copy of the scene: whatever frame the user goes to meanwhile.

    Attributes:
        scene: session number of the copy.
        path: of the resulting image.
        folder: for the two halves.
        engines: that render them.
        done: the halves, as far as they are begun.
        notes: what one of them is without.
        whole: whether the last one came to its end.
    """

    scene: int
    path: Path
    folder: Path
    engines: list[str]
    done: list[Path] = field(default_factory=list)
    notes: tuple[str, ...] = ()
    whole: bool = True

    @property
    def more(self) -> bool:
        """Whether there is another half to render."""
        return self.whole and len(self.done) < len(self.engines)

    def render_next(self, how: str = "EXEC_DEFAULT") -> None:
        """Render with the next engine; `how` is the execution context."""
        scene = requests.by_uid(bpy.data.scenes, self.scene)
        part = self.folder / f"{len(self.done)}{SUFFIX}"
        scene.render.engine, scene.render.filepath = self.engines[len(self.done)], str(part)
        self.done.append(part)
        temporary_settings.render(scene, how, write_still=True)

    def end(self) -> bpy.types.Image | None:
        """Remove the copy of the scene, and put the two renders side by side where both are there.

        Raises:
            AddonError: where one of them is not.
        """
        temporary_settings.remove(self.scene)
        try:
            if not self.whole:
                return None
            if not all(part.is_file() for part in self.done):
                raise AddonError("Blender wrote no image; see its console.")
            return joined(self.done, self.path)
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)


_running: Pair | None = None


def render(scene: bpy.types.Scene, path: Path) -> None:
    """Render the current frame with the scene's engine and with Gaussian Preview, into one image.

    With a window Blender shows its progress, and the image when both are there.

    Args:
        scene: is rendered, with its camera and size.
        path: of the PNG.

    Raises:
        AddonError: where it cannot be made.
    """
    global _running
    pair = begin(scene, path)
    if not bpy.app.background:
        _running = pair
        bpy.app.handlers.render_complete.append(_complete)
        bpy.app.handlers.render_cancel.append(_cancelled)
        pair.render_next("INVOKE_DEFAULT")
        return
    try:
        while pair.more:
            pair.render_next()
    except RuntimeError as error:
        pair.whole = False
        pair.end()
        raise AddonError(f"The image could not be rendered ({_reason(error)}); see Blender's console.") from error
    pair.end()


def begin(scene: bpy.types.Scene, path: Path) -> Pair:
    """Make a copy of the scene whose output is two images.

    Raises:
        AddonError: where they cannot be made.
    """
    if _running is not None:
        raise AddonError("A comparison is being rendered already; wait for it, or press Esc in its window.")
    if scene.camera is None:
        raise AddonError("The scene has no camera; add one (Shift A) and press Side by Side again.")
    if not path.parent.is_dir():
        raise AddonError(f"There is no folder {path.parent}; choose another folder for the image.")
    first = scene.render.engine if scene.render.engine != NAME else _ELSE
    folder = Path(tempfile.mkdtemp(prefix="animcore-pair-"))
    copy = temporary_settings.add(scene, IMAGE)
    temporary_settings.set_all(_wanted(copy))
    notes = tuple(filter(None, [left_out(scene)]))
    return Pair(copy.session_uid, path.with_suffix(SUFFIX), folder, [first, NAME], notes=notes)


def _wanted(scene: bpy.types.Scene) -> Iterator[Setting]:
    """What the scene's output has to be, in the order in which Blender accepts it."""
    output = scene.render.image_settings
    if hasattr(output, "media_type"):  # since Blender 5.0
        yield output, "media_type", "IMAGE"
    yield output, "file_format", "PNG"
    yield output, "color_depth", "8"
    yield output, "color_mode", "RGBA"


def joined(parts: list[Path], path: Path) -> bpy.types.Image:
    """Write images of the same height side by side into a PNG, and return it as Blender's image."""
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
        marks.mark(path, Origin(COMPOSITE))
    except RuntimeError as error:
        raise AddonError(f"{path} cannot be written ({_reason(error)}).") from error
    return made


def stop() -> None:
    """Forget renders under way."""
    if bpy.app.timers.is_registered(_go_on):
        bpy.app.timers.unregister(_go_on)
    if _running is not None:
        _running.whole = False
        _finish()


def _complete(*_args: Any) -> None:
    bpy.app.timers.register(_go_on, first_interval=_NEXT, persistent=True)


def _cancelled(*_args: Any) -> None:
    if _running is not None:
        _running.whole = False
        _complete()


def _go_on() -> float | None:
    """Once Blender has put its render away: the next one, or the end."""
    if bpy.app.is_job_running("RENDER"):
        return _NEXT
    running = _running
    if running is not None and running.more and requests.by_uid(bpy.data.scenes, running.scene) is not None:
        running.render_next("INVOKE_DEFAULT")
    else:
        _finish()
    return None


def _finish() -> None:
    """End both in a window: the copy of the scene is removed, the image is shown, the panel reports it."""
    global _running
    handlers = bpy.app.handlers
    for listed, handler in ((handlers.render_complete, _complete), (handlers.render_cancel, _cancelled)):
        if handler in listed:
            listed.remove(handler)
    if _running is None:
        return
    pair, _running = _running, None
    try:
        image = pair.end()
    except AnimcoreError as error:
        session.session.outcome = session.Outcome(True, str(error))
        return
    if image is None:
        session.session.outcome = session.Outcome(False, "Side by Side was cancelled; no file was kept.")
        return
    _show(image)
    session.session.outcome = session.Outcome(False, f"Side by side: {pair.path}.", pair.notes)


def _show(image: bpy.types.Image) -> None:
    """Show an image in an image editor that is open; where there is none it is among the file's images."""
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type == "IMAGE_EDITOR":
                cast("bpy.types.SpaceImageEditor", area.spaces.active).image = image
                return


def _reason(error: Exception) -> str:
    return str(error).strip().removeprefix("Error: ").rstrip(".\n")
