"""Left and right of a performance swapped: shapes change places, bones turn the other way."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import bpy
import numpy as np
from numpy.typing import NDArray

from animcore.retarget import name_normalization

from .. import object_data, properties
from ..character import head_bones, rig_reader
from ..scene import bone_rotations
from ..scene.fcurves import Channel
from . import curve_roles, keying, polish, readback
from .library import Listed
from .record import Record

Array = NDArray[np.float64]

_TURNED = np.array([1.0, -1.0, -1.0])  # a turn in the mirror: the nod stays, to the left becomes to the right
_SHIFTED = np.array([-1.0, 1.0, 1.0])


def mirror(scene: bpy.types.Scene, take: Listed) -> None:
    """Swap left and right of a take, hand edits with it.

    Raises:
        AddonError: where the character cannot be read.
    """
    character = rig_reader.read(properties.root(properties.of(scene)))
    for action in take.actions:
        kept = polish.seen(action, scene)
        armature = character.armature
        generated, edited = (
            _swapped_bones(_swapped_shapes(values, kept), kept, armature)
            for values in (kept.generated.astype(np.float64), kept.generated.astype(np.float64) + kept.layer)
        )
        layer = np.where(np.abs(edited - generated) > 1e-6, edited - generated, 0.0)
        swapped = replace(kept, generated=generated.astype(np.float32), layer=layer.astype(np.float32))
        polish.write(action, swapped, polish.settings_of(action))
    scene.frame_set(scene.frame_current)


def _swapped_shapes(values: Array, kept: Record) -> Array:
    """Curves (T, C) with those of shapes in the places of their other side."""
    order = np.arange(len(kept.curves))
    names = {curve.path: index for index, curve in enumerate(kept.curves) if not curve_roles.bone_of(curve.path)[0]}
    by_shape = {curve_roles.shape_of(path): index for path, index in names.items()}
    for left, right in name_normalization.side_pairs(by_shape):
        order[by_shape[left]], order[by_shape[right]] = by_shape[right], by_shape[left]
    return values[:, order]


def _swapped_bones(values: Array, kept: Record, armature: bpy.types.Object | None) -> Array:
    """Curves (T, C) with those of bones turned and moved as the bone of the other side was, in the mirror."""
    found: dict[tuple[str, str], list[int]] = {}
    for index, curve in enumerate(kept.curves):
        bone, what = curve_roles.bone_of(curve.path)
        if bone:
            found.setdefault((bone, what), []).append(index)
    if armature is None or not found:
        return values
    result, axes, other = values.copy(), head_bones.character_axes(armature), _other_side(bone for bone, _ in found)
    for (name, what), own in found.items():
        source = found.get((other.get(name, name), what), own)
        posed, twin = (object_data.pose_bones(armature)[one] for one in (name, other.get(name, name)))
        if what == "location":
            if len(own) == len(source) == 3:
                result[:, own] = bone_rotations.local_rotations(
                    _SHIFTED * bone_rotations.character_rotations(values[:, source], _rest(twin), axes),
                    _rest(posed),
                    axes,
                )
        elif len(own) == len(source) == keying.rotation_size(posed):
            local = readback.axis_angles(values[:, source], twin.rotation_mode)
            turned = _TURNED * bone_rotations.character_rotations(local, _rest(twin), axes)
            channels = keying.rotation(posed, bone_rotations.local_rotations(turned, _rest(posed), axes))
            result[:, own] = _near(np.stack([channel.values for channel in channels], 1), values[:, own], channels)
    return result


def _near(mirrored: Array, before: Array, channels: Iterable[Channel]) -> Array:
    """Quaternions with the sign that they had: the same rotation, and the same again after a second time."""
    if "quaternion" not in next(iter(channels)).path:
        return mirrored
    return -mirrored if mirrored[0, 0] * before[0, 0] < 0 else mirrored


def _other_side(bones: Iterable[str]) -> dict[str, str]:
    pairs = name_normalization.side_pairs(dict.fromkeys(bones))
    return {one: other for pair in pairs for one, other in (pair, pair[::-1])}


def _rest(bone: bpy.types.PoseBone) -> Array:
    return np.array(bone.bone.matrix_local.to_3x3())
