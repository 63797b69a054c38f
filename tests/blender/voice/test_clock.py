"""One clock: what the engine hears and what Blender plays of a strip agree within 1 ms, whatever the file."""

from __future__ import annotations

import sys
import wave
from pathlib import Path

import bpy
import numpy as np
import pytest
import soundfile
from conftest import ROOT, generate, head, with_sound
from test_voice import jaw, real_engine  # noqa: F401

sys.path.insert(0, str(ROOT / "tests"))

import containers

from animcore.audio import recording
from blender_addon.scene import sequencer
from blender_addon.voice import source as voices

pytestmark = with_sound
RATE = recording.RATE


def played(strips: list, seconds: float) -> np.ndarray:
    """(N,) at 16 kHz what Blender plays of these strips alone from frame 1 on: its own mix."""
    scene = bpy.context.scene
    for strip in sequencer.strips_of(scene):
        strip.mute = strip not in strips
    rate = scene.render.fps / scene.render.fps_base
    scene.frame_start, scene.frame_end = 1, int(seconds * rate) + 1
    bpy.context.view_layer.update()
    out = Path(bpy.app.tempdir) / "mix.wav"
    bpy.ops.sound.mixdown(filepath=str(out), check_existing=False, container="WAV", codec="PCM", format="S16",
                          channels="MONO", mixrate=48_000)  # fmt: skip
    with wave.open(str(out), "rb") as file:
        values = np.frombuffer(file.readframes(file.getnframes()), np.int16).astype(np.float64) / 32768
    for strip in sequencer.strips_of(scene):
        strip.mute = False
    return values


def late(heard: np.ndarray, mix: np.ndarray) -> float:
    """Milliseconds that what was heard (16 kHz) comes later than the mix (48 kHz)."""
    fine = np.interp(np.arange(3 * len(heard)) / 3, np.arange(len(heard)), heard)
    return containers.lag(fine, mix) / 48


def ours() -> list:
    return sequencer.own_strips(bpy.context.scene)


@pytest.mark.parametrize("name", [*containers.KINDS])
def test_the_strip_plays_what_the_engine_heard(name, tmp_path):
    path, copy = containers.write(tmp_path, name), tmp_path / "copy.wav"
    heard = recording.load(path)
    if not heard.facts.plays_alike:
        recording.copy_audio(path, heard.facts.track, copy)
    strip, _ = sequencer.place(bpy.context.scene, str(path), 1, 48, copy if copy.exists() else None)
    assert abs(late(heard.samples, played([strip], heard.duration))) < 1.0


@pytest.mark.parametrize("name", ["mp4_late", "mp3_44k1", "wav"])
def test_keys_follow_the_mix_of_the_strip_that_is_laid(name, tmp_path, real_engine):  # noqa: F811
    """The face of the file is that of a WAV file of what the strip plays."""
    path = containers.write(tmp_path, name)
    first, second = head("First"), head("Second")
    assert generate(first, path).message.endswith("keyed on frames 1 to 59.") or name != "mp4_late"
    (strip,) = ours()
    assert strip.name.startswith(path.stem)
    assert strip.sound.name.startswith(path.stem), "the name of the original stays visible"
    mix = played([strip], 3.0)
    soundfile.write(tmp_path / "mix.wav", mix, 48_000)
    generate(second, tmp_path / "mix.wav")
    one, other = jaw(first)[:, 1], jaw(second)[:, 1]
    assert one.max() > 0.05
    assert np.abs(one - other[: len(one)]).max() < 0.02


@pytest.mark.parametrize("name", [*containers.KINDS])
def test_a_strip_of_the_users_is_heard_as_it_sounds(name, tmp_path):
    path = containers.write(tmp_path, name)
    strip = sequencer.strips_of(bpy.context.scene).new_sound("Mine", str(path), 1, 1)
    strip.select = True
    bpy.ops.animcore.use_strips()
    heard = engine_hears()
    if np.abs(mix := played([strip], len(heard) / RATE)).max() > 0.01:
        assert abs(late(heard, mix)) < 1.0


def engine_hears() -> np.ndarray:
    """(N,) the voice that the engine would be given now, from the frame on that it begins at."""
    from animcore import service

    scene = bpy.context.scene
    said = voices.mixed(scene, voices.read(scene))
    return recording.join_segments(service._voice({"do": "inspect", **said.asked})).samples
