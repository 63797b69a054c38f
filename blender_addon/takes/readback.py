"""Reads a performance back from the keys of a character: the generated ones with whatever the user has changed.

The curves of the action that plays are sampled on whole frames of the scene. The NLA beneath and drivers are left out:
what is exported is the take.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

import bpy
import numpy as np
from numpy.typing import NDArray

from animcore.body_models.kinematics import INDEX
from animcore.core.origin import TRAINED, Origin
from animcore.core.vocabulary import ARKIT, TONGUE
from animcore.errors import InputError
from animcore.geometry import rotations
from animcore.motion import Motion

from .. import object_data
from ..character import body_bones as bodies
from ..character import face_maps, head_bones, rig_reader
from ..errors import AddonError
from ..scene import bone_rotations, fcurves
from ..scene.frame_rates import exact_rate
from . import time_origin
from .record import Record
from .time_origin import Span

FloatArray = NDArray[np.float32]
_FEWEST = 8  # bones with keys that make a body


@dataclass(frozen=True)
class WrittenCurve:
    """A curve as it was generated, in the place of one of Blender's: (T,) values at frames."""

    frames: NDArray[np.float64]
    values: NDArray[np.float32]
    mute: bool = False

    def evaluate(self, frame: float) -> float:
        """Return its value at a frame."""
        return float(np.interp(frame, self.frames, self.values))


Curves = Mapping[tuple[str, int], "bpy.types.FCurve | WrittenCurve"]
CurvesOf = Callable[[bpy.types.ID], Curves]


def span_of(scene: bpy.types.Scene, character: rig_reader.Character) -> Span:
    """Return the frames of a character's active take, counted as every exported file counts them.

    Raises:
        AddonError: where no take plays on the character.
    """
    actions = playing(character)
    if not actions:
        raise AddonError(f"{character.name!r} has no keys to export; generate a performance first.")
    return time_origin.span_of(scene, actions)


def performance(
    scene: bpy.types.Scene,
    character: rig_reader.Character,
    span: Span | None = None,
    generated: Mapping[str, Record] | None = None,
) -> Motion:
    """Return what the keys of a character do on the frames of its take; the first of them is second 0.

    Args:
        scene: whose frame rate counts.
        character: as `rig_reader.read` found it.
        span: the frames, where they are known.
        generated: records of the actions by their names: what they hold without edits is read, and not the keys.

    Raises:
        AddonError: where no take plays on the character.
    """
    frames = _frames(span or span_of(scene, character))
    rate = exact_rate(scene.render.fps, scene.render.fps_base)
    curves_of = _by_path if generated is None else _written(generated)
    tracks = _tracks(character, frames, curves_of)
    tongue = slice(len(ARKIT), len(ARKIT) + len(TONGUE))
    try:
        return Motion(
            rate=rate,
            arkit=tracks[:, : len(ARKIT)],
            tongue=tracks[:, tongue] if tracks[:, tongue].any() else None,
            **cast(dict[str, Any], _poses(character, frames, curves_of)),  # tracks alone, by their names
            origin=Origin(TRAINED, "edited"),  # a take is performed, and then the animator's
        )
    except InputError as error:
        raise AddonError(f"The keys of {character.name!r} cannot be exported: {error}") from error


def shape_curves(character: rig_reader.Character, span: Span) -> dict[str, FloatArray]:
    """Return (copies, T) the values of the keys of each shape that they move, by its name; a copy for each mesh."""
    frames = _frames(span)
    found: dict[str, list[NDArray[np.float64]]] = {}
    for face in character.faces:
        curves = _by_path(face.key)
        for name in face.names:
            curve = curves.get((rig_reader.shape_path(name), 0))
            if curve is not None and np.ptp(values := _shown(face.key.key_blocks[name], curve, frames)):
                found.setdefault(name, []).append(values)
    return {name: np.stack(copies).astype(np.float32) for name, copies in found.items()}


def _shown(
    block: bpy.types.ShapeKey, curve: bpy.types.FCurve | WrittenCurve, frames: NDArray[np.int64]
) -> NDArray[np.float64]:
    """(T,) the values of a shape, kept within what its slider allows as Blender does."""
    return np.clip(_sampled(curve, frames, block.value), block.slider_min, block.slider_max)


def _frames(span: Span) -> NDArray[np.int64]:
    return np.arange(span.first, span.last + 1)


def playing(character: rig_reader.Character) -> list[bpy.types.Action]:
    """Return the actions of a take that play on the character."""
    owners: list[bpy.types.ID] = [face.key for face in character.faces]
    if character.armature is not None:
        owners.append(character.armature)
    active = (owner.animation_data.action for owner in owners if owner.animation_data is not None)
    return list(dict.fromkeys(action for action in active if action is not None and fcurves.TAKE in action))


def _tracks(character: rig_reader.Character, frames: NDArray[np.int64], curves_of: CurvesOf) -> FloatArray:
    """(T, S) the engine's tracks that the keys of the character's channels come from."""
    values = np.array([channel.rest for channel in character.map.channels])[None].repeat(len(frames), 0)
    for face in reversed(character.faces):  # where meshes disagree, the first one is used
        curves = curves_of(face.key)
        for index, name in face_maps.shapes_of(character.map, face.mesh.name):
            still = face.key.key_blocks[name].value
            values[:, index] = _sampled(curves.get((rig_reader.shape_path(name), 0)), frames, still)
    return character.map.recovered(values).astype(np.float32)


def _poses(character: rig_reader.Character, frames: NDArray[np.int64], curves_of: CurvesOf) -> dict[str, FloatArray]:
    """The pose tracks of the bones that the character has."""
    armature = character.armature
    if armature is None:
        return {}
    curves, axes = curves_of(armature), head_bones.character_axes(armature)
    found = {}
    for role, name in character.bones.items():
        bone = object_data.pose_bones(armature)[name]
        local = _turns(bone, curves, frames)
        found[role] = bone_rotations.character_rotations(local, np.array(bone.bone.matrix_local.to_3x3()), axes)
    tracks = {f"{role}_pose": found[role] for role in ("jaw", "neck", "head") if role in found}
    tracks |= _body(armature, curves, frames)
    if {"left_eye", "right_eye"} <= found.keys():
        tracks["eye_pose"] = np.stack([found["left_eye"], found["right_eye"]], 1)
    return {name: values.astype(np.float32) for name, values in tracks.items()}


def _body(armature: bpy.types.Object, curves: Curves, frames: NDArray[np.int64]) -> dict[str, NDArray[np.float64]]:
    """The tracks of the body, where the take has keys of it: with head and neck as the chest carries them."""
    keyed = {path for path, _ in curves}
    found = bodies.read(armature) if len(keyed) >= _FEWEST else None
    if found is None or sum(any(path.startswith(bone_path(name)) for path in keyed) for name in found.moved) < _FEWEST:
        return {}

    def placed(bone: bpy.types.PoseBone) -> NDArray[np.float64]:
        path = f"{bone_path(bone.name)}location"
        return np.stack([_sampled(curves.get((path, axis)), frames, bone.location[axis]) for axis in range(3)], 1)

    poses, way = bodies.poses(found, armature, lambda bone: _turns(bone, curves, frames), placed)
    tracks = {"body_pose": poses} | {f"{joint}_pose": poses[:, INDEX[joint]] for joint in ("neck", "head")
                                     if joint in found.retarget.joints}  # fmt: skip
    return tracks | ({"translation": way} if way is not None else {})


def bone_path(name: str) -> str:
    """The data path of a bone's properties, with the dot."""
    return f'pose.bones["{bpy.utils.escape_identifier(name)}"].'


def _turns(bone: bpy.types.PoseBone, curves: Curves, frames: NDArray[np.int64]) -> NDArray[np.float64]:
    """(T, 3) axis-angle of a bone in its own axes, whatever mode it is keyed in."""
    what, size = {"QUATERNION": ("rotation_quaternion", 4), "AXIS_ANGLE": ("rotation_axis_angle", 4)}.get(
        bone.rotation_mode, ("rotation_euler", 3)
    )
    path = bone_path(bone.name) + what
    still = getattr(bone, what)
    values = np.stack([_sampled(curves.get((path, axis)), frames, still[axis]) for axis in range(size)], 1)
    return axis_angles(values, bone.rotation_mode)


def axis_angles(values: NDArray[np.float64], mode: str) -> NDArray[np.float64]:
    """(T, 3) axis-angle of keyed rotations (T, 3 or 4) in one of Blender's modes, exact for the smallest too."""
    if mode == "QUATERNION":
        return rotations.from_quaternion(values / np.linalg.norm(values, axis=1, keepdims=True))
    if mode == "AXIS_ANGLE":
        return values[:, :1] * values[:, 1:]
    return bone_rotations.from_eulers(values, mode)


def _by_path(owner: bpy.types.ID) -> Curves:
    return {(curve.data_path, curve.array_index): curve for curve in fcurves.current_curves(owner)}


def _written(records: Mapping[str, Record]) -> CurvesOf:
    """The curves of a data-block as they were generated, by the records of its actions."""

    def of(owner: bpy.types.ID) -> Curves:
        action = owner.animation_data.action if owner.animation_data is not None else None
        record = records.get(action.name) if action is not None else None
        if record is None:
            return {}
        return {
            (curve.path, curve.index): WrittenCurve(record.frames, record.generated[:, column])
            for column, curve in enumerate(record.curves)
        }

    return of


def _sampled(
    curve: bpy.types.FCurve | WrittenCurve | None, frames: NDArray[np.int64], still: float
) -> NDArray[np.float64]:
    """(T,) values of a curve on frames; a property without one, or with one that is muted, stays as it is."""
    if curve is None or curve.mute:
        return np.full(len(frames), still)
    return np.array([curve.evaluate(frame) for frame in frames])
