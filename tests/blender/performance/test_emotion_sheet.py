"""The same line in six emotions: one picture, and the scene as it was."""

from __future__ import annotations

import bpy
import numpy as np
import pytest
from conftest import head, settings

from blender_addon.performance import emotion_sheet, session


@pytest.fixture
def scene(voice) -> bpy.types.Scene:
    made = bpy.context.scene
    settings().character, settings().audio = head(), str(voice())
    made.camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    made.camera.location = (0.5, 0.5, 4.0)
    made.collection.objects.link(made.camera)
    made.render.engine, made.cycles.samples = "CYCLES", 1
    made.render.resolution_x, made.render.resolution_y = 64, 32
    made.frame_set(7)
    return made


def state(scene):
    face = settings().character.data.shape_keys
    return (
        scene.frame_current, scene.render.filepath, scene.render.use_stamp, scene.render.resolution_x,
        len(bpy.data.actions), face.animation_data, [round(block.value, 5) for block in face.key_blocks],
    )  # fmt: skip


def test_six_emotions_stand_in_one_picture_and_nothing_else_changes(scene, monkeypatch):
    monkeypatch.setattr(emotion_sheet, "SIDE", 24)
    settings().character.data.shape_keys.key_blocks["jawOpen"].value = 0.3
    before, asked = state(scene), []
    begin = session.session.jobs.begin
    monkeypatch.setattr(
        session.session.jobs, "begin", lambda launch, request: asked.append(request) or begin(launch, request)
    )
    bpy.ops.animcore.emotion_sheet()
    image = bpy.data.images[emotion_sheet.NAME]
    assert tuple(image.size) == (4 * 48, 6 * 24)
    *performed, rendered = asked
    assert [request["direction"]["emotions"][0]["emotion"] for request in performed] == list(emotion_sheet.EMOTIONS)
    assert rendered["do"] == "emotion_sheet"  # by a Blender of its own, beside the window
    pixels = np.array(image.pixels[:]).reshape(6, 24, 4, 48, 4)
    columns = pixels[0, :, :, :, :3].swapaxes(0, 1)
    assert np.abs(columns[0] - columns[2]).max() > 0.05  # the face moves from picture to picture
    assert state(scene) == before
    assert emotion_sheet.under_way() is None
    assert emotion_sheet.NAME in session.session.outcome.message


def test_without_a_camera_it_says_so(scene):
    scene.camera = None
    with pytest.raises(RuntimeError, match="no camera"):
        bpy.ops.animcore.emotion_sheet()
    assert emotion_sheet.under_way() is None


def test_a_failing_engine_ends_it(scene, voice):
    settings().audio = str(voice("full.wav"))
    with pytest.raises(RuntimeError, match="disk is full"):
        bpy.ops.animcore.emotion_sheet()
    assert emotion_sheet.under_way() is None
