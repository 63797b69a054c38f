"""A take as a film with sound, through whatever the scene renders with: a copy of the scene is rendered."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy

from ..errors import AddonError
from ..scene import temporary_settings
from ..scene.temporary_settings import Setting
from ..takes import library
from . import requests, session

SUFFIX = ".mp4"
NAME = "Animcore Film"
_PART = ".part" + SUFFIX  # the name until the film is whole
_LOOK = 0.2  # seconds between looks at whether Blender has put its render away


@dataclass
class Shooting:
    """A film that is being rendered: the session number of the copy of the scene, and where it goes."""

    scene: int
    path: Path
    whole: bool = False

    @property
    def part(self) -> Path:
        """The file that is written until the film is whole."""
        return _part(self.path)

    def render(self, *how: str) -> None:
        """Render the copy; `how` is the execution context."""
        scene = requests.by_uid(bpy.data.scenes, self.scene)
        temporary_settings.render(scene, *how, animation=True)

    def end(self, *, whole: bool) -> None:
        """Remove the copy of the scene, and put the film into its place where it is whole.

        Raises:
            AddonError: where there is no film.
        """
        temporary_settings.remove(self.scene)
        if not whole:
            self.part.unlink(missing_ok=True)
        elif not self.part.is_file():
            raise AddonError(f"Blender wrote no film into {self.path.parent}; its console says why.")
        else:
            self.part.replace(self.path)


_running: Shooting | None = None


def begin(scene: bpy.types.Scene, take: library.Listed, path: Path) -> Shooting:
    """Have a copy of the scene whose output is a film of a take.

    Args:
        scene: is rendered, with its engine, camera and size.
        take: gives the first and the last frame.
        path: of the film.

    Raises:
        AddonError: where it cannot be made.
    """
    if _running is not None:
        raise AddonError("A film is being rendered already; wait for it, or press Esc in its window.")
    if not bpy.app.build_options.codec_ffmpeg:
        raise AddonError("This Blender was built without films (FFmpeg); render pictures instead.")
    if scene.camera is None:
        raise AddonError("The scene has no camera; add one (Shift A) and press Film again.")
    size = [round(side * scene.render.resolution_percentage / 100) for side in _sides(scene)]
    if any(side % 2 for side in size):
        raise AddonError(f"A film must be an even number of pixels wide and high, not {size[0]} x {size[1]}.")
    if not path.parent.is_dir():
        raise AddonError(f"There is no folder {path.parent}; choose another place for the film.")
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
    """Render the film: in the background with Blender's own progress where there is a window, else at once.

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
            raise AddonError(f"The film could not be rendered ({str(error).strip()}).") from error
        shooting.end(whole=True)
        return
    _running = shooting
    bpy.app.handlers.render_complete.append(_done)
    bpy.app.handlers.render_cancel.append(_left)
    shooting.render("INVOKE_DEFAULT")


def stop() -> None:
    """Forget a film under way."""
    if bpy.app.timers.is_registered(_finish_later):
        bpy.app.timers.unregister(_finish_later)
    if _running is not None:
        _finish()


def _part(path: Path) -> Path:
    return path.with_name(path.stem + _PART)


def _wanted(scene: bpy.types.Scene, take: library.Listed, path: Path) -> Iterator[Setting]:
    """What the scene's output has to be, in the order in which Blender accepts it."""
    render, pictures = scene.render, scene.render.image_settings
    frames = [frame for action in take.actions for frame in action.frame_range]
    yield scene, "frame_start", round(min(frames))
    yield scene, "frame_end", round(max(frames))
    yield scene, "frame_step", 1
    yield render, "filepath", str(path)
    if hasattr(pictures, "media_type"):  # since Blender 5.0
        yield pictures, "media_type", "VIDEO"
    yield pictures, "file_format", "FFMPEG"
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
    """The render says that it is over, from a thread of its own that still needs the scene."""
    if _running is not None:
        _running.whole = whole
        bpy.app.timers.register(_finish_later, first_interval=_LOOK, persistent=True)


def _finish_later() -> float | None:
    if bpy.app.is_job_running("RENDER"):
        return _LOOK
    _finish()
    return None


def _finish() -> None:
    """The end of a film in a window: the copy of the scene goes, and a word in the panel."""
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
    said = f"The film is {shooting.path}." if shooting.whole else "The film was cancelled; nothing is left of it."
    session.session.outcome = session.Outcome(False, said)
