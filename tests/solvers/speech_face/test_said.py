"""What a transcript adds to the lips: it closes them where it is borne out, and never against the sound."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from animcore.audio import recording
from animcore.direction import Direction
from animcore.motion import Event
from animcore.solvers.speech_face import lip_sync, transcript_closures
from animcore.speech import alignment, transcript
from animcore.speech.pronunciation import PHONEMES

VOICES = sorted((Path(__file__).resolve().parents[2] / "golden" / "voices").glob("*.json"))


def certainties(own: float = 0.0) -> dict[str, np.ndarray]:
    return {name: np.full(100, own, np.float32) for name in ("bilabial", "labiodental")}


def heard(name: str, probability: float) -> np.ndarray:
    """A second in which one phoneme stands out as far as that."""
    phonemes = np.full((50 * 2, len(PHONEMES)), 0.001, np.float32)
    phonemes[:, PHONEMES.index(name)] = probability
    return phonemes


@pytest.mark.parametrize(("name", "place"), [("b", "bilabial"), ("v", "labiodental")])
@pytest.mark.parametrize("length", [0.02, 0.06, 0.2])
def test_a_phoneme_that_is_said_is_made_for_a_film_frame_at_least(name, place, length):
    certain = certainties()
    transcript_closures.enforce_closures(certain, [Event("phoneme", name, 1.003, 1.003 + length)], heard(name, 0.6), 50)
    assert (certain[place] == 1.0).sum() >= 2
    times = np.arange(100) / 50
    assert not certain[place][(times < 0.93) | (times > 1.08 + length)].any()
    assert not certain["labiodental" if place == "bilabial" else "bilabial"].any()


def test_a_phoneme_that_the_sound_has_nothing_of_changes_nothing():
    certain = certainties(0.4)
    transcript_closures.enforce_closures(certain, [Event("phoneme", "p", 1.0, 1.1)], heard("aa", 0.9), 50)
    assert (certain["bilabial"] == np.float32(0.4)).all()


def test_a_closure_is_doubted_where_other_phonemes_are_said():
    certain = certainties(1.0)
    transcript_closures.enforce_closures(
        certain, [Event("phoneme", "aa", 0.5, 1.5), Event("word", "ah", 0.5, 1.5)], heard("aa", 0.9), 50
    )
    assert certain["bilabial"][50] == pytest.approx(0.3)
    assert certain["bilabial"][10] == 1.0


@pytest.mark.parametrize("voice", VOICES, ids=lambda path: path.stem)
def test_with_the_words_every_closure_is_closed_and_little_else_changes(voice, lips):
    told = json.loads(voice.read_text())
    clip = recording.load(voice.with_suffix(".flac"))
    phonemes = lip_sync.detect_phonemes(clip)
    spoken = alignment.align(transcript.parse(told["text"]), phonemes.probabilities, phonemes.fps).events
    plain = lip_sync.solve(clip, Direction())
    motion = lip_sync.solve(clip, Direction(), spoken=spoken)
    gap, before = lips.gap(motion.arkit), lips.gap(plain.arkit)
    for name, start, end in told["phones"]:
        if name in "pbm":
            near = (motion.times >= start - 0.06) & (motion.times <= end + 0.06)
            assert gap[near].min() < 0.5, f"{name} at {start:.2f} s"
    assert np.corrcoef(gap, before)[0, 1] > 0.9
    assert np.array_equal(lip_sync.solve(clip, Direction(), spoken=[]).arkit, plain.arkit)
