"""Mixes what only Blender plays as it sounds, in another Blender, before anything is made of it."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import bpy

from .. import preferences, properties
from ..engine.jobs import Job, State
from ..errors import AddonError
from ..scene import file_copies, mixdown, windows
from ..voice import source
from . import requests, session

Work = Callable[[bpy.types.Scene], Any]


def then(scene: bpy.types.Scene, work: Work, parts: Sequence[properties.AnimcorePart | None] = (None,)) -> None:
    """Do some work on a scene once its voices are mixed; at once where there is nothing to mix, or no window.

    Args:
        scene: whose voice is heard.
        work: what is made of it; usually asks the engine.
        parts: of a dialogue, whose voices are heard; None for the scene's own.

    Raises:
        AddonError: where the mixing or the work cannot begin.
    """
    names = list(dict.fromkeys(name for part in parts for name in _unmixed(scene, part)))
    if not names or not _has_window():
        work(scene)
        return
    folder = Path(tempfile.mkdtemp(prefix="animcore-"))
    try:
        copy = file_copies.of_file(scene, properties.root(properties.of(scene)), folder)
        request = {"do": "mix", "scene": {**copy, "names": names, "out": str(folder)}}
        session.session.jobs.begin(preferences.launch(), request)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    where = scene.session_uid
    session.session.outcome = None
    session.session.finish = lambda job: _go_on(job, folder, names, where, work)


def _has_window() -> bool:
    return not bpy.app.background


def _unmixed(scene: bpy.types.Scene, part: properties.AnimcorePart | None) -> list[mixdown.Name]:
    """What of a voice has to be mixed; nothing where there is none, of which the work itself complains."""
    if part is not None and part.voice_from == "NONE":
        return []
    with contextlib.suppress(AddonError):
        said = source.read(scene, part).parts
        return [("strips", one.strip) if one.strip else ("sounds", one.sound) for one in said if one.strip or one.sound]
    return []


def _go_on(job: Job, folder: Path, names: list[mixdown.Name], scene_uid: int, work: Work) -> None:
    """Do the work with what was mixed."""
    try:
        if job.state is State.CANCELLED:
            session.session.outcome = session.Outcome(False, "Cancelled; nothing was changed.")
            return
        if job.state is State.FAILED:
            session.session.outcome = session.Outcome(True, job.message, report=job.report)
            return
        scene = requests.by_uid(bpy.data.scenes, scene_uid)
        if scene is None:
            raise AddonError("The scene is no longer in this file; nothing was written.")
        mixdown.made.update(zip(names, (_kept(Path(file)) for file in job.answer["files"]), strict=True))
        with windows.in_window():
            work(scene)
    finally:
        mixdown.made.clear()
        shutil.rmtree(folder, ignore_errors=True)


def _kept(path: Path) -> Path:
    """A mixed file where it stays as long as Blender runs: the folder that it was made in goes."""
    return Path(shutil.move(path, Path(bpy.app.tempdir or tempfile.gettempdir()) / path.name))
