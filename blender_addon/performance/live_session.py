"""Speech from the microphone drives the character live; on stop it becomes a take.

What is shown during the recording is no animation: values are set on the character and restored at the end. The
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

from .. import preferences, properties, resources
from ..character import rig_reader, track_list
from ..engine.jobs import Job, State
from ..errors import AddonError
from ..scene import handlers, temporary_values, windows
from ..takes import keying
from . import requests, session

FOLDER = "Animcore recordings"
_INTERVAL = 1 / 30  # seconds between looks at the engine
_LEVEL_EVERY = 5  # polls between redraws of the level: a panel that is redrawn at every poll takes no clicks
_FPS = 50  # of the live solver


class Stage:
    """The driven character, and its values before."""

    def __init__(self, scene: bpy.types.Scene) -> None:
        self.scene = scene.session_uid
        self.root = properties.chosen_root(properties.of(scene)).session_uid
        self.character: rig_reader.Character | None = None  # as last read; None where it has to be read again
        self.level = 0.0
        self.looks = 0
        self._shown = temporary_values.Shown()

    def show(self, frame: Mapping[str, Any]) -> None:
        """Apply a frame of the engine's news to the character."""
        root = requests.root_by_uid(self.root)
        if root is None:
            return  # it was deleted during the recording, which goes on
        if self.character is None:
            self.character = rig_reader.read(root)
        values: dict[temporary_values.Place, float] = {}
        for owner, channels in keying.channels_of(self.character, _motion(frame), None):
            values |= {temporary_values.of(owner, channel): float(channel.values[0]) for channel in channels}
        self._shown.show(values)

    def end(self) -> None:
        """Put everything back."""
        self._shown.back()


_stage: Stage | None = None


def stage() -> Stage | None:
    """Return the character that is moved now."""
    return _stage


def begin(scene: bpy.types.Scene) -> Job:
    """Start live speech in the engine, and a timer that shows its frames.

    Raises:
        AddonError: where it cannot be done now.
    """
    global _stage
    if session.session.jobs.busy:
        raise AddonError("The engine is busy; wait for it or cancel it first.")
    settings = properties.of(scene)
    rig_reader.read(properties.root(settings))  # its error is more useful before the recording
    track_list.end_preview()
    out = folder() / f"{datetime.datetime.now():%Y-%m-%d %H-%M-%S}.wav"
    request = {
        "do": "listen",
        "microphone": preferences.microphone(),
        "direction": properties.direction(settings),
        "out": str(out),
    }
    job = session.session.jobs.begin(preferences.launch(), request)
    session.session.outcome = None
    session.session.finish = _finish
    _stage = Stage(scene)
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
        raise AddonError(
            f"The folder of recordings at {place} cannot be created ({error.strerror}); save the file elsewhere."
        ) from error
    return place


def tick() -> float | None:
    """The timer: show the newest frame, and when the engine has ended put everything back."""
    job, moved = session.session.jobs.current, stage()
    if moved is None or job is None:
        return None
    try:
        session.session.jobs.tick()
        if job.news and not job.state.over:
            newest = job.news[-1]
            moved.level = max(float(one["level"]) for one in job.news)
            job.news.clear()
            moved.show(newest)
    except Exception:  # on any error the microphone is switched off
        session.session.jobs.cancel()
        end()
        raise
    if not job.state.over:
        moved.looks += 1
        if moved.looks % _LEVEL_EVERY == 0:
            windows.redraw()
        return _INTERVAL
    end()
    session.watch()  # closes the job, and sees to the take
    return None


def end() -> None:
    """Put the character back; the engine's job goes its own way."""
    global _stage
    if _stage is not None:
        ended, _stage = _stage, None
        ended.end()
    if bpy.app.timers.is_registered(tick):
        bpy.app.timers.unregister(tick)


@handlers.persistent
def _forget(*_args: Any) -> None:
    """Another file is opened: there is nothing to put back."""
    global _stage
    _stage = None


@handlers.persistent
def _look_again(*_args: Any) -> None:
    """After undo and redo nothing that was read of the character is valid."""
    if _stage is not None:
        _stage.character = None


_HANDLERS = (("load_pre", _forget), ("undo_post", _look_again), ("redo_post", _look_again))


def start() -> None:
    """Hook into Blender."""
    handlers.add(_HANDLERS)


def stop() -> None:
    """Unhook, and put the character back."""
    end()
    handlers.remove(_HANDLERS)


def _finish(job: Job) -> None:
    """The recording becomes the speech, and the live solver makes a take of it."""
    if job.state is State.CANCELLED:
        session.session.outcome = session.Outcome(False, "Cancelled; nothing was recorded.")
        return
    if job.state is State.FAILED:
        session.session.outcome = session.Outcome(True, job.message, report=job.report)
        return
    scene = bpy.context.scene
    settings = properties.of(scene)
    settings.voice_from, settings.audio, settings.scope = "FILE", job.answer["audio"], "WHOLE"
    session.order_take(scene, variant="live")


def _motion(frame: Mapping[str, Any]) -> Motion:
    arkit, tongue, jaw = (np.array([frame[name]], np.float32) for name in ("arkit", "tongue", "jaw_pose"))
    return Motion(rate=Fraction(_FPS), arkit=arkit, tongue=tongue, jaw_pose=jaw)
