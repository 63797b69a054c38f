"""Match by Shape: another Blender measures what the rig does, the engine compares it with the reference head.

The user's scene is not changed, and nothing blocks; the resulting map is stored with the character.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import bpy

from animcore.errors import AnimcoreError
from animcore.retarget.face_map import FaceMap

from .. import preferences, properties
from ..character import face_maps, rig_reader
from ..engine.jobs import Job, State
from ..errors import AddonError
from ..scene import file_copies, windows
from . import requests, session


def disabled_reason(scene: bpy.types.Scene) -> str:
    """Return why matching is disabled, in one sentence; empty when it is enabled."""
    if session.session.jobs.busy:
        return "The engine is busy; wait for it or cancel it first"
    if bpy.context.mode not in ("OBJECT", "POSE"):
        return "Go to Object Mode first"
    return "" if properties.root(properties.of(scene)) is not None else "Choose a character first"


def order_match(scene: bpy.types.Scene) -> Job:
    """Have a copy of the chosen character measured, and ask the engine what its channels mean.

    Raises:
        AddonError: where there is nothing to measure, or no copy can be written.
    """
    root = properties.root(properties.of(scene))
    if root is None:
        raise AddonError("No character is chosen; pick one first.")
    if not root.is_editable:
        raise AddonError(f"{root.name!r} is linked and cannot store a match; make a library override first.")
    launch = preferences.launch()
    folder = Path(tempfile.mkdtemp(prefix="animcore-"))
    try:
        measured = {**file_copies.of_file(scene, root, folder), "out": str(folder / "rig.npz")}
        job = session.session.jobs.begin(launch, {"do": "fit", "scene": measured, "out": str(folder / "map.npz")})
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    uid, name = root.session_uid, root.name
    session.session.outcome = None
    session.session.finish = lambda done: _finish(done, folder, uid, name)
    return job


def _finish(job: Job, folder: Path, uid: int, name: str) -> None:
    """Store the map with the character, and report its coverage."""
    try:
        if job.state is State.CANCELLED:
            session.session.outcome = session.Outcome(False, "Cancelled; nothing was changed.")
            return
        if job.state is State.FAILED:
            session.session.outcome = session.Outcome(True, job.message, report=job.report)
            return
        root = requests.root_by_uid(uid)
        if root is None:
            raise AddonError(f"The character {name!r} is no longer in this file; nothing was stored.")
        session.session.character = None  # the result that the panel shows is outdated
        if job.answer.get("still"):
            session.session.outcome = _without_mouth(root, job.answer["still"])
            return
        found = FaceMap.load(Path(job.answer["map"]))
        if not found.opens_mouth:
            session.session.outcome = _without_mouth(
                root, f"Nothing that moves {root.name!r} opens a mouth; no match was stored."
            )
            return
        face_maps.store(root, found.only(found.moving))
        windows.push_undo("Animcore: Match by Shape")
        count, share = job.answer["channels"], job.answer["coverage"]
        message = f"{count} channels of {name!r} were measured; they cover {share:.0%} of a speech performance."
        session.session.outcome = session.Outcome(False, message, tuple(job.answer.get("missing", ())))
    except AnimcoreError as error:
        raise AddonError(str(error)) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _without_mouth(root: requests.Root, why: str) -> session.Outcome:
    """The result for a rig where nothing that was measured opens a mouth: Generate moves the rest, where there is any.

    That a figure has no face is no fault of anybody's.
    """
    try:
        character = rig_reader.read(root)
    except AnimcoreError as error:
        return session.Outcome(True, why, (str(error),))
    rest = (
        f"{character.moved_without_face} and the shapes with known names"
        if character.faces
        else character.moved_without_face
    )
    return session.Outcome(False, f"No mouth found. Press Generate: it moves {rest}.", (why,))


def forget(root: bpy.types.ID) -> None:
    """Return to the mapping by names."""
    if face_maps.PROPERTY in root:
        del root[face_maps.PROPERTY]
    session.session.character = None
