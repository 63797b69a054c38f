"""Film the default character with a performance that is known, to measure how well a film is tracked.

    PYTHONPATH=. python tools/film_head.py OUT [--motion out/line.npz] [--frames 96] [--size 480] [--samples 6]

Needs bpy. Writes OUT/film.mp4 and OUT/truth.npz: rotation (T, 3) of the skull in the axes of the camera (axis-angle),
arkit (T, 52), looks (T, 2) radians left and up, focal in pixels, place (T, 3) of the skull's joint in the camera's
axes. Pictures that are there already are kept, so a run that was stopped goes on.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
from fractions import Fraction
from pathlib import Path

import bpy
import numpy as np
from mathutils import Euler, Matrix, Vector

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT)]

from animcore.core import images  # noqa: E402
from animcore.core.atomic_files import whole_file  # noqa: E402
from animcore.core.vocabulary import ARKIT  # noqa: E402
from animcore.files.video import writer  # noqa: E402
from animcore.geometry.rotations import from_matrix  # noqa: E402
from animcore.motion import Motion  # noqa: E402
from blender_addon.capture import camera_rig as rig_capture  # noqa: E402
from blender_addon.scene import portrait_studio  # noqa: E402

CHARACTER = ROOT / "assets" / "character" / "character.blend"
RATE = Fraction(24)
LENS = 1.8  # lengths of the lens in heights of the picture: a phone's, held near
AWAY = 0.72  # metres from the face
BLENDER_OF_ENGINE = Matrix(((1, 0, 0), (0, 0, -1), (0, 1, 0)))
LOOK = [ARKIT.index(f"eyeLook{way}Left") for way in ("Out", "In", "Up", "Down")]


def main() -> None:
    """Film what is not there yet."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--motion", type=Path, default=ROOT / "out" / "line.npz")
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--frames", type=int, default=96)
    parser.add_argument("--size", type=int, default=480)
    parser.add_argument("--samples", type=int, default=6)
    options = parser.parse_args()
    (options.out / "frames").mkdir(parents=True, exist_ok=True)
    motion = Motion.load(options.motion).resampled(RATE)
    scene, subject, camera = studio(options.samples, options.size)
    files, truth = [], {name: [] for name in ("rotation", "place", "arkit", "looks")}
    for number in range(options.frames):
        frame = min(options.first + number, motion.frame_count - 1)
        weights = motion.arkit[frame]
        look = 30 * (weights[LOOK[0]] - weights[LOOK[1]]), 30 * (weights[LOOK[2]] - weights[LOOK[3]])
        face = {name: float(weight) for name, weight in zip(ARKIT, weights, strict=True) if "eyeLook" not in name}
        whole = rig_capture.CaptureExpression("", face, look)
        rig_capture.apply_expression(subject, whole)
        seconds = number / float(RATE)
        turn(subject.rig, seconds)
        for name in subject.eyes:
            bend(subject.rig, name, rig_capture.eye_rotation(whole))
        walk(camera, subject, seconds)
        bpy.context.view_layer.update()
        to_camera = camera.matrix_world.inverted()
        bone = subject.rig.pose.bones["head"]
        skull = subject.rig.matrix_world @ bone.matrix @ bone.bone.matrix_local.inverted()
        both = to_camera.to_3x3() @ skull.to_3x3() @ BLENDER_OF_ENGINE
        truth["rotation"].append(from_matrix(np.array(both)))
        truth["place"].append(np.array(to_camera @ subject.rig.matrix_world @ bone.head))
        truth["arkit"].append(weights)
        truth["looks"].append(np.radians(look))
        path = options.out / "frames" / f"{number:04d}.png"
        files.append(path)
        if not path.is_file():
            with whole_file(path) as part:
                scene.render.filepath = str(part)
                bpy.ops.render.render(write_still=True)
            print(path.name, flush=True)
    arrays = {name: np.array(values) for name, values in truth.items()}
    with whole_file(options.out / "truth.npz") as part:
        np.savez_compressed(part, focal=LENS * options.size, fps=float(RATE), **arrays)
    writer.write((images.decoded(path.read_bytes(), path.name)[..., :3] for path in files), RATE,
               options.out / "film.mp4")  # fmt: skip


def studio(samples: int, size: int) -> tuple[bpy.types.Scene, rig_capture.Subject, bpy.types.Object]:
    """The character as it is, in the studio, with a lens as phones have it."""
    bpy.ops.wm.open_mainfile(filepath=str(CHARACTER))
    scene, rig = bpy.context.scene, bpy.data.objects["Animcore Rig"]
    for bone in rig.pose.bones:
        if bone.name in ("neck", "head"):
            bone.matrix_basis.identity()
    objects = list(bpy.data.collections["Animcore Character"].all_objects)
    for name in ("Trousers", "Shoes"):
        bpy.data.objects[f"Animcore {name}"].hide_render = True
    camera = portrait_studio.set_stage(scene, objects, samples=samples)
    cycles = scene.cycles
    cycles.max_bounces, cycles.diffuse_bounces, cycles.glossy_bounces, cycles.transmission_bounces = 3, 1, 1, 1
    cycles.use_light_tree = False
    cycles.denoising_quality = "FAST"
    render = scene.render
    render.resolution_x = render.resolution_y = size
    render.resolution_percentage = 100
    render.image_settings.file_format, render.image_settings.color_mode = "PNG", "RGB"
    camera.data.lens = LENS * camera.data.sensor_height
    neck = rig.data.bones["neck"].head_local
    return scene, rig_capture.Subject(objects, rig, neck, neck + Vector((0, -0.06, 0.12)), 0.4), camera


def turn(rig: bpy.types.Object, seconds: float) -> None:
    """Turn neck and head slowly to all sides."""
    nod, side, lean = (
        math.radians(size * math.sin(2 * math.pi * seconds / period + start))
        for size, period, start in ((8, 2.9, 0.4), (20, 4.0, 0.0), (5, 3.3, 1.0))
    )
    for name, share in (("neck", 0.4), ("head", 0.6)):
        bend(rig, name, Euler((share * nod, share * lean, share * side), "XYZ").to_matrix())


def bend(rig: bpy.types.Object, name: str, rotation: Matrix) -> None:
    """Turn a bone by a rotation in the axes of the scene, beside its parent."""
    bone = rig.pose.bones[name]
    rest = bone.bone.matrix_local.to_3x3()
    bone.matrix_basis = (rest.inverted() @ rotation @ rest).to_4x4()


def walk(camera: bpy.types.Object, subject: rig_capture.Subject, seconds: float) -> None:
    """Carry the camera a little around the face, and nearer."""
    around = math.radians(5 * math.sin(2 * math.pi * seconds / 5.0))
    away = AWAY * (1 - 0.05 * math.sin(2 * math.pi * seconds / 7.0))
    camera.location = subject.aim + away * Vector((math.sin(around), -math.cos(around), 0.05))
    camera.rotation_euler = (subject.aim - camera.location).to_track_quat("-Z", "Y").to_euler()


if __name__ == "__main__":
    main()
    sys.stdout.flush()
    os._exit(0)  # bpy as a module may crash on the way out
