"""Tables as people and programs write them."""

from __future__ import annotations

import csv
import json

import pytest

from animcore.errors import InputError
from animcore.pipelines.batch.tables import rows as row_limits
from animcore.pipelines.batch.tables.columns import line_id, recognize
from animcore.pipelines.batch.tables.opening import open_table
from animcore.pipelines.batch.tables.rows import is_formula, spreadsheet_safe

LINES = [["id", "audio", "text"], ["a", "a.wav", "Hello, you."], ["b", "b.wav", "Grüße;\n„ja“"]]


def cells(path, **options):
    """The rows of a table under our names."""
    found = open_table(path, **options)
    return [{ours: row.cells.get(theirs, "") for ours, theirs in found.columns.place.items()} for row in found.rows]


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_text_of_any_separator_and_encoding(separator, encoding, tmp_path):
    path = tmp_path / "lines.csv"
    with path.open("w", newline="", encoding=encoding) as handle:
        csv.writer(handle, delimiter=separator).writerows(LINES)
    assert [list(row.values()) for row in cells(path)] == LINES[1:]


def test_rows_are_numbered_as_spreadsheets_do(tmp_path):
    path = tmp_path / "lines.csv"
    path.write_text('id,audio,text\na,a.wav,"two\nlines"\n\nb,b.wav,x\n')
    assert [row.number for row in open_table(path).rows] == [2, 4]


def test_a_workbook(tmp_path):
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    book.active.append(["Line ID", "Audio File", "Seed"])
    book.active.append(["a", "a.wav", 3.0])
    book.active.append(["=A2", "b.wav", None])
    book.save(tmp_path / "lines.xlsx")
    found = open_table(tmp_path / "lines.xlsx")
    first, second = found.rows
    assert first.cells == {"Line ID": "a", "Audio File": "a.wav", "Seed": "3"}
    assert second.formulas == ("Line ID",)


def test_a_workbook_without_openpyxl_says_what_to_install(tmp_path, monkeypatch):
    import sys

    (tmp_path / "lines.xlsx").write_bytes(b"PK")
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    with pytest.raises(InputError, match="pip install openpyxl, or save it as CSV"):
        open_table(tmp_path / "lines.xlsx")


def test_json_lines_and_a_list(tmp_path):
    lines = [{"id": "a", "audio": "a.wav", "seed": 3, "formats": ["livelink", "unity"]}, {"id": "b", "audio": "b.wav"}]
    (tmp_path / "lines.jsonl").write_text("\n".join(map(json.dumps, lines)))
    (tmp_path / "lines.json").write_text(json.dumps(lines))
    for name in ("lines.jsonl", "lines.json"):
        first, second = cells(tmp_path / name)
        assert (first["seed"], first["formats"], second["id"]) == ("3", "livelink,unity", "b")


def test_translations_of_gettext(tmp_path):
    (tmp_path / "fr.po").write_text(
        'msgid ""\nmsgstr ""\n"Language: fr_FR\\n"\n\n'
        '#. audio: vo/a.wav\n#: Game.cpp:12\nmsgctxt "VO,hello"\nmsgid "Hello"\nmsgstr "Bon"\n"jour"\n\n'
        '#. Key: bye\n#: vo/bye.ogg\nmsgid "Bye \\"you\\""\nmsgstr ""\n\n#~ msgid "old"\n#~ msgstr "vieux"\n'
    )
    first, second = cells(tmp_path / "fr.po")
    assert first | {"note": ""} == {
        "id": "hello", "audio": "vo/a.wav", "text": "Bonjour", "language": "fr-FR", "note": "",
    }  # fmt: skip
    assert (second["id"], second["audio"], second["text"]) == ("bye", "vo/bye.ogg", 'Bye "you"')


@pytest.mark.parametrize(
    ("header", "row", "tool", "wanted"),
    [
        (
            "Audio File\tObject Path\tObject Type\tNotes",
            r"vo\hi.wav	\Actor-Mixer Hierarchy\VO\<Sound Voice>Hi	Sound Voice	shy",
            "Wwise",
            {"id": "Hi", "audio": r"vo\hi.wav", "note": "shy"},
        ),
        (
            "SpokenDialogue,VoiceActorDirection,SpeakingVoice,AudioFileName,DialogueAsset,IsRecorded",
            "Hello,angry,Anna,hi.wav,/Game/VO/Hi.Hi,True",
            "Unreal dialogue script",
            {"id": "Hi", "audio": "hi.wav", "text": "Hello", "speaker": "Anna", "note": "angry"},
        ),
        (
            "language,id,text,file,node,lineNumber,lock,comment",
            "en,line:0e3dc4b,Hello,Start.yarn,Start,7,ab12,shout",
            "Yarn Spinner",
            {"id": "0e3dc4b", "text": "Hello", "language": "en", "note": "shout"},
        ),
    ],
    ids=["wwise", "unreal", "yarn"],
)
def test_what_audio_and_dialogue_tools_export(header, row, tool, wanted, tmp_path):
    path = tmp_path / "lines.txt"
    path.write_text(f"{header}\n{row}\n")
    found = open_table(path, audio_named=True)
    own = {ours: next(iter(open_table(path, audio_named=True).rows)).cells[theirs]
           for ours, theirs in found.columns.place.items()}  # fmt: skip
    assert found.columns.tool == tool
    assert own | {"id": line_id(own["id"])} == wanted


def test_keys_of_fmod_have_no_header(tmp_path):
    (tmp_path / "keys.txt").write_text("hello,vo/hello.wav\nbye,vo/bye.wav\n")
    assert [(row["id"], row["audio"]) for row in cells(tmp_path / "keys.txt")] == [
        ("hello", "vo/hello.wav"),
        ("bye", "vo/bye.wav"),
    ]


def test_unknown_columns_are_carried_and_one_speaks_for_speaker_and_character():
    found = recognize(["Scene", "KEY", "Wav", "Character", "Direction"])
    assert found.place == {"id": "KEY", "audio": "Wav", "character": "Character", "speaker": "Character",
                           "note": "Direction"}  # fmt: skip
    assert found.carried == ("Scene",)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("text\nHello", "has no column 'audio'; it has text"),
        ("id,audio,ID\na,a.wav,b", "two columns named"),
        ("id,audio\na,a.wav,b", "row 2: 3 cells under 2 columns"),
        ("", "is empty"),
        ('id,audio\na,"a.wav\n' + "x" * 30_000 + '"', "30,006 characters. Is a quotation mark missing"),
    ],
)
def test_what_is_no_table(text, words, tmp_path):
    path = tmp_path / "lines.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=words):
        list(open_table(path).rows)


def test_a_table_that_is_far_too_large_is_given_up_while_it_is_read(tmp_path, monkeypatch):
    path = tmp_path / "lines.csv"
    path.write_text("id,audio\n" + "a,a.wav\n" * 1000)
    monkeypatch.setattr(row_limits, "MOST_ROWS", 100)
    read = []
    with pytest.raises(InputError, match="more than 100 rows; split it"):
        read.extend(open_table(path).rows)
    monkeypatch.setattr(row_limits, "MOST_ROWS", 10**6)
    monkeypatch.setattr(row_limits, "MOST_TEXT", 100)
    with pytest.raises(InputError, match="remove columns"):
        list(open_table(path).rows)


def test_a_file_without_lines_is_not_read_at_once(tmp_path):
    path = tmp_path / "lines.csv"
    path.write_bytes(b"id,audio," * 200_000)
    with pytest.raises(InputError, match="no end of a line in its first megabyte"):
        open_table(path)


def test_formulas_are_told_from_lines_of_dialogue():
    assert all(map(is_formula, ("=cmd|' /C calc'!A0", "=1+1", "@SUM(A1)", "+A1!B2", "-cmd|x")))
    assert not any(map(is_formula, ("- Hello.", "-3", "@home", "+1", "", "a=b", "Hello (quietly)")))
    assert spreadsheet_safe("=1") == "'=1"
    assert spreadsheet_safe("Hello") == "Hello"
