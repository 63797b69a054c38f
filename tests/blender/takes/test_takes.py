"""Takes in a list and what is done with them; edits that survive; the polish; another frame rate."""

from __future__ import annotations

from fractions import Fraction

import bpy
import numpy as np
import pytest
from conftest import armature, generate, head, set_rate, settings
from fake_engine import weights

from animcore.core.vocabulary import ARKIT
from animcore.retarget.rig_profiles import driving, profiles
from blender_addon.character.rig_reader import shape_path
from blender_addon.performance import session, take_actions
from blender_addon.scene import fcurves
from blender_addon.takes import library, polish

STEP = ("EXEC_DEFAULT", True)  # as from a button: with a step of undo
RATES = [
    Fraction(24000, 1001),
    Fraction(24),
    Fraction(25),
    Fraction(30000, 1001),
    Fraction(30),
    Fraction(48),
    Fraction(60),
]


def takes() -> list[library.Listed]:
    return library.all_takes(bpy.context.scene)


def curve(face: bpy.types.Object, shape: str) -> bpy.types.FCurve:
    path = shape_path(shape)
    return next(one for one in fcurves.current_curves(face.data.shape_keys) if one.data_path == path)


def values(face: bpy.types.Object, shape: str, count: int = 49) -> np.ndarray:
    return np.array([curve(face, shape).evaluate(frame) for frame in range(1, 1 + count)])


def made(shape: str, count: int = 49, rate: float = 24.0) -> np.ndarray:
    return weights(np.arange(count) / rate)[:, driving().shapes.index(shape)]


def edit(face: bpy.types.Object, shape: str, frames: range, by: float) -> None:
    """Move keys as an animator does."""
    own = curve(face, shape)
    for point in own.keyframe_points:
        if round(point.co.x) in frames:
            point.co.y += by
            point.handle_left.y += by
            point.handle_right.y += by
    own.update()


def playing_action() -> bpy.types.Action:
    return library.find(bpy.context.scene).actions[0]


def test_takes_of_one_name_are_two_and_each_can_be_shown(voice):
    rig = armature({"head": ((0, 0, 1.5), (0, 0, 1.7), 0.0)})
    face = head("Skin")
    face.parent = rig
    generate(rig, voice())
    generate(rig, voice())
    first, second = takes()
    assert (first.name, first.playing, second.playing) == (second.name, False, True)
    assert first.ident != second.ident
    assert len(first.actions) == len(second.actions) == 2
    bpy.ops.animcore.show_take(take=first.ident)
    assert face.data.shape_keys.animation_data.action in first.actions
    assert rig.animation_data.action in first.actions
    if hasattr(rig.animation_data, "action_slot"):
        assert rig.animation_data.action_slot is not None
    bpy.ops.animcore.compare_takes()
    assert takes()[1].playing
    bpy.ops.animcore.compare_takes()
    assert takes()[0].playing


def test_takes_of_another_character_are_not_listed(voice):
    one, other = head("One"), head("Other")
    generate(one, voice("a.wav"))
    generate(other, voice("b.wav"))
    assert [take.name for take in takes()] == ["b"]
    other.name = "Renamed"
    assert [take.name for take in takes()] == ["b"]
    settings().character = one
    assert [take.name for take in takes()] == ["a"]


def test_renamed_deleted_and_undone(voice):
    face = head()
    generate(face, voice("a.wav"))
    generate(face, voice("b.wav"))
    bpy.ops.animcore.rename_take(name="  final ")
    assert [take.name for take in takes()] == ["a", "final"]
    assert face.data.shape_keys.animation_data.action.name == "Animcore take final"
    with pytest.raises(RuntimeError, match="name of the take is empty"):
        bpy.ops.animcore.rename_take(name=" ")
    bpy.ops.ed.undo_push(message="before")
    bpy.ops.animcore.delete_take(*STEP)
    assert [(take.name, take.playing) for take in takes()] == [("a", True)]
    bpy.ops.ed.undo()
    assert [(take.name, take.playing) for take in takes()] == [("a", False), ("final", True)]
    bpy.ops.ed.redo()
    assert [take.name for take in takes()] == ["a"]


def test_run_again_gives_the_same_keys_and_another_take_the_next_seed(voice):
    face = head()
    settings().seed, settings().lips = 4, 1.5
    generate(face, voice())
    settings().seed, settings().lips = 0, 1.0
    bpy.ops.animcore.run_again()
    bpy.ops.animcore.run_again(another=True)
    asked = [library.settings_of(take)["direction"] for take in takes()]
    assert [one["seed"] for one in asked] == [4, 4, 5]
    assert {one["strengths"]["lips"] for one in asked} == {1.5}
    np.testing.assert_allclose(values(face, "jawOpen"), made("jawOpen"), atol=2e-6)


def test_a_take_without_its_sound_file_says_so(voice):
    path = voice()
    generate(head(), path)
    path.unlink()
    with pytest.raises(RuntimeError, match="There is no file"):
        bpy.ops.animcore.run_again()


def test_takes_from_before_they_had_marks_are_still_read(voice):
    face = head()
    generate(face, voice())
    action = face.data.shape_keys.animation_data.action
    for name in list(action.keys()):
        if name.startswith("animcore_") and name not in (fcurves.TAKE, fcurves.SETTINGS):
            del action[name]
    del face.data.shape_keys[fcurves.OWNER]
    assert [(take.name, take.playing) for take in takes()] == [("line", True)]
    edit(face, "browInnerUp", range(5, 9), 0.2)
    bpy.ops.animcore.polish(regions={"jaw"}, exaggeration=0.5)
    np.testing.assert_allclose(values(face, "jawOpen"), 0.5 * made("jawOpen"), atol=1e-5)
    assert np.abs(values(face, "browInnerUp") - made("browInnerUp")).max() == pytest.approx(0.2, abs=1e-4)


@pytest.mark.parametrize("another_voice", [False, True])
def test_hand_edits_survive_a_new_solve(voice, another_voice):
    face = head()
    generate(face, voice())
    edit(face, "browInnerUp", range(10, 20), 0.25)
    face.shape_key_add(name="Windy", from_mix=False)
    outcome = generate(face, voice("other.wav" if another_voice else "line.wav"))
    expected = made("browInnerUp")
    expected[9:19] += 0.25
    np.testing.assert_allclose(values(face, "browInnerUp"), expected, atol=1e-5)
    np.testing.assert_allclose(values(face, "jawOpen"), made("jawOpen"), atol=2e-6)
    assert any("edits were kept: brows" in note for note in outcome.notes)
    bpy.ops.animcore.drop_edits(regions={"brows"}, first=1, last=14)
    expected[9:14] -= 0.25
    np.testing.assert_allclose(values(face, "browInnerUp"), expected, atol=1e-5)
    bpy.ops.animcore.drop_edits()
    np.testing.assert_allclose(values(face, "browInnerUp"), made("browInnerUp"), atol=1e-5)


def test_edits_are_left_behind_where_nobody_wants_them(voice):
    face = head()
    generate(face, voice())
    edit(face, "browInnerUp", range(10, 20), 0.25)
    settings().keep_edits = False
    generate(face, voice())
    np.testing.assert_allclose(values(face, "browInnerUp"), made("browInnerUp"), atol=2e-6)


def test_a_channel_that_the_animator_added_goes_on_in_the_new_take(voice):
    face = head()
    face.shape_key_add(name="Windy", from_mix=False)
    generate(face, voice())
    block = face.data.shape_keys.key_blocks["Windy"]
    for frame, value in ((1, 0.1), (30, 0.9)):
        block.value = value
        block.keyframe_insert("value", frame=frame)
    generate(face, voice())
    assert curve(face, "Windy").evaluate(30) == pytest.approx(0.9)
    assert len(curve(face, "Windy").keyframe_points) == 2


def test_edits_on_a_reduced_take_stay_through_every_slider_and_back(voice):
    face = head()
    generate(face, voice())
    bpy.ops.animcore.polish(keys_per_second=4)
    assert len(curve(face, "mouthSmileLeft").keyframe_points) < 25
    edit(face, "browInnerUp", range(1, 49), 0.2)  # the keys that are left, between the ends
    shown = values(face, "browInnerUp")
    bpy.ops.animcore.polish(keys_per_second=12, regions={"lips"}, exaggeration=1.3)
    np.testing.assert_allclose(values(face, "browInnerUp")[5:40], shown[5:40], atol=0.06)
    bpy.ops.animcore.polish(keys_per_second=0, regions={"lips"}, exaggeration=1)
    np.testing.assert_allclose(values(face, "mouthSmileLeft"), made("mouthSmileLeft"), atol=1e-6)
    bpy.ops.animcore.polish(edits=0)
    np.testing.assert_allclose(values(face, "browInnerUp"), made("browInnerUp"), atol=1e-5)
    bpy.ops.animcore.polish(edits=1)
    assert np.abs(values(face, "browInnerUp") - made("browInnerUp")).max() == pytest.approx(0.2, abs=0.03)


@pytest.mark.parametrize("kind", ["BEZIER", "LINEAR"])
def test_what_blender_plays_is_what_the_reduction_says(voice, kind):
    face = head()
    generate(face, voice(), start_frame=1001)
    bpy.ops.animcore.polish(keys_per_second=5, key_kind=kind)
    told = take_actions.told(library.find(bpy.context.scene).ident)
    action = playing_action()
    kept = polish.record_of(action, bpy.context.scene)
    seen = np.array([curve(face, name).evaluate(1021) for name in ARKIT])
    column = [one.path for one in kept.curves]
    expected = np.array([kept.written[20, column.index(shape_path(name))] for name in ARKIT])
    np.testing.assert_allclose(seen, expected, atol=1e-5)
    frames = np.arange(1000, 1052)
    for name in ARKIT:
        own = curve(face, name)
        plain = fcurves.sampled([own], frames.astype(float))[:, 0]
        np.testing.assert_allclose(plain, [own.evaluate(frame) for frame in frames], atol=1e-4)
    assert 0 < told.lip_error < 5
    sealed = kept.lips.sealed(kept.generated)
    off = kept.lips.opening(kept.written) - kept.lips.opening(kept.generated)
    assert np.abs(off[sealed]).max(initial=0) < 0.03


def test_polish_per_region(voice):
    face = head()
    generate(face, voice())
    bpy.ops.animcore.polish(regions={"brows"}, offset=250)
    np.testing.assert_allclose(values(face, "browInnerUp")[6:], made("browInnerUp")[:-6], atol=1e-5)
    np.testing.assert_allclose(values(face, "jawOpen"), made("jawOpen"), atol=1e-6)
    bpy.ops.animcore.polish(regions={"jaw"}, smoothing=400)
    assert np.std(values(face, "jawOpen")) < 0.9 * np.std(made("jawOpen"))
    generate(face, voice())
    assert np.std(values(face, "jawOpen")) < 0.9 * np.std(made("jawOpen")), "the polish goes on with the next take"
    bpy.ops.animcore.reset_polish()
    np.testing.assert_allclose(values(face, "jawOpen"), made("jawOpen"), atol=1e-6)


def test_locked_and_removed_curves_are_left_alone(voice):
    face = head()
    generate(face, voice())
    action = playing_action()
    curve(face, "jawOpen").lock = True
    gone = curve(face, "tongueOut")
    bag = action.fcurves if not hasattr(action, "layers") else action.layers[0].strips[0].channelbags[0].fcurves
    bag.remove(gone)
    bpy.ops.animcore.polish(regions={"jaw", "tongue", "lips"}, exaggeration=0.5)
    np.testing.assert_allclose(values(face, "jawOpen"), made("jawOpen"), atol=1e-6)
    np.testing.assert_allclose(values(face, "mouthClose"), 0.5 * made("mouthClose"), atol=1e-5)
    assert len(fcurves.curves_of(action)) == 51


def test_mirror_swaps_sides_and_back_again_exactly(voice):
    rig = armature({"head": ((0, 0, 1.5), (0, 0, 1.7), 0.3), "eye.L": ((0.03, -0.1, 1.6), (0.03, -0.2, 1.6), 0.1),
                    "eye.R": ((-0.03, -0.1, 1.6), (-0.03, -0.2, 1.6), -0.1)})  # fmt: skip
    face = head()
    face.parent = rig
    generate(rig, voice())
    edit(face, "mouthSmileLeft", range(5, 9), 0.3)
    smile, frown = values(face, "mouthSmileLeft"), values(face, "mouthFrownRight")
    bones = {(one.data_path, one.array_index): fcurves.points(one)[:, 1] for one in fcurves.current_curves(rig)}
    bpy.context.scene.frame_set(30)
    before = rig.pose.bones["head"].matrix.to_3x3()
    bpy.ops.animcore.mirror_take()
    np.testing.assert_allclose(values(face, "mouthSmileRight"), smile, atol=1e-5)
    np.testing.assert_allclose(values(face, "mouthFrownLeft"), frown, atol=1e-5)
    bpy.context.scene.frame_set(30)
    after = rig.pose.bones["head"].matrix.to_3x3()
    flip = np.diag([-1.0, 1.0, 1.0])
    rest = np.array(rig.pose.bones["head"].bone.matrix_local.to_3x3())
    np.testing.assert_allclose(np.array(after) @ rest.T, flip @ np.array(before) @ rest.T @ flip, atol=1e-5)
    bpy.ops.animcore.mirror_take()
    np.testing.assert_allclose(values(face, "mouthSmileLeft"), smile, atol=1e-5)
    for one in fcurves.current_curves(rig):
        np.testing.assert_allclose(fcurves.points(one)[:, 1], bones[one.data_path, one.array_index], atol=2e-6)


def test_bake_to_plain_keys_and_to_the_nla(voice):
    face = head()
    generate(face, voice())
    edit(face, "browInnerUp", range(10, 20), 0.25)
    bpy.ops.animcore.polish(keys_per_second=5)
    shown = values(face, "browInnerUp")
    bpy.ops.animcore.bake_take(target="KEYS")
    assert all(len(one.keyframe_points) == 49 for one in fcurves.current_curves(face.data.shape_keys))
    np.testing.assert_allclose(values(face, "browInnerUp"), shown, atol=1e-5)
    bpy.ops.animcore.bake_take(target="NLA")
    data = face.data.shape_keys.animation_data
    assert data.action is None
    assert [track.name for track in data.nla_tracks] == ["line"]
    bpy.context.scene.frame_set(14)
    assert face.data.shape_keys.key_blocks["browInnerUp"].value == pytest.approx(min(shown[13], 1.0), abs=1e-4)
    assert [(take.playing, take.on_nla) for take in takes()] == [(False, True)]
    bpy.ops.animcore.show_take(take=takes()[0].ident)
    assert not data.nla_tracks
    assert takes()[0].playing


def test_a_viseme_is_keyed_softly_and_counts_as_an_edit(voice):
    face = head()
    generate(face, voice())
    scene = bpy.context.scene
    scene.frame_set(20)
    bpy.ops.animcore.key_viseme(viseme="U")
    pucker = values(face, "mouthPucker")
    assert pucker[19] == pytest.approx(0.7, abs=0.02)
    np.testing.assert_allclose(pucker[:16], made("mouthPucker")[:16], atol=1e-6)
    np.testing.assert_allclose(values(face, "browInnerUp"), made("browInnerUp"), atol=1e-6)
    generate(face, voice())
    assert values(face, "mouthPucker")[19] == pytest.approx(0.7, abs=0.02)


def test_a_viseme_on_a_rig_that_nothing_moves_yet():
    recipes = next(profile for profile in profiles() if profile.name == "viseme").recipes
    face = head(shapes=tuple(recipes))
    for block in face.data.shape_keys.key_blocks:
        block.value = 0.0  # new shapes are at 1 from Blender 5.2 on
    settings().character = face
    bpy.context.scene.frame_set(7)
    bpy.ops.animcore.key_viseme(viseme="O", strength=0.5)
    assert face.data.shape_keys.key_blocks["viseme_O"].value == pytest.approx(0.5, abs=0.1)
    assert len(fcurves.current_curves(face.data.shape_keys)) >= 10


def test_the_curve_view_shows_lips_and_jaw_alone(voice):
    face = head()
    generate(face, voice())
    bpy.ops.animcore.show_curves()
    shown = {one.data_path for one in fcurves.current_curves(face.data.shape_keys) if not one.hide}
    assert shown == {shape_path(name) for name in ARKIT if name.startswith(("mouth", "jaw"))}


def test_nothing_to_work_on_is_said_before_the_press(voice):
    settings().character = head()
    for name in ("show_take", "polish", "mirror_take", "delete_take"):
        with pytest.raises(RuntimeError, match=r"no takes|no active take"):
            getattr(bpy.ops.animcore, name)()
    generate(settings().character, voice())
    with pytest.raises(RuntimeError, match="only one take"):
        bpy.ops.animcore.compare_takes()
    with pytest.raises(RuntimeError, match="nothing to retime"):
        bpy.ops.animcore.retime()


@pytest.mark.parametrize("rate", RATES, ids=lambda rate: f"{float(rate):.3f}")
def test_ten_minutes_retimed_keep_their_milliseconds(voice, monkeypatch, rate):
    """Ten minutes on one channel, from 24 (or 30) to each rate and, by way of another, back."""
    from blender_addon.takes import record

    face = head(shapes=tuple(name for name in ARKIT if name.startswith(("jaw", "mouthC", "mouthF", "browI"))))
    old = Fraction(24) if rate != 24 else Fraction(30)
    set_rate(old)
    scene = bpy.context.scene
    generate(face, voice(), start_frame=101)
    scene.timeline_markers.new("word", frame=125)
    scene.timeline_markers.new("elsewhere", frame=90_000)
    action = playing_action()
    count = int(600 * old)
    wave = (0.5 + 0.5 * np.sin(np.arange(count) / 7)).astype(np.float32)
    kept = polish.record_of(action, scene)
    long = np.repeat(wave[:, None], len(kept.curves), 1)
    fields = {name: getattr(kept, name) for name in record.Record.__dataclass_fields__}
    fields |= {"generated": long, "layer": 0 * long, "written": long}
    polish.write(action, record.Record(**fields), record.Settings())
    edit(face, "browInnerUp", range(2101, 2111), 0.3)
    for wanted in (rate, Fraction(25), rate):
        set_rate(wanted)
        if fcurves.stored_rate(action) != wanted:
            bpy.ops.animcore.retime()
    start = settings().start_frame
    assert start == pytest.approx(1 + 100 * float(rate / old), abs=0.51)
    seconds = (fcurves.points(curve(face, "jawOpen"))[:, 0].astype(np.float64) - start) / float(rate)
    np.testing.assert_allclose(seconds, np.arange(count) / float(old), atol=1e-3)
    marker = next(one for one in scene.timeline_markers if one.name == "word")
    assert (marker.frame - start) / float(rate) == pytest.approx(24 / float(old), abs=1.01 / float(rate))
    assert {one.frame for one in scene.timeline_markers if one.name == "elsewhere"} == {90_000}
    assert scene.frame_end >= start + 599.9 * float(rate)
    seen = polish.seen(action, scene)
    edited = np.flatnonzero(seen.layer[:, [one.path for one in seen.curves].index(shape_path("browInnerUp"))])
    np.testing.assert_array_equal(edited, np.arange(2000, 2010), "nothing but what was edited counts as edited")


def test_after_retiming_the_scene_ends_at_its_second_and_baking_gives_whole_frames(voice):
    face, scene = head(), bpy.context.scene
    set_rate(Fraction(24))
    generate(face, voice(), start_frame=10)
    scene.frame_end = 250
    scene.use_preview_range, scene.frame_preview_start, scene.frame_preview_end = True, 25, 49
    set_rate(Fraction(30))
    bpy.ops.animcore.retime()
    assert scene.frame_end == 312, "250 at 24 frames a second"
    assert (scene.frame_preview_start, scene.frame_preview_end) == (31, 61)
    before = curve(face, "jawOpen")
    assert np.abs(fcurves.points(before)[:, 0] - fcurves.points(before)[:, 0].round()).max() > 0.1
    frames = np.arange(before.range()[0], before.range()[1] + 0.01)
    shown = np.array([before.evaluate(frame) for frame in frames])
    bpy.ops.animcore.bake_take(target="KEYS")
    for one in fcurves.current_curves(face.data.shape_keys):
        np.testing.assert_array_equal(fcurves.points(one)[:, 0], frames)
    np.testing.assert_allclose(fcurves.points(curve(face, "jawOpen"))[:, 1], shown, atol=1e-5)
    kept = polish.record_of(playing_action(), scene)
    np.testing.assert_array_equal(kept.frames, frames)
    assert (kept.rate, kept.scene_rate, kept.sound_frame) == (30, 30, settings().start_frame)
    set_rate(Fraction(24))
    bpy.ops.animcore.retime()
    assert scene.frame_end == 250


def test_a_late_take_in_a_scene_at_its_rate_leaves_the_range_alone(voice):
    face, scene = head(), bpy.context.scene
    set_rate(Fraction(24))
    generate(face, voice())
    first = playing_action()
    set_rate(Fraction(30))
    scene.frame_end = 200
    generate(face, voice())
    bpy.ops.animcore.retime()
    assert fcurves.stored_rate(first) == 30
    assert scene.frame_end == 200


def test_an_earlier_take_is_told_of_once_however_many_actions_it_has(voice):
    rig = armature({"head": ((0, 0, 1.5), (0, 0, 1.7), 0.3)})
    for name in ("Skin", "Brows", "Teeth"):
        head(name).parent = rig
    generate(rig, voice())
    for face in bpy.data.meshes:
        bpy.data.objects[face.name].show_only_shape_key = True
    outcome = generate(rig, voice())
    notes = outcome.take.notes
    assert len(outcome.take.actions) == 4
    assert [note for note in notes if "earlier take" in note] == ["The earlier take 'line' stays in the list of takes."]
    assert len([note for note in notes if "solo" in note]) == 1


def test_everything_is_one_step_of_undo(voice):
    face = head()
    generate(face, voice())
    bpy.ops.ed.undo_push(message="before")
    before = values(face, "mouthClose")
    for name, wish in (
        ("polish", {"regions": {"lips"}, "exaggeration": 0.5}),
        ("polish", {"keys_per_second": 3.0}),
        ("mirror_take", {}),
        ("bake_take", {"target": "NLA"}),
    ):
        getattr(bpy.ops.animcore, name)(*STEP, **wish)
        bpy.ops.ed.undo()
        face = bpy.data.objects["Head"]
        np.testing.assert_array_equal(values(face, "mouthClose"), before)
        assert len(curve(face, "mouthClose").keyframe_points) == 49


def test_a_saved_take_opens_with_its_edits_and_polish(voice, tmp_path):
    face = head()
    generate(face, voice())
    edit(face, "browInnerUp", range(10, 20), 0.25)
    bpy.ops.animcore.polish(keys_per_second=6)
    path = tmp_path / "takes.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(path))
    bpy.ops.wm.open_mainfile(filepath=str(path))
    face = bpy.data.objects["Head"]
    assert playing_action().animcore.keys_per_second == 6
    bpy.ops.animcore.polish(keys_per_second=0, edits=0)
    np.testing.assert_allclose(values(face, "browInnerUp"), made("browInnerUp"), atol=1e-5)
    bpy.ops.animcore.polish(edits=1)
    expected = made("browInnerUp")
    expected[9:19] += 0.25
    np.testing.assert_allclose(values(face, "browInnerUp"), expected, atol=1e-5)


def test_a_broken_record_is_one_sentence_and_changes_nothing(voice):
    face = head()
    generate(face, voice())
    playing_action()["animcore_record"] = b'{"version":1}\nxx'
    bpy.ops.animcore.polish(keys_per_second=3)
    assert "cannot be read" in session.session.outcome.message
    assert len(curve(face, "jawOpen").keyframe_points) == 49
    outcome = generate(face, voice())
    assert not outcome.failed
    assert any("cannot be read" in note for note in outcome.notes)
