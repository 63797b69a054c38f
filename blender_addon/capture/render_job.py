"""The work behind Capture Splat Head, in a Blender of its own, on a copy of the user's file (`child_work`).

Existing images are kept, so that a stopped capture resumes. `capture.json` describes the content of a folder.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy
import numpy as np

from animcore.body_models import blendshape_head
from animcore.body_models.parametric_model import ParametricModel, load_model
from animcore.body_models.pose_tracks import flame_pose
from animcore.core.atomic_files import whole_file
from animcore.core.progress import Progress
from animcore.files.avatars import capture_images
from animcore.hybrid_head import capture_format as layout
from animcore.hybrid_head.capture_plan import CAMERAS, FACES, HELD_OUT_CAMERAS, HELD_OUT_FACES
from animcore.motion import Motion

from ..errors import AddonError
from . import camera_rig, head_measurement, render_studio
from .render_studio import Puppet, Studio

FACTS, MASKS = "capture.json", "hair_masks"
# the cameras of the capture plan, ordered so that the first few already go around the head
AROUND = (*(CAMERAS[place] for place in (0, 3, 4, 11, 5, 6, 13, 1, 2, 8, 7, 9, 10, 12)), *HELD_OUT_CAMERAS)
PULLED = (*FACES, *HELD_OUT_FACES)
_HAIR_SAMPLES = 8  # of a pixel: only where hair is is asked
_SAME = 1e-4  # metres by which the framing of images of one capture may differ
_MEASURED = 0.1  # of the work, that measuring is


@dataclass(frozen=True)
class Wish:
    """What is asked for: how many cameras and faces, pixels along a side, samples of a pixel, and the engine."""

    folder: Path
    cameras: int
    faces: int
    size: int
    samples: int
    engine: str

    @property
    def shots(self) -> list[camera_rig.Shot]:
        """All images."""
        return camera_rig.shots(AROUND[: self.cameras], PULLED[: self.faces])


def run(request: dict[str, Any], told: Progress) -> dict[str, Any]:
    """Render the images of a request's character; returns their number and the residual of its model."""
    names = ("cameras", "faces", "size", "samples", "engine")
    wish = Wish(Path(request["folder"]), **{name: request[name] for name in names})
    told(0.0, "Opening the copy")
    path = Path(request["file"])
    bpy.ops.wm.open_mainfile(filepath=str(path), load_ui=False, use_scripts=bool(request["scripts"]))
    with suppress(OSError):
        path.unlink()
        path.parent.rmdir()  # made for it alone
    scene = bpy.context.scene
    root = getattr(bpy.data, request["kind"]).get((request["root"], None))  # an override may be called as what it is of
    if root is None:
        raise AddonError(f"There is no {request['root']!r} in the copy of the file; choose the character again.")
    with _written(wish.folder):
        return _capture(scene, root, wish, told)


def _capture(scene: bpy.types.Scene, root: render_studio.Root, wish: Wish, told: Progress) -> dict[str, Any]:
    _claim(wish, root.name)
    who, studio = render_studio.prepared(scene, root)
    render_studio.set_quality(scene, wish.engine, wish.samples)
    measured = head_measurement.measure(who, studio, lambda done: told(_MEASURED * done, "Measuring the head"))
    sitter = render_studio.stretched(studio.sitter, head_measurement.reach(measured))
    _frame(wish.folder, sitter)
    blendshape_head.write(measured, wish.folder / layout.MODEL)
    model = load_model(wish.folder / layout.MODEL)
    motion = head_measurement.moments(who, PULLED[: wish.faces])
    puppet = Puppet(who, motion)
    _write_poses(model, motion, wish)
    with camera_rig.camera(scene, sitter) as eye:
        wanted = wish.shots
        views = [camera_rig.view_of(eye, sitter, shot, wish.folder, wish.size) for shot in wanted]
        layout.write_views(wish.folder, layout.TRAIN, views)
        camera_rig.set_film(scene, eye, wish.size)
        worst: dict[int, float] = {}
        for number, (shot, view) in enumerate(zip(wanted, views, strict=True)):
            told(_MEASURED + (1 - _MEASURED) * number / len(wanted), f"Image {number + 1} of {len(wanted)}")
            if shot.moment not in worst:
                puppet.show(shot.moment)
                seen = head_measurement.seen_now(who, studio)
                worst[shot.moment] = head_measurement.error(model, motion, shot.moment, seen)
            camera_rig.view_of(eye, sitter, shot, wish.folder, wish.size)
            if not view.image.is_file():
                camera_rig.picture(scene, view.image)
            _mask_hair(scene, studio, wish.folder / MASKS / view.image.name)
    capture_images.write_masks(wish.folder)
    return {"pictures": len(wanted), "millimetres": round(max(worst.values()), 3), "vertices": len(model.template)}


@contextmanager
def _written(folder: Path) -> Iterator[None]:
    """Turn a disk's refusal into a sentence."""
    try:
        yield
    except OSError as error:
        raise AddonError(f"{folder} cannot be written ({error.strerror}); choose another folder.") from error


def _claim(wish: Wish, name: str) -> None:
    """Make the folder, or see that it holds the beginning of this capture."""
    facts = {"character": name, "size": wish.size, "samples": wish.samples, "engine": wish.engine}
    path = wish.folder / FACTS
    if path.is_file():
        try:
            before = json.loads(path.read_text(encoding="utf-8"))
        except ValueError:
            before = None
        if not isinstance(before, dict) or any(before.get(name) != value for name, value in facts.items()):
            raise AddonError(
                f"{wish.folder} holds another capture, or one of another resolution; choose another folder."
            )
        facts = before
    elif wish.folder.is_dir() and any((wish.folder / "images").glob("*")):
        raise AddonError(f"{wish.folder} holds images of another character; choose another folder.")
    for part in ("images", "flame_param", MASKS):
        (wish.folder / part).mkdir(parents=True, exist_ok=True)
    _write_facts(path, facts)


def _frame(folder: Path, sitter: camera_rig.Sitter) -> None:
    """Check that existing images match the request, and store its parameters."""
    path = folder / FACTS
    facts = json.loads(path.read_text(encoding="utf-8"))
    frame = [*(sitter.to_capture @ sitter.aim), float(sitter.scale * sitter.span)]
    before = facts.get("frame", frame)
    if any((folder / "images").glob("*.png")) and not np.allclose(before, frame, atol=_SAME):
        raise AddonError(f"The size of the head differs from the images in {folder}; choose another folder.")
    _write_facts(path, {**facts, "frame": frame})


def _write_facts(path: Path, facts: dict[str, Any]) -> None:
    with whole_file(path) as temporary:
        temporary.write_text(json.dumps(facts), encoding="utf-8")


def _write_poses(model: ParametricModel, motion: Motion, wish: Wish) -> None:
    assert motion.arkit is not None
    expression = blendshape_head.to_expression(motion, model).expression
    assert expression is not None
    joints, nothing = flame_pose(motion), np.zeros(3, np.float32)
    for moment, row in enumerate(expression):
        pose = layout.HeadPose(row, joints[moment], nothing, np.zeros(0, np.float32), None, model.name)
        layout.write_pose(pose, wish.folder / "flame_param" / f"{moment:05d}.npz", motion.arkit[moment])


def _mask_hair(scene: bpy.types.Scene, studio: Studio, path: Path) -> None:
    """Write the mask of the hair, where it is separate from the rest: all other objects are held out."""
    if not studio.hair or path.is_file():
        return
    cycles = scene.render.engine == "CYCLES"
    quality, name = (scene.cycles, "samples") if cycles else (scene.eevee, "taa_render_samples")
    before, alone = getattr(quality, name), path.with_suffix(".alone.png")
    setattr(quality, name, min(before, _HAIR_SAMPLES))
    _hold_out(studio.skin, True)
    camera_rig.picture(scene, alone)
    _hold_out(studio.skin, False)
    setattr(quality, name, before)
    capture_images.write_mask(alone, path)
    alone.unlink()


def _hold_out(things: Sequence[bpy.types.Object], held: bool) -> None:
    for thing in things:
        thing.is_holdout = held
