"""Words and phonemes where they are said: on voices with known times, with surprises, and against a plain search."""

from __future__ import annotations

import itertools
import json
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from animcore.audio import recording
from animcore.solvers.speech_face import lip_sync
from animcore.speech import alignment, transcript
from animcore.speech.pronunciation import PHONEMES, VOWELS
from animcore.speech.transcript import Transcript, Word

VOICES = sorted((Path(__file__).resolve().parents[1] / "golden" / "voices").glob("*.json"))


@cache
def voice(path: Path) -> tuple[str, list[tuple[str, float, float]], np.ndarray]:
    """What a golden voice says, its phones, and the phonemes that the network hears in it."""
    told = json.loads(path.read_text())
    heard = lip_sync.detect_phonemes(recording.load(path.with_suffix(".flac")))
    return told["text"], [tuple(phone) for phone in told["phones"]], heard.probabilities


def said(names: list[str], frames: int = 6) -> np.ndarray:
    """Probabilities of phonemes that last `frames` frames each, as a sure network would give them."""
    probabilities = np.full((len(names) * frames, len(PHONEMES)), 0.002, np.float32)
    for index, name in enumerate(names):
        probabilities[index * frames : (index + 1) * frames, PHONEMES.index(name)] = 1 - 0.002 * (len(PHONEMES) - 1)
    return probabilities


@pytest.mark.parametrize("path", VOICES, ids=lambda path: path.stem)
def test_phonemes_are_found_where_the_voice_has_them(path):
    text, phones, heard = voice(path)
    found = alignment.align(transcript.parse(text), heard, 50)
    assert None not in found.words
    for label in "pbm":
        truth = [(start, end) for name, start, end in phones if name == label]
        ours = [(one.start, one.end) for one in found.phonemes if one.label == label]
        assert len(ours) == len(truth)
        off = np.abs(np.array(ours) - truth)
        assert np.median(off) < 0.025
        assert off.max() < 0.1


def test_words_that_are_not_said_are_leapt_over_and_move_nothing():
    text, _, heard = voice(VOICES[-1])
    plain = alignment.align(transcript.parse(text), heard, 50)
    words = text.split()
    surprised = alignment.align(
        transcript.parse(" ".join([*words[:8], "hippopotamus", "crocodiles", *words[8:]])), heard, 50
    )
    assert surprised.words[8:10] == (None, None)
    kept = surprised.words[:8] + surprised.words[10:]
    off = [abs(a.start - b.start) for a, b in zip(plain.words, kept, strict=True)]
    assert np.median(off) == 0.0
    assert max(off) < 0.15


def test_sound_that_is_not_in_the_words_is_passed_over():
    text, _, heard = voice(VOICES[-1])
    plain = alignment.align(transcript.parse(text), heard, 50)
    words = text.split()
    half = alignment.align(transcript.parse(" ".join([*words[:3], *words[9:]])), heard, 50)
    off = [abs(a.start - b.start) for a, b in zip(plain.words[:3] + plain.words[9:], half.words, strict=True)]
    assert np.median(off) == 0.0
    assert sum(one > 0.15 for one in off) <= 1  # a short word beside the gap may be found in it


def test_words_and_phonemes_are_in_order_and_do_not_overlap():
    text, _, heard = voice(VOICES[0])
    found = alignment.align(transcript.parse(text), heard, 50)
    for events in (found.words, found.phonemes):
        assert all(one.end > one.start for one in events)
        assert all(a.end <= b.start + 1e-9 for a, b in itertools.pairwise(events))
    assert found.words[-1].end <= len(heard) / 50
    assert sorted(found.events, key=lambda event: event.start) == list(found.events)


def test_in_silence_no_word_is_heard():
    probabilities = said(["sil"], 200)
    assert alignment.align(transcript.parse("hello there"), probabilities, 50) == alignment.Alignment((None, None), ())
    assert alignment.align(transcript.parse("hello"), probabilities[:0], 50).words == (None,)


def test_a_caption_tells_which_of_two_equal_words_is_meant():
    probabilities = said(["sil"] * 5 + ["m", "aa", "p"] + ["sil"] * 20 + ["m", "aa", "p"] + ["sil"] * 5)
    early, late = Word("mop", 0.3, 1.2), Word("mop", 3.0, 4.4)
    assert alignment.align(Transcript((early,)), probabilities, 50).words[0].start == pytest.approx(0.6, abs=0.03)
    assert alignment.align(Transcript((late,)), probabilities, 50).words[0].start == pytest.approx(3.36, abs=0.03)


def test_exact_words_stay_and_get_their_phonemes():
    probabilities = said(["sil"] * 5 + ["m", "aa", "p"] + ["sil"] * 5)
    found = alignment.align(Transcript((Word("mop", 0.55, 1.0, exact=True),)), probabilities, 50)
    assert (found.words[0].start, found.words[0].end) == (0.55, 1.0)
    assert [one.label for one in found.phonemes] == ["m", "aa", "p"]


def test_long_talks_in_bounded_memory_give_the_same_as_all_at_once(monkeypatch):
    generator = np.random.default_rng(0)
    words = generator.choice(["mop", "the", "lamp", "apple", "under", "blue"], 60)
    spoken = transcript.parse(" ".join(words))
    names = [name for word in words for name in alignment.pronunciations(word)[0]]
    probabilities = said(names, 4)
    probabilities = probabilities * generator.uniform(0.2, 1, probabilities.shape).astype(np.float32)
    whole = alignment.align(spoken, probabilities, 50)
    monkeypatch.setattr(alignment, "_BAND", 60)
    monkeypatch.setattr(alignment, "_SETTLE", 200)
    assert alignment.align(spoken, probabilities, 50) == whole
    assert None not in whole.words


def slow_best(ways: list[list[list[str]]], scores: np.ndarray) -> float:
    """The best score of any way through the words, by a search that remembers every place: no vectors, no states."""
    column = {name: index for index, name in enumerate([*PHONEMES, "consonant", "vowel", "gap"])}
    best: dict[tuple, float] = {("gap", 0): 0.0}

    def after(place: tuple) -> list[tuple[tuple, float]]:
        """Where one may be a frame later."""
        kind, word, *rest = place
        options = [(place, 0.0)]
        if kind == "phoneme" and rest[1] + 1 < len(ways[word][rest[0]]):
            return [*options, (("phoneme", word, rest[0], rest[1] + 1), 0.0)]
        boundary = word if kind == "gap" else word + 1
        for target in range(boundary, len(ways) + 1):
            leap = alignment._LEAP * sum(len(ways[word][0]) for word in range(boundary, target))
            options.append((("gap", target), leap + alignment._PAUSE))
            if target < len(ways):
                options += [(("phoneme", target, way, 0), leap) for way in range(len(ways[target]))]
        return options

    for frame, fit in enumerate(scores):
        reached: dict[tuple, float] = {}
        for place, total in best.items():
            for target, cost in after(place):
                if frame == 0:  # the first gap costs nothing to be in
                    cost = 0.0 if target == place else cost
                name = "gap" if target[0] == "gap" else ways[target[1]][target[2]][target[3]]
                reached[target] = max(reached.get(target, -np.inf), total + cost + fit[column[name]])
        best = reached
    ends = [
        total
        for place, total in best.items()
        if place == ("gap", len(ways)) or (place[0] == "phoneme" and place[1] == len(ways) - 1 and
                                           place[3] == len(ways[place[1]][place[2]]) - 1)
    ]  # fmt: skip
    return max(ends)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.lists(st.sampled_from(["the", "mop", "你", "a", "of"]), min_size=1, max_size=3))
def test_the_path_is_the_best_there_is(seed, words):
    generator = np.random.default_rng(seed)
    probabilities = generator.dirichlet(np.full(len(PHONEMES), 0.1), 14).astype(np.float32)
    spoken = transcript.parse(" ".join(words))
    scores = alignment._scores(probabilities)
    chain = alignment._chain(spoken.words, 50, len(scores))
    path = alignment._path(chain, scores)
    ours = sum(float(scores[frame, chain.kind[state]]) for frame, state in enumerate(path))
    for before, state in itertools.pairwise(path):
        if state != before and chain.enters[state]:
            behind = chain.word[before] + (chain.way[before] >= 0)
            ours += chain.leap[chain.word[state]] - chain.leap[behind] + alignment._PAUSE * (chain.way[state] < 0)
    if chain.word[path[0]] > 0:
        ours += chain.leap[chain.word[path[0]]] + alignment._PAUSE * (chain.way[path[0]] < 0)
    ways = [[list(way) for way in alignment.pronunciations(word.label)] for word in spoken.words]
    assert ours == pytest.approx(slow_best(ways, scores), abs=1e-3)


def test_wildcards_stand_for_any_syllable():
    assert {"aa", "iy"} < VOWELS
    probabilities = said(["sil"] * 3 + ["n", "iy", "hh", "aw"] + ["sil"] * 3)
    found = alignment.align(transcript.parse("你好"), probabilities, 50)
    assert [one.start for one in found.words] == pytest.approx([0.36, 0.6], abs=0.03)
    assert found.phonemes == ()
