"""The gaze target: an object or a camera of the scene as a point in head space, in the engine's axes."""

from __future__ import annotations

import bpy
import numpy as np
from mathutils import Vector
from numpy.typing import NDArray

from animcore.direction import NEAREST_TARGET
from animcore.retarget.reference_head import reference

from .. import object_data
from ..errors import AddonError
from . import head_bones, rig_reader

_BETWEEN = ("left_eye", "right_eye")


def point(character: rig_reader.Character, thing: bpy.types.Object) -> list[float]:
    """Return where a thing is now: metres to the left, up and forward from between the eyes of the head at rest.

    Raises:
        AddonError: where the character has no eyes or head to look from, or the thing is not in front of them.
    """
    return _seen(character, thing.matrix_world.translation, thing.name)


def point_of(character: rig_reader.Character, other: rig_reader.Character) -> list[float]:
    """Return where the eyes of another character are; see `point`.

    Raises:
        AddonError: where one of them has no eyes or head, or the other is not in front of the character.
    """
    armature, middle = _eyes(other)
    return _seen(character, armature.matrix_world @ Vector(middle.tolist()), other.name)


def _eyes(character: rig_reader.Character) -> tuple[bpy.types.Object, NDArray[np.float64]]:
    """The armature of a character and the middle between its eyes at rest, in the armature's space."""
    armature = character.armature
    roles = [role for role in _BETWEEN if role in character.bones] or ["head"]
    if armature is None or roles[0] not in character.bones:
        raise AddonError(f"{character.name!r} has no eye or head bones for a gaze; assign them under Character.")
    bones = [object_data.bones(armature)[character.bones[role]] for role in roles]
    return armature, np.mean([np.array(bone.head_local) for bone in bones], 0)


def _seen(character: rig_reader.Character, place: Vector, name: str) -> list[float]:
    """A place of the world as the character sees it."""
    armature, eyes = _eyes(character)
    seen = np.array(armature.matrix_world.inverted() @ place) - eyes
    metres = reference().eye_distance / head_bones.eye_distance(armature)
    found = head_bones.character_axes(armature).T @ seen * metres
    if found[2] < NEAREST_TARGET:
        raise AddonError(
            f"{name!r} is not in front of the face of {character.name!r}, so its eyes cannot look at it; move it, "
            "or clear Gaze Target."
        )
    return [round(float(value), 4) for value in found]
