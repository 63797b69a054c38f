"""The real engine behind the button: good voices at every rate, and every kind of bad file."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import bpy
import numpy as np
import pytest
import soundfile
from conftest import ROOT, generate, head, set_rate
from test_generate import points

from blender_addon import preferences, resources
from blender_addon.engine import process
from blender_addon.scene import fcurves, sequencer
from blender_addon.ui.character.operators import add_default_character

LINE = ROOT / "assets" / "voices" / "line.flac"


@pytest.fixture(autouse=True)
def real_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """The engine of the checkout instead of the one of the tests."""
    monkeypatch.setattr(preferences, "launch", process.carried)


def jaw(face: bpy.types.Object) -> np.ndarray:
    """(T, 2) frames and values of the jaw's keys."""
    return points(next(c for c in fcurves.current_curves(face.data.shape_keys) if "jawOpen" in c.data_path))


@pytest.mark.parametrize("rate", [24, 25, 30, 60, Fraction(24000, 1001)], ids=str)
def test_a_real_voice_keeps_its_times_at_every_rate(rate):
    set_rate(Fraction(120))
    exact = head("Exact")
    generate(exact, LINE)
    fine = jaw(exact)
    set_rate(Fraction(rate))
    face = head("Face")
    generate(face, LINE)
    found = jaw(face)
    assert found[:, 1].max() > 0.1, "the voice opens the jaw"
    times = (found[:, 0] - 1) / float(rate)
    expected = np.interp(times, (fine[:, 0] - 1) / 120, fine[:, 1])
    assert np.abs(found[:, 1] - expected).max() < 0.06
    assert times[-1] == pytest.approx(soundfile.info(str(LINE)).duration, abs=1.5 / float(rate))


def test_the_default_character_speaks(tmp_path):
    if not resources.default_character().is_file():
        pytest.fail("the default character is missing")
    rig = add_default_character(bpy.context.scene)
    outcome = generate(rig, LINE)
    assert outcome.message.startswith("68 shapes and 55 bones")
    turned = {curve.data_path.split('"')[1] for curve in fcurves.current_curves(rig)}
    assert {"head", "jaw", "left_eye_smplhf", "right_eye_smplhf"} <= turned
    path = tmp_path / "shot.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(path))
    bpy.ops.wm.open_mainfile(filepath=str(path))
    skins = [one for one in bpy.data.objects if one.type == "MESH" and one.data.shape_keys]
    assert (
        max(len(fcurves.current_curves(skin.data.shape_keys)) for skin in skins) == 51
    )  # the tongue is a mesh of its own


def text(path: Path) -> None:
    """A text that calls itself a sound."""
    path.write_text("this is no sound")


def empty(path: Path) -> None:
    """No bytes at all."""
    path.write_bytes(b"")


def film(path: Path) -> None:
    """A film without sound."""
    with av.open(str(path), "w", format="mp4") as out:
        stream = out.add_stream("mpeg4", rate=24)
        stream.width = stream.height = 64
        stream.pix_fmt = "yuv420p"
        for _ in range(5):
            picture = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")
            out.mux(stream.encode(picture))
        out.mux(stream.encode(None))


@pytest.mark.parametrize(("name", "make"), [("text.wav", text), ("empty.wav", empty), ("film.mp4", film)])
def test_a_file_that_is_no_voice_is_one_sentence_and_changes_nothing(tmp_path, name, make):
    path = tmp_path / name
    make(path)
    face = head()
    with pytest.raises(RuntimeError, match=name) as caught:
        generate(face, path)
    assert "Traceback" not in str(caught.value)
    assert not bpy.data.actions
    assert face.data.shape_keys.animation_data is None
    assert len(sequencer.strips_of(bpy.context.scene)) == 0


def test_silence_gives_a_still_face_and_a_warning(tmp_path):
    path = tmp_path / "silence.wav"
    soundfile.write(path, np.zeros(48_000, np.float32), 16_000)
    face = head()
    outcome = generate(face, path)
    assert any("silen" in note.lower() for note in outcome.notes)
    assert jaw(face)[:, 1].max() < 0.05


def test_samples_that_are_not_numbers_are_said_and_spoil_nothing(tmp_path):
    samples, rate = soundfile.read(LINE, dtype="float32")
    samples[1000:1100] = np.nan
    path = tmp_path / "broken.wav"
    soundfile.write(path, samples, rate, subtype="FLOAT")
    face = head()
    outcome = generate(face, path)
    assert any("100 samples are not numbers" in note for note in outcome.notes)
    assert np.isfinite(jaw(face)).all()
    assert jaw(face)[:, 1].max() > 0.1
