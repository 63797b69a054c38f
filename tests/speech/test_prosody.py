"""Phrases and accents of a voice."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from animcore import audio
from animcore.speech import prosody

VOICES = Path(__file__).resolve().parents[1] / "golden" / "voices"


@pytest.fixture(scope="module", params=["slt", "rms", "kal"])
def voice(request):
    phones = json.loads((VOICES / f"{request.param}.json").read_text())["phones"]
    return audio.load(VOICES / f"{request.param}.flac"), phones


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
    heard = listen(audio.load(sound("tick.wav", samples, 16_000)))
    assert abs(int(heard.level.argmax()) - 25) <= 1


def test_level_of_a_full_tone_is_minus_three(sound):
    tone = np.sin(2 * np.pi * 1000 * np.arange(32_000) / 16_000)
    heard = listen(audio.load(sound("tone.wav", tone.astype(np.float32), 16_000)))
    assert heard.level[50] == pytest.approx(-3, abs=0.3)


def test_batches_join(voice, monkeypatch):
    clip, _ = voice
    whole = listen(clip).level
    monkeypatch.setattr(prosody, "_BATCH", 37)
    np.testing.assert_allclose(listen(clip).level, whole, atol=1e-4)


def test_silence_has_no_phrases(sound):
    heard = listen(audio.load(sound("hush.wav", np.zeros(16_000, np.float32), 16_000)))
    assert not heard.phrases
    assert not heard.accents


def test_a_shut_mouth_makes_no_phrase(voice):
    clip, _ = voice
    count = len(clip.samples) // 320 + 1
    assert not prosody.analyse(clip, count, np.zeros(count, np.float32)).phrases
    assert prosody.analyse(clip, count, np.full(count, 0.3, np.float32)).phrases
