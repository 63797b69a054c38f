"""The press of the button: from a sound file to keys that play."""

from __future__ import annotations

import json
from fractions import Fraction

import bpy
import numpy as np
import pytest
from conftest import armature, generate, head, set_rate, settings
from fake_engine import weights

from animcore.direction import Direction
from animcore.retarget.rig_profiles import driving
from blender_addon import properties
from blender_addon.performance import session
from blender_addon.scene import fcurves

RATES = [
    Fraction(24), Fraction(25), Fraction(30), Fraction(48), Fraction(60),
    Fraction(24000, 1001), Fraction(30000, 1001), Fraction(60000, 1001),
]  # fmt: skip


def points(curve: bpy.types.FCurve) -> np.ndarray:
    """(T, 2) frames and values of a curve's keys."""
    found = np.empty(2 * len(curve.keyframe_points), np.float32)
    curve.keyframe_points.foreach_get("co", found)
    return found.reshape(-1, 2)


@pytest.mark.parametrize("rate", RATES, ids=lambda rate: f"{float(rate):.3f}")
def test_a_key_on_every_frame_of_the_scene_at_its_exact_rate(voice, rate):
    set_rate(rate)
    face = head()
    generate(face, voice(), start_frame=11)
    curves = {curve.data_path: curve for curve in fcurves.current_curves(face.data.shape_keys)}
    assert len(curves) == 52
    count = int(2 * rate) + 1
    expected = weights(np.arange(count) / float(rate))
    for number, name in enumerate(driving().shapes):
        found = points(curves[f'key_blocks["{name}"].value'])
        np.testing.assert_array_equal(found[:, 0], np.arange(11, 11 + count))
        np.testing.assert_allclose(found[:, 1], expected[:, number], atol=2e-6)


def test_the_result_plays_at_once_and_between_frames(voice):
    face = head()
    generate(face, voice(), start_frame=1)
    scene = bpy.context.scene
    for frame in (1, 9, 30, 49):
        scene.frame_set(frame)
        expected = weights(np.array([(frame - 1) / 24]))[0, driving().shapes.index("jawOpen")]
        assert face.data.shape_keys.key_blocks["jawOpen"].value == pytest.approx(expected, abs=1e-5)
    scene.frame_set(9, subframe=0.5)
    blocks = face.evaluated_get(bpy.context.evaluated_depsgraph_get()).data.shape_keys.key_blocks
    expected = weights(np.array([8.5 / 24]))[0, driving().shapes.index("jawOpen")]
    assert blocks["jawOpen"].value == pytest.approx(expected, abs=0.01)


def test_the_take_is_an_action_of_its_own_with_its_settings(voice):
    face = head()
    settings().seed = 5
    generate(face, voice("hello there.wav"))
    action = face.data.shape_keys.animation_data.action
    assert action.name == "Animcore take hello there"
    assert action[fcurves.TAKE] == "hello there"
    assert action.use_fake_user
    assert json.loads(action["animcore_settings"])["direction"]["seed"] == 5
    if hasattr(action, "slots"):
        assert len(action.slots) == 1
        assert face.data.shape_keys.animation_data.action_slot == action.slots[0]


def test_every_mesh_of_a_character_is_keyed(voice):
    rig = armature({"head": ((0, 0, 1.5), (0, 0, 1.7), 0.0)})
    skin, teeth, hat = head("Skin"), head("Teeth", ("jawOpen", "tongueOut")), head("Hat", ("windy",))
    for part in (skin, teeth, hat):
        part.parent = rig
    stranger = head("Stranger")
    outcome = generate(skin, voice())
    assert len(fcurves.current_curves(skin.data.shape_keys)) == 52
    assert len(fcurves.current_curves(teeth.data.shape_keys)) == 2
    assert hat.data.shape_keys.animation_data is None
    assert stranger.data.shape_keys.animation_data is None
    assert outcome.message == "52 shapes and 1 bone keyed on frames 1 to 49."


def test_a_collection_is_a_character_too(voice):
    collection = bpy.data.collections.new("Hero")
    bpy.context.scene.collection.children.link(collection)
    parts = [head("Skin"), head("Brows", ("browInnerUp",))]
    for part in parts:
        collection.objects.link(part)
    generate(collection, voice())
    assert [len(fcurves.current_curves(part.data.shape_keys)) for part in parts] == [52, 1]


def test_two_runs_give_equal_keys(voice):
    first, second = head("A"), head("B")
    for face in (first, second):
        generate(face, voice())
    one, two = (fcurves.current_curves(face.data.shape_keys) for face in (first, second))
    for a, b in zip(one, two, strict=True):
        np.testing.assert_array_equal(points(a), points(b))


def test_a_second_run_keeps_the_edited_take(voice):
    face = head()
    generate(face, voice())
    earlier = face.data.shape_keys.animation_data.action
    curve = fcurves.current_curves(face.data.shape_keys)[0]
    curve.keyframe_points[3].co.y = 0.123
    outcome = generate(face, voice())
    now = face.data.shape_keys.animation_data.action
    assert now != earlier
    assert fcurves.curves_of(earlier)[0].keyframe_points[3].co.y == pytest.approx(0.123)
    assert earlier.use_fake_user
    assert not face.data.shape_keys.animation_data.nla_tracks
    assert any(earlier[fcurves.TAKE] in note for note in outcome.notes)


def goes_on_to(scene, what: str) -> None:
    if what == "marker":
        scene.timeline_markers.new("end", frame=200)
    else:
        camera = bpy.data.objects.new("Camera", None)
        camera.keyframe_insert("location", frame=200)


@pytest.mark.parametrize(("what", "end"), [("nothing", 49), ("marker", 250), ("camera", 250)])
def test_a_new_scene_ends_with_its_take_where_nothing_else_goes_on(voice, what, end):
    scene = bpy.context.scene
    assert scene.frame_end == 250
    if what != "nothing":
        goes_on_to(scene, what)
    outcome = generate(head(), voice())
    assert scene.frame_end == end
    assert any("ends at frame 49" in note for note in outcome.notes) == (end == 49)


def test_the_scene_is_made_long_enough_and_what_the_user_set_stays(voice):
    scene = bpy.context.scene
    scene.frame_end = 20
    outcome = generate(head("A"), voice())
    assert scene.frame_end == 49
    assert any("49" in note for note in outcome.notes)
    scene.frame_end = 400
    generate(head("B"), voice())
    assert scene.frame_end == 400


def test_warnings_of_the_engine_reach_the_panel(voice):
    outcome = generate(head(), voice("quiet.wav"))
    assert "The voice is quiet." in outcome.notes
    assert not outcome.failed


def test_undo_takes_everything_back_and_redo_brings_it_again(voice):
    face = head()
    settings().character, settings().audio = face, str(voice())
    bpy.context.scene.frame_end = 20
    bpy.ops.ed.undo_push(message="before")
    bpy.ops.animcore.generate()
    assert bpy.data.actions
    bpy.ops.ed.undo()
    assert not bpy.data.actions
    assert bpy.data.objects["Head"].data.shape_keys.animation_data is None
    assert bpy.context.scene.frame_end == 20
    assert session.session.outcome is None
    bpy.ops.ed.redo()
    assert len(fcurves.current_curves(bpy.data.objects["Head"].data.shape_keys)) == 52


def test_a_saved_file_opens_with_its_keys(voice, tmp_path):
    generate(head(), voice())
    path = tmp_path / "with keys.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(path))
    bpy.ops.wm.read_homefile(use_empty=True)
    bpy.ops.wm.open_mainfile(filepath=str(path))
    face = bpy.data.objects["Head"]
    assert len(fcurves.current_curves(face.data.shape_keys)) == 52
    bpy.context.scene.frame_set(13)
    expected = weights(np.array([0.5]))[0, driving().shapes.index("jawOpen")]
    assert face.data.shape_keys.key_blocks["jawOpen"].value == pytest.approx(expected, abs=1e-5)
    assert settings().audio.endswith("line.wav")


def test_shapes_named_in_other_ways_are_found(voice):
    names = tuple(
        f"blendShape2.ARKit_{name[0].upper()}{name[1:]}".replace("Left", "_L").replace("Right", "_R")
        for name in driving().shapes
    )
    face = head(shapes=names)
    generate(face, voice())
    curves = {curve.data_path: curve for curve in fcurves.current_curves(face.data.shape_keys)}
    assert len(curves) == 52
    found = points(curves['key_blocks["blendShape2.ARKit_MouthSmile_L"].value'])
    expected = weights(np.arange(49) / 24)[:, driving().shapes.index("mouthSmileLeft")]
    np.testing.assert_allclose(found[:, 1], expected, atol=2e-6)


def test_the_emotion_that_is_chosen_is_asked_for(voice):
    mine = settings()
    assert properties.direction(mine)["emotions"] == []
    mine.emotion, mine.emotion_intensity = "joy", 0.7
    assert properties.direction(mine)["emotions"] == [{"emotion": "joy", "intensity": 0.7}]
    assert [span.emotion for span in Direction.from_dict(properties.direction(mine)).emotions] == ["joy"]
