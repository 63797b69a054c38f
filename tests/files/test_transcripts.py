"""Transcripts out of files of every kind, with the times that they have."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from animcore.errors import InputError
from animcore.files import captions, textgrid, transcripts
from animcore.files.sheet import Setup
from animcore.motion import Event, Motion
from animcore.speech.transcript import Cue

WORDS = (Event("word", "Hello", 0.2, 0.6), Event("word", "you", 0.6, 1.0))
PHONES = (Event("phoneme", "HH", 0.2, 0.3), Event("phoneme", "AH0", 0.3, 0.4), Event("phoneme", "sp", 0.4, 0.5))


def test_plain_text(tmp_path: Path):
    (tmp_path / "a.txt").write_text("\ufeff[happy] Hello\nyou", encoding="utf-8")
    read = transcripts.load(tmp_path / "a.txt")
    assert [(word.label, word.start) for word in read.words] == [("Hello", None), ("you", None)]
    assert read.cues == (Cue("joy", 0.7, 0, 1),)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (
            "a.srt",
            "1\n00:00:01,000 --> 00:00:02,500\n[sad] Hello\nyou\n\n2\n00:00:03,000 --> 00:00:04,000\n<i>Bye</i>\n",
        ),
        ("a.vtt", "WEBVTT\n\n00:01.000 --> 00:02.500\n[sad] Hello\nyou\n\n00:03.000 --> 00:04.000\nBye\n"),
    ],
)
def test_captions_tell_between_which_seconds_their_words_are(tmp_path: Path, name, text):
    (tmp_path / name).write_text(text, encoding="utf-8")
    read = transcripts.load(tmp_path / name)
    spans = [(word.label, word.start, word.end, word.exact) for word in read.words]
    assert spans == [("Hello", 1, 2.5, False), ("you", 1, 2.5, False), ("Bye", 3, 4, False)]
    assert read.cues == (Cue("sadness", 0.7, 0, 2),)


def test_a_textgrid_tells_exactly(tmp_path: Path):
    path = tmp_path / "a.TextGrid"
    motion = Motion(Fraction(30), events=(*WORDS, *PHONES))
    textgrid.write(textgrid.encode(motion, Setup()), path, Setup())
    read = transcripts.load(path)
    assert [(word.label, word.start, word.end, word.exact) for word in read.words] == [
        ("Hello", 0.2, 0.6, True),
        ("you", 0.6, 1.0, True),
    ]
    assert [one.label for one in read.phonemes] == ["hh", "ah"]


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("a.doc", "Hello", "a.doc is no transcript"),
        ("a.txt", "", "a.txt: The transcript has no words"),
        ("a.txt", "[gloomyish] Hello", r"a.txt: The transcript has the tag"),
        ("a.srt", "Hello", "a.srt has no captions"),
        ("a.textgrid", "Hello", "a.textgrid is no TextGrid"),
    ],
)
def test_what_is_no_transcript_is_named(tmp_path: Path, name, text, sentence):
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=sentence):
        transcripts.load(tmp_path / name)


def test_a_wish_is_a_file_or_the_words(tmp_path: Path):
    (tmp_path / "line.txt").write_text("Hello you", encoding="utf-8")
    assert len(transcripts.of_wish(str(tmp_path / "line.txt")).words) == 2
    assert len(transcripts.of_wish("Look at line one.").words) == 4
    with pytest.raises(InputError, match=r"There is no file .*lost\.srt"):
        transcripts.of_wish(str(tmp_path / "lost.srt"))


def test_the_transcript_beside_a_recording_is_the_one_that_says_most(tmp_path: Path):
    for name in ("line.txt", "line.srt", "other.TextGrid"):
        (tmp_path / name).touch()
    assert transcripts.beside(Path("voices/line.wav"), tmp_path).name == "line.srt"
    assert transcripts.beside(Path("other.wav"), tmp_path).name == "other.TextGrid"
    with pytest.raises(InputError, match=r"no transcript of third\.wav"):
        transcripts.beside(Path("third.wav"), tmp_path)


def test_captions_of_generated_words_can_be_read_as_a_transcript(tmp_path: Path):
    motion = Motion(Fraction(30), events=WORDS)
    captions.SRT.write(captions.SRT.encode(motion, Setup()), tmp_path / "a.srt", Setup())
    assert [word.label for word in transcripts.load(tmp_path / "a.srt").words] == ["Hello", "you"]
