"""Which bones are a character's head, neck, jaw and eyes, and where it looks.

What the file declares comes first, then the skeleton, then the mesh.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import bpy
import numpy as np
from numpy.typing import NDArray

from animcore.retarget import bone_names, name_normalization, skeleton_retarget
from animcore.retarget.reference_head import reference

from .. import object_data
from . import declared_humanoid

_TALL = 1.6  # metres from the lowest to the highest bone of a grown person
_AHEAD = 0.12  # of the size of a head that its face has to lie before its middle
BLENDER = np.column_stack(((1.0, 0.0, 0.0), (0.0, 0.0, 1.0), (0.0, -1.0, 0.0)))  # left, up, forward along -Y


def body(armature: bpy.types.Object) -> bone_names.BoneNames:
    """Return which bones of an armature are which joints of a body."""
    return bone_names.find(object_data.bones(armature).keys(), declared_humanoid.humanoid(armature))


def roles(armature: bpy.types.Object) -> tuple[str, dict[str, str]]:
    """Return the convention of an armature's face bones, and the bones of head, neck, jaw and eyes by role."""
    return bone_names.roles(object_data.bones(armature).keys(), declared_humanoid.humanoid(armature))


def joints(armature: bpy.types.Object) -> set[str]:
    """Return the bones that a body moves, with those that carry them: head, neck, trunk and limbs, not jaw and eyes."""
    found = body(armature)
    own = {name for many in (*found.chains.values(), *found.twists.values(), found.spine) for name in many}
    known = roles(armature)[1]
    own |= {known[role] for role in ("head", "neck") if role in known}
    return own | {above.name for name in own for above in object_data.bones(armature)[name].parent_recursive}


def character_axes(armature: bpy.types.Object) -> NDArray[np.float64]:
    """Return (3, 3) columns left, up, forward of the character in armature space, from the skeleton itself.

    An imported skeleton may have any axis up and any bone roll; its left and right bones and the way from its lowest
    bones to its head give its direction. A head alone stands upright in the world; without bones on two sides it faces
    as characters in Blender do, along -Y of the world.
    """
    world = np.array(armature.matrix_world.to_3x3().normalized())
    heads = {bone.name: np.array(bone.head_local) for bone in object_data.bones(armature)}
    pairs = _pairs(armature, heads)
    head = roles(armature)[1].get("head")
    if pairs and head is not None:
        left = sum((heads[a] - heads[b] for a, b in pairs), np.zeros(3))
        centre = (np.mean([heads[a] + heads[b] for a, b in pairs], axis=0)) / 2.0
        of_head = {bone.name for bone in object_data.bones(armature)[head].children_recursive}
        alone = all(side in of_head for pair in pairs for side in pair)
        if (axes := skeleton_retarget.character_axes(left, world[2] if alone else heads[head] - centre)) is not None:
            return axes
    result: NDArray[np.float64] = world.T @ BLENDER
    return result


def _pairs(armature: bpy.types.Object, heads: Iterable[str]) -> list[tuple[str, str]]:
    """Bones of two sides: the joints of the body, else those whose names differ by their side alone."""
    chains = body(armature).chains
    lefts = [joint for joint in chains if joint.startswith("left_") and f"right_{joint[5:]}" in chains]
    if lefts:
        return [(chains[joint][0], chains[f"right_{joint[5:]}"][0]) for joint in lefts]
    return name_normalization.side_pairs(heads)


def eye_distance(armature: bpy.types.Object) -> float:
    """Return the distance between the outer eye corners in the armature's own units: the measure of a face's size.

    It follows from the eye bones; a rig without them is taken to be as large as a grown person of its height.
    """
    heads = {bone.name: np.array(bone.head_local) for bone in object_data.bones(armature)}
    found = roles(armature)[1]
    face = reference()
    if "left_eye" in found and "right_eye" in found:
        between = float(np.linalg.norm(heads[found["left_eye"]] - heads[found["right_eye"]]))
        if between > 0.0:
            return between * face.eye_distance / float(np.linalg.norm(face.eyes[0] - face.eyes[1]))
    places = np.array(list(heads.values()))
    return float(np.ptp(places, axis=0).max()) * face.eye_distance / _TALL


def world_axes(
    armature: bpy.types.Object | None, points: NDArray[np.floating[Any]], moved: NDArray[np.floating[Any]]
) -> NDArray[np.float64]:
    """Return (3, 3) columns left, up, forward of a character in the world.

    Args:
        armature: its skeleton, or None.
        points: (V, 3) its vertices in the world.
        moved: (V,) how far its shapes move each vertex; without a skeleton they locate the face.
    """
    if armature is not None and (_pairs(armature, object_data.bones(armature).keys()) or not moved.any()):
        world: NDArray[np.float64] = np.array(armature.matrix_world.to_3x3().normalized()) @ character_axes(armature)
        return world
    return _by_face(points, moved)


def _by_face(points: NDArray[np.floating[Any]], moved: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """A face looks to the side of its head on which shapes move it, along X or Y of the world; else along -Y."""
    if not moved.any():
        return BLENDER
    middle = np.average(points, axis=0, weights=moved)
    spread = 3.0 * np.sqrt(np.average((points[:, 2] - middle[2]) ** 2, weights=moved))
    near = points[np.abs(points[:, 2] - middle[2]) <= spread]  # the head's own height, of a whole figure too
    low, high = near.min(0), near.max(0)
    ahead = (middle - (low + high) / 2.0)[:2]
    axis = int(np.abs(ahead).argmax())
    if abs(ahead[axis]) < _AHEAD * float((high - low)[:2].max()):
        return BLENDER
    forward = np.zeros(3)
    forward[axis] = np.sign(ahead[axis])
    up = np.array((0.0, 0.0, 1.0))
    return np.column_stack((np.cross(up, forward), up, forward))
