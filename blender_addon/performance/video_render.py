"""A take as a video with audio, with the scene's render engine: a copy of the scene is rendered."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy

from animcore.core.origin import COMPOSITE, Origin
from animcore.provenance import marks

from ..errors import AddonError
from ..scene import temporary_settings
from ..scene.temporary_settings import Setting
from ..takes import library
from . import requests, session

SUFFIX = ".mp4"
NAME = "Animcore Video"
_PART = ".part" + SUFFIX  # the name until the video is complete
_LOOK = 0.2  # seconds between looks at whether Blender has put its render away


@dataclass
class Shooting:
    """A video that is being rendered: the session number of the copy of the scene, and its path."""

    scene: int
    path: Path
    whole: bool = False

    @property
    def part(self) -> Path:
        """The file that is written until the video is complete."""
        return _part(self.path)

    def render(self, how: str = "EXEC_DEFAULT") -> None:
        """Render the copy; `how` is the execution context."""
        scene = requests.by_uid(bpy.data.scenes, self.scene)
        temporary_settings.render(scene, how, animation=True)

    def end(self, *, whole: bool) -> None:
        """Remove the copy of the scene, and move the video to its path where it is complete.

        Raises:
            AddonError: where there is no video.
        """
        temporary_settings.remove(self.scene)
        if not whole:
            self.part.unlink(missing_ok=True)
        elif not self.part.is_file():
            raise AddonError(f"Blender wrote no video into {self.path.parent}; see its console.")
        else:
            marks.mark(self.part, Origin(COMPOSITE))
            self.part.replace(self.path)


_running: Shooting | None = None


def begin(scene: bpy.types.Scene, take: library.Listed, path: Path) -> Shooting:
    """Make a copy of the scene whose output is a video of a take.

    Args:
        scene: is rendered, with its engine, camera and size.
        take: gives the first and the last frame.
        path: of the video.

    Raises:
        AddonError: where it cannot be made.
    """
    if _running is not None:
        raise AddonError("A video is being rendered already; wait for it, or press Esc in its window.")
    if not bpy.app.build_options.codec_ffmpeg:
        raise AddonError("This Blender was built without FFmpeg and cannot write videos; render images instead.")
    if scene.camera is None:
        raise AddonError("The scene has no camera; add one (Shift A) and press Render Video again.")
    size = [round(side * scene.render.resolution_percentage / 100) for side in _sides(scene)]
    if any(side % 2 for side in size):
        raise AddonError(
            f"The resolution {size[0]} x {size[1]} is odd, and videos need even numbers; change it under Output."
        )
    if not path.parent.is_dir():
        raise AddonError(f"There is no folder {path.parent}; choose another folder for the video.")
    path = path.with_suffix(SUFFIX)
    copy = temporary_settings.add(scene, NAME)
    shooting = Shooting(copy.session_uid, path)
    try:
        temporary_settings.set_all(_wanted(copy, take, shooting.part))
    except BaseException:
        temporary_settings.remove(shooting.scene)
        raise
    return shooting


def shoot(scene: bpy.types.Scene, take: library.Listed, path: Path) -> None:
    """Render the video: in the background with Blender's own progress where there is a window, else at once.

    Raises:
        AddonError: where it cannot be made.
    """
    global _running
    shooting = begin(scene, take, path)
    if bpy.app.background:
        try:
            shooting.render()
        except RuntimeError as error:
            shooting.end(whole=False)
            raise AddonError(
                f"The video could not be rendered ({str(error).strip()}); see Blender's console."
            ) from error
        shooting.end(whole=True)
        return
    _running = shooting
    bpy.app.handlers.render_complete.append(_done)
    bpy.app.handlers.render_cancel.append(_left)
    shooting.render("INVOKE_DEFAULT")


def stop() -> None:
    """Forget a video under way."""
    if bpy.app.timers.is_registered(_finish_later):
        bpy.app.timers.unregister(_finish_later)
    if _running is not None:
        _finish()


def _part(path: Path) -> Path:
    return path.with_name(path.stem + _PART)


def _wanted(scene: bpy.types.Scene, take: library.Listed, path: Path) -> Iterator[Setting]:
    """The output settings of the scene, in the order in which Blender accepts them."""
    render, output = scene.render, scene.render.image_settings
    frames = [frame for action in take.actions for frame in action.frame_range]
    yield scene, "frame_start", round(min(frames))
    yield scene, "frame_end", round(max(frames))
    yield scene, "frame_step", 1
    yield render, "filepath", str(path)
    if hasattr(output, "media_type"):  # since Blender 5.0
        yield output, "media_type", "VIDEO"
    yield output, "file_format", "FFMPEG"
    yield render.ffmpeg, "format", "MPEG4"
    yield render.ffmpeg, "codec", "H264"
    yield render.ffmpeg, "constant_rate_factor", "HIGH"
    yield render.ffmpeg, "audio_codec", "AAC"


def _sides(scene: bpy.types.Scene) -> tuple[int, int]:
    return scene.render.resolution_x, scene.render.resolution_y


def _done(*_args: Any) -> None:
    _put_away(whole=True)


def _left(*_args: Any) -> None:
    _put_away(whole=False)


def _put_away(*, whole: bool) -> None:
    """The render reports its end, from a thread of its own that still needs the scene."""
    if _running is not None:
        _running.whole = whole
        bpy.app.timers.register(_finish_later, first_interval=_LOOK, persistent=True)


def _finish_later() -> float | None:
    if bpy.app.is_job_running("RENDER"):
        return _LOOK
    _finish()
    return None


def _finish() -> None:
    """End a video in a window: the copy of the scene is removed, and the panel reports it."""
    global _running
    for handlers, handler in ((bpy.app.handlers.render_complete, _done), (bpy.app.handlers.render_cancel, _left)):
        if handler in handlers:
            handlers.remove(handler)
    if _running is None:
        return
    shooting, _running = _running, None
    try:
        shooting.end(whole=shooting.whole)
    except AddonError as error:
        session.session.outcome = session.Outcome(True, str(error))
        return
    said = f"The video is {shooting.path}." if shooting.whole else "The video was cancelled; no file was kept."
    session.session.outcome = session.Outcome(False, said)
