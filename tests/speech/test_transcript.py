"""Transcripts: words, tags that become emotions, and a sentence for what is none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from animcore.core.vocabulary import EMOTIONS
from animcore.direction import EmotionSpan
from animcore.errors import InputError
from animcore.motion import Event
from animcore.speech import transcript
from animcore.speech.pronunciation import PHONEMES, SYLLABLE, pronunciations
from animcore.speech.transcript import ADJECTIVES, EmotionCue


def labels(text: str) -> list[str]:
    return [word.label for word in transcript.parse(text).words]


def test_words_keep_their_signs_and_what_has_no_sound_is_left_out():
    assert labels("Well – it's 42, “really”!\n\n- Yes.") == ["Well", "it's", "42,", "“really”!", "Yes."]
    assert labels("你好，世界。 OK") == ["你", "好，", "世", "界。", "OK"]


def test_a_tag_holds_until_the_next_or_the_end_of_its_line():
    read = transcript.parse("Oh. [warm] Hello you, [surprised 0.6] what?\nNever mind. [Joy=0.7] [sad]Bye")
    assert read.cues == (
        EmotionCue("joy", 0.35, 1, 3),
        EmotionCue("surprise", 0.6, 3, 4),
        EmotionCue("sadness", 0.7, 6, 7),
    )


def test_tags_become_emotions_in_seconds():
    read = transcript.parse("[joy 0.7] Hello you, [surprised 0.6] what?\nNever [fear 0.2] mind.")
    times = [(0.5, 1.0), (1.0, 1.4), (1.9, 2.3), (3.0, 3.4), (3.4, 4.0)]
    spoken = [Event("word", "w", start, end) for start, end in times]
    assert transcript.emotions(read, spoken) == (
        EmotionSpan("joy", 0.7, 0.0, 1.9),
        EmotionSpan("surprise", 0.6, 1.9, 2.3),
        EmotionSpan("fear", 0.2, 3.4, None),
    )


def test_emotions_of_words_that_are_not_heard_are_left_out():
    read = transcript.parse("Oh [joy] dear [sad] me")
    assert transcript.emotions(read, [Event("word", "Oh", 0, 1), None, None]) == ()
    (span,) = transcript.emotions(read, [None, Event("word", "dear", 1, 2), None])
    assert (span.start, span.end) == (1, 2)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[hapy] Hello", r"\[hapy\], which names no emotion; did you mean \[happy\]"),
        ("[wobbly] Hello", "write one such as"),
        ("[joy 7] Hello", "more than 1"),
        ("[] Hello", "names no emotion"),
        ("[joy]", "no words"),
        (" \n ... ", "no words"),
    ],
)
def test_what_cannot_be_read_is_one_sentence(text, sentence):
    with pytest.raises(InputError, match=sentence):
        transcript.parse(text)


def test_every_adjective_means_an_emotion():
    assert {emotion for emotion, _ in ADJECTIVES.values()} == set(EMOTIONS)
    assert all(0 < strength <= 1 for _, strength in ADJECTIVES.values())


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text):
    try:
        read = transcript.parse(text)
    except InputError:
        return
    assert all(pronunciations(word.label) for word in read.words)
    assert all(0 <= cue.first < cue.last <= len(read.words) for cue in read.cues)


@given(st.text(max_size=20))
def test_every_word_is_spoken_with_known_phonemes(word):
    known = {*PHONEMES[1:], *SYLLABLE}
    assert {name for way in pronunciations(word) for name in way} <= known
    assert all(way for way in pronunciations(word))


@pytest.mark.parametrize(
    ("word", "spoken"),
    [
        ("Lamp,", "l ae m p"),
        ("21", "t w eh n t iy w ah n"),
        ("205", "t uw z ih r ow f ay v"),
        ("Schiff", "sh ih f"),
        ("Ärzte", "aa r z t"),
        ("мама", "m aa m aa"),
        ("さくら", "s aa k uw r aa"),
        ("μέλι", "m eh l ih"),
        ("rubbish-bin", "r ah b ih sh b ih n"),
    ],
)
def test_words_are_read_by_dictionary_or_by_letter(word, spoken):
    assert " ".join(pronunciations(word)[0]) == spoken
