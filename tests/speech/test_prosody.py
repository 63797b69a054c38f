"""Phrases and accents of a voice."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from animcore.audio import recording
from animcore.motion import Event
from animcore.speech import prosody

VOICES = Path(__file__).resolve().parents[1] / "golden" / "voices"


@pytest.fixture(scope="module", params=["slt", "rms", "kal"])
def voice(request):
    phones = json.loads((VOICES / f"{request.param}.json").read_text())["phones"]
    return recording.load(VOICES / f"{request.param}.flac"), phones


def listen(clip):
    return prosody.analyse(clip, len(clip.samples) // 320 + 1)


def test_speaking_matches_the_phones(voice):
    clip, phones = voice
    heard = listen(clip)
    spoken = np.zeros(len(heard.level), bool)
    for name, start, end in phones:
        if name != "pau":
            spoken[(heard.times >= start) & (heard.times < end)] = True
    assert ((heard.speaking > 0) == spoken).mean() > 0.85


def test_accents_stand_on_vowels(voice):
    clip, phones = voice
    heard = listen(clip)
    vowels = [(start, end) for name, start, end in phones if name[0] in "aeiou"]
    on_vowel = [any(start - 0.03 < time < end + 0.03 for start, end in vowels) for time, _ in heard.accents]
    assert len(on_vowel) >= 4
    assert np.mean(on_vowel) > 0.7


def test_accents_are_apart_and_in_range(voice):
    accents = listen(voice[0]).accents
    assert np.diff([time for time, _ in accents]).min() > 0.27
    assert all(0 < strength <= 1 for _, strength in accents)


def test_level_is_in_place(sound):
    samples = np.zeros(16_000, np.float32)
    samples[8_000:8_160] = np.sin(2 * np.pi * 1000 * np.arange(160) / 16_000)
    heard = listen(recording.load(sound("tick.wav", samples, 16_000)))
    assert abs(int(heard.level.argmax()) - 25) <= 1


def test_level_of_a_full_tone_is_minus_three(sound):
    tone = np.sin(2 * np.pi * 1000 * np.arange(32_000) / 16_000)
    heard = listen(recording.load(sound("tone.wav", tone.astype(np.float32), 16_000)))
    assert heard.level[50] == pytest.approx(-3, abs=0.3)


def test_batches_join(voice, monkeypatch):
    clip, _ = voice
    whole = listen(clip).level
    monkeypatch.setattr(prosody, "_BATCH", 37)
    np.testing.assert_allclose(listen(clip).level, whole, atol=1e-4)


def test_silence_has_no_phrases(sound):
    heard = listen(recording.load(sound("hush.wav", np.zeros(16_000, np.float32), 16_000)))
    assert not heard.phrases
    assert not heard.accents


def test_a_shut_mouth_makes_no_phrase(voice):
    clip, _ = voice
    count = len(clip.samples) // 320 + 1
    assert not prosody.analyse(clip, count, np.zeros(count, np.float32)).phrases
    assert prosody.analyse(clip, count, np.full(count, 0.3, np.float32)).phrases


RATE = 16_000
STEP = 0.26  # seconds from syllable to syllable of the vowel trains
COUNT = 14


def vowels(high: list[float], loud: list[float], last: float = 0.0) -> np.ndarray:
    """A train of vowels that sinks slowly, each so many semitones higher and dB louder; the last one glides."""
    length = round(STEP * RATE)
    time = np.arange(length) / RATE
    hill = np.clip(np.sin(np.pi * np.clip(time / 0.2, 0, 1)), 0.03, None) ** 0.7
    pieces, phase = [], 0.0
    for index, (up, more) in enumerate(zip(high, loud, strict=True)):
        glide = last * np.clip(time / 0.2, 0, 1) * (index == len(high) - 1)
        hertz = 130 * 2 ** ((up * hill - 0.25 * (index + time / STEP) + glide) / 12)
        phases = phase + 2 * np.pi * np.cumsum(hertz) / RATE
        phase = phases[-1]
        # harmonics under the formants of an open vowel
        buzz = sum(
            np.sin(k * phases) / (1 + ((k * 130 - 700) / 250) ** 2)
            + np.sin(k * phases) / (2 + ((k * 130 - 1200) / 300) ** 2)
            for k in range(1, 25)
        )
        pieces.append(0.05 * 10 ** (more / 20) * hill * buzz)
    return np.concatenate([np.zeros(RATE // 2), *pieces, np.zeros(RATE // 2)])


@pytest.fixture
def heard(sound):
    return lambda samples: listen(recording.load(sound("train.wav", samples.astype(np.float32), RATE)))


@pytest.mark.parametrize(("semitones", "decibels"), [(6, 0), (0, 7), (4, 4)])
def test_known_accents_are_the_strongest(heard, semitones, decibels):
    """By pitch alone, by loudness alone, and by both."""
    stressed = [2, 5, 9, 12]
    high, loud = np.zeros(COUNT), np.zeros(COUNT)
    high[stressed], loud[stressed] = semitones, decibels
    accents = heard(vowels(high, loud)).accents
    strongest = sorted(time for time, _ in sorted(accents, key=lambda accent: -accent[1])[:4])
    np.testing.assert_allclose(strongest, [0.5 + STEP * index + 0.1 for index in stressed], atol=0.07)


def test_syllables_are_counted(heard):
    found = heard(vowels([0] * COUNT, [0] * COUNT))
    assert len(found.syllables) == COUNT
    np.testing.assert_allclose(found.syllables, [0.5 + STEP * index + 0.1 for index in range(COUNT)], atol=0.05)
    assert found.syllable_rate == pytest.approx(1 / STEP, rel=0.1)


def test_syllables_of_a_voice_are_near_its_vowels(voice):
    clip, phones = voice
    count = sum(name[0] in "aeiou" for name, _, _ in phones)
    assert 0.7 * count <= len(listen(clip).syllables) <= 1.15 * count


@pytest.mark.parametrize(("glide", "kind"), [(-5, "falling"), (0, "level"), (5, "rising")])
def test_ends_of_phrases_have_a_kind(heard, glide, kind):
    train = vowels([0] * 6, [0] * 6, last=glide)
    found = heard(np.concatenate([train, train]))
    assert [end.kind for end in found.ends] == [kind, kind]
    assert [end.time for end in found.ends] == [end for _, end in found.phrases]
    assert found.ends[0].pause == pytest.approx(1.0, abs=0.15)
    assert len(found.sentence_ends) == (0 if kind == "level" else 2)


@pytest.mark.parametrize(("text", "kind"), [("Mary saw the melon.", "falling"), ("Did Mary see the melon?", "rising")])
def test_a_question_rises(text, kind, tmp_path):
    if shutil.which("espeak-ng") is None:
        pytest.skip("espeak-ng is not installed")
    said = tmp_path / "said.wav"
    subprocess.run(["espeak-ng", "-v", "en-us+f3", "-w", said, text], check=True)
    assert listen(recording.load(said)).ends[-1].kind == kind


def test_words_tell_where_sentences_end(voice):
    clip, _ = voice
    words = [Event("word", label, time, time + 0.4) for label, time in [("Yes,", 0.1), ("no.", 0.6), ("Why?”", 1.2)]]
    count = len(clip.samples) // 320 + 1
    assert prosody.analyse(clip, count, spoken=words).sentence_ends == (1.0, 1.6)
    assert prosody.analyse(clip, count, spoken=words[:1]).sentence_ends == (0.5,)


def test_pitch_is_of_speech_alone(voice):
    found = listen(voice[0])
    assert (found.pitch[found.speaking == 0] == 0).all()
    assert 0.3 < (found.pitch[found.speaking > 0] > 0).mean() <= 1
    low, high = np.percentile(found.pitch[found.pitch > 0], [10, 90])
    assert 70 < low < high < 300


def test_turns_join_phrases():
    said = prosody.Prosody(np.zeros(500, np.float32), np.zeros(500, np.float32), ((0, 1), (1.3, 2), (4, 5)), ())
    assert said.turns(0.5) == [(0, 2), (4, 5)]
    assert not said.pitch.any()
    assert said.pitch.shape == (500,)


@pytest.mark.parametrize("seconds", [0.02, 0.3])
def test_a_moment_of_sound_is_heard(heard, seconds):
    found = heard(vowels([0] * COUNT, [0] * COUNT)[10_000 : 10_000 + round(seconds * RATE)])
    assert len(found.pitch) == len(found.level)
    assert all(0 <= end.time <= seconds + 0.04 for end in found.ends)
