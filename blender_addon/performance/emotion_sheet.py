"""The same line in six emotions, as one image: the engine generates it, another Blender renders it (`emotion_render`).

The user's scene is neither changed nor waited for.
"""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import bpy

from .. import preferences, properties
from ..character import rig_reader
from ..engine import process
from ..engine.jobs import Job, State
from ..errors import AddonError
from ..scene import file_copies
from ..voice import source
from . import session
from .emotion_render import NAME

EMOTIONS = ("joy", "sadness", "anger", "disgust", "fear", "surprise")
SIDE = 240  # height of an image in pixels


@dataclass
class Sheet:
    """A sheet that is being rendered.

    Attributes:
        wish: what the engine is asked with, without the emotion.
        render: what the other Blender is asked with.
        folder: for what is made on the way.
        motions: emotion -> its file, as far as they are performed.
    """

    wish: dict[str, Any]
    render: dict[str, Any]
    folder: Path
    motions: dict[str, str] = field(default_factory=dict)


_under_way: Sheet | None = None


def under_way() -> Sheet | None:
    """Return the sheet that is being rendered."""
    return _under_way


def begin(scene: bpy.types.Scene) -> None:
    """Request the line in the first emotion from the engine; the others follow.

    Raises:
        AddonError: where no sheet can be made: what is missing.
    """
    global _under_way
    if session.session.jobs.busy or _under_way is not None:
        raise AddonError("The engine is busy; wait for it or cancel it first.")
    if scene.camera is None:
        raise AddonError("The scene has no camera; add one (Shift A) that shows the face.")
    said, root = source.read(scene), properties.root(properties.of(scene))
    rig_reader.read_face(root)
    wish = source.asked(scene, said)
    wish["direction"]["strengths"] |= {"body": 0.0, "hands": 0.0}
    folder = Path(tempfile.mkdtemp(prefix="animcore-"))
    try:
        render = {
            "do": "emotion_sheet",
            **file_copies.of_file(scene, root, folder),
            "start_frame": said.start_frame,
            "side": SIDE,
            "out": str(folder / "sheet.png"),
        }
        _under_way = Sheet(wish, render, folder)
        session.session.outcome = None
        _ask(_under_way)
    except BaseException:
        _under_way = None
        shutil.rmtree(folder, ignore_errors=True)
        raise


def cancel() -> None:
    """Cancel the sheet."""
    if _under_way is not None:
        _end(session.Outcome(False, "Cancelled; no sheet was rendered."))


def stop() -> None:
    """Forget a sheet under way."""
    global _under_way
    if _under_way is not None:
        shutil.rmtree(_under_way.folder, ignore_errors=True)
        _under_way = None


def _ask(sheet: Sheet) -> None:
    """Request the next emotion; where all are generated, the renders."""
    if len(sheet.motions) == len(EMOTIONS):
        session.session.jobs.begin(
            process.another_blender(bpy.app.binary_path), {**sheet.render, "motions": sheet.motions}
        )
        session.session.finish = _rendered
        return
    emotion = EMOTIONS[len(sheet.motions)]
    direction = {**sheet.wish["direction"], "emotions": [{"emotion": emotion, "intensity": 1.0}]}
    out = str(sheet.folder / f"{emotion}.npz")
    session.session.jobs.begin(
        preferences.launch(), {"do": "generate", **sheet.wish, "direction": direction, "out": out}
    )
    session.session.finish = _performed


def _performed(job: Job) -> None:
    """The engine has answered: request the next emotion, or start rendering."""
    sheet = under_way()
    if sheet is None or _broke_off(job):
        return
    sheet.motions[EMOTIONS[len(sheet.motions)]] = str(job.answer["motion"])
    try:
        _ask(sheet)
    except BaseException:
        stop()
        raise


def _rendered(job: Job) -> None:
    """The renders are finished; the other Blender ends, since it holds the whole file."""
    session.session.jobs.close(wait=False)
    if under_way() is None or _broke_off(job):
        return
    image = _image(Path(job.answer["sheet"]))
    _end(session.Outcome(False, f"The sheet is the image {image.name!r}; open it in an Image Editor."))


def _broke_off(job: Job) -> bool:
    """End the sheet where a job of it did not come to its end."""
    if job.state is not State.DONE:
        cancelled = session.Outcome(False, "Cancelled; no sheet was rendered.")
        _end(cancelled if job.state is State.CANCELLED else session.Outcome(True, job.message, report=job.report))
    return job.state is not State.DONE


def _end(outcome: session.Outcome) -> None:
    stop()
    session.session.outcome = outcome


def _image(path: Path) -> bpy.types.Image:
    """Load the sheet in the place of an earlier one; it is packed, for its file goes."""
    if (earlier := bpy.data.images.get(NAME)) is not None:
        bpy.data.images.remove(earlier)
    image = bpy.data.images.load(str(path))
    image.name = NAME
    image.pack()
    return image
