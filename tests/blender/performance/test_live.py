"""A voice from the microphone moves the character, and becomes a take on stop."""

from __future__ import annotations

import time
from pathlib import Path

import bpy
import pytest
from conftest import armature, head, settings

from blender_addon.errors import AddonError
from blender_addon.performance import live_session, session


@pytest.fixture
def character(tmp_path) -> bpy.types.Object:
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "shot.blend"))
    made = head()
    made.data.shape_keys.key_blocks["jawOpen"].value = 0.25
    settings().character = made
    return made


def jaw(character) -> float:
    return character.data.shape_keys.key_blocks["jawOpen"].value


def listen_until(what) -> None:
    """Let time pass as Blender's timer does."""
    for _ in range(500):
        assert live_session.tick() is not None
        if what():
            return
        time.sleep(0.02)
    raise AssertionError("it never happened")


def listen_to_the_end() -> None:
    for _ in range(500):
        if live_session.tick() is None:
            return
        time.sleep(0.02)
    raise AssertionError("it never ended")


def test_a_voice_moves_the_character_and_becomes_a_take(character, tmp_path):
    live_session.begin(bpy.context.scene)
    listen_until(lambda: jaw(character) > 0.5)
    assert live_session.stage().level == 0.5
    assert character.data.shape_keys.animation_data is None
    bpy.ops.animcore.stop_listening()
    listen_to_the_end()
    session.wait()  # the recording
    session.wait()  # the take that is made of it
    assert [path.suffix for path in (tmp_path / live_session.FOLDER).iterdir()] == [".wav"]
    assert Path(settings().audio).parent == tmp_path / live_session.FOLDER
    assert session.session.jobs.current.request["direction"]["variant"] == "live"
    assert settings().variant == "full"
    assert character.data.shape_keys.animation_data.action is not None


def test_a_cancel_puts_everything_back(character, tmp_path):
    rig = armature({"jaw": ((0, 0, 1), (0, -1, 1), 0)})
    character.parent = rig
    live_session.begin(bpy.context.scene)
    listen_until(lambda: jaw(character) > 0.5)
    bpy.ops.animcore.cancel()
    listen_to_the_end()
    session.wait()
    assert jaw(character) == pytest.approx(0.25)
    assert all(abs(value) < 1e-6 for value in rig.pose.bones["jaw"].rotation_quaternion[1:])
    assert not list((tmp_path / live_session.FOLDER).iterdir())
    assert "nothing was recorded" in session.session.outcome.message


def test_a_character_that_is_deleted_meanwhile_does_no_harm(character):
    live_session.begin(bpy.context.scene)
    listen_until(lambda: jaw(character) > 0.3)
    bpy.data.objects.remove(character)
    for _ in range(5):
        live_session.tick()
        time.sleep(0.02)
    live_session.end()
    assert live_session.stage() is None


def test_what_hinders_is_said(tmp_path):
    with pytest.raises(RuntimeError, match="window"):
        bpy.ops.animcore.listen()
    with pytest.raises(AddonError, match="No character"):
        live_session.begin(bpy.context.scene)
    with pytest.raises(RuntimeError, match="off"):
        bpy.ops.animcore.stop_listening()
