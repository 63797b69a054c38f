"""The take doctor: each thing that can be wrong is found, said in one sentence, mended by its button, and undone."""

from __future__ import annotations

import json
from collections.abc import Callable
from fractions import Fraction

import bpy
import pytest
from conftest import armature, generate, head, set_rate, settings, with_sound
from test_linked import linked
from test_safety import own_action

from blender_addon.character.rig_reader import shape_path
from blender_addon.doctor import checks
from blender_addon.performance import session
from blender_addon.scene import fcurves, sequencer

BONES = {"head": ((0, 0, 1.5), (0, 0, 1.7), 0.0), "jaw": ((0, 0, 1.5), (0, -0.1, 1.5), 0.0)}


@pytest.fixture
def hero() -> tuple[bpy.types.Object, bpy.types.Object]:
    """A rig and its face, chosen."""
    rig, face = armature(BONES), head()
    face.parent = rig
    settings().character = rig
    return rig, face


def found(kind: str = "") -> dict[str, checks.Finding]:
    """What the doctor says now, by name."""
    return {one.name: one for one in session.examine(bpy.context.scene) if kind in ("", one.kind)}


def mend(name: str) -> None:
    bpy.ops.animcore.mend(finding=name)


def test_a_sound_rig_in_a_sound_scene_gets_no_finding(hero):
    bpy.context.scene.sync_mode = "AUDIO_SYNC"
    serious = [one for one in found().values() if one.severity != "note"]
    assert serious == []


def drive(_rig, face) -> Callable[[], bool]:
    face.data.shape_keys.key_blocks["jawOpen"].driver_add("value").driver.expression = "0.25"
    return lambda: face.data.shape_keys.animation_data.drivers[0].mute


def lock(_rig, face) -> Callable[[], bool]:
    own_action(face.data.shape_keys, shape_path("jawOpen"), -1, {1: 0.1}, "Mine")
    fcurves.current_curves(face.data.shape_keys)[0].lock = True
    return lambda: not fcurves.current_curves(face.data.shape_keys)[0].lock


def mute(_rig, face) -> Callable[[], bool]:
    face.data.shape_keys.key_blocks["mouthClose"].mute = True
    return lambda: not face.data.shape_keys.key_blocks["mouthClose"].mute


def narrow(_rig, face) -> Callable[[], bool]:
    face.data.shape_keys.key_blocks["jawOpen"].slider_max = 0.4
    return lambda: face.data.shape_keys.key_blocks["jawOpen"].slider_max == 1.0


def pin(_rig, face) -> Callable[[], bool]:
    face.show_only_shape_key = True
    return lambda: not face.show_only_shape_key


def rest(rig, _face) -> Callable[[], bool]:
    rig.data.pose_position = "REST"
    return lambda: rig.data.pose_position == "POSE"


def lock_bone(rig, _face) -> Callable[[], bool]:
    rig.pose.bones["head"].lock_rotation = (True, True, True)
    return lambda: not any(rig.pose.bones["head"].lock_rotation)


def rule(rig, _face) -> Callable[[], bool]:
    constraint = rig.pose.bones["head"].constraints.new("DAMPED_TRACK")
    constraint.target = rig
    return lambda: constraint.mute


def solo(_rig, face) -> Callable[[], bool]:
    track = face.data.shape_keys.animation_data_create().nla_tracks.new()
    track.is_solo = True
    return lambda: not face.data.shape_keys.animation_data.nla_tracks[0].is_solo


def mute_track(_rig, face) -> Callable[[], bool]:
    key = face.data.shape_keys
    action = own_action(key, shape_path("jawOpen"), -1, {1: 0.1, 9: 0.2}, "Below")
    track = key.animation_data.nla_tracks.new()
    track.strips.new("Below", 1, action)
    track.mute = True
    key.animation_data.action = None
    return lambda: not key.animation_data.nla_tracks[0].mute


def weaken(_rig, face) -> Callable[[], bool]:
    key = face.data.shape_keys
    own_action(key, shape_path("jawOpen"), -1, {1: 0.1, 9: 0.2}, "Weak")
    key.animation_data.action_influence = 0.5
    return lambda: key.animation_data.action_influence == 1.0


def hide(_rig, face) -> Callable[[], bool]:
    face.hide_render = True
    return lambda: not face.hide_render


def absolute(_rig, face) -> Callable[[], bool]:
    face.data.shape_keys.use_relative = False
    return lambda: face.data.shape_keys.use_relative


RIG = {
    "driven_shapes": drive, "locked_shapes": lock, "muted_shapes": mute, "narrow_shapes": narrow, "pinned_shape": pin,
    "rest_position": rest, "locked_bones": lock_bone, "ruled_bones": rule, "solo_track": solo,
    "muted_tracks": mute_track, "weak_action": weaken, "hidden_meshes": hide, "absolute_shapes": absolute,
}  # fmt: skip


@pytest.mark.parametrize("name", RIG)
def test_what_is_wrong_with_a_rig_is_found_and_mended(hero, name):
    assert name not in found()
    is_well = RIG[name](*hero)
    assert not is_well()
    finding = found()[name]
    assert finding.kind == "rig"
    assert finding.sentence.endswith(".")
    assert "{" not in finding.sentence
    assert finding.label
    mend(name)
    assert is_well()
    assert name not in {one.name for one in session.session.findings}, "the panel no longer shows it"


def stretch(scene) -> Callable[[], bool]:
    scene.render.frame_map_new = 200
    return lambda: scene.render.frame_map_new == scene.render.frame_map_old


def silence(scene) -> Callable[[], bool]:
    scene.use_audio = False
    return lambda: scene.use_audio


def crook(scene) -> Callable[[], bool]:
    scene.render.fps, scene.render.fps_base = 24, 24 / 23.98
    return lambda: round(scene.render.fps / scene.render.fps_base, 4) == 23.976


SCENE = {"time_stretch": stretch, "muted_scene": silence, "crooked_rate": crook}


@pytest.mark.parametrize("name", SCENE)
def test_what_is_wrong_with_a_scene_is_found_and_mended(hero, name):
    assert name not in found()
    is_well = SCENE[name](bpy.context.scene)
    assert not is_well()
    assert found()[name].kind == "scene"
    mend(name)
    assert is_well()
    assert name not in found()


@pytest.mark.parametrize("rate", [24, 25, 30, 48, 60, *(Fraction(n * 1000, 1001) for n in (24, 30, 60))], ids=str)
def test_rates_of_films_are_not_called_crooked(hero, rate):
    set_rate(Fraction(rate))
    assert "crooked_rate" not in found()


def test_few_frames_are_said(hero):
    set_rate(Fraction(12))
    assert "At 12 FPS" in found()["slow_rate"].sentence


def test_a_range_that_is_shorter_than_the_voice(hero, voice):
    scene = bpy.context.scene
    settings().audio, settings().start_frame = str(voice()), 5
    scene.frame_start, scene.frame_end = 10, 20
    assert "short_range" not in found(), "its length is not known before the engine has listened"
    bpy.ops.animcore.examine()
    names = {one.name for one in session.session.findings}
    assert {"short_range", "late_range"} <= names
    bpy.ops.animcore.mend_all()
    assert (scene.frame_start, scene.frame_end) == (5, 5 + 48)
    scene.use_preview_range, scene.frame_preview_start, scene.frame_preview_end = True, 6, 30
    assert "frames 6 to 30" in found()["preview_range"].sentence
    mend("preview_range")
    assert not scene.use_preview_range


@with_sound
def test_a_muted_strip_and_playback_without_sync(hero, voice):
    path = voice()
    generate(hero[0], path)
    (strip,) = sequencer.strips_of(bpy.context.scene)
    strip.mute = True
    bpy.context.scene.sync_mode = "NONE"
    assert {"muted_strips", "sync_mode"} <= found().keys()
    bpy.ops.animcore.mend_all()
    assert not strip.mute
    assert bpy.context.scene.sync_mode == "AUDIO_SYNC"
    assert not {"muted_strips", "sync_mode"} & found().keys()


@pytest.mark.parametrize(
    ("facts", "name", "words"),
    [
        ({"sample_rate": 8000}, "low_rate", "8 kHz"),
        ({"codec": "mp3", "bit_rate": 16000}, "packed_voice", "mp3 at 16 kbit"),
        ({"clipped_fraction": 0.02}, "clipped_voice", "2.0%"),
        ({"loudness": -48.2, "silences": []}, "quiet_voice", "-48 LUFS"),
        ({"loudness": None, "silences": []}, "silent_voice", "stay still"),
        ({"loudness": -20.0, "silences": [[0.0, 7.25]]}, "late_voice", "7.2 seconds"),
        ({"film_rate": [25, 1]}, "film_rate", "video at 25 FPS"),
        ({"music": [[1.0, 4.5], [6.0, 8.0]]}, "music", "5.5 s of it, from 1.0 s"),
        ({"speakers": [[0.0, 2.0, 1], [2.5, 4.0, 2]]}, "two_speakers", "2 turns"),
    ],
)
def test_what_the_engine_heard_is_said(hero, voice, monkeypatch, facts, name, words):
    monkeypatch.setenv("FAKE_ENGINE_FACTS", json.dumps(facts))
    settings().audio = str(voice())
    bpy.ops.animcore.examine()
    said = {one.name: one.sentence for one in session.session.findings}
    assert words in said[name]
    assert not ({"clipped_voice", "low_rate"} - {name}) & said.keys()


def test_music_and_speakers_are_marked_where_they_are_heard(hero, voice, monkeypatch):
    facts = {"music": [[1.0, 1.5]], "speakers": [[0.0, 0.8, 1], [1.0, 2.0, 2]]}
    monkeypatch.setenv("FAKE_ENGINE_FACTS", json.dumps(facts))
    settings().audio, settings().start_frame = str(voice()), 11
    bpy.ops.animcore.examine()
    mend("music")
    mend("two_speakers")
    marked = sorted((marker.frame, marker.name) for marker in bpy.context.scene.timeline_markers)
    assert marked == [(11, "voice 1"), (35, "music"), (35, "voice 2"), (47, "no music")]
    assert not {"music", "two_speakers"} & found().keys()
    bpy.ops.animcore.generate()  # which says nothing of either
    bpy.context.scene.timeline_markers.clear()
    bpy.ops.animcore.examine()
    assert {"music", "two_speakers"} <= {one.name for one in session.session.findings}


def test_the_rate_of_the_film_is_taken(hero, voice, monkeypatch):
    monkeypatch.setenv("FAKE_ENGINE_FACTS", json.dumps({"film_rate": [30000, 1001]}))
    settings().audio = str(voice())
    bpy.ops.animcore.examine()
    mend("film_rate")
    render = bpy.context.scene.render
    assert render.fps / render.fps_base == pytest.approx(30000 / 1001, abs=1e-5)
    assert "film_rate" not in {one.name for one in session.session.findings}


@pytest.mark.parametrize("rate", [Fraction(30), Fraction(30000, 1001)])
def test_the_variable_rate_of_a_phone_is_no_finding(hero, voice, monkeypatch, rate):
    set_rate(rate)
    monkeypatch.setenv("FAKE_ENGINE_FACTS", json.dumps({"film_rate": [30, 1], "film_varies": True}))
    settings().audio = str(voice())
    bpy.ops.animcore.examine()
    assert not {"film_rate", "crooked_rate"} & {one.name for one in session.session.findings}
    set_rate(Fraction(24))
    bpy.ops.animcore.examine()
    mend("film_rate")
    assert (bpy.context.scene.render.fps, bpy.context.scene.render.fps_base) == (30, 1.0)


def test_a_linked_character_gets_its_override_and_then_its_keys(tmp_path, voice):
    library = linked(tmp_path)
    bpy.context.scene.collection.children.link(library)
    settings().source, settings().collection = "COLLECTION", library
    assert found()["linked"].severity == "stop"
    mend("linked")
    assert "linked" not in found()
    mine = settings()
    root = mine.collection if mine.source == "COLLECTION" else mine.character
    outcome = generate(root, voice())
    assert not outcome.failed
    assert outcome.message.startswith("52 shapes")


def test_an_instance_of_a_linked_collection_is_overridden(tmp_path, voice):
    library = linked(tmp_path)
    empty = bpy.data.objects.new("Hero", None)
    empty.instance_type, empty.instance_collection = "COLLECTION", library
    bpy.context.scene.collection.objects.link(empty)
    settings().character = empty
    assert found()["linked"].severity == "stop"
    mend("linked")
    assert "linked" not in found()
    mine = settings()
    assert generate(mine.collection if mine.source == "COLLECTION" else mine.character, voice()).take is not None


def test_a_character_without_a_face_is_one_finding_that_no_button_mends():
    settings().character = head(shapes=("Fat", "Thin", "Old"))
    assert "no known names" in found()["no_face"].sentence
    with pytest.raises(RuntimeError, match="has no automatic fix"):
        mend("no_face")


def test_what_the_doctor_does_not_know():
    with pytest.raises(RuntimeError, match="no check 'flu'"):
        mend("flu")


def test_generate_asks_the_doctor_and_goes_on(hero, voice):
    hero[1].data.shape_keys.key_blocks["mouthClose"].mute = True
    assert session.session.findings is None
    generate(hero[0], voice())
    assert "muted_shapes" in {one.name for one in session.session.findings}


def test_mend_all_leaves_what_is_only_worth_knowing(hero):
    is_shown, is_unmuted = hide(*hero), mute(*hero)
    bpy.ops.animcore.mend_all()
    assert is_unmuted()
    assert not is_shown()


def test_one_step_of_undo_takes_a_mending_back(hero):
    hero[1].data.shape_keys.key_blocks["mouthClose"].mute = True
    bpy.ops.ed.undo_push(message="before")
    bpy.ops.animcore.mend("EXEC_DEFAULT", True, finding="muted_shapes")
    bpy.ops.ed.undo()
    assert bpy.data.objects["Head"].data.shape_keys.key_blocks["mouthClose"].mute
    assert session.session.findings is None, "what was found may no longer be true"


def test_examining_changes_nothing(hero):
    drive(*hero)
    before = (len(bpy.data.actions), len(bpy.data.objects), bpy.context.scene.sequence_editor)
    session.examine(bpy.context.scene)
    assert (len(bpy.data.actions), len(bpy.data.objects), bpy.context.scene.sequence_editor) == before
