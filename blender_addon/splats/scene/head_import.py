"""A hybrid head into the scene beside the window: another Blender makes mesh, shapes and joints.

They are then appended. Its Gaussians are read meanwhile, in a thread (`file_cache.reading`).
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import bpy

from animcore.core.progress import Progress
from animcore.errors import AnimcoreError

from ... import preferences, properties
from ...engine.jobs import Job, State
from ...errors import AddonError
from ...performance import requests, session
from ...scene import windows
from ..properties import splats_of
from . import file_cache, hybrid_heads, splat_objects

_FILE = "head.blend"


def order(scene: bpy.types.Scene, folder: Path) -> Job:
    """Have the head of a folder made and added to the scene; the character is chosen where there is none.

    Raises:
        AnimcoreError: where the folder is no head, or something else is being made.
    """
    if not hybrid_heads.is_head(folder):
        raise AddonError(f"{folder} is not the folder of a hybrid head; the bundled one is part of the Animcore zip.")
    work = Path(tempfile.mkdtemp(prefix="animcore-"))
    request = {"do": "add_head", "head": str(folder), "out": str(work / _FILE)}
    try:
        job = session.session.jobs.begin(preferences.launch(), request)
    except BaseException:
        shutil.rmtree(work, ignore_errors=True)
        raise
    if not bpy.app.background:
        file_cache.reading(folder)
    where = scene.session_uid
    session.session.outcome = None
    session.session.finish = lambda done: _finish(done, work, folder, where)
    return job


def make(request: dict[str, Any], told: Progress) -> dict[str, Any]:
    """Write a `.blend` with mesh and armature of a head; runs in the other Blender."""
    folder = Path(request["head"])
    told(0.1, "Reading the head")
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    head = hybrid_heads.loaded(folder)
    told(0.4, "Making its shapes")
    mesh = hybrid_heads.add_mesh(head, folder, bpy.context.scene.collection)
    told(0.9, "Making its shapes")
    bpy.data.libraries.write(request["out"], {mesh, cast("bpy.types.Object", mesh.parent)}, path_remap="ABSOLUTE")
    return {}


def read(path: Path, then: Callable[[], object]) -> None:
    """Read a file of Gaussians beside the window, and go on when it is there."""
    session.session.outcome = None
    file_cache.reading(path, lambda: _then(then))
    session.heed_escape()


def _then(work: Callable[[], object]) -> None:
    """Do what was waiting for a file; with a word in the panel where it cannot be done."""
    session.session.outcome = None
    try:
        with windows.in_window():
            work()
        windows.push_undo("Animcore: Add Splats")
    except AnimcoreError as error:
        session.session.outcome = session.Outcome(True, str(error))
    windows.redraw()


def _finish(job: Job, work: Path, folder: Path, scene_uid: int) -> None:
    """Append what was made."""
    try:
        if job.state is State.CANCELLED:
            session.session.outcome = session.Outcome(False, "Cancelled; nothing was added.")
            return
        if job.state is State.FAILED:
            session.session.outcome = session.Outcome(True, job.message, report=job.report)
            return
        scene = requests.by_uid(bpy.data.scenes, scene_uid)
        if scene is None:
            raise AddonError("The scene was deleted meanwhile; add the head again.")
        with windows.in_window():
            holder = _append(scene, work / _FILE, folder)
        choose(scene, holder)
        windows.push_undo("Animcore: Add Hybrid Head")
        session.session.outcome = session.Outcome(False, f"{holder.name} is in the scene.")
    finally:
        shutil.rmtree(work, ignore_errors=True)


def choose(scene: bpy.types.Scene, holder: bpy.types.Object) -> None:
    """Choose the head that was just added as the character, where none is: it is there to speak."""
    carrier, chosen = splats_of(holder).carrier, properties.of(scene)
    if properties.root(chosen) is None and carrier is not None and chosen.source == "OBJECT":
        chosen.character = carrier.parent or carrier


def _append(scene: bpy.types.Scene, path: Path, folder: Path) -> bpy.types.Object:
    """Append mesh and armature, and add the object that stands for their Gaussians."""
    with bpy.data.libraries.load(str(path), link=False) as (source, target):
        target.objects = source.objects
    collection = bpy.context.collection if bpy.context.scene == scene else scene.collection
    for one in target.objects:
        collection.objects.link(one)
    holder = splat_objects.standing_for(folder, collection)
    splats_of(holder).carrier = next(one for one in target.objects if one.type == "MESH")
    if bpy.context.scene == scene:
        splat_objects.select(bpy.context, holder)
    return holder
