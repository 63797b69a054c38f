"""The voice on the sequencer: at the right place, once, and never over the user's strips."""

from __future__ import annotations

import bpy
import pytest
from conftest import generate, has_sound, head, with_sound

from blender_addon.scene import sequencer


def strips() -> list:
    """All strips of the scene."""
    return list(sequencer.strips_of(bpy.context.scene))


@with_sound
def test_the_voice_lies_at_the_start_frame(voice):
    path = voice()
    generate(head(), path, start_frame=12)
    (strip,) = strips()
    assert strip.type == "SOUND"
    assert sequencer.span(strip) == (12, 12 + 48)
    assert bpy.path.abspath(strip.sound.filepath) == str(path)
    assert bpy.context.scene.sync_mode == "AUDIO_SYNC"


@with_sound
def test_a_second_take_replaces_our_strip_of_the_same_file_alone(voice):
    face = head()
    generate(face, voice("one.wav"))
    generate(face, voice("two.wav"), start_frame=5)
    generate(face, voice("one.wav"), start_frame=9)
    found = sorted((strip.name, sequencer.span(strip)[0]) for strip in strips())
    assert [frame for _, frame in found] == [9, 5]
    assert len({strip.channel for strip in strips()}) == 2


@with_sound
def test_the_users_own_strip_is_used_and_not_doubled(voice):
    path = voice()
    own = sequencer.strips_of(bpy.context.scene).new_sound("mine", str(path), 3, 7)
    outcome = generate(head(), path, start_frame=7)
    assert strips() == [own]
    assert any("already" in note for note in outcome.notes)


@with_sound
def test_a_channel_that_is_taken_or_locked_is_left_alone(voice):
    scene = bpy.context.scene
    sequencer.strips_of(scene).new_effect(name="title", type="COLOR", channel=1, frame_start=30, **_end(90))
    scene.sequence_editor.channels[2].lock = True
    generate(head(), voice())
    ours = next(strip for strip in strips() if strip.type == "SOUND")
    assert ours.channel == 3


def _end(frame: int) -> dict[str, int]:
    """The end of an effect strip: named by its length since Blender 5.0."""
    return {"length": frame - 30} if bpy.app.version >= (5, 0, 0) else {"frame_end": frame}


@with_sound
def test_playback_the_user_has_chosen_stays(voice):
    bpy.context.scene.sync_mode = "FRAME_DROP"
    generate(head(), voice())
    assert bpy.context.scene.sync_mode == "FRAME_DROP"


@with_sound
def test_a_take_can_come_without_a_strip(voice):
    bpy.context.scene.animcore.add_sound = False
    generate(head(), voice())
    assert not bpy.context.scene.sequence_editor or not strips()


@pytest.mark.skipif(has_sound(), reason="this bpy has sound")
def test_a_blender_without_sound_says_so_and_writes_the_keys(voice):
    face = head()
    outcome = generate(face, voice())
    assert face.data.shape_keys.animation_data.action is not None
    assert any("could not be added to the sequencer" in note for note in outcome.notes)
