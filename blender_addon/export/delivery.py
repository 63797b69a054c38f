"""A take as files: its keys are read back; Blender writes the scene formats of this character, the engine the rest.

All of it happens in the background: another Blender opens a copy of the file. Every file is read back and compared
with the keys before it comes into its folder; what a format cannot hold is said.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import bpy

from animcore.core.progress import Progress
from animcore.errors import AnimcoreError
from animcore.files import FORMATS
from animcore.retarget.rig_profiles import driving, profiles

from .. import object_data, preferences, properties
from ..character import rig_reader
from ..engine.jobs import Job, State
from ..errors import AddonError
from ..performance import session
from ..scene import file_copies
from ..takes import readback, time_origin
from ..takes.time_origin import Span
from . import bone_motion, expected_values, scene_files

# What Blender writes itself, of the character in the scene as it is: format -> kind of `export`.
_CACHE = "pc2"
IN_BLENDER: dict[str, str] = {"fbx": "fbx", "usd": "usd", "alembic": "alembic", "glb": "glb", _CACHE: _CACHE}
_VERTICES = {"alembic", _CACHE}  # which hold vertices alone


def disabled_reason(scene: bpy.types.Scene) -> str:
    """Return why the export is disabled, in one sentence; empty when it is enabled."""
    settings = properties.of(scene)
    if session.session.jobs.busy:
        return "The engine is busy; wait for it or cancel it first"
    if properties.root(settings) is None:
        return "Choose a character first"
    if not settings.deliver_formats:
        return "Choose at least one format"
    if not settings.deliver_folder:
        return "Choose the folder of the exported files"
    return session.character_seen(settings).problem


def order_delivery(scene: bpy.types.Scene) -> Job:
    """Ask the engine for the files of the take, with a copy of this file for the Blender that it starts.

    Raises:
        AddonError: where there is nothing to write, or nowhere to write it.
    """
    settings = properties.of(scene)
    folder, root = Path(bpy.path.abspath(settings.deliver_folder)), properties.root(settings)
    character = rig_reader.read(root)
    if not readback.playing(character):
        raise AddonError(f"{character.name!r} has no keys to export; generate a performance first.")
    wanted = [name for name in FORMATS if name in settings.deliver_formats]
    work = Path(tempfile.mkdtemp(prefix="animcore-"))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        request = {
            "do": "export",
            "scene": {
                **file_copies.of_file(scene, root, work),
                "name": _file_name(character),
                "formats": [one for one in wanted if one in IN_BLENDER],
                "work": str(work),
            },
            "formats": [one for one in wanted if one not in IN_BLENDER],
            "folder": str(folder),
            "setup": _setup(character),
        }
        job = session.session.jobs.begin(preferences.launch(), request)
    except OSError as error:
        shutil.rmtree(work, ignore_errors=True)
        raise AddonError(f"The folder {folder} cannot be created ({error.strerror}); choose another.") from error
    except BaseException:
        shutil.rmtree(work, ignore_errors=True)
        raise
    session.session.outcome = None
    session.session.finish = lambda done: _finish(done, work)
    return job


def write_take(request: dict[str, Any], told: Progress) -> dict[str, Any]:
    """Read the take in a copy of the user's file and write the scene formats; runs in the other Blender.

    Answers with `motion` (the file of what the keys do), `files` (format -> `path`, `meant` or `error`) and `notes`.
    """
    told(0.0, "Opening a copy of the file")
    scene, root = file_copies.opened(request)
    character = rig_reader.read(root)
    told(0.1, "Reading the keys")
    span = readback.span_of(scene, character)
    motion = readback.performance(scene, character, span)
    target = Path(request["work"]) / request["name"]
    motion.save(path := target.with_name(target.name + ".npz"))
    objects, wanted = rig_reader.members_of(root), request["formats"]
    made, notes = _in_blender(scene, character, objects, span, target, wanted, told)
    return {"motion": str(path), "files": made, "notes": notes}


def _setup(character: rig_reader.Character) -> dict[str, str]:
    """What files of shapes are named by: the convention of the character, and the mesh with most of its shapes."""
    profile = character.map.profile.split(" + ")[0]
    setup = {"profile": profile} if profile in {one.name for one in profiles()} and profile != driving().name else {}
    if character.faces:
        setup["mesh"] = _meshes(character, ())[0].name
    return setup


def _meshes(character: rig_reader.Character, objects: Iterable[bpy.types.Object]) -> list[bpy.types.Object]:
    """The meshes with a face, the one with most shapes first; where there is none, all, the one of most vertices first.

    A vertex cache holds the first.
    """
    faces = sorted(character.faces, key=lambda face: -len(face.names))
    bare = sorted((one for one in objects if one.type == "MESH"), key=lambda one: -len(object_data.mesh(one).vertices))
    bound = [one for one in bare if any(part.type == "ARMATURE" for part in one.modifiers)]
    return [face.mesh for face in faces] or bound or bare


def _file_name(character: rig_reader.Character) -> str:
    """The name of the take that plays, as a file's name."""
    takes = [action.name for action in readback.playing(character)]
    plain = (takes[0] if takes else character.name).removeprefix("Animcore take ").split(" · ")[0]
    return (
        "".join("_" if letter in '<>:"/\\|?*' or ord(letter) < 32 else letter for letter in plain).strip(" .") or "take"
    )


def _in_blender(
    scene: bpy.types.Scene,
    character: rig_reader.Character,
    objects: Sequence[bpy.types.Object],
    span: Span,
    target: Path,
    wanted: Sequence[str],
    told: Progress,
) -> tuple[dict[str, dict[str, str]], list[str]]:
    """Write the scene formats.

    Returns:
        Of each format its file and the file of what is meant to be in it, or the error; and what the user should know.
    """
    frames, folder = (0, span.count - 1), target.parent / "meant"
    made: dict[str, dict[str, str]] = {}
    notes, shapes, meshes = [span.sentence], folder / "shapes.npz", _meshes(character, objects)
    folder.mkdir()
    keyed = readback.shape_curves(character, span)
    with time_origin.at_zero(scene, span.first):
        told(0.15, "Evaluating the bones")
        expected_values.save_keyed(shapes, keyed, _bones(scene, character, objects, range(span.count)))
        for number, name in enumerate(wanted):
            path = target.parent / name / (target.name + FORMATS[name].suffix)  # each may bring textures along
            told(0.2 + 0.8 * number / len(wanted), f"Writing {path.name}")
            meant = folder / f"{name}.npz" if name in _VERTICES else shapes
            try:
                path.parent.mkdir()
                if name in _VERTICES:
                    kept = meshes[:1] if name == _CACHE else meshes
                    expected_values.save_vertices(meant, scene, kept, frames, in_world=name != _CACHE)
                if name == _CACHE:
                    scene_files.write_pc2(scene, meshes[0], path, frames)
                else:
                    notes += scene_files.export(scene, objects, path, IN_BLENDER[name], frames)
                made[name] = {"path": str(path), "meant": str(meant)}
            except AnimcoreError as error:
                made[name] = {"path": str(path), "error": str(error)}
    return made, notes


def _bones(
    scene: bpy.types.Scene,
    character: rig_reader.Character,
    objects: Sequence[bpy.types.Object],
    frames: Sequence[int],
) -> dict[str, Any] | None:
    """What the bones do that move a mesh; None without any: then FBX does not say how they rest, and USD has none."""
    if character.armature is None:
        return None
    wanted = bone_motion.deforming(character.armature, objects)
    if not wanted:
        return None
    found = bone_motion.sampled(scene, character.armature, frames)
    keep = [index for index, name in enumerate(found["bones"]) if str(name) in wanted]
    return {"bones": found["bones"][keep], "turns": found["turns"][:, keep], "shifts": found["shifts"][:, keep]}


def _finish(job: Job, work: Path) -> None:
    """Report the result of each file."""
    shutil.rmtree(work, ignore_errors=True)
    if job.state is State.CANCELLED:
        session.session.outcome = session.Outcome(False, "Cancelled; finished files are kept.")
        return
    if job.state is State.FAILED:
        session.session.outcome = session.Outcome(True, job.message, report=job.report)
        return
    notes = job.answer.get("notes", [])
    reports = job.answer.get("files", [])
    good = [report for report in reports if not report.get("error")]
    lines = [line for report in reports for line in _lines(report)] + notes
    failed = len(good) < len(reports) or not good
    folder = os.path.dirname(good[0]["path"]) if good else ""
    message = f"{len(good)} of {len(reports)} files exported and verified" + (f", in {folder}." if folder else ".")
    session.session.outcome = session.Outcome(failed, message, tuple(lines), "\n".join(lines))


def _lines(report: Mapping[str, Any]) -> list[str]:
    """The panel's sentence about one file."""
    name = Path(report["path"]).name
    if report.get("error"):
        return [f"{name}: {report['error']}"]
    worst = max(report["tracks"].values(), default=None)
    read = (
        f"{name}: {report['frames']} frames" + ("" if worst is None else f", at most {worst:.2g} from the keys") + "."
    )
    return [read, *(f"{name}: {sentence}" for sentence in report["lacks"])]
