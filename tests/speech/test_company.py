"""Music and a second speaker beside a voice."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from animcore.audio import recording
from animcore.audio.recording import RATE, AudioClip
from animcore.speech import music_and_speakers, prosody
from animcore.speech.prosody import FPS, Prosody

VOICES = Path(__file__).resolve().parents[1] / "golden" / "voices"


def clip_of(samples: np.ndarray) -> AudioClip:
    facts = recording.AudioFacts(len(samples) / RATE, RATE, 1, 0.0, -20.0, 0.0, (), ())
    return AudioClip(samples.astype(np.float32), "", "", facts)


def voice(name: str) -> np.ndarray:
    samples = recording.load(VOICES / f"{name}.flac").samples
    return 0.1 * samples / np.sqrt(np.square(samples).mean())


def heard(clip: AudioClip) -> Prosody:
    return prosody.analyse(clip, int(clip.duration * FPS))


def chords(seconds: float) -> np.ndarray:
    """A chord every second, each of three tones with their harmonics."""
    time = np.arange(int(seconds * RATE)) / RATE
    roots = 220 * 2 ** (np.array([0, 5, 7, 3])[time.astype(int) % 4] / 12)
    tones = sum(np.sin(2 * np.pi * np.cumsum(ratio * part * roots) / RATE) / part
                for ratio in (1, 1.26, 1.5) for part in range(1, 8))  # fmt: skip
    return 0.1 * tones / np.sqrt(np.square(tones).mean())


@pytest.mark.parametrize("level", [0.0, -10.0])
def test_music_under_a_voice_is_told_where_it_is(level):
    samples = np.tile(voice("rms"), 3)
    first, last = RATE * 5, RATE * 10
    samples[first:last] += chords(5) * 10 ** (level / 20)
    ((start, end),) = music_and_speakers.detect_music(clip_of(samples))
    assert 2 < start < 6
    assert 9 < end < 13


@pytest.mark.parametrize("name", ["kal", "rms", "slt"])
def test_a_voice_alone_is_no_music_and_one_speaker(name):
    clip = clip_of(np.tile(voice(name), 4))
    assert music_and_speakers.detect_music(clip) == ()
    assert music_and_speakers.detect_speakers(clip, heard(clip)) == ()


def test_noise_is_no_music():
    assert music_and_speakers.detect_music(clip_of(0.1 * np.random.default_rng(0).normal(size=RATE * 8))) == ()


def test_two_who_take_turns_are_told_apart_and_who_speaks_when():
    gap = np.zeros(RATE // 2)
    parts = [voice(name) for name in ("rms", "slt") * 3]
    clip = clip_of(np.concatenate([piece for part in parts for piece in (part, gap)]))
    turns = music_and_speakers.detect_speakers(clip, heard(clip))
    bounds = np.cumsum([0, *(len(part) + len(gap) for part in parts)]) / RATE
    right = 0.0
    for turn in turns:
        middle = (turn.start + turn.end) / 2
        right += (turn.speaker == 1 + (np.searchsorted(bounds, middle) - 1) % 2) * (turn.end - turn.start)
    assert right / sum(turn.end - turn.start for turn in turns) > 0.85


@pytest.mark.parametrize("seconds", [0.0, 0.01, 0.5])
def test_next_to_nothing_does_no_harm(seconds):
    clip = clip_of(np.zeros(int(RATE * seconds)))
    assert music_and_speakers.detect_music(clip) == ()
    assert music_and_speakers.detect_speakers(clip, heard(clip)) == ()
