"""Take the pictures that the shipped hybrid head is fitted from: the default character with curled hair.

    PYTHONPATH=. python tools/capture_head.py OUT [--size 320] [--samples 5]

Needs bpy. Some 170 pictures through Cycles; what is there already is kept, so a run that was stopped goes on. The
pictures that heads are measured with take more samples: at 5 of them two pictures of the same thing are 26 dB apart.
"""

from __future__ import annotations

import argparse
import os
import sys
from fractions import Fraction
from pathlib import Path

import bpy
import numpy as np
from mathutils import Vector
from mathutils.bvhtree import BVHTree

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "assets" / "avatar" / "recipe")]

import curls  # noqa: E402

from animcore.body_models import arkit_to_flame  # noqa: E402
from animcore.body_models.parametric_model import ParametricModel, load_model  # noqa: E402
from animcore.body_models.pose_tracks import flame_pose  # noqa: E402
from animcore.core.vocabulary import ARKIT  # noqa: E402
from animcore.files.avatars import capture_dataset, capture_images  # noqa: E402
from animcore.files.splats import ply  # noqa: E402
from animcore.gaussians.gaussians import Gaussians  # noqa: E402
from animcore.hybrid_head import capture_format, capture_plan  # noqa: E402
from animcore.motion import Motion  # noqa: E402
from blender_addon.capture import camera_rig as rig_capture  # noqa: E402
from blender_addon.scene import portrait_studio  # noqa: E402

CHARACTER = ROOT / "assets" / "character" / "character.blend"
HIDDEN = ("Hair", "Sweater", "Trousers", "Shoes")
SPAN = 0.38  # metres that a picture shows
OFTEN = 8  # faces that two cameras of three see, the others one of three: two cores render it all
SEEN_AGAIN = 6  # faces of the fit that the held-out cameras see too
HELD_OUT_SAMPLES = 16
THICK = 0.003  # metres: more than a strand is thick
PARTS = {"skin": "Skin", "teeth": "Teeth", "tongue": "Tongue", "left_eye": "Eyes", "right_eye": "Eyes"}


def main() -> None:
    """Take everything that is not there yet."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--size", type=int, default=320)
    parser.add_argument("--samples", type=int, default=5)
    options = parser.parse_args()
    (options.out / "flame_param").mkdir(parents=True, exist_ok=True)
    scene, subject = studio(options.samples)
    model = load_model("open-head")
    cut_below(model)
    write_poses(model, subject, options.out)
    ply.write(strands(subject), options.out / capture_dataset.START)
    front, held, hair = capture_plan.CAMERAS, capture_plan.HELD_OUT_CAMERAS, capture_plan.HAIR_CAMERAS
    later = len(capture_plan.FACES)
    plan = {
        capture_format.TRAIN: [
            *rig_capture.shots(front, capture_plan.FACES[:OFTEN], thirds=2),
            *rig_capture.shots(front, capture_plan.FACES[OFTEN:], first_moment=OFTEN, thirds=1),
            *rig_capture.shots(hair, capture_plan.FACES[:1], len(front) + len(held)),
        ],
        capture_format.VIEWS: rig_capture.shots(held, capture_plan.FACES[:SEEN_AGAIN], len(front)),
        capture_format.MOMENTS: rig_capture.shots(held, capture_plan.HELD_OUT_FACES, len(front), later),
    }
    print(sum(map(len, plan.values())), "pictures", flush=True)
    for split, wanted in plan.items():
        capture_format.write_views(
            options.out, split, rig_capture.views(scene, subject, wanted, options.out, options.size)
        )
    for split, wanted in plan.items():
        scene.cycles.samples = options.samples if split == capture_format.TRAIN else HELD_OUT_SAMPLES
        for view in rig_capture.take(scene, subject, wanted, options.out, options.size):
            print(view.image.name, flush=True)
    capture_images.write_masks(options.out)


def studio(samples: int) -> tuple[bpy.types.Scene, rig_capture.Subject]:
    """The character with curls and three fixed lights, nothing behind it."""
    bpy.ops.wm.open_mainfile(filepath=str(CHARACTER))
    scene, rig = bpy.context.scene, bpy.data.objects["Animcore Rig"]
    for bone in rig.pose.bones:  # the rest pose: that of the parametric head
        bone.matrix_basis.identity()
    heads = [rig.data.bones[name].head_local for name in ("left_eye_smplhf", "right_eye_smplhf", "neck")]
    skin = bpy.data.objects["Animcore Skin"]
    curls.add_curls(skin, rig, np.array((heads[0] + heads[1]) / 2))
    for name in HIDDEN:
        bpy.data.objects[f"Animcore {name}"].hide_render = True
    objects = list(bpy.data.collections["Animcore Character"].all_objects)
    portrait_studio.set_stage(scene, objects, samples=samples)
    bpy.data.objects["Animcore Backdrop"].hide_render = True
    cycles = scene.cycles
    cycles.max_bounces, cycles.diffuse_bounces, cycles.glossy_bounces, cycles.transmission_bounces = 3, 1, 1, 1
    cycles.use_light_tree = False
    cycles.denoising_quality, cycles.denoising_prefilter = "FAST", "FAST"
    scene.render.use_persistent_data = True
    origin = heads[2] - Vector((0, 0, 0))
    aim = Vector((0, -0.02, heads[2].z + 0.145))
    return scene, rig_capture.Subject(objects, rig, origin, aim, SPAN)


def cut_below(model: ParametricModel) -> None:
    """Hide the skin that the parametric head does not have: shoulders, arms, hands."""
    skin = bpy.data.objects["Animcore Skin"]
    skin.vertex_groups.new(name="head only").add(skin_pairs(model)[0].tolist(), 1.0, "REPLACE")
    mask = skin.modifiers.new("Head only", "MASK")
    mask.vertex_group = "head only"
    skin.modifiers.move(len(skin.modifiers) - 1, 0)


def skin_pairs(model: ParametricModel) -> tuple[np.ndarray, np.ndarray]:
    """Vertices of the character's skin and the same ones of the model: both have MakeHuman's texture layout."""
    mesh = bpy.data.objects["Animcore Skin"].data
    uv = np.empty(2 * len(mesh.loops), np.float32)
    corner = np.empty(len(mesh.loops), np.int32)
    mesh.uv_layers[0].data.foreach_get("uv", uv)
    mesh.loops.foreach_get("vertex_index", corner)
    own = part(model, "skin")
    faces = own[model.faces].all(1)
    places = np.round(model.extras["vt"][model.extras["ft"][faces]].reshape(-1, 2), 4)
    known = dict(zip(map(tuple, places), model.faces[faces].ravel(), strict=True))
    pairs = {
        int(vertex): known[place]
        for vertex, place in zip(corner, map(tuple, np.round(uv.reshape(-1, 2), 4)), strict=True)
        if place in known
    }
    return np.array(list(pairs)), np.array(list(pairs.values()))


def part(model: ParametricModel, name: str) -> np.ndarray:
    """(V,) whether a vertex of the open head belongs to a part."""
    with np.load(ROOT / "assets" / "bodies" / "open_head.npz", allow_pickle=False) as data:
        return model.extras["part_of_vertex"] == [str(one) for one in data["part_names"]].index(name)


def y_up(points: np.ndarray, subject: rig_capture.Subject) -> np.ndarray:
    """Points (N, 3) of the scene in the axes of the capture."""
    return (points - np.array(subject.origin))[:, [0, 2, 1]] * (1, 1, -1)


def write_poses(model: ParametricModel, subject: rig_capture.Subject, out: Path) -> None:
    """Write what the face does at each moment as parameters of the open head, and say how near they come."""
    faces = (*capture_plan.FACES, *capture_plan.HELD_OUT_FACES)
    arkit = np.zeros((len(faces), len(ARKIT)), np.float32)
    for row, face in zip(arkit, faces, strict=True):
        for name, weight in rig_capture.expression_weights(face).items():
            row[ARKIT.index(name)] = weight
    looks = np.radians([[(-face.look[1], face.look[0], 0)] * 2 for face in faces]).astype(np.float32)
    motion, residual = arkit_to_flame.to_flame(Motion(Fraction(24), arkit=arkit, eye_pose=looks), model)
    print(f"parameters meet the shapes within {residual.max():.2f} mm", flush=True)
    offset = offsets(model, subject)
    print(f"the skin lies up to {1000 * np.linalg.norm(offset, axis=1).max():.2f} mm beside the model", flush=True)
    joints, still = flame_pose(motion), np.zeros(3, np.float32)
    for moment, row in enumerate(arkit):
        pose = capture_format.HeadPose(
            motion.expression[moment], joints[moment], still, np.zeros(0, np.float32), offset, model.name
        )
        capture_format.write_pose(pose, out / "flame_param" / f"{moment:05d}.npz", row)


def offsets(model: ParametricModel, subject: rig_capture.Subject) -> np.ndarray:
    """(V, 3) from the model's vertices to the same ones of the character as it is rendered, subdivided."""
    rig_capture.apply_expression(subject, capture_plan.FACES[0])
    for thing in subject.objects:
        for modifier in thing.modifiers:
            if modifier.type == "SUBSURF":
                modifier.levels = modifier.render_levels
    bpy.context.view_layer.update()
    offset = np.zeros(model.template.shape, np.float32)
    for name, of in PARTS.items():
        thing = bpy.data.objects[f"Animcore {of}"]
        for modifier in thing.modifiers:
            modifier.show_viewport = modifier.type != "MASK"
        rest = y_up(_points(thing.data), subject)
        mesh = thing.evaluated_get(bpy.context.evaluated_depsgraph_get()).to_mesh()
        shown = y_up(_points(mesh)[: len(rest)], subject)
        if name == "skin":
            theirs, ours = skin_pairs(model)
        else:
            ours = np.flatnonzero(part(model, name))
            theirs = np.concatenate([
                np.linalg.norm(model.template[few][:, None] - rest[None], axis=2).argmin(1)
                for few in np.array_split(ours, max(1, len(ours) // 200))
            ])  # fmt: skip
        print(name, len(ours), f"{1000 * np.linalg.norm(rest[theirs] - model.template[ours], axis=1).max():.2f} mm")
        offset[ours] = shown[theirs] - model.template[ours]
    return offset


def strands(subject: rig_capture.Subject) -> Gaussians:
    """The curls as Gaussians, one a piece of a strand that a camera of the fit sees; where a fit starts."""
    rig_capture.apply_expression(subject, capture_plan.FACES[0])
    mesh = bpy.data.objects["Animcore Curls"].data
    across = np.empty(len(mesh.vertices), np.float32)
    mesh.attributes["across"].data.foreach_get("value", across)
    rings = _points(mesh)[across == 0.5].reshape(-1, curls.STEPS, curls.SIDES, 3)  # the rest is the cap
    middles = rings.mean(2)
    width = np.linalg.norm(rings - middles[:, :, None], axis=-1).mean(2)
    steps = np.diff(middles, axis=1).reshape(-1, 3)
    places = (0.5 * (middles[:, 1:] + middles[:, :-1])).reshape(-1, 3)
    width = (0.5 * (width[:, 1:] + width[:, :-1])).reshape(-1)
    seen = visible(places, subject)
    places, steps, width = places[seen], y_up(steps[seen] + np.array(subject.origin), subject), width[seen]
    length = np.linalg.norm(steps, axis=1)
    # the turn that carries x to the piece: half of the way between the two, as a quaternion
    turns = np.concatenate([1 + steps[:, :1] / length[:, None], np.zeros((len(steps), 1)),
                            -steps[:, 2:] / length[:, None], steps[:, 1:2] / length[:, None]], 1)  # fmt: skip
    turns[turns[:, 0] < 1e-6] = (0, 0, 1, 0)
    turns /= np.linalg.norm(turns, axis=1, keepdims=True)
    print(f"{len(places)} of {len(seen)} pieces of strands are seen", flush=True)
    return Gaussians(
        y_up(places, subject).astype(np.float32),
        turns.astype(np.float32),
        np.stack([0.5 * length, 0.55 * width, 0.55 * width], 1).astype(np.float32),
        np.full(len(places), 0.9, np.float32),
        np.zeros((len(places), 1, 3), np.float32),
    )


def visible(places: np.ndarray, subject: rig_capture.Subject) -> np.ndarray:
    """(N,) whether places (N, 3) of the scene are seen from a camera of the fit: nothing is before them."""
    scene = bpy.context.scene
    depsgraph = bpy.context.evaluated_depsgraph_get()
    shown = [thing for thing in subject.objects if thing.type == "MESH" and not thing.hide_render]
    trees = [BVHTree.FromObject(thing, depsgraph) for thing in shown]
    seen = np.zeros(len(places), bool)
    with rig_capture.camera(scene, subject) as eye:
        for camera in (*capture_plan.CAMERAS, *capture_plan.HAIR_CAMERAS):
            rig_capture.view_of(eye, subject, rig_capture.Shot(camera, 0, capture_plan.FACES[0], 0), Path(), 16)
            where = eye.matrix_world.translation
            for index in np.flatnonzero(~seen):
                place = Vector(places[index])
                way = (where - place).normalized()
                seen[index] = all(tree.ray_cast(place + way * THICK, way)[0] is None for tree in trees)
    return seen


def _points(mesh: bpy.types.Mesh) -> np.ndarray:
    points = np.empty(len(mesh.vertices) * 3, np.float32)
    mesh.vertices.foreach_get("co", points)
    return points.reshape(-1, 3)


if __name__ == "__main__":
    main()
    sys.stdout.flush()
    os._exit(0)  # bpy as a module may crash on the way out
