"""What every bone does, by its name: turns and displacements from its rest, each against the bone above it.

They are given in the axes of the world, so that files whose bones have other axes of their own can be compared, and
without any retargeting, which the writer and the reader of a file would share.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import bpy
import numpy as np
from numpy.typing import NDArray

from animcore.geometry import rotations

from .. import object_data

FloatArray = NDArray[np.float64]


def sampled(scene: bpy.types.Scene, armature: bpy.types.Object, frames: Sequence[float]) -> dict[str, NDArray[Any]]:
    """Evaluate an armature on some frames; the scene is put back.

    Args:
        scene: that it is in.
        armature: with its constraints and drivers.
        frames: T of them; parts of a frame count.

    Returns:
        `bones` (B,) names; `turns` (T, B, 4) unit quaternions w, x, y, z and `shifts` (T, B, 3) metres, both from rest
        against the bone above, in the axes of the world (Z up).
    """
    bones = list(object_data.bones(armature))
    posed = np.empty((len(frames), len(bones), 4, 4), np.float32)
    current = scene.frame_current, scene.frame_subframe
    with _without_meshes(scene.objects):
        for row, frame in zip(posed, frames, strict=True):
            whole = math.floor(frame)
            scene.frame_set(whole, subframe=frame - whole)
            evaluated = object_data.pose_bones(armature.evaluated_get(bpy.context.evaluated_depsgraph_get()))
            row[:] = [evaluated[bone.name].matrix for bone in bones]
    scene.frame_set(current[0], subframe=current[1])
    rest = np.array([bone.matrix_local for bone in bones], np.float64).reshape(-1, 4, 4)
    place = {bone.name: index for index, bone in enumerate(bones)}
    above = [place[bone.parent.name] if bone.parent is not None else -1 for bone in bones]
    turns, shifts = _from_rest(posed, rest, above, np.array(armature.matrix_world))
    return {"bones": np.array([bone.name for bone in bones], np.str_), "turns": turns, "shifts": shifts}


def deforming(armature: bpy.types.Object, objects: Iterable[bpy.types.Object]) -> set[str]:
    """Return the bones that move a mesh by its weights or carry one, and all above them."""
    own = object_data.bones(armature)
    moved = {one.parent_bone for one in objects if one.parent == armature and one.parent_type == "BONE"}
    for one in objects:
        if any(isinstance(part, bpy.types.ArmatureModifier) and part.object == armature for part in one.modifiers):
            names = {group.name for group in one.vertex_groups}
            moved |= {name for name in names if name in own and own[name].use_deform}
    return moved & set(own.keys()) | {
        above.name for name in moved if name in own for above in own[name].parent_recursive
    }


def _from_rest(
    posed: NDArray[np.float32], rest: FloatArray, above: Sequence[int], world: FloatArray
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Turns (T, B, 4) and shifts (T, B, 3) of poses (T, B, 4, 4) and rests (B, 4, 4) in the armature's space."""
    turns = np.empty((*posed.shape[:2], 4), np.float32)
    shifts = np.empty((*posed.shape[:2], 3), np.float32)
    straight = _turned(world)
    for index, carrier in enumerate(above):
        still, moved = rest[index], posed[:, index].astype(np.float64)
        if carrier >= 0:
            still = np.linalg.inv(rest[carrier]) @ still
            moved = np.linalg.inv(posed[:, carrier].astype(np.float64)) @ moved
        axes = straight @ _turned(rest[index])
        turned = axes @ np.swapaxes(_turned(still), -1, -2) @ _turned(moved) @ axes.T
        turns[:, index] = rotations.matrix_to_quaternion(turned)
        base = world[:3, :3] @ (rest[carrier][:3, :3] if carrier >= 0 else np.eye(3))
        shifts[:, index] = (moved[:, :3, 3] - still[:3, 3]) @ base.T
    return turns, shifts


def _turned(matrices: NDArray[Any]) -> FloatArray:
    """(..., 3, 3) the rotation in matrices (..., 4, 4)."""
    part = np.asarray(matrices, np.float64)[..., :3, :3]
    found: FloatArray = part / np.maximum(np.linalg.norm(part, axis=-2, keepdims=True), 1e-12)
    return found


@contextmanager
def _without_meshes(objects: Iterable[bpy.types.Object]) -> Iterator[None]:
    """Hide the meshes: nobody looks at them here, and they cost more than all bones."""
    shown = [one for one in objects if one.type == "MESH" and not one.hide_viewport]
    for one in shown:
        one.hide_viewport = True
    try:
        yield
    finally:
        for one in shown:
            one.hide_viewport = False
