"""What the user has stays: their keys, their NLA, their file, whatever goes wrong."""

from __future__ import annotations

import re

import bpy
import pytest
from conftest import armature, generate, head, settings

from blender_addon.character.rig_reader import shape_path
from blender_addon.performance import session
from blender_addon.scene import fcurves


def state() -> dict:
    """What could be left half-done, as plain values."""
    owners = [*bpy.data.shape_keys, *bpy.data.objects]
    scene = bpy.context.scene
    return {
        "actions": sorted((action.name, action.use_fake_user) for action in bpy.data.actions),
        "playing": [
            (
                owner.name,
                data.action and data.action.name,
                getattr(data, "action_slot_handle", None),
                data.action_blend_type,
                [(track.name, track.is_solo, len(track.strips)) for track in data.nla_tracks],
            )
            for owner in owners
            if (data := owner.animation_data) is not None
        ],
        "strips": scene.sequence_editor is not None,
        "range": (scene.frame_start, scene.frame_end, scene.sync_mode),
    }


def own_action(owner: bpy.types.ID, path: str, index: int, frames_and_values: dict[int, float], name: str):
    """Key something as a user would."""
    for frame, value in frames_and_values.items():
        target, _, attribute = path.rpartition(".")
        holder = owner.path_resolve(target)
        if index >= 0:
            getattr(holder, attribute)[index] = value
            holder.keyframe_insert(attribute, index=index, frame=frame)
        else:
            setattr(holder, attribute, value)
            holder.keyframe_insert(attribute, frame=frame)
    owner.animation_data.action.name = name
    return owner.animation_data.action


def test_the_users_walk_goes_on_beneath_the_take(voice):
    rig = armature({"head": ((0, 0, 1.5), (0, 0, 1.7), 0.0), "hand": ((1, 0, 1), (1, 0, 1.2), 0.0)})
    head().parent = rig
    rig.pose.bones["hand"].rotation_mode = "XYZ"
    walk = own_action(rig, 'pose.bones["hand"].rotation_euler', 2, {1: 0.0, 41: 2.0}, "Walk")
    before = {}
    for frame in (1, 17, 41, 200):
        bpy.context.scene.frame_set(frame)
        before[frame] = rig.pose.bones["hand"].rotation_euler.z
    outcome = generate(rig, voice())
    assert rig.animation_data.action != walk
    assert any("'Walk'" in note for note in outcome.notes)
    for frame, value in before.items():
        bpy.context.scene.frame_set(frame)
        assert rig.pose.bones["hand"].rotation_euler.z == pytest.approx(value, abs=1e-5)
    bpy.context.scene.frame_set(14)
    assert rig.pose.bones["head"].rotation_quaternion.w < 0.9999, "the take itself must play on top"
    assert bpy.data.actions["Walk"].use_fake_user


def test_a_solo_track_does_not_hide_the_take(voice):
    face = head()
    key = face.data.shape_keys
    other = own_action(key, shape_path("browInnerUp"), -1, {1: 0.1, 20: 0.2}, "Brows")
    track = key.animation_data.nla_tracks.new()
    track.strips.new("Brows", 1, other)
    key.animation_data.action = None
    track.is_solo = True
    generate(face, voice())
    bpy.context.scene.frame_set(13)
    assert key.key_blocks["jawOpen"].value > 0.5


def test_an_nla_that_was_turned_off_stays_off(voice):
    face = head()
    key = face.data.shape_keys
    off = own_action(key, shape_path("browInnerUp"), -1, {1: 0.9, 20: 0.9}, "Off")
    key.animation_data.action = None
    key.animation_data.nla_tracks.new().strips.new("Off", 1, off)
    key.animation_data.use_nla = False
    own_action(key, shape_path("tongueOut"), -1, {1: 0.4, 20: 0.4}, "On")
    face.shape_key_add(name="Windy", from_mix=False)
    key.key_blocks["Windy"].value = 0.5
    key.key_blocks["Windy"].keyframe_insert("value", frame=1)
    generate(face, voice())
    bpy.context.scene.frame_set(5)
    assert key.key_blocks["Windy"].value == pytest.approx(0.5)
    assert [track.mute for track in key.animation_data.nla_tracks] == [True, False]


def test_a_strip_in_tweak_mode_gets_one_sentence(voice):
    face = head()
    key = face.data.shape_keys
    mine = own_action(key, shape_path("browInnerUp"), -1, {1: 0.9, 20: 0.9}, "Mine")
    key.animation_data.action = None
    track = key.animation_data.nla_tracks.new()
    track.strips.new("Mine", 1, mine).select = True
    track.select = True
    key.animation_data.use_tweak_mode = True
    if not key.animation_data.use_tweak_mode:
        pytest.skip("this Blender enters tweak mode in its NLA editor alone")
    with pytest.raises(RuntimeError, match="in NLA tweak mode"):
        generate(face, voice())


def test_a_pinned_shape_does_not_hide_the_take(voice):
    face = head()
    face.show_only_shape_key = True
    outcome = generate(face, voice())
    assert not face.show_only_shape_key
    assert any("its solo is off" in note for note in outcome.notes)


def test_driven_shapes_are_left_to_their_drivers(voice):
    face = head()
    key = face.data.shape_keys
    driver = key.key_blocks["jawOpen"].driver_add("value").driver
    driver.expression = "0.25"
    outcome = generate(face, voice())
    assert len(fcurves.current_curves(key)) == 51
    assert any("have drivers" in note and "jawOpen" in note for note in outcome.notes)
    bpy.context.scene.frame_set(13)
    assert key.key_blocks["jawOpen"].value == pytest.approx(0.25)


def test_locked_channels_keep_the_users_keys(voice):
    face = head()
    key = face.data.shape_keys
    own_action(key, shape_path("eyeBlinkLeft"), -1, {1: 0.7, 30: 0.7}, "Wink")
    fcurves.current_curves(key)[0].lock = True
    outcome = generate(face, voice())
    assert any("locked" in note and "eyeBlinkLeft" in note for note in outcome.notes)
    bpy.context.scene.frame_set(13)
    assert key.key_blocks["eyeBlinkLeft"].value == pytest.approx(0.7)


@pytest.mark.parametrize("step", ["make_action", "make_room", "assign"])
def test_a_failure_half_way_leaves_the_scene_as_it_was(voice, monkeypatch, step):
    rig = armature({"head": ((0, 0, 1.5), (0, 0, 1.7), 0.0)})
    for name in ("Skin", "Teeth"):
        head(name).parent = rig
    key = bpy.data.objects["Skin"].data.shape_keys
    own_action(key, shape_path("jawOpen"), -1, {1: 0.1, 20: 0.9}, "Mine")
    key.animation_data.nla_tracks.new().name = "Empty"
    bpy.context.scene.frame_end = 10
    before = state()
    real, calls = getattr(fcurves, step), []

    def fail_the_second_time(*arguments, **options):
        calls.append(arguments)
        if len(calls) == 2:
            raise MemoryError("no memory left")
        return real(*arguments, **options)

    monkeypatch.setattr(fcurves, step, fail_the_second_time)
    settings().character, settings().audio = rig, str(voice())
    with pytest.raises(RuntimeError, match="no memory left"):
        bpy.ops.animcore.generate()
    monkeypatch.undo()
    assert len(calls) >= 2
    assert state() == before


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("die.wav", "stopped in the middle"),
        ("full.wav", "disk is full"),
        ("broken.wav", "cannot be read"),
    ],
)
def test_an_engine_that_fails_changes_nothing(voice, name, words):
    face = head()
    before = state()
    with pytest.raises(RuntimeError, match=words):
        generate(face, voice(name))
    assert state() == before
    generate(face, voice("fine.wav"))  # and the next press works
    assert len(fcurves.current_curves(face.data.shape_keys)) == 52


@pytest.mark.parametrize("name", ["with space.wav", 'it\'s "quoted".wav', "语音 文件 é.wav", "100% #1 & co;.wav"])
def test_odd_names_of_files(voice, name):
    face = head()
    generate(face, voice(name))
    action = face.data.shape_keys.animation_data.action
    assert action[fcurves.TAKE] == name.removesuffix(".wav")
    assert settings().audio.endswith(name)


def test_a_very_long_name(voice):
    face = head("一个非常长的名字" * 2)
    face.parent = armature({"head": ((0, 0, 1.5), (0, 0, 1.7), 0.0)}, "另一个非常长的名字" * 2)
    generate(face, voice("很" * 70 + ".wav"))
    action = face.data.shape_keys.animation_data.action
    assert action.name.startswith("Animcore take 很很")


@pytest.mark.parametrize(
    ("shapes", "words"),
    [
        ((), "has no shape keys"),
        (("eyeBlinkLeft", "eyeBlinkRight", "eyeWideLeft"), "too few face shapes for speech: ARKit names"),
        (("Fat", "Thin", "Old", "Young"), "no known names.*Match by Shape"),
    ],
)
def test_a_character_that_cannot_speak_gets_one_sentence(voice, shapes, words):
    face = head(shapes=shapes)
    if not shapes:
        face.shape_key_clear()
    settings().character, settings().audio = face, str(voice())
    before = state()
    assert re.search(words, session.character_seen(settings()).problem), "the panel says it before the press"
    with pytest.raises(RuntimeError, match=words):
        bpy.ops.animcore.generate()
    assert state() == before


def test_nothing_chosen_is_said_before_the_press(voice):
    with pytest.raises(RuntimeError, match="Choose an audio file"):
        bpy.ops.animcore.generate()
    settings().audio = str(voice())
    with pytest.raises(RuntimeError, match="Choose a character"):
        bpy.ops.animcore.generate()
    settings().character = head()
    settings().audio = "/nowhere/at all.wav"
    with pytest.raises(RuntimeError, match="There is no file"):
        bpy.ops.animcore.generate()
