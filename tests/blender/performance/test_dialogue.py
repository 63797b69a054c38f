"""Dialogue: two characters, each with its own voice, made in one go; who does not speak listens to the other."""

from __future__ import annotations

import json
from fractions import Fraction

import bpy
import numpy as np
import pytest
from conftest import ROOT, head, set_rate, settings, with_sound
from test_generate import points

from animcore.audio import recording
from blender_addon import preferences
from blender_addon.character import gaze_target, rig_reader
from blender_addon.engine import process
from blender_addon.errors import AddonError
from blender_addon.performance import dialogue, session
from blender_addon.scene import fcurves, sequencer
from blender_addon.takes import library

VOICES = [ROOT / "tests" / "golden" / "voices" / f"{name}.flac" for name in ("kal", "rms")]


def choose(character, audio="", start_frame=1):
    mine = settings()
    mine.source, mine.character = "OBJECT", character
    mine.voice_from, mine.audio, mine.start_frame = "FILE", str(audio), start_frame


def cast(*parts):
    """Add parts of character, file and start frame."""
    for part in parts:
        choose(*part)
        assert bpy.ops.animcore.add_part() == {"FINISHED"}


def asked(face) -> dict:
    return json.loads(face.data.shape_keys.animation_data.action["animcore_settings"])


def played(face):
    data = face.data.shape_keys.animation_data
    return data.action if data is not None else None


@pytest.fixture
def pair(voice):
    anna, ben = head("Anna"), head("Ben")
    cast((anna, voice("one.wav"), 11), (ben, voice("two.wav"), 35))
    return anna, ben


def test_each_gets_a_take_of_the_whole_dialogue_in_one_step(pair):
    anna, ben = pair
    bpy.ops.ed.undo_push(message="before")
    bpy.ops.animcore.generate_dialogue()
    for face in pair:
        (curve, *_) = fcurves.current_curves(face.data.shape_keys)
        assert points(curve)[0, 0] == 11
    assert asked(anna)["parts"][0]["at"] == [0, 1]
    assert asked(ben)["parts"][0]["at"] == [1, 1]
    assert asked(anna)["listening_to"] == asked(ben)["parts"]
    assert asked(ben)["listening_to"] == asked(anna)["parts"]
    assert asked(anna)["direction"]["seed"] != asked(ben)["direction"]["seed"]
    outcome = session.session.outcome
    assert "Anna: " in outcome.message
    assert "Ben: " in outcome.message
    bpy.ops.ed.undo()
    assert all(played(bpy.data.objects[name]) is None for name in ("Anna", "Ben"))


@with_sound
def test_sounds_lie_where_each_voice_begins(pair):
    bpy.ops.animcore.generate_dialogue()
    found = {strip.sound.filepath.rpartition("/")[2]: sequencer.content_start(strip)
             for strip in sequencer.own_strips(bpy.context.scene)}  # fmt: skip
    assert found == {"one.wav": 11, "two.wav": 35}
    set_rate(Fraction(48))
    bpy.ops.animcore.retime()
    moved = {strip.sound.filepath.rpartition("/")[2]: sequencer.content_start(strip)
             for strip in sequencer.own_strips(bpy.context.scene)}  # fmt: skip
    assert moved["two.wav"] - moved["one.wav"] == 48


def test_a_failure_at_the_second_leaves_the_first_as_it_was(pair, monkeypatch):
    anna, ben = pair
    real, calls = fcurves.assign, []

    def fail_the_second_time(*arguments):
        calls.append(arguments)
        if len(calls) == 2:
            raise MemoryError("no memory left")
        return real(*arguments)

    monkeypatch.setattr(fcurves, "assign", fail_the_second_time)
    with pytest.raises(RuntimeError, match="no memory left"):
        bpy.ops.animcore.generate_dialogue()
    assert played(anna) is played(ben) is None
    assert len(bpy.data.actions) == 0


def test_an_engine_that_fails_changes_nobody(voice):
    anna, ben = head("Anna"), head("Ben")
    cast((anna, voice("one.wav")), (ben, voice("full.wav")))
    with pytest.raises(RuntimeError, match="disk is full"):
        bpy.ops.animcore.generate_dialogue()
    assert played(anna) is played(ben) is None


def test_a_take_of_a_dialogue_is_run_again_with_the_other_in_its_ear(pair):
    anna, ben = pair
    bpy.ops.animcore.generate_dialogue()
    before = asked(ben)["listening_to"]
    choose(ben)
    bpy.ops.animcore.run_again(another=True)
    assert asked(ben)["listening_to"] == before
    assert len(library.all_takes(bpy.context.scene)) == 2
    assert len([one for one in bpy.data.actions if fcurves.is_made_for(one, anna.data.shape_keys)]) == 1


def test_a_character_without_a_voice_only_listens(voice):
    anna, ben = head("Anna"), head("Ben")
    cast((anna, voice()), (ben, ""))
    assert settings().cast[1].voice_from == "NONE"
    bpy.ops.animcore.generate_dialogue()
    assert asked(ben)["parts"] == []
    assert asked(ben)["listening_to"] == asked(anna)["parts"]


@pytest.mark.parametrize("wrong", ["one part", "no character", "no voice", "lost file", "same data", "empty channel"])
def test_what_is_wrong_is_one_sentence_and_changes_nothing(voice, wrong):
    anna, ben = head("Anna"), head("Ben")
    if wrong == "same data":
        ben.data = anna.data
    cast((anna, voice()), (ben, voice("two.wav")))
    parts = settings().cast
    if wrong == "one part":
        bpy.ops.animcore.remove_part()
    elif wrong == "no character":
        parts[1].character = None
    elif wrong == "no voice":
        parts[0].voice_from = parts[1].voice_from = "NONE"
    elif wrong == "lost file":
        parts[1].audio = "/nowhere/at/all.wav"
    elif wrong == "empty channel":
        parts[1].voice_from, parts[1].channel = "CHANNEL", 7
    words = {"one part": "two parts", "no character": "needs a character", "no voice": "needs a part with speech",
             "lost file": "no file", "same data": "share", "empty channel": "channel 7"}  # fmt: skip
    assert bool(dialogue.disabled_reason(bpy.context.scene)) == (wrong in ("one part", "no character", "no voice"))
    with pytest.raises(AddonError, match=words[wrong]):
        dialogue.order(bpy.context.scene)
    assert len(bpy.data.actions) == 0


def test_a_character_has_one_part():
    face = head("Anna")
    choose(face)
    bpy.ops.animcore.add_part()
    with pytest.raises(RuntimeError, match="has a part already"):
        bpy.ops.animcore.add_part()


@with_sound
def test_showing_a_take_of_one_does_not_silence_the_other(voice):
    anna, ben = head("Anna"), head("Ben")
    for face, name in ((anna, "one.wav"), (ben, "two.wav"), (anna, "three.wav")):
        choose(face, voice(name))
        bpy.ops.animcore.generate()
    choose(anna)
    bpy.ops.animcore.show_take(take=library.all_takes(bpy.context.scene)[0].ident)
    muted = {strip.sound.filepath.rpartition("/")[2]: strip.mute for strip in sequencer.own_strips(bpy.context.scene)}
    assert muted == {"one.wav": False, "two.wav": False, "three.wav": True}


@with_sound
def test_channels_of_the_sequencer_are_voices():
    anna, ben = head("Anna"), head("Ben")
    cast((anna, ""), (ben, ""))
    strips = sequencer.strips_of(bpy.context.scene)
    for channel, frame, path in ((2, 1, VOICES[0]), (5, 101, VOICES[1]), (2, 201, VOICES[1])):
        strips.new_sound(path.stem, str(path), channel, frame)
    for part, channel in zip(settings().cast, (2, 5), strict=True):
        part.voice_from, part.channel = "CHANNEL", channel
    bpy.ops.animcore.generate_dialogue()
    assert [part["at"][0] / part["at"][1] for part in asked(anna)["parts"]] == pytest.approx([0, 200 / 24])
    assert [part["at"][0] / part["at"][1] for part in asked(ben)["parts"]] == pytest.approx([100 / 24])


def test_the_parts_are_saved_with_the_file(pair, tmp_path):
    path = str(tmp_path / "talk.blend")
    settings().cast[1].emotion, settings().cast[1].style = "joy", "shy"
    bpy.ops.wm.save_as_mainfile(filepath=path)
    bpy.ops.wm.open_mainfile(filepath=path)
    found = [(part.character.name, part.start_frame, part.emotion, part.style) for part in settings().cast]
    assert found == [("Anna", 11, "neutral", "calm"), ("Ben", 35, "joy", "shy")]


@pytest.mark.parametrize("facing", [True, False])
def test_two_default_characters_look_at_each_other_where_they_can(facing, voice):
    for name in ("one.wav", "two.wav"):
        bpy.ops.animcore.add_character()
        settings().audio = str(voice(name))
        bpy.ops.animcore.add_part()
    first, second = (part.character for part in settings().cast)
    second.location.y = -1.2 if facing else 0.0
    second.location.x = 0.4 if facing else 1.0
    second.rotation_euler.z = np.pi if facing else 0.0
    bpy.context.view_layer.update()
    bpy.ops.animcore.generate_dialogue()
    kept = json.loads(first.animation_data.action["animcore_settings"])["direction"]
    if not facing:
        assert "target" not in kept or kept["target"] is None
        return
    assert kept["target"] == pytest.approx([0.4, 0.0, 0.96], abs=0.02)
    assert gaze_target.point_of(rig_reader.read(first), rig_reader.read(second)) == kept["target"]


def test_two_real_voices_each_move_their_own_lips(monkeypatch):
    monkeypatch.setattr(preferences, "launch", process.carried)
    for voice in VOICES:
        bpy.ops.animcore.add_character()
        settings().audio = str(voice)
        bpy.ops.animcore.add_part()
    change, jaws = round(24 * recording.load(VOICES[0]).duration), []
    settings().cast[1].start_frame = 1 + change
    bpy.ops.animcore.generate_dialogue()
    for part in settings().cast:
        faces = rig_reader.read(part.character).faces
        key = next(face.key for face in faces if "jawOpen" in face.names)
        (curve,) = [one for one in fcurves.current_curves(key) if one.data_path == 'key_blocks["jawOpen"].value']
        jaws.append(points(curve))
    assert len(jaws[0]) == len(jaws[1])
    early = jaws[0][:, 0] < change - 12
    late = jaws[0][:, 0] > change + 12
    assert jaws[0][early, 1].std() > 0.03 > 0.02 > jaws[0][late, 1].max()
    assert jaws[1][late, 1].std() > 0.03 > 0.02 > jaws[1][early, 1].max()
