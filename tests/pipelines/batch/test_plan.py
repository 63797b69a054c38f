"""What is said of a table before any work."""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path

import pytest

from animcore.errors import InputError
from animcore.pipelines.batch import names, plan
from animcore.pipelines.batch.settings import BatchSettings, load_defaults
from animcore.pipelines.batch.texts import spoken


def planned(path: Path, **options) -> plan.Plan:
    return plan.make(BatchSettings(path, path.parent / "takes", **options))


def errors(path: Path, **options) -> dict[int, str]:
    """Row -> what keeps it from being performed."""
    return {one.row: one.sentence for one in planned(path, **options).errors}


def test_a_good_table_has_no_problems_and_nothing_is_written(voices, table):
    voices("a", "b")
    path = table(["id", "audio", "text"], ["a", "voices/a.wav", "Hello"], ["b", r"voices\b.wav", ""])
    found = planned(path)
    assert [one.line.name for one in found.lines] == ["a", "b"]
    assert (found.problems, found.audio.measured, len(found.to_do)) == ([], 2, 2)
    assert found.audio.seconds == pytest.approx(0.2, abs=0.001)
    assert not (path.parent / "takes").exists()


def test_each_row_that_cannot_be_performed_is_told_with_its_reason(voices, table):
    folder = voices("a", "Loud", "full")
    (folder / "empty.wav").touch()
    (folder / "game.wem").write_bytes(b"x")
    (folder / "text.wav").write_text("no audio at all")
    path = table(
        ["id", "audio", "emotion", "fps", "seed", "formats"],
        ["ok", "voices/a.wav", "joy=0.5", "", "", ""],
        ["gone", "voices/gone.wav", "", "", "", ""],
        ["case", "voices/loud.wav", "", "", "", ""],
        ["empty", "voices/empty.wav", "", "", "", ""],
        ["wwise", "voices/game.wem", "", "", "", ""],
        ["", "voices/a.wav", "", "", "", ""],
        ["mood", "voices/a.wav", "joyous=2", "", "", ""],
        ["rate", "voices/a.wav", "", "fast", "", ""],
        ["seed", "voices/a.wav", "", "", "x", ""],
        ["form", "voices/a.wav", "", "", "", "gif"],
        ["none", "", "", "", "", ""],
        ["=cmd|x", "voices/a.wav", "", "", "", ""],
        ["no", "voices/text.wav", "", "", "", ""],
    )
    found = errors(path)
    assert list(found) == list(range(3, 15))
    for row, words in {
        3: "There is no file", 4: "there is Loud.wav" if os.name == "posix" else "", 5: "is empty", 6: "Wwise packs",
        7: "has no id", 8: "emotion: There is no emotion 'joyous'; did you mean 'joyful'?", 9: "fps: 'fast'",
        10: "seed must be a number", 11: "formats: There is no format 'gif'", 12: "audio is empty",
        13: "id is a formula (=cmd|x), which Excel would run",
        14: "no audio that can be read",
    }.items():  # fmt: skip
        assert words in found[row], found[row]


@pytest.mark.parametrize(
    ("first", "second", "words"),
    [
        ("a", "a", "has the same id"),
        ("Hello", "hello", "on some disks the same file"),
        ("caf\u00e9", "cafe\u0301", "has the same id"),
        ("STRASSE", "straße", "on some disks the same file"),
    ],
)
def test_ids_that_are_one_file_on_some_disk(first, second, words, voices, table):
    voices("a")
    path = table(["id", "audio"], [first, "voices/a.wav"], [second, "voices/a.wav"], ["c", "voices/a.wav"])
    found = errors(path)
    assert list(found) == [2, 3]
    assert "Row 3" in found[2]
    assert "Row 2" in found[3]
    assert all(words in sentence for sentence in found.values())


@pytest.mark.parametrize(
    "id_", ["../up", "a/../../b", "/etc/x", "C:\\x", "con", "a.", "x" * 200, "batch.json", "Report", "ledger/a", "a:b"]
)
def test_paths_that_leave_the_folder_or_that_a_disk_cannot_hold(id_):
    with pytest.raises(InputError):
        names.output_name("{id}", {"id": id_}, 2)


def test_templates_of_paths():
    cells = {"id": "act1/a", "language": "", "speaker": "Anna"}
    assert names.output_name("{language}/{speaker}/{id}", cells, 2) == "Anna/act1/a"
    for template in ("{speaker}", "{id", "{id.__class__}", "{nobody}{id}"):
        with pytest.raises(InputError):
            names.check_template(template)


def test_recordings_by_a_pattern_where_the_table_names_none(voices, table):
    voices("en/a", "fr/a")
    path = table(["id", "language", "text"], ["a", "en", "Hello"], ["a", "fr", "Bonjour"], ["b", "en", "Bye"])
    found = planned(path, audio="voices/{language}/{id}")
    assert [one.line.name for one in found.lines] == ["en/a", "fr/a"]
    assert found.lines[1].line.source == "en/a"
    assert "There is no recording" in found.errors[0].sentence


def test_whose_performance_is_shared(voices, table):
    voices("a")
    rows = [["a", "voices/a.wav", language] for language in ("de", "en", "fr_ca")]
    path = table(["id", "audio", "lang"], *rows)
    assert [one.line.source for one in planned(path).lines] == [None, "de/a", "de/a"]
    assert [one.line.source for one in planned(path, source_language="EN").lines] == ["en/a", None, "en/a"]
    assert [one.line.source for one in planned(path, shares=False).lines] == [None] * 3
    assert planned(path).lines[2].line.name == "fr-CA/a"
    with pytest.raises(InputError, match="no line in it; it has de, en, fr-CA"):
        planned(path, source_language="pl")


def test_texts_in_another_language_than_their_row_says(voices, table):
    voices("a")
    said = [
        ("en", "Ich weiß nicht, ob das die richtige Tür ist.", "German"),
        ("ru", "Where is the key to this door?", "latin letters"),
        ("en", "Где ключ от этой двери?", "cyrillic letters"),
        ("de", "Die Tür ist zu.", ""),
        ("ja", "こんにちは、元気ですか", ""),
        ("English(US)", "Where is it?", ""),
        ("xx-klingonisch", "nuqneH", "no code of a language"),
    ]
    path = table(
        ["id", "audio", "language", "text"], *([str(i), "voices/a.wav", *row[:2]] for i, row in enumerate(said))
    )
    notes = {one.row: one.sentence for one in planned(path).problems}
    assert notes.keys() == {row for row, one in enumerate(said, 2) if one[2]}
    assert all(said[row - 2][2] in sentence for row, sentence in notes.items())


def test_what_is_not_spoken_is_left_out_of_the_text():
    text, notes = spoken.cleaned("<i>Hey</i> {player}, [to Ben] [angry 0.4] go!")
    assert text == "Hey , [angry 0.4] go!"
    assert len(notes) == 2


def test_defaults_of_speakers_count_less_than_cells_and_more_than_those_of_all(voices, table, tmp_path):
    voices("a")
    (tmp_path / "cast.toml").write_text(
        '[defaults]\nfps = 24\nseed = 1\n[speakers."Anna B"]\nstyle = "lively"\nseed = 2\nemotion = "joy=0.2"\n'
        'strengths = {brows = 1.5}\n[languages.de]\nseed = 5\nformats = ["srt"]\n'
    )
    path = table(
        ["id", "audio", "speaker", "seed", "language"],
        ["a", "voices/a.wav", "anna b", "", "de"],
        ["b", "voices/a.wav", "Anna B", "7", ""],
        ["c", "voices/a.wav", "", "", "de"],
    )
    a, b, c = (one.line for one in planned(path, defaults=load_defaults(tmp_path / "cast.toml")).lines)
    assert (a.direction.seed, b.direction.seed, c.direction.seed) == (2, 7, 5)
    assert (a.direction.style, c.direction.style, a.rate) == ("lively", "calm", Fraction(24))
    assert (a.direction.strength("brows"), a.direction.emotions[0].emotion) == (1.5, "joy")
    assert (a.formats, b.formats) == (("srt",), ())


@pytest.mark.parametrize(
    ("text", "words"),
    [("[speaker.a]\nseed=1", "section 'speaker'"), ("[speakers.a]\nsede=1", "sets 'sede'"), ("[", "not readable TOML")],
)
def test_defaults_that_are_wrong(text, words, tmp_path):
    (tmp_path / "cast.toml").write_text(text)
    with pytest.raises(InputError, match=words):
        load_defaults(tmp_path / "cast.toml")


def test_a_row_of_every_column(voices, table):
    voices("a", "b")
    header = ["ID", "WAV", "Subtitle", "Emotion", "Intensity", "listening to", "Look At", "In", "Out", "Offset (ms)",
              "Formats", "FPS", "Comment", "max duration", "Colour"]  # fmt: skip
    row = ["a", "voices/a.wav", "Hi", "angry; 1-2:joy=0.4", "1,2", "voices/b.wav", "0.4 0 1.2", "0:01.5", "2.5", "-40",
           "unity srt", "23.976", "shy", "3", "red"]  # fmt: skip
    (one,) = planned(table(header, row)).lines
    line = one.line
    assert [(e.emotion, e.intensity, e.start, e.end) for e in line.direction.emotions] == [
        ("anger", 0.7, 0.0, None), ("joy", 0.4, 1.0, 2.0)]  # fmt: skip
    assert (line.direction.intensity, line.direction.target) == (1.2, (0.4, 0.0, 1.2))
    assert (line.place.begin, line.place.end, line.place.offset) == (1.5, 2.5, Fraction(-40, 1000))
    assert (line.formats, line.rate) == (("unity", "srt"), Fraction(24000, 1001))
    assert (line.note, line.max_seconds, line.carried) == ("shy", 3.0, {"Colour": "red"})
    assert line.listening_to is not None
