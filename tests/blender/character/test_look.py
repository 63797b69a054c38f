"""Look At: a thing of the scene becomes a point before the face."""

from __future__ import annotations

import bpy
import numpy as np
import pytest
from mathutils import Matrix

from blender_addon.character import gaze_target, head_bones, rig_reader
from blender_addon.errors import AddonError


@pytest.fixture
def character():
    bpy.ops.animcore.add_character()
    return rig_reader.read(bpy.context.scene.animcore.character)


def thing(place):
    made = bpy.data.objects.new("Thing", None)
    bpy.context.scene.collection.objects.link(made)
    made.location = place
    bpy.context.view_layer.update()
    return made


def eyes_of(character):
    bones = character.armature.data.bones
    return np.mean([np.array(bones[character.bones[role]].head_local) for role in ("left_eye", "right_eye")], 0)


def test_a_point_before_the_face_is_left_up_and_forward(character):
    left, up, forward = head_bones.character_axes(character.armature).T
    place = eyes_of(character) + 0.4 * left + 0.2 * up + 1.5 * forward
    assert gaze_target.point(character, thing(place)) == pytest.approx([0.4, 0.2, 1.5], abs=0.03)


def test_it_moves_with_the_character(character):
    left, _, forward = head_bones.character_axes(character.armature).T
    place = eyes_of(character) + 0.4 * left + 1.5 * forward
    made = thing(place)
    before = gaze_target.point(character, made)
    carried = Matrix.Translation((3, 4, 5)) @ Matrix.Rotation(1.0, 4, "Z")
    character.armature.matrix_world = carried @ character.armature.matrix_world
    made.matrix_world = carried @ made.matrix_world
    bpy.context.view_layer.update()
    assert gaze_target.point(character, made) == pytest.approx(before, abs=1e-3)


def test_what_is_behind_the_head_is_refused(character):
    forward = head_bones.character_axes(character.armature).T[2]
    with pytest.raises(AddonError, match="not in front of"):
        gaze_target.point(character, thing(eyes_of(character) - forward))
