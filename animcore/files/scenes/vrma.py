"""VRM animations (`.vrma`): a performance that plays on any VRM avatar.

A GLB with the extension VRMC_vrm_animation 1.0 (github.com/vrm-c/vrm-specification): nodes that stand for humanoid
bones in a T-pose, a node for each expression whose X translation is its weight, and a node that turns where the eyes
look. Bones have no rotation at rest here, so that theirs are the house's own: relative to the parent, X left, Y up,
Z forward. With the profile VRM the face is in the preset expressions (aa ih ou ee oh, blinks) that every avatar has;
otherwise in custom expressions of ARKit's names, as avatars with "perfect sync" have them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from animcore.core.vocabulary import SMPLX_JOINTS
from animcore.errors import BROKEN_FILE, InputError
from animcore.files.animation_curves import AnimationCurves, Array, FileFormat, FormatOptions
from animcore.files.scenes import gltf, gltf_animation, gltf_character, scene_curves
from animcore.files.scenes.gltf_animation import GltfAnimation, Target
from animcore.geometry import rotations
from animcore.motion import Motion

FloatArray = NDArray[np.float64]

EXTENSION = "VRMC_vrm_animation"
_TURN, _MOVE, _LOOK = " rotation", "hips translation", "lookAt rotation"
_NAME = "Animcore"
_SPOKEN = ("aa", "ih", "ou", "ee", "oh", "blinkLeft", "blinkRight")
_PRESETS = frozenset((*_SPOKEN, "blink", "happy", "angry", "sad", "relaxed", "surprised", "neutral"))
_PERFECT_SYNC = "Faces are ARKit expressions, for avatars with perfect sync; the profile VRM is for all others."

# The humanoid bones of VRM 1.0 in the order of their tree: SMPL-X joint, parent, place against the parent in metres
# (X left, Y up, Z forward) of a T-pose of ordinary proportions; of a pair, the left one.
_MIDDLE: dict[str, tuple[str, str, tuple[float, float, float]]] = {
    "hips": ("pelvis", "", (0.0, 0.95, 0.0)),
    "spine": ("spine1", "hips", (0.0, 0.10, 0.0)),
    "chest": ("spine2", "spine", (0.0, 0.13, 0.0)),
    "upperChest": ("spine3", "chest", (0.0, 0.12, 0.0)),
    "neck": ("neck", "upperChest", (0.0, 0.16, -0.01)),
    "head": ("head", "neck", (0.0, 0.09, 0.02)),
}
_SIDED: dict[str, tuple[str, str, tuple[float, float, float]]] = {
    "UpperLeg": ("hip", "hips", (0.09, -0.06, 0.0)),
    "LowerLeg": ("knee", "UpperLeg", (0.0, -0.41, 0.0)),
    "Foot": ("ankle", "LowerLeg", (0.0, -0.40, -0.02)),
    "Toes": ("foot", "Foot", (0.0, -0.06, 0.13)),
    "Shoulder": ("collar", "upperChest", (0.03, 0.11, 0.0)),
    "UpperArm": ("shoulder", "Shoulder", (0.13, 0.0, 0.0)),
    "LowerArm": ("elbow", "UpperArm", (0.27, 0.0, 0.0)),
    "Hand": ("wrist", "LowerArm", (0.25, 0.0, 0.0)),
    "ThumbMetacarpal": ("thumb1", "Hand", (0.02, -0.01, 0.02)),
    "ThumbProximal": ("thumb2", "ThumbMetacarpal", (0.03, 0.0, 0.02)),
    "ThumbDistal": ("thumb3", "ThumbProximal", (0.03, 0.0, 0.01)),
    "IndexProximal": ("index1", "Hand", (0.09, 0.0, 0.03)),
    "IndexIntermediate": ("index2", "IndexProximal", (0.04, 0.0, 0.0)),
    "IndexDistal": ("index3", "IndexIntermediate", (0.025, 0.0, 0.0)),
    "MiddleProximal": ("middle1", "Hand", (0.095, 0.0, 0.01)),
    "MiddleIntermediate": ("middle2", "MiddleProximal", (0.045, 0.0, 0.0)),
    "MiddleDistal": ("middle3", "MiddleIntermediate", (0.03, 0.0, 0.0)),
    "RingProximal": ("ring1", "Hand", (0.09, 0.0, -0.01)),
    "RingIntermediate": ("ring2", "RingProximal", (0.04, 0.0, 0.0)),
    "RingDistal": ("ring3", "RingIntermediate", (0.025, 0.0, 0.0)),
    "LittleProximal": ("pinky1", "Hand", (0.085, 0.0, -0.03)),
    "LittleIntermediate": ("pinky2", "LittleProximal", (0.03, 0.0, 0.0)),
    "LittleDistal": ("pinky3", "LittleIntermediate", (0.02, 0.0, 0.0)),
}


def _bones() -> dict[str, tuple[str, str, tuple[float, float, float]]]:
    found = dict(_MIDDLE)
    for side, sign in (("left", 1.0), ("right", -1.0)):
        for name, (joint, parent, (x, y, z)) in _SIDED.items():
            above = parent if parent in _MIDDLE else side + parent
            found[side + name] = (f"{side}_{joint}", above, (sign * x, y, z))
    return found


BONES = _bones()
JOINT_OF = {bone: joint for bone, (joint, _, _) in BONES.items()}


def encode(motion: Motion, setup: FormatOptions) -> AnimationCurves:
    """Take face weights as expressions, and all rotations.

    Raises:
        InputError: when the motion has none of them, or the profile is not one of VRM.
    """
    curves, missing = _expressions(motion, setup.profile or "ARKit")
    for bone, joint in JOINT_OF.items():
        if motion.body_pose is not None:
            curves[bone + _TURN] = rotations.to_matrix(motion.body_pose[:, SMPLX_JOINTS.index(joint)])
    for role, values in scene_curves.poses(motion, {"neck", "head"}).items():
        curves[role + _TURN] = rotations.to_matrix(values)
    lacks = list(missing)
    if motion.eye_pose is not None:
        curves[_LOOK] = motion.eye_pose.mean(1)
        lacks.append("VRM turns both eyes alike: their mean is written.")
    if motion.translation is not None:
        curves[_MOVE] = motion.translation - motion.translation[0]
    if not curves:
        raise InputError("This motion has neither face weights nor rotations, which a VRM animation consists of.")
    facts = {"audio_name": motion.audio_name}
    return AnimationCurves(motion.rate, motion.start, curves, lacks=tuple(lacks), facts=facts)


def write(animation: AnimationCurves, path: Path, _setup: FormatOptions) -> None:
    """Write the file."""
    document = gltf.GltfDocument(path.name)
    document.document["asset"] |= {"generator": "Animcore"}
    place = {bone: index for index, bone in enumerate(BONES)}
    document.part("nodes").extend(_skeleton(place))
    extension: dict[str, Any] = {
        "specVersion": "1.0",
        "humanoid": {"humanBones": {bone: {"node": index} for bone, index in place.items()}},
    }
    values: dict[Target, FloatArray] = {}
    for name, curve in animation.curves.items():
        rows = np.asarray(curve, np.float64)
        if name == _MOVE:
            values[place["hips"], "translation"] = rows + BONES["hips"][2]
        elif name == _LOOK:
            node = _new_node(document, "lookAt")
            values[node, "rotation"] = rotations.continuous(rotations.to_quaternion(rows))
            extension["lookAt"] = {"node": node, "offsetFromHeadBone": [0.0, 0.06, 0.0]}
        elif name.endswith(_TURN):
            turns = rotations.continuous(rotations.matrix_to_quaternion(rows))
            values[place[name.removesuffix(_TURN)], "rotation"] = turns
        else:
            node = _new_node(document, name)
            values[node, "translation"] = np.stack((rows, np.zeros_like(rows), np.zeros_like(rows)), 1)
            kind = "preset" if name in _PRESETS else "custom"
            extension.setdefault("expressions", {}).setdefault(kind, {})[name] = {"node": node}
    roots = [place["hips"], *range(len(BONES), len(document.part("nodes")))]
    document.document |= {
        "scene": 0,
        "scenes": [{"nodes": roots}],
        "extensionsUsed": [EXTENSION],
        "extensions": {EXTENSION: extension},
    }
    extras = {"audio": animation.facts["audio_name"]} if animation.facts.get("audio_name") else {}
    gltf_animation.write(document, GltfAnimation(_NAME, animation.rate, animation.start, values, extras))
    document.save(path)


def _expressions(motion: Motion, profile: str) -> tuple[dict[str, Array], tuple[str, ...]]:
    """Curves by the names of expressions, and what should be known of them."""
    if profile.casefold() not in ("vrm", "arkit"):
        raise InputError(
            f"A VRM animation holds the expressions of VRM or of ARKit, not of {profile}; choose one of both."
        )
    weights = scene_curves.weights(motion)
    if not weights:
        return {}, ()
    if profile.casefold() == "arkit":
        return dict(weights), (_PERFECT_SYNC,)
    return scene_curves.by_convention(motion, _SPOKEN)


def _skeleton(place: Mapping[str, int]) -> Iterator[dict[str, Any]]:
    """The nodes of the humanoid bones."""
    for bone, (_, _, offset) in BONES.items():
        below = [place[other] for other, (_, parent, _) in BONES.items() if parent == bone]
        yield {"name": bone, "translation": list(offset), **({"children": below} if below else {})}


def _new_node(document: gltf.GltfDocument, name: str) -> int:
    document.part("nodes").append({"name": name})
    return len(document.part("nodes")) - 1


def read(path: Path, setup: FormatOptions) -> AnimationCurves:
    """Sample the first animation of a file, whatever rotations its bones have at rest.

    Raises:
        InputError: when it is broken or no VRM animation.
    """
    document = gltf.load(path)
    extension = document.document.get("extensions", {}).get(EXTENSION)
    if not isinstance(extension, dict):
        raise InputError(f"{path.name} is a glTF file, but no VRM animation: it has no {EXTENSION}.")
    clip = gltf_animation.read(document, setup.rate)
    try:
        curves = _curves(document, extension, clip)
    except BROKEN_FILE as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path.name} is broken: its {EXTENSION} cannot be read ({error!r}).") from error
    if not curves:
        raise InputError(f"{path.name} has an animation, but of no bone and no expression.")
    return AnimationCurves(clip.rate, clip.start, curves, facts={"audio_name": clip.extras.get("audio")})


def decode(animation: AnimationCurves, _setup: FormatOptions) -> Motion:
    """Give weights and rotations back; both eyes look the same way."""
    curves = animation.curves
    bones = (*(bone + _TURN for bone in BONES), _LOOK, _MOVE)
    face = scene_curves.decode(replace(animation, curves={name: curves[name] for name in curves if name not in bones}))
    tracks: dict[str, Any] = {name: values for name, values in face.tracks().items() if name in ("arkit", "tongue")}
    for role in ("neck", "head"):
        if role + _TURN in curves:
            tracks[f"{role}_pose"] = np.asarray(rotations.from_matrix(curves[role + _TURN]), np.float32)
    if _LOOK in curves:
        tracks["eye_pose"] = np.repeat(np.asarray(curves[_LOOK], np.float32)[:, None], 2, 1)
    if any(bone + _TURN in curves for bone in JOINT_OF if bone not in ("neck", "head")):
        body = np.zeros((animation.frame_count, len(SMPLX_JOINTS), 3), np.float32)
        for bone, joint in JOINT_OF.items():
            if bone + _TURN in curves:
                body[:, SMPLX_JOINTS.index(joint)] = rotations.from_matrix(curves[bone + _TURN])
        tracks["body_pose"] = body
    if _MOVE in curves:
        tracks["translation"] = np.asarray(curves[_MOVE], np.float32)
    return Motion(
        animation.rate, animation.start, **tracks, audio_name=animation.facts.get("audio_name"), events=animation.events
    )


def _curves(document: gltf.GltfDocument, extension: Mapping[str, Any], clip: GltfAnimation) -> dict[str, Array]:
    who = replace(gltf_character.read(document), axes=np.eye(3))
    curves: dict[str, Array] = {}
    named = extension.get("expressions", {})
    for name, part in {**named.get("preset", {}), **named.get("custom", {})}.items():
        if (part["node"], "translation") in clip.values:
            curves[name] = clip.values[part["node"], "translation"][:, 0]
    bones = {bone: part["node"] for bone, part in extension.get("humanoid", {}).get("humanBones", {}).items()}
    for bone, node in bones.items():
        if (node, "rotation") in clip.values:
            curves[bone + _TURN] = rotations.to_matrix(who.poses(node, clip.values[node, "rotation"]))
    hips = bones.get("hips")
    if hips is not None and (hips, "translation") in clip.values:
        rest = document.part("nodes")[hips].get("translation", (0.0, 0.0, 0.0))
        curves[_MOVE] = clip.values[hips, "translation"] - np.asarray(rest)
    node = extension.get("lookAt", {}).get("node")
    if (node, "rotation") in clip.values:
        curves[_LOOK] = rotations.from_quaternion(rotations.normalized(clip.values[node, "rotation"]))
    return curves


FORMAT = FileFormat(
    title="VRM animation",
    suffix=".vrma",
    carries=("arkit", "tongue", "neck_pose", "head_pose", "eye_pose", "body_pose", "translation"),
    encode=encode,
    write=write,
    read=read,
    decode=decode,
    tolerance=1e-5,
)
