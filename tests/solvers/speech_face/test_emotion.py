"""Emotions on a face that speaks: the lips still close, the right muscles work, and they come and go as in people."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from animcore.audio import recording
from animcore.core.vocabulary import ARKIT, ARKIT_INDEX, EMOTIONS
from animcore.direction import Direction, EmotionKey, EmotionSpan
from animcore.solvers.perform import perform
from animcore.solvers.speech_face import emotion
from animcore.solvers.speech_face.action_units import EXPRESSIONS, UNITS

VOICE = Path(__file__).resolve().parents[2] / "golden" / "voices" / "kal.flac"
FELT = EMOTIONS[1:]


def feeling(*emotions: EmotionSpan | EmotionKey, **settings) -> Direction:
    return Direction(emotions=emotions, **settings)


def shapes_of(name: str) -> set[str]:
    """The ARKit shapes of the action units of an emotion."""
    shapes = {shape for number in EXPRESSIONS[name].units for shape in UNITS[number].shapes}
    return {s.replace("*", side) for s in shapes for side in (("Left", "Right") if s.endswith("*") else ("",))}


def worn(voice, direction: Direction) -> np.ndarray:
    """(T, 52) of the emotions alone, on a face at rest."""
    face = np.zeros((len(voice.level), len(ARKIT)), np.float32)
    mood = emotion.emotion_curves(voice, direction)
    if mood is not None:
        emotion.apply_emotion(face, mood, voice, direction)
    return face


@pytest.fixture(scope="module")
def spoken():
    clip = recording.load(VOICE)
    return clip, perform(clip, Direction())


@pytest.fixture(scope="module")
def phones() -> list:
    return json.loads(VOICE.with_suffix(".json").read_text())["phones"]


def test_the_amounts_by_which_shapes_open_the_lips_are_those_of_the_face(lips):
    measured = 1000 * (lips.deltas[:, 0, 1] - lips.deltas[:, 1, 1])
    for name, opens in emotion.OPENS.items():
        assert opens == pytest.approx(measured[ARKIT_INDEX[name]], abs=0.11), name
    left = [index for index, name in enumerate(ARKIT) if name not in emotion.OPENS]
    assert np.abs(measured[left]).max() < 2.0


@pytest.mark.parametrize("name", FELT)
def test_closures_stay_closed_at_full_intensity(name, spoken, phones, lips):
    clip, plain = spoken
    motion = perform(clip, feeling(EmotionSpan(name, 1.0)))
    before, after = lips.gap(plain.arkit), lips.gap(motion.arkit)
    closures = [(start, end) for phone, start, end in phones if phone in ("p", "b", "m")]
    assert len(closures) >= 10
    for start, end in closures:
        near = (motion.times >= start - 0.02) & (motion.times <= end + 0.02)
        assert after[near].min() < max(before[near].min(), 0.0) + 0.3, f"{name} opens the lips at {start:.2f} s"


@pytest.mark.parametrize("name", FELT)
def test_the_lower_lip_stays_at_the_teeth_for_f_and_v(name, spoken, phones, lips):
    clip, plain = spoken
    motion = perform(clip, feeling(EmotionSpan(name, 1.0)))
    height = [1000 * np.einsum("tk,k->t", part.arkit, lips.deltas[:, 1, 1]) for part in (plain, motion)]
    for phone, start, end in phones:
        if phone in ("f", "v"):
            near = (motion.times >= start) & (motion.times <= end)
            tucked = near & (plain.arkit[:, ARKIT_INDEX["mouthRollLower"]] > 0.3)
            assert (height[1][tucked] > height[0][tucked] - 1.0).all(), f"{name}, {phone} at {start:.2f} s"


@pytest.mark.parametrize("name", FELT)
def test_an_emotion_does_not_take_the_mouth_from_the_voice(name, spoken, lips):
    clip, plain = spoken
    motion = perform(clip, feeling(EmotionSpan(name, 1.0)))
    assert np.corrcoef(lips.gap(plain.arkit), lips.gap(motion.arkit))[0, 1] > 0.95


@pytest.mark.parametrize("name", FELT)
def test_it_works_the_shapes_of_its_action_units_and_no_others(name, hush):
    face = worn(hush(4), feeling(EmotionSpan(name, 1.0)))
    moving = {ARKIT[index] for index in np.flatnonzero(face.max(0) > 0.01)}
    wanted = shapes_of(name)
    assert moving <= wanted
    if not EXPRESSIONS[name].one_sided:
        assert wanted - moving <= {"mouthShrugUpper"}  # raised with the lower lip alone
    assert face.min() >= 0
    assert face.max() <= 1


def test_contempt_is_on_one_side_and_others_nearly_even(hush):
    for name in FELT:
        face = worn(hush(2), feeling(EmotionSpan(name, 1.0))).mean(0)
        smile = face[[ARKIT_INDEX["mouthDimpleLeft"], ARKIT_INDEX["mouthDimpleRight"]]]
        if name == "contempt":
            assert smile.min() < 0.2 * smile.max()
        else:
            sides = [(face[i], face[ARKIT_INDEX[n[:-4] + "Right"]]) for i, n in enumerate(ARKIT) if n.endswith("Left")]
            assert all(0.85 * max(pair) <= min(pair) for pair in sides)
            assert any(pair[0] != pair[1] for pair in sides)


def test_silence_shows_the_emotion(heard):
    motion = perform(heard(np.zeros(48_000)), feeling(EmotionSpan("joy", 1.0)))
    assert motion.arkit[:, ARKIT_INDEX["mouthSmileLeft"]].min() > 0.5
    assert np.ptp(motion.arkit[:, ARKIT_INDEX["mouthSmileLeft"]]) > 0.01  # a held smile lives


def test_a_span_comes_and_goes_in_the_time_of_people(hush):
    face = worn(hush(8), feeling(EmotionSpan("joy", 1.0, 2.0, 5.0)))
    smile, cheek = (face[:, ARKIT_INDEX[name]] for name in ("mouthSmileLeft", "cheekSquintLeft"))
    assert not face[:100].any()
    assert smile[100:].argmax() > 20
    assert smile[round(2.2 * 50)] < 0.3 * smile.max()
    assert smile[round(3.2 * 50)] > 0.7 * smile.max()
    assert smile[round(5.3 * 50)] > 0.5 * smile.max()
    assert smile[round(6.6 * 50)] < 0.01
    assert cheek[109] > smile[109]  # the mouth is not the first


@pytest.mark.parametrize("name", FELT)
def test_nothing_is_faster_than_people(name, hush):
    # A minimum-jerk ramp of 0.2 s, about the quickest onset of a startled face, passes 9.4 a second at its middle.
    face = worn(hush(5), feeling(EmotionSpan(name, 1.0, 1.0, 3.0)))
    assert np.abs(np.diff(face, axis=0)).max() * 50 < 9.4


def test_emotions_blend_and_neutral_calms(hush):
    both = worn(hush(2), feeling(EmotionSpan("joy", 0.6), EmotionSpan("surprise", 0.6)))
    for name in ("mouthSmileLeft", "browOuterUpLeft"):
        assert both[:, ARKIT_INDEX[name]].min() > 0.1
    full = worn(hush(2), feeling(EmotionSpan("joy", 1.0)))
    calmed = worn(hush(2), feeling(EmotionSpan("joy", 1.0), EmotionSpan("neutral", 0.5)))
    assert 0.3 * full.sum() < calmed.sum() < 0.7 * full.sum()


def test_keys_lead_from_one_to_the_next(hush):
    keys = [EmotionKey("sadness", level, time) for level, time in ((0.0, 1.0), (1.0, 4.0))]
    frown = worn(hush(7), feeling(*keys))[:, ARKIT_INDEX["mouthFrownLeft"]]
    assert not frown[:50].any()
    assert frown[250] > frown[170] > frown[100]


@pytest.mark.parametrize(
    "emotions", [[EmotionSpan("joy", 0.0)], [EmotionSpan("neutral", 1.0)], [EmotionKey("fear", 0, 1)]]
)
def test_nothing_felt_is_the_same_bit_for_bit(emotions, spoken):
    clip, plain = spoken
    motion = perform(clip, Direction(emotions=emotions))
    for name, values in plain.tracks().items():
        np.testing.assert_array_equal(values, motion.tracks()[name])
    assert motion.events == plain.events


def test_a_take_with_emotion_is_whole(spoken):
    clip, plain = spoken
    direction = feeling(EmotionSpan("sadness", 1.0), EmotionSpan("surprise", 0.6, 1.0, 2.0))
    motion, again = perform(clip, direction), perform(clip, direction)
    for name, values in motion.tracks().items():
        np.testing.assert_array_equal(values, again.tracks()[name])
    felt = [event for event in motion.events if event.kind == "emotion"]
    assert ("surprise 0.6", 1.0, 2.0) in [(event.label, event.start, event.end) for event in felt]
    assert (motion.head_pose[:, 0] - plain.head_pose[:, 0]).mean() > np.deg2rad(1)  # the head sinks
    blinks = motion.arkit[:, ARKIT_INDEX["eyeBlinkLeft"]]
    assert blinks.max() > 0.99


def test_strengths_hold_for_emotions_too(hush):
    face = worn(hush(2), feeling(EmotionSpan("anger", 1.0), strengths={"brows": 0.0}))
    assert not face[:, ARKIT_INDEX["browDownLeft"]].any()
    assert face[:, ARKIT_INDEX["mouthRollUpper"]].max() > 0.2
    assert not worn(hush(2), feeling(EmotionSpan("anger", 1.0), intensity=0.0)).any()
