"""The work behind Capture Splat Head, in a Blender of its own, on a copy of the user's file (`child`).

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
EXPRESSIONS = (*FACES, *HELD_OUT_FACES)
_HAIR_SAMPLES = 8  # of a pixel: only where hair is is asked
_SAME = 1e-4  # metres by which the framing of images of one capture may differ
_MEASURED = 0.1  # of the work, that measuring is


@dataclass(frozen=True)
class CapturePlan:
    """What to capture: how many cameras and faces, pixels along a side, samples of a pixel, and the engine."""

    folder: Path
    cameras: int
    faces: int
    size: int
    samples: int
    engine: str

    @property
    def shots(self) -> list[camera_rig.Shot]:
        """All images."""
        return camera_rig.shots(AROUND[: self.cameras], EXPRESSIONS[: self.faces])


def run(request: dict[str, Any], progress: Progress) -> dict[str, Any]:
    """Render the images of a request's character; returns their number and the residual of its model."""
    names = ("cameras", "faces", "size", "samples", "engine")
    plan = CapturePlan(Path(request["folder"]), **{name: request[name] for name in names})
    progress(0.0, "Opening the copy")
    path = Path(request["file"])
    bpy.ops.wm.open_mainfile(filepath=str(path), load_ui=False, use_scripts=bool(request["scripts"]))
    with suppress(OSError):
        path.unlink()
        path.parent.rmdir()  # made for it alone
    scene = bpy.context.scene
    root = getattr(bpy.data, request["kind"]).get((request["root"], None))  # an override may be called as what it is of
    if root is None:
        raise AddonError(f"There is no {request['root']!r} in the copy of the file; choose the character again.")
    with _written(plan.folder):
        return _capture(scene, root, plan, progress)


def _capture(scene: bpy.types.Scene, root: render_studio.Root, plan: CapturePlan, progress: Progress) -> dict[str, Any]:
    _claim(plan, root.name)
    character, studio = render_studio.prepared(scene, root)
    render_studio.set_quality(scene, plan.engine, plan.samples)
    measured = head_measurement.measure(
        character, studio, lambda done: progress(_MEASURED * done, "Measuring the head")
    )
    subject = render_studio.stretched(studio.subject, head_measurement.reach(measured))
    _frame(plan.folder, subject)
    blendshape_head.write(measured, plan.folder / layout.MODEL)
    model = load_model(plan.folder / layout.MODEL)
    motion = head_measurement.moments(character, EXPRESSIONS[: plan.faces])
    puppet = Puppet(character, motion)
    _write_poses(model, motion, plan)
    with camera_rig.camera(scene, subject) as camera_object:
        wanted = plan.shots
        views = [camera_rig.view_of(camera_object, subject, shot, plan.folder, plan.size) for shot in wanted]
        layout.write_views(plan.folder, layout.TRAIN, views)
        camera_rig.set_output(scene, camera_object, plan.size)
        worst: dict[int, float] = {}
        for number, (shot, view) in enumerate(zip(wanted, views, strict=True)):
            progress(_MEASURED + (1 - _MEASURED) * number / len(wanted), f"Image {number + 1} of {len(wanted)}")
            if shot.moment not in worst:
                puppet.show(shot.moment)
                seen = head_measurement.current_vertices(character, studio)
                worst[shot.moment] = head_measurement.error(model, motion, shot.moment, seen)
            camera_rig.view_of(camera_object, subject, shot, plan.folder, plan.size)
            if not view.image.is_file():
                camera_rig.render_image(scene, view.image)
            _mask_hair(scene, studio, plan.folder / MASKS / view.image.name)
    capture_images.write_masks(plan.folder)
    return {"images": len(wanted), "millimetres": round(max(worst.values()), 3), "vertices": len(model.template)}


@contextmanager
def _written(folder: Path) -> Iterator[None]:
    """Report a failure of the disk as a sentence."""
    try:
        yield
    except OSError as error:
        raise AddonError(f"{folder} cannot be written ({error.strerror}); choose another folder.") from error


def _claim(plan: CapturePlan, name: str) -> None:
    """Make the folder, or see that it holds the beginning of this capture."""
    facts = {"character": name, "size": plan.size, "samples": plan.samples, "engine": plan.engine}
    path = plan.folder / FACTS
    if path.is_file():
        try:
            before = json.loads(path.read_text(encoding="utf-8"))
        except ValueError:
            before = None
        if not isinstance(before, dict) or any(before.get(name) != value for name, value in facts.items()):
            raise AddonError(
                f"{plan.folder} holds another capture, or one of another resolution; choose another folder."
            )
        facts = before
    elif plan.folder.is_dir() and any((plan.folder / "images").glob("*")):
        raise AddonError(f"{plan.folder} holds images of another character; choose another folder.")
    for part in ("images", "flame_param", MASKS):
        (plan.folder / part).mkdir(parents=True, exist_ok=True)
    _write_facts(path, facts)


def _frame(folder: Path, subject: camera_rig.Subject) -> None:
    """Check that existing images match the request, and store its parameters."""
    path = folder / FACTS
    facts = json.loads(path.read_text(encoding="utf-8"))
    frame = [*(subject.to_capture @ subject.aim), float(subject.scale * subject.span)]
    before = facts.get("frame", frame)
    if any((folder / "images").glob("*.png")) and not np.allclose(before, frame, atol=_SAME):
        raise AddonError(f"The size of the head differs from the images in {folder}; choose another folder.")
    _write_facts(path, {**facts, "frame": frame})


def _write_facts(path: Path, facts: dict[str, Any]) -> None:
    with whole_file(path) as temporary:
        temporary.write_text(json.dumps(facts), encoding="utf-8")


def _write_poses(model: ParametricModel, motion: Motion, plan: CapturePlan) -> None:
    assert motion.arkit is not None
    expression = blendshape_head.to_expression(motion, model).expression
    assert expression is not None
    joints, nothing = flame_pose(motion), np.zeros(3, np.float32)
    for moment, row in enumerate(expression):
        pose = layout.HeadPose(row, joints[moment], nothing, np.zeros(0, np.float32), None, model.name)
        layout.write_pose(pose, plan.folder / "flame_param" / f"{moment:05d}.npz", motion.arkit[moment])


def _mask_hair(scene: bpy.types.Scene, studio: Studio, path: Path) -> None:
    """Write the mask of the hair, where it is separate from the rest: all other objects are held out."""
    if not studio.hair or path.is_file():
        return
    cycles = scene.render.engine == "CYCLES"
    quality, name = (scene.cycles, "samples") if cycles else (scene.eevee, "taa_render_samples")
    before, alone = getattr(quality, name), path.with_suffix(".alone.png")
    setattr(quality, name, min(before, _HAIR_SAMPLES))
    _hold_out(studio.skin, True)
    camera_rig.render_image(scene, alone)
    _hold_out(studio.skin, False)
    setattr(quality, name, before)
    capture_images.write_mask(alone, path)
    alone.unlink()


def _hold_out(things: Sequence[bpy.types.Object], held: bool) -> None:
    for thing in things:
        thing.is_holdout = held
