"""Capture Splat Head, from the panel: a copy of the file goes to a Blender of its own, and then to the fit.

The user's scene is not changed, and nothing blocks. The capture's folder holds its state, from which it resumes.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

import bpy

from animcore.hybrid_head import capture_format

from .. import preferences, properties
from ..character import rig_reader
from ..engine import process
from ..engine.jobs import Job, State
from ..errors import AddonError
from ..performance import session
from ..scene import file_copies
from ..splats.properties import capture_of

HEAD = "head"  # the avatar's folder in that of a fit
FITS = "fit"  # the folder of the fit in that of the capture


def disabled_reason(scene: bpy.types.Scene) -> str:
    """Return why capturing is disabled, in one sentence; empty when it is enabled."""
    if session.session.jobs.busy:
        return "The engine is busy; wait for it or cancel it first"
    if bpy.context.mode not in ("OBJECT", "POSE"):
        return "Go to Object Mode first"
    if properties.root(properties.of(scene)) is None:
        return "Choose a character first"
    return session.character_seen(properties.of(scene)).problem


def disabled_fit(scene: bpy.types.Scene) -> str:
    """Return why fitting is disabled, in one sentence; empty when it is enabled."""
    if session.session.jobs.busy:
        return "The engine is busy; wait for it or cancel it first"
    return "" if captured(scene) is not None else "Capture the character first, or choose the folder of a capture"


def folder_of(scene: bpy.types.Scene) -> Path | None:
    """The folder of the capture, where one is chosen; a relative one has a place only beside a saved file."""
    path = Path(bpy.path.abspath(capture_of(scene).folder))
    return path if path.is_absolute() else None


def captured(scene: bpy.types.Scene) -> Path | None:
    """The folder of the capture, where it holds one."""
    folder = folder_of(scene)
    return folder if folder is not None and capture_format.table_of(folder, capture_format.TRAIN).is_file() else None


def order_capture(scene: bpy.types.Scene) -> Job:
    """Render the images in another Blender.

    Raises:
        AddonError: where it cannot be done: what is missing, and what to do.
    """
    settings, folder = capture_of(scene), folder_of(scene)
    root = properties.root(properties.of(scene))
    who = rig_reader.read_face(root)
    if folder is None:
        raise AddonError(
            "The capture folder is relative to an unsaved file; choose an absolute folder, or save the file first."
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix="animcore-"))
    except OSError as error:
        raise AddonError(f"The folder {folder} cannot be created ({error.strerror}); choose another.") from error
    try:
        request = {
            "do": "capture",
            **file_copies.of_file(scene, root, work),
            "folder": str(folder),
            **{name: getattr(settings, name) for name in ("cameras", "faces", "size", "samples", "engine")},
        }
        job = session.session.jobs.begin(process.another_blender(bpy.app.binary_path), request)
    except BaseException:
        shutil.rmtree(work, ignore_errors=True)
        raise
    session.session.outcome = None
    session.session.finish = lambda done: _finish_capture(done, work, folder, who.name)
    return job


def order_fit(scene: bpy.types.Scene) -> Job:
    """Have the engine fit a head to the capture.

    Raises:
        AddonError: where there is no capture, or the engine cannot be started.
    """
    folder, settings = captured(scene), capture_of(scene)
    if folder is None:
        raise AddonError("There is no capture in the folder; press Capture Splat Head first.")
    request = {
        "do": "fit_head",
        "capture": str(folder),
        "out": str(folder / FITS),
        "gaussians": settings.gaussians,
        "iterations": settings.steps,
    }
    job = session.session.jobs.begin(preferences.launch(), request)
    session.session.outcome = None
    session.session.finish = _finish_fit
    return job


def _finish_capture(job: Job, work: Path, folder: Path, name: str) -> None:
    """Report the result; the other Blender ends, since it holds the whole file."""
    session.session.jobs.close(wait=False)
    shutil.rmtree(work, ignore_errors=True)
    if job.state is State.CANCELLED:
        _tell(f"Cancelled; the rendered images are kept in {folder}; press Capture Splat Head to resume.")
    elif job.state is State.FAILED:
        session.session.outcome = session.Outcome(True, job.message, report=job.report)
    else:
        answer = job.answer
        _tell(
            f"{answer['images']} images of {name!r} are in {folder}.",
            f"Its model of {answer['vertices']} vertices meets the faces within {answer['millimetres']:.2g} mm.",
            f"Next: Fit Splat Head, or: animcore avatar fit {_quoted(folder)} --out {_quoted(folder / FITS)}",
        )


def _finish_fit(job: Job) -> None:
    if job.state is State.CANCELLED:
        _tell("Cancelled; press Fit Splat Head to resume from the last checkpoint.")
    elif job.state is State.FAILED:
        session.session.outcome = session.Outcome(True, job.message, report=job.report)
    else:
        _tell(f"The head is {job.answer['head']}; Add Splats brings it into the scene.")


def _tell(message: str, *notes: str) -> None:
    session.session.outcome = session.Outcome(False, message, notes)


def _quoted(path: Any) -> str:
    return f'"{path}"' if " " in str(path) else str(path)
