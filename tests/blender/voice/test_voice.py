"""The voice: a file, strips of the sequencer played together, or a speaker; offset, range, transcript and markers."""

from __future__ import annotations

import json
from fractions import Fraction

import bpy
import numpy as np
import pytest
from conftest import ROOT, generate, head, set_rate, settings, with_sound
from test_generate import points

from blender_addon import preferences, properties
from blender_addon.engine import process
from blender_addon.performance import session
from blender_addon.scene import fcurves, sequencer
from blender_addon.voice import analysis
from blender_addon.voice import source as voices

LINE = ROOT / "assets" / "voices" / "line.flac"


@pytest.fixture
def real_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preferences, "launch", process.carried)


def asked() -> dict:
    """What the engine would be asked for now."""
    return voices.asked(bpy.context.scene, voices.read(bpy.context.scene))


def trim(strip, left: int, right: int) -> None:
    """Cut frames off both ends of a strip."""
    if hasattr(strip, "left_handle_offset"):
        strip.left_handle_offset, strip.right_handle_offset = left, right
    else:
        strip.frame_offset_start, strip.frame_offset_end = left, right


@with_sound
def test_selected_strips_are_one_voice_trimmed_as_they_stand(voice):
    set_rate(Fraction(24000, 1001))
    strips = sequencer.strips_of(bpy.context.scene)
    first = strips.new_sound("One", str(voice("one.wav")), 1, 10)
    second = strips.new_sound("Two", str(voice("two.wav")), 2, 100)
    strips.new_sound("Other", str(voice("other.wav")), 3, 10).select = False
    trim(first, 6, 12)
    second.volume = 0.5
    first.select = second.select = True
    bpy.ops.animcore.use_strips()
    wish = asked()
    assert "audio" not in wish
    frame = Fraction(1001, 24000)
    one, two = wish["parts"]
    assert one["audio"].endswith("one.wav")
    assert Fraction(*one["at"]) == 0
    assert Fraction(*one["skip"]) == 6 * frame
    begin, end = sequencer.span(first)
    assert begin == 16
    assert Fraction(*one["length"]) == (end - begin) * frame
    assert Fraction(*two["at"]) == (100 - 16) * frame
    assert two["gain"] == 0.5
    outcome = generate_chosen()
    assert outcome.message.endswith("keyed on frames 16 to 63.")
    assert len(list(strips)) == 3, "what is on the sequencer already is not put there again"


def generate_chosen() -> session.Outcome:
    settings().character = head()
    bpy.ops.animcore.generate()
    return session.session.outcome


@with_sound
def test_strips_are_performed_where_they_lie(real_engine):
    """The same line as two strips of it, cut in the middle and moved apart, moves the jaw at the same times."""
    set_rate(Fraction(30))
    whole = head("Whole")
    generate(whole, LINE)
    strips = sequencer.strips_of(bpy.context.scene)
    for strip in list(strips):
        strips.remove(strip)
    length = sequencer.span(strips.new_sound("A", str(LINE), 1, 1))[1] - 1
    half = length // 2
    trim(strips[0], 0, length - half)
    trim(strips.new_sound("B", str(LINE), 2, 31), half, 0)  # a second later than it was
    settings().strips, settings().voice_from = "A\nB", "STRIPS"
    parted = head("Parted")
    settings().character = parted
    bpy.ops.animcore.generate()
    before, after = (jaw(face)[:, 1] for face in (whole, parted))
    assert np.abs(before[: half - 6] - after[: half - 6]).max() < 0.1
    assert np.corrcoef(before[half + 6 : length], after[half + 36 : length + 30])[0, 1] > 0.97
    assert after[half + 12 : half + 24].max() < 0.15, "between the strips nobody speaks"


def jaw(face: bpy.types.Object) -> np.ndarray:
    return points(next(c for c in fcurves.current_curves(face.data.shape_keys) if "jawOpen" in c.data_path))


def test_a_strip_that_is_gone_gets_one_sentence():
    settings().voice_from, settings().strips = "STRIPS", "Gone"
    with pytest.raises(voices.AddonError, match="no sound strip 'Gone'"):
        voices.read(bpy.context.scene)
    settings().strips = ""
    with pytest.raises(RuntimeError, match="No sound strip is selected"):
        bpy.ops.animcore.use_strips()


def speaker(path: str) -> bpy.types.Object:
    data = bpy.data.speakers.new("Loud")
    data.sound = bpy.data.sounds.load(path)
    made = bpy.data.objects.new("Loud", data)
    bpy.context.scene.collection.objects.link(made)
    return made


@with_sound
def test_the_sound_of_a_speaker(voice):
    made = speaker(str(voice()))
    settings().voice_from, settings().speaker, settings().start_frame = "SPEAKER", made, 7
    assert asked()["audio"].endswith("line.wav")
    outcome = generate_chosen()
    assert "frames 7 to" in outcome.message
    assert bpy.context.scene.sequence_editor is None or not len(sequencer.strips_of(bpy.context.scene))


def test_a_speaker_without_a_sound():
    made = bpy.data.objects.new("Mute", bpy.data.speakers.new("Mute"))
    settings().voice_from, settings().speaker = "SPEAKER", made
    with pytest.raises(voices.AddonError, match="not a speaker with a sound"):
        voices.read(bpy.context.scene)


@pytest.mark.parametrize("milliseconds", [-250, -17, 8, 100, 333])
def test_an_offset_is_exact_between_frames(real_engine, milliseconds):
    fine, late = head("Fine"), head("Late")
    set_rate(Fraction(120))
    generate(fine, LINE)
    set_rate(Fraction(24000, 1001))
    settings().offset = milliseconds
    generate(late, LINE, start_frame=50)
    before, after = jaw(fine), jaw(late)
    frames = milliseconds / 1000 * 24000 / 1001
    assert after[0, 0] == 50 + np.ceil(frames - 1e-6)
    seconds = (after[:, 0] - 50 - frames) * 1001 / 24000
    expected = np.interp(seconds, (before[:, 0] - 1) / 120, before[:, 1])
    assert np.abs(after[:, 1] - expected).mean() < 0.003


def test_only_the_marked_range_is_performed(real_engine):
    scene = bpy.context.scene
    whole, part = head("Whole"), head("Part")
    generate(whole, LINE)
    settings().scope = "RANGE"
    scene.use_preview_range, scene.frame_preview_start, scene.frame_preview_end = True, 20, 40
    generate(part, LINE)
    found = jaw(part)
    np.testing.assert_array_equal(found[:, 0], np.arange(20, 41))
    np.testing.assert_allclose(found[:, 1], jaw(whole)[19:40, 1], atol=1e-4)


def test_a_range_between_markers_and_none_at_all():
    settings().scope = "RANGE"
    with pytest.raises(voices.AddonError, match="No range is marked"):
        voices.span(bpy.context.scene, 1)
    markers = bpy.context.scene.timeline_markers
    for frame in (25, 49):
        markers.new("here", frame=frame).select = True
    assert voices.span(bpy.context.scene, 1) == (1.0, 2.0)
    with pytest.raises(voices.AddonError, match="before the audio starts"):
        voices.span(bpy.context.scene, 60)


def test_a_new_range_leaves_the_rest_of_the_take_as_it_was(voice):
    face = head()
    generate(face, voice())
    curve = next(c for c in fcurves.current_curves(face.data.shape_keys) if "jawOpen" in c.data_path)
    curve.keyframe_points[40].co.y = 0.9
    curve.update()
    before = jaw(face)
    settings().scope, settings().intensity = "RANGE", 0.5
    scene = bpy.context.scene
    scene.use_preview_range, scene.frame_preview_start, scene.frame_preview_end = True, 10, 20
    generate(face, voice())
    after = jaw(face)
    assert (after[:, 0] == before[:, 0]).all()
    outside = (after[:, 0] < 10) | (after[:, 0] > 20)
    np.testing.assert_allclose(after[outside], before[outside], atol=1e-5)


def mark(*markers):
    for frame, name in markers:
        bpy.context.scene.timeline_markers.new(name, frame=frame)


def felt(name="", first=1):
    base = properties.direction(settings())["emotions"]
    return [{key: value for key, value in one.items() if value is not None}
            for one in voices.felt(bpy.context.scene, base, first, name)]  # fmt: skip


def test_the_emotion_of_a_marker_holds_until_the_next_one():
    mark((1, "joy 0.7"), (25, "Surprise"), (49, "joy 0"), (9, "F_09"), (12, "joyful"), (13, "anger=1"))
    assert felt() == [
        {"emotion": "joy", "intensity": 0.7, "start": 0.0, "end": 0.5},
        {"emotion": "anger", "intensity": 1.0, "start": 0.5, "end": 1.0},
        {"emotion": "surprise", "intensity": 0.6, "start": 1.0, "end": 2.0},
        {"emotion": "joy", "intensity": 0.0, "start": 2.0},
    ]


def test_or_it_blends_into_the_next_one():
    settings().transition = "blend"
    mark((1, "joy 0.7"), (25, "anger 0.5"), (25, "fear 0.3"))
    assert felt() == [
        {"emotion": "joy", "intensity": 0.7, "time": 0.0}, {"emotion": "joy", "intensity": 0.0, "time": 1.0},
        {"emotion": "anger", "intensity": 0.0, "time": 0.0}, {"emotion": "anger", "intensity": 0.5, "time": 1.0},
        {"emotion": "fear", "intensity": 0.0, "time": 0.0}, {"emotion": "fear", "intensity": 0.3, "time": 1.0},
    ]  # fmt: skip


def test_the_emotion_of_the_line_gives_way_to_the_first_marker():
    settings().emotion, settings().emotion_intensity = "sadness", 0.5
    mark((25, "joy 0.7"))
    assert [(one["emotion"], one["start"], one.get("end")) for one in felt()] == [
        ("sadness", 0.0, 1.0), ("joy", 1.0, None),
    ]  # fmt: skip


def test_a_marker_with_a_name_is_for_that_character_alone():
    mark((1, "Anna: joy 0.7"), (13, "Ben: fear"), (25, "anger"))
    assert [one["emotion"] for one in felt("Anna")] == ["joy", "anger"]
    assert [one["emotion"] for one in felt("Ben")] == ["fear", "anger"]
    assert [one["emotion"] for one in felt()] == ["anger"]


def test_of_markers_before_the_voice_the_last_one_counts():
    mark((1, "joy"), (5, "fear"))
    assert felt(first=10) == [{"emotion": "fear", "intensity": 0.6, "start": 0.0}]


def test_markers_and_transcript_are_sent_and_kept_with_the_take(voice, tmp_path):
    bpy.context.scene.timeline_markers.new("fear 0.4", frame=13)
    text = bpy.data.texts.new("Line")
    text.write("Hello there.\n[joy 0.7] Well!")
    settings().transcript_text = text
    face = head()
    generate(face, voice())
    kept = json.loads(face.data.shape_keys.animation_data.action["animcore_settings"])
    assert kept["transcript"] == "Hello there.\n[joy 0.7] Well!"
    assert kept["direction"]["emotions"] == [{"emotion": "fear", "intensity": 0.4, "start": 0.5, "end": None}]
    settings().transcript_text, settings().use_markers = None, False
    path = tmp_path / "line.srt"
    path.write_text("1\n00:00:00,000 --> 00:00:01,000\nHello.\n", encoding="utf-8")
    settings().transcript_file = str(path)
    settings().audio = str(voice())
    assert "Hello." in asked()["transcript"]
    assert asked()["direction"]["emotions"] == []
    path.write_bytes(b"\xff\xfe\x00bad")
    with pytest.raises(voices.AddonError, match="not UTF-8 text"):
        asked()


def test_what_was_heard_is_forgotten_with_another_choice(voice):
    settings().audio = str(voice("a.wav"))
    bpy.ops.animcore.inspect()
    assert analysis.of(settings()).line == "2.0 s · 44.1 kHz · stereo"
    assert len(analysis.of(settings()).peaks) == 200
    settings().audio = str(voice("b.wav"))
    assert analysis.of(settings()) is None
