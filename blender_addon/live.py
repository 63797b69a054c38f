"""A voice from the microphone moves the character while it is spoken; on stop it becomes a take.

What is shown while somebody speaks is no animation: the values are set on the character and put back in the end. The
take is made of the recording, by the same live solver.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import bpy
import numpy as np

from animcore.motion import Motion

from . import orders, places, preferences, properties, resources, rigs, runner, takes, tracks
from .errors import AddonError
from .jobs import Job, State

FOLDER = "Animcore recordings"
_INTERVAL = 1 / 30  # seconds between looks at the engine
_LEVEL_EVERY = 5  # looks after which the level is drawn anew: a panel that is drawn at every one takes no clicks
_FPS = 50  # of the live solver


class Stage:
    """The character that is moved, and what it was like before."""

    def __init__(self, scene: bpy.types.Scene) -> None:
        self.scene = scene.session_uid
        self.root = properties.root(properties.of(scene)).session_uid
        self.character: rigs.Character | None = None  # as last read; None where it has to be read again
        self.level = 0.0
        self.looks = 0
        self._shown = places.Shown()

    def show(self, frame: Mapping[str, Any]) -> None:
        """Put a frame onto the character, as the engine's news have it."""
        root = orders.root_by_uid(self.root)
        if root is None:
            return  # it was deleted while somebody spoke: the recording goes on
        if self.character is None:
            self.character = rigs.read(root)
        values = {}
        for owner, channels in takes.channels_of(self.character, _motion(frame), None):
            values |= {places.of(owner, channel): float(channel.values[0]) for channel in channels}
        self._shown.show(values)

    def end(self) -> None:
        """Put everything back."""
        self._shown.back()


_stage: list[Stage] = []


def stage() -> Stage | None:
    """Return the character that is moved now."""
    return _stage[0] if _stage else None


def begin(scene: bpy.types.Scene) -> Job:
    """Ask the engine to listen, and have a timer show what it hears.

    Raises:
        AddonError: where it cannot be done now.
    """
    if runner.session.jobs.busy:
        raise AddonError("Something is being made already; wait for it or cancel it first.")
    settings = properties.of(scene)
    rigs.read(properties.root(settings))  # its error is better heard before somebody speaks
    tracks.end_preview()
    out = folder() / f"{datetime.datetime.now():%Y-%m-%d %H-%M-%S}.wav"
    request = {
        "do": "listen",
        "microphone": preferences.microphone(),
        "direction": properties.direction(settings),
        "out": str(out),
    }
    job = runner.session.jobs.begin(preferences.launch(), request)
    runner.session.outcome = None
    runner.session.finish = _finish
    _stage[:] = [Stage(scene)]
    if not bpy.app.timers.is_registered(tick):
        bpy.app.timers.register(tick, first_interval=_INTERVAL)
    return job


def folder() -> Path:
    """Return the folder of recordings, made where it is missing: beside the file, or at home before it is saved.

    Raises:
        AddonError: where it cannot be made.
    """
    place = resources.beside_file() / FOLDER
    try:
        place.mkdir(exist_ok=True)
    except OSError as error:
        raise AddonError(f"No folder for recordings could be made at {place} ({error.strerror}).") from error
    return place


def tick() -> float | None:
    """The timer: show the newest frame, and when the engine has ended put everything back."""
    job, moved = runner.session.jobs.current, stage()
    if moved is None or job is None:
        return None
    try:
        runner.session.jobs.tick()
        if job.news and not job.state.over:
            newest = job.news[-1]
            moved.level = max(float(one["level"]) for one in job.news)
            job.news.clear()
            moved.show(newest)
    except Exception:  # whatever goes wrong, nobody is left with a microphone that stays on
        runner.session.jobs.cancel()
        end()
        raise
    if not job.state.over:
        moved.looks += 1
        if moved.looks % _LEVEL_EVERY == 0:
            runner.redraw()
        return _INTERVAL
    end()
    runner.watch()  # closes the job, and sees to the take
    return None


def end() -> None:
    """Put the character back; the engine's job goes its own way."""
    if _stage:
        _stage.pop().end()
    if bpy.app.timers.is_registered(tick):
        bpy.app.timers.unregister(tick)


@bpy.app.handlers.persistent
def _forget(*_args: Any) -> None:
    """Another file is opened: there is nothing to put back."""
    _stage.clear()


@bpy.app.handlers.persistent
def _look_again(*_args: Any) -> None:
    """After undo and redo nothing that was read of the character is valid."""
    if _stage:
        _stage[0].character = None


_HANDLERS = (
    (bpy.app.handlers.load_pre, _forget),
    (bpy.app.handlers.undo_post, _look_again),
    (bpy.app.handlers.redo_post, _look_again),
)


def start() -> None:
    """Hook into Blender."""
    for handlers, handler in _HANDLERS:
        handlers.append(handler)


def stop() -> None:
    """Unhook, and put the character back."""
    end()
    for handlers, handler in _HANDLERS:
        if handler in handlers:
            handlers.remove(handler)


def _finish(job: Job) -> None:
    """What was heard becomes the voice, and a take of it is made by the live solver."""
    if job.state is State.CANCELLED:
        runner.session.outcome = runner.Outcome(False, "Cancelled; nothing was recorded.")
        return
    if job.state is State.FAILED:
        runner.session.outcome = runner.Outcome(True, job.message, report=job.report)
        return
    scene = bpy.context.scene
    settings = properties.of(scene)
    settings.voice_from, settings.audio, settings.scope = "FILE", job.answer["audio"], "WHOLE"
    runner.order_take(scene, variant="live")


def _motion(frame: Mapping[str, Any]) -> Motion:
    tracks = {name: np.array([frame[name]], np.float32) for name in ("arkit", "tongue", "jaw_pose")}
    return Motion(rate=Fraction(_FPS), **tracks)
