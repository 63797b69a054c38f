"""Transcripts out of files of every kind, with the times that they have."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from animcore.errors import InputError
from animcore.files.animation_curves import FormatOptions
from animcore.files.subtitles import captions, textgrid, transcripts
from animcore.motion import Event, Motion
from animcore.speech.transcript import EmotionCue

WORDS = (Event("word", "Hello", 0.2, 0.6), Event("word", "you", 0.6, 1.0))
PHONES = (Event("phoneme", "HH", 0.2, 0.3), Event("phoneme", "AH0", 0.3, 0.4), Event("phoneme", "sp", 0.4, 0.5))


def test_plain_text(tmp_path: Path):
    (tmp_path / "a.txt").write_text("\ufeff[happy] Hello\nyou", encoding="utf-8")
    read = transcripts.load(tmp_path / "a.txt")
    assert [(word.label, word.start) for word in read.words] == [("Hello", None), ("you", None)]
    assert read.cues == (EmotionCue("joy", 0.7, 0, 1),)


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
    assert read.cues == (EmotionCue("sadness", 0.7, 0, 2),)


def test_a_textgrid_tells_exactly(tmp_path: Path):
    path = tmp_path / "a.TextGrid"
    motion = Motion(Fraction(30), events=(*WORDS, *PHONES))
    textgrid.write(textgrid.encode(motion, FormatOptions()), path, FormatOptions())
    read = transcripts.load(path)
    assert [(word.label, word.start, word.end, word.exact) for word in read.words] == [
        ("Hello", 0.2, 0.6, True),
        ("you", 0.6, 1.0, True),
    ]
    assert [one.label for one in read.phonemes] == ["hh", "ah"]


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("a.doc", "Hello", "a.doc is not a transcript"),
        ("a.txt", "", "a.txt: The transcript has no words"),
        ("a.txt", "[gloomyish] Hello", r"a.txt: The transcript has the tag"),
        ("a.srt", "Hello", "a.srt has no captions"),
        ("a.textgrid", "Hello", "a.textgrid is not a TextGrid"),
    ],
)
def test_what_is_no_transcript_is_named(tmp_path: Path, name, text, sentence):
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=sentence):
        transcripts.load(tmp_path / name)


def test_a_wish_is_a_file_or_the_words(tmp_path: Path):
    (tmp_path / "line.txt").write_text("Hello you", encoding="utf-8")
    assert len(transcripts.from_request(str(tmp_path / "line.txt")).words) == 2
    assert len(transcripts.from_request("Look at line one.").words) == 4
    with pytest.raises(InputError, match=r"There is no file .*lost\.srt"):
        transcripts.from_request(str(tmp_path / "lost.srt"))


def test_the_transcript_beside_a_recording_is_the_one_that_says_most(tmp_path: Path):
    for name in ("line.txt", "line.srt", "other.TextGrid"):
        (tmp_path / name).touch()
    assert transcripts.find_beside(Path("voices/line.wav"), tmp_path).name == "line.srt"
    assert transcripts.find_beside(Path("other.wav"), tmp_path).name == "other.TextGrid"
    with pytest.raises(InputError, match=r"no transcript of third\.wav"):
        transcripts.find_beside(Path("third.wav"), tmp_path)


def test_captions_of_generated_words_can_be_read_as_a_transcript(tmp_path: Path):
    motion = Motion(Fraction(30), events=WORDS)
    captions.SRT.write(captions.SRT.encode(motion, FormatOptions()), tmp_path / "a.srt", FormatOptions())
    assert [word.label for word in transcripts.load(tmp_path / "a.srt").words] == ["Hello", "you"]


def grid(path: Path, *tiers: tuple[str, list[tuple[float, float, str]]], encoding: str = "utf-8") -> Path:
    """A TextGrid in the long form, written without our writer."""
    lines = ['File type = "ooTextFile"', 'Object class = "TextGrid"', "", "xmin = 0 ", "xmax = 6.735 "]
    lines += ["tiers? <exists> ", f"size = {len(tiers)} ", "item []: "]
    for name, rows in tiers:
        lines += ["item [1]:", 'class = "IntervalTier" ', f'name = "{name}" ', "xmin = 0 ", "xmax = 6.735 "]
        lines += [f"intervals: size = {len(rows)} "]
        lines += [f'intervals [1]:\nxmin = {start} \nxmax = {end} \ntext = "{text}" ' for start, end, text in rows]
    path.write_text("\n".join(lines), encoding=encoding)
    return path


@pytest.mark.parametrize("name", ["anna", "Speaker 1", "mots", "Wörter", "words_anna", "utterance"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "cp1252"])
def test_the_only_tier_is_read_whatever_its_name_and_encoding(tmp_path: Path, name, encoding):
    path = grid(tmp_path / "a.TextGrid", (name, [(0, 0.3, ""), (0.3, 3, "déjà my friend"), (3, 4, "bye")]),
                encoding=encoding)  # fmt: skip
    spans = [(word.label, word.start, word.end, word.exact) for word in transcripts.load(path).words]
    assert spans == [*((one, 0.3, 3, False) for one in ("déjà", "my", "friend")), ("bye", 3, 4, True)]


def test_words_are_preferred_to_utterances_and_sounds_are_known_by_their_names(tmp_path: Path):
    sounds = [(0.3, 0.5, "HH"), (0.5, 0.7, "AH0"), (0.7, 1, "L"), (1, 1.2, "OW1")]
    path = grid(tmp_path / "a.TextGrid", ("sentence", [(0, 3, "hello")]), ("words", [(0.3, 1.2, "hello")]))
    assert [word.start for word in transcripts.load(path).words] == [0.3]
    both = grid(tmp_path / "b.TextGrid", ("anna", [(0.3, 1.2, "hello")]), ("Phonemes_1", sounds))
    assert [one.label for one in transcripts.load(both).phonemes] == ["hh", "ah", "l", "ow"]
    alone = grid(tmp_path / "c.TextGrid", ("anna", sounds))
    assert {one.kind for one in textgrid.read(alone, FormatOptions()).events} == {"phoneme"}


@pytest.mark.parametrize(
    ("tiers", "sentence"),
    [
        ((("words", [(0, 6, "")]), ("phones", [(0, 6, "")])), "a.TextGrid has no words in it"),
        ((("words", []),), "a.TextGrid has no words in it"),
        ((("anna", [(0, 1, "hello you")]), ("bob", [(2, 3, "bye you")])), "its tiers are: anna, bob; name the one"),
    ],
)
def test_a_textgrid_that_says_nothing_or_too_much(tmp_path: Path, tiers, sentence):
    with pytest.raises(InputError, match=sentence):
        transcripts.load(grid(tmp_path / "a.TextGrid", *tiers))


def test_text_in_ansi_is_read_and_other_bytes_are_named(tmp_path: Path):
    (tmp_path / "a.txt").write_bytes("Voilà l'été déjà".encode("cp1252"))
    assert [word.label for word in transcripts.load(tmp_path / "a.txt").words] == ["Voilà", "l'été", "déjà"]
    (tmp_path / "b.txt").write_bytes("Привет, как дела".encode("cp1251"))
    with pytest.raises(InputError, match=r"b\.txt is in an encoding .* save it as UTF-8"):
        transcripts.load(tmp_path / "b.txt")
    (tmp_path / "c.txt").write_bytes(b"RIFF\x24\x08\x00\x00WAVEfmt ")
    with pytest.raises(InputError, match=r"c\.txt is not a text file"):
        transcripts.load(tmp_path / "c.txt")
    (tmp_path / "d.TextGrid").write_bytes(b"ooBinaryFile\x08TextGrid\x00")
    with pytest.raises(InputError, match=r"d\.TextGrid .* binary form; save it there as a text file"):
        transcripts.load(tmp_path / "d.TextGrid")


def test_captions_without_empty_lines_between_them(tmp_path):
    path = tmp_path / "a.srt"
    path.write_text("1\n00:00:00,400 --> 00:00:01,200\nhello\n2\n00:00:01,300 --> 00:00:02,000\nworld\n")
    assert [(word.label, word.start) for word in transcripts.load(path).words] == [("hello", 0.4), ("world", 1.3)]


ROLLING = """WEBVTT
Kind: captions
Language: en

00:00:00.160 --> 00:00:02.350 align:start position:0%
~
hello<00:00:00.560><c> and</c><00:00:00.799><c> welcome</c>

00:00:02.350 --> 00:00:02.360 align:start position:0%
hello and welcome
~

00:00:02.360 --> 00:00:04.789 align:start position:0%
hello and welcome
to<00:00:02.560><c> my</c><00:00:02.720><c> place</c>

00:00:04.789 --> 00:00:04.799 align:start position:0%
to my place
~

00:00:04.799 --> 00:00:06.000 align:start position:0%
to my place
[Music]
"""


def test_captions_that_roll_say_every_word_once_and_when(tmp_path: Path):
    (tmp_path / "a.vtt").write_text(ROLLING.replace("~", " "), encoding="utf-8")
    read = transcripts.load(tmp_path / "a.vtt")
    assert [word.label for word in read.words] == ["hello", "and", "welcome", "to", "my", "place"]
    assert [(word.start, word.end) for word in read.words][1:4] == [(0.56, 0.799), (0.799, 2.35), (2.36, 2.56)]


def test_what_is_said_twice_in_captions_that_do_not_roll_stays(tmp_path: Path):
    rows = [f"{n}\n00:00:0{n},000 --> 00:00:0{n},900\n{text}\n" for n, text in enumerate(("No.", "No.", "Why?", "So."))]
    (tmp_path / "a.srt").write_text("\n".join(rows), encoding="utf-8")
    assert [word.label for word in transcripts.load(tmp_path / "a.srt").words] == ["No.", "No.", "Why?", "So."]


@pytest.mark.parametrize("kind", ["txt", "srt", "TextGrid"])
def test_what_recognizers_write_for_no_word_is_no_word(tmp_path: Path, kind):
    path = tmp_path / f"a.{kind}"
    labels = ["<eps>", "Hello", "<unk>", "[noise]", "you", "{SL}"] if kind == "TextGrid" else []
    text = "Hello <unk> [noise] you <eps>"
    if kind == "TextGrid":
        text = short_grid("IntervalTier", [f'{n} {n + 1} "{label}"' for n, label in enumerate(labels)])
    elif kind == "srt":
        text = f"1\n00:00:01,000 --> 00:00:02,500\n{text} [door slams]\n"
    path.write_text(text, encoding="utf-8")
    assert [word.label for word in transcripts.load(path).words] == ["Hello", "you"]


def short_grid(kind: str, rows: list[str]) -> str:
    """A TextGrid in Praat's short form with one tier."""
    head = ['File type = "ooTextFile"', 'Object class = "TextGrid"', "0 9 <exists> 1", f'"{kind}" "words" 0 9']
    return "\n".join([*head, str(len(rows)), *rows])


def test_a_tier_of_points_is_told_as_one(tmp_path: Path):
    (tmp_path / "a.TextGrid").write_text(short_grid("TextTier", ['1 "Hello"', '2 "you"']), encoding="utf-8")
    with pytest.raises(InputError, match="tiers of points alone"):
        transcripts.load(tmp_path / "a.TextGrid")


def test_an_interval_of_no_length_is_passed_over(tmp_path: Path):
    rows = ['0 1 "Hello"', '1 1 "slip"', '1 2 "you"']
    (tmp_path / "a.TextGrid").write_text(short_grid("IntervalTier", rows), encoding="utf-8")
    assert [word.label for word in transcripts.load(tmp_path / "a.TextGrid").words] == ["Hello", "you"]
    rows = ["00:00:01,000 --> 00:00:01,000\nslip\n", "00:00:01,000 --> 00:00:02,000\nyou\n"]
    (tmp_path / "a.srt").write_text("\n".join(rows), encoding="utf-8")
    assert [word.label for word in transcripts.load(tmp_path / "a.srt").words] == ["you"]


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "cp850", "utf-16", "utf-16-le", "utf-16-be", "utf-8-sig"])
def test_text_in_the_encodings_of_windows(tmp_path: Path, encoding):
    words = ["Der", "Müller", "fährt", "schön", "übers", "Weiße", "café", "señor", "ist", "größer"]
    (tmp_path / "a.txt").write_bytes(" ".join(words).encode(encoding))
    assert [word.label for word in transcripts.load(tmp_path / "a.txt").words] == words


def test_rich_text_is_told_as_such(tmp_path: Path):
    (tmp_path / "a.txt").write_bytes(rb"{\rtf1\ansi\deff0 {\fonttbl {\f0 Courier;}} Hello\par}")
    with pytest.raises(InputError, match=r"rich text \(RTF\).*save it as plain text"):
        transcripts.load(tmp_path / "a.txt")
