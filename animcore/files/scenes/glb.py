"""glTF binary: a character with morph targets and skin, and the performance as its first animation.

The character is the default one or the user's own `.glb` (or `.vrm`), into a copy of which the animation goes; nothing
else of it is changed. A `.blend` or `.fbx` is brought to glTF by Blender first (`via_blender`).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from animcore.body_models.kinematics import place_on_ground
from animcore.core.shipped import shipped
from animcore.errors import InputError
from animcore.files.animation_curves import AnimationCurves, Array, FileFormat, FormatOptions
from animcore.files.scenes import (
    blender_process,
    bone_motion,
    gltf,
    gltf_animation,
    gltf_body,
    gltf_character,
    scene_curves,
)
from animcore.files.scenes.gltf_animation import GltfAnimation, Target
from animcore.files.scenes.gltf_character import GltfCharacter
from animcore.motion import Motion

FloatArray = NDArray[np.float64]

DEFAULT = shipped("assets/character/character.glb")
_OWN = (".glb", ".gltf", ".vrm")
_NAME = "Animcore"
_FEWEST = 8  # joints with keys that make a body


def source(setup: FormatOptions) -> gltf.GltfDocument:
    """Return the character that a motion goes into.

    Raises:
        InputError: where it cannot be read.
    """
    path = setup.character or DEFAULT
    if not path.is_file():
        raise InputError(f"There is no file {path}; give a character of your own (--character).")
    return gltf.load(path if path.suffix.lower() in _OWN else blender_process.as_glb(path))


def encode(motion: Motion, setup: FormatOptions) -> AnimationCurves:
    """Take what the character has shapes and bones for.

    Raises:
        InputError: where it has neither shapes nor bones for any of it.
    """
    document = source(setup)
    who = gltf_character.read(document)
    curves, absent = _shape_curves(motion, who, document.name)
    body = gltf_body.read(document, who) if motion.body_pose is not None else None
    curves |= scene_curves.pose_curves(_face_poses(motion, who, body))
    curves |= _body_curves(motion, body) if body is not None else {}
    if not curves:
        raise InputError(
            f"{document.name} has no face shapes of a known convention (jawOpen, viseme_aa ...) and no bones of a head "
            "that this motion could move; give another character."
        )
    lacks = (
        *absent,
        *scene_curves.bone_lacks(motion, {*who.bones, *who.by_shape}, document.name),
        *_body_lacks(motion, body, document.name),
        *who.notes,
    )
    facts: dict[str, Any] = {"audio_name": motion.audio_name}
    if body is not None:
        facts["body"] = (scene_curves.whole_pose(motion), _way(motion))
    return AnimationCurves(motion.rate, motion.start, curves, lacks=lacks, facts=facts)


def write(animation: AnimationCurves, path: Path, setup: FormatOptions) -> None:
    """Put the animation into a copy of the character.

    Raises:
        InputError: when the character cannot be read, or the file would pass 4 GB.
    """
    document = source(setup)
    who = gltf_character.read(document)
    values: dict[Target, FloatArray] = {}
    by_mesh: dict[int, FloatArray] = {}
    for node, shapes in who.shapes.items():
        if not animation.curves.keys().isdisjoint(shapes):
            mesh = document.part("nodes")[node]["mesh"]
            if mesh not in by_mesh:
                by_mesh[mesh] = _table(animation, shapes, document.part("meshes")[mesh])
            values[node, "weights"] = by_mesh[mesh]
    for role, node in who.bones.items():
        if role + "_pose" in animation.curves:
            _without_matrix(document, node, who)
            poses = np.asarray(animation.curves[role + "_pose"], np.float64)
            values[node, "rotation"] = who.own_turns(node, poses)
    if "body" in animation.facts:
        body, (pose, way) = gltf_body.read(document, who), animation.facts["body"]
        assert body is not None
        values |= body.values(pose, way, scene_curves.keyed_joints(pose, body.retarget.joints))
        for node in {node for node, path in values if path != "weights"}:
            _without_matrix(document, node, who)
    extras = {"audio": animation.facts["audio_name"]} if animation.facts.get("audio_name") else {}
    gltf_animation.write(document, GltfAnimation(_NAME, animation.rate, animation.start, values, extras))
    document.save(path)


def read(path: Path, setup: FormatOptions) -> AnimationCurves:
    """Sample the first animation of a file at its own rate: weights by name, rotations of the face's bones.

    A shape that several meshes have is one curve (T,) where they agree, else (T, meshes).

    Raises:
        InputError: when the file is broken, or has no animation of a face.
    """
    document = gltf.load(path)
    who = gltf_character.read(document)
    clip = gltf_animation.read(document, setup.rate)
    copies: dict[str, list[FloatArray]] = {}
    for node, shapes in who.shapes.items():
        if (node, "weights") in clip.values:
            table = clip.values[node, "weights"]
            if table.shape[1] != len(shapes):
                raise InputError(f"{path.name} is broken: {table.shape[1]} weights a key for {len(shapes)} shapes.")
            for name, column in zip(shapes, table.T, strict=True):
                copies.setdefault(name, []).append(column)
    curves: dict[str, Array] = {name: scene_curves.agreed(columns) for name, columns in copies.items()}
    for role, node in who.bones.items():
        if (node, "rotation") in clip.values:
            curves[role + "_pose"] = who.poses(node, clip.values[node, "rotation"])
    body = gltf_body.read(document, who)
    if body is not None and len(moved := body.moved(clip.values)) >= _FEWEST:
        pose, way = body.poses(clip.values, _count(clip))
        curves |= scene_curves.joint_curves(pose, way, moved)
    if not curves:
        raise InputError(f"{path.name} has an animation, but none of shapes or of the bones of a face.")
    facts: dict[str, Any] = {"audio_name": clip.extras.get("audio")}
    if setup.bones:
        facts["bones"] = bone_motion.of_gltf(document, who, clip, _count(clip))
    return AnimationCurves(clip.rate, clip.start, curves, facts=facts)


def decode(animation: AnimationCurves, _setup: FormatOptions) -> Motion:
    """Give weights and rotations back."""
    return scene_curves.decode(animation)


def _face_poses(motion: Motion, who: GltfCharacter, body: gltf_body.GltfSkeleton | None) -> dict[str, Array]:
    """The turns of the face's bones; head and neck hang on the chest where the body moves."""
    turning = scene_curves.poses(motion, who.bones.keys())
    if body is None:
        return turning
    return {role: turns for role, turns in turning.items() if who.bones[role] not in body.moving}


def _body_curves(motion: Motion, body: gltf_body.GltfSkeleton) -> dict[str, Array]:
    """What of the body the nodes can show."""
    pose, way = scene_curves.whole_pose(motion), _way(motion)
    joints = scene_curves.keyed_joints(pose, body.retarget.joints)
    shown, moved = body.poses(body.values(pose, way, joints), motion.frame_count)
    return scene_curves.joint_curves(shown, moved, joints)


def _body_lacks(motion: Motion, body: gltf_body.GltfSkeleton | None, name: str) -> tuple[str, ...]:
    if motion.body_pose is None:
        return ()
    if body is None:
        return (f"{name} has no skeleton of a known kind: the body is not written.",)
    return tuple(f"{name}: {sentence}" for sentence in body.retarget.lacks)


def _way(motion: Motion) -> FloatArray | None:
    """(T, 3) the way of the pelvis over the character's floor."""
    return (
        place_on_ground(scene_curves.whole_pose(motion), motion.translation) if motion.translation is not None else None
    )


def _count(clip: GltfAnimation) -> int:
    return len(next(iter(clip.values.values())))


def _shape_curves(motion: Motion, who: GltfCharacter, name: str) -> tuple[dict[str, Array], tuple[str, ...]]:
    """Curves by the names of the character's own shapes, and what it has no shapes for."""
    weights = scene_curves.weights(motion)
    own = {one: weights[shape] for shape, ones in who.engine_shapes.items() if shape in weights for one in ones}
    if len(who.engine_shapes) < scene_curves.FEWEST and weights:
        names = list(dict.fromkeys(one for ones in who.shapes.values() for one in ones))
        curves, missing = scene_curves.by_convention(motion, names)
        if len(curves) > len(own):
            return curves, tuple(f"{name}: {sentence}" for sentence in missing)
    return own, scene_curves.shape_lacks(motion, who.engine_shapes, name)


def _table(animation: AnimationCurves, shapes: tuple[str, ...], mesh: Mapping[str, Any]) -> FloatArray:
    """(T, K) weights of all shapes of a mesh; one without a curve keeps the weight that it has."""
    still = mesh.get("weights", [0.0] * len(shapes))
    columns = [animation.curves.get(name, np.full(animation.frame_count, still[k])) for k, name in enumerate(shapes)]
    return np.stack(columns, 1).astype(np.float64)


def _without_matrix(document: gltf.GltfDocument, node: int, who: GltfCharacter) -> None:
    """Write a node's matrix as translation, rotation and scale: one that has a matrix may not be animated."""
    own = document.part("nodes")[node]
    if "matrix" not in own:
        return
    matrix = np.array(own.pop("matrix"), np.float64).reshape(4, 4).T
    own["translation"] = matrix[:3, 3].tolist()
    own["rotation"] = who.local[node][[1, 2, 3, 0]].tolist()
    own["scale"] = np.linalg.norm(matrix[:3, :3], axis=0).tolist()


FORMAT = FileFormat(
    title="glTF binary",
    suffix=".glb",
    carries=scene_curves.CARRIES,
    encode=encode,
    write=write,
    read=read,
    decode=decode,
    tolerance=1e-5,
)
