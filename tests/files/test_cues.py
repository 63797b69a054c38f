"""Mouth cues, captions and aligned words, read by the standard library and written by hand as their programs do."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from fractions import Fraction

import numpy as np
import pytest

from animcore.core.vocabulary import ARKIT
from animcore.errors import InputError
from animcore.files.animation_curves import FormatOptions
from animcore.files.export_and_verify import export, load
from animcore.files.subtitles import captions, rhubarb, textgrid
from animcore.motion import Event, Motion

LENGTHS = [("X", 0.5), ("D", 0.3), ("A", 0.1), ("F", 0.3), ("G", 0.2), ("E", 0.3), ("X", 0.8)]
# What a mouth does at each shape, told otherwise than in the profile: openings, closures, rounding.
SPOKEN = {
    "X": {},
    "D": {"jawOpen": 0.65},
    "A": {"mouthPressLeft": 0.3, "mouthPressRight": 0.3},
    "F": {"mouthPucker": 0.8, "jawOpen": 0.1},
    "G": {"mouthRollLower": 0.5, "mouthUpperUpLeft": 0.2, "mouthUpperUpRight": 0.2, "jawOpen": 0.08},
    "E": {"jawOpen": 0.3, "mouthFunnel": 0.5},
}


@pytest.fixture
def spoken() -> Motion:
    rate, rows = Fraction(60), []
    for mouth, seconds in LENGTHS:
        row = np.zeros(52, np.float32)
        for name, weight in SPOKEN[mouth].items():
            row[ARKIT.index(name)] = weight
        rows += [row] * round(seconds * 60)
    return Motion(rate, arkit=np.array(rows), audio_name="line.wav")


def test_cues_say_what_the_lips_do(tmp_path, spoken):
    export(spoken, tmp_path / "take.rhubarb.tsv", rhubarb.TSV)
    lines = [line.split("\t") for line in (tmp_path / "take.rhubarb.tsv").read_text().splitlines()]
    assert [mouth for _, mouth in lines] == [*(mouth for mouth, _ in LENGTHS), "X"]
    starts = np.cumsum([0, *(seconds for _, seconds in LENGTHS)])
    assert [float(time) for time, _ in lines] == pytest.approx(starts, abs=0.021)


def test_the_four_files_say_the_same(tmp_path, spoken):
    for form in (rhubarb.TSV, rhubarb.XML, rhubarb.JSON, rhubarb.DAT):
        export(spoken, tmp_path / f"take{form.suffix}", form)
    content = json.loads((tmp_path / "take.rhubarb.json").read_text())
    cues = [(cue["start"], cue["end"], cue["value"]) for cue in content["mouthCues"]]
    assert content["metadata"] == {"soundFile": "line.wav", "duration": 2.5}
    root = ElementTree.parse(tmp_path / "take.rhubarb.xml").getroot()
    assert (root.tag, root.find("metadata/duration").text) == ("rhubarbResult", "2.50")
    assert [(float(cue.get("start")), float(cue.get("end")), cue.text) for cue in root.iter("mouthCue")] == cues
    table = [line.split("\t") for line in (tmp_path / "take.rhubarb.tsv").read_text().splitlines()]
    assert [(float(time), mouth) for time, mouth in table[:-1]] == [(start, mouth) for start, _, mouth in cues]
    head, *switches = (tmp_path / "take.rhubarb.dat").read_text().splitlines()
    assert head == "MohoSwitch1"
    assert [line.split()[1] for line in switches] == ["rest", "AI", "MBP", "U", "FV", "O", "rest", "rest"]
    assert [int(line.split()[0]) for line in switches] == pytest.approx([1, 13, 20, 23, 30, 34, 42, 61], abs=1)


def test_cues_become_movement(tmp_path, spoken):
    export(spoken, tmp_path / "take.rhubarb.json", rhubarb.JSON)
    back = load(tmp_path / "take.rhubarb.json", rhubarb.JSON, FormatOptions(Fraction(60)))
    for name in ("jawOpen", "mouthPucker", "mouthRollLower"):
        column = ARKIT.index(name)
        assert np.corrcoef(back.arkit[: len(spoken.arkit), column], spoken.arkit[:, column])[0, 1] > 0.9
    jaw = back.arkit[:, ARKIT.index("jawOpen")]
    assert 0.05 < np.abs(np.diff(jaw)).max() < 0.25  # a short way, no jump
    assert jaw[50] < 0.1  # and yet closed at the closure


def test_what_rhubarb_and_papagayo_write_is_read(tmp_path):
    (tmp_path / "a.tsv").write_text("0.00\tX\n0.05\tD\n0.27\tC\n0.31\tB\n0.43\tX\n0.47\tX\n")
    sheet = rhubarb.TSV.read(tmp_path / "a.tsv", FormatOptions())
    assert sheet.frame_count == 47
    assert [mouth for _, _, mouth in rhubarb.cues_of(sheet)] == ["X", "D", "C", "B", "X"]
    (tmp_path / "a.dat").write_text("MohoSwitch1\n1 rest\n3 E\n5 AI\n9 etc\n12 rest\n")
    papagayo = rhubarb.DAT.read(tmp_path / "a.dat", FormatOptions())
    assert [mouth for _, _, mouth in rhubarb.cues_of(papagayo)] == ["X", "C", "D", "B"]
    assert papagayo.rate == 24
    assert any("24 frames" in note for note in papagayo.notes)
    (tmp_path / "b.dat").write_text("MohoSwitch1\n1 X\n3 E\n5 D\n9 X\n")
    letters = rhubarb.DAT.read(tmp_path / "b.dat", FormatOptions(Fraction(25)))
    assert [mouth for _, _, mouth in rhubarb.cues_of(letters)] == ["X", "E", "D"]
    assert letters.rate == 25


ENTITIES = '<!DOCTYPE a [<!ENTITY b "c">]><rhubarbResult><mouthCue start="0" end="1">&b;</mouthCue></rhubarbResult>'
TWICE = '{"mouthCues": [{"start": 0, "end": 1, "value": "A"}, {"start": 0.5, "end": 2, "value": "B"}]}'


@pytest.mark.parametrize(
    ("form", "text", "words"),
    [
        (rhubarb.TSV, "0.00\tX\n0.05\tQ\n0.10\tX\n", "not a file of mouth cues"),
        (rhubarb.TSV, "0.00\tX\n0.05\n", "not a file of mouth cues"),
        (rhubarb.TSV, "0.50\tX\n0.05\tA\n0.7\tX\n", "overlap or do not rise"),
        (rhubarb.TSV, "0.0\tX\nnan\tA\n0.7\tX\n", "do not rise"),
        (rhubarb.TSV, "0.0\tX\n9e9\tX\n", "more than any take"),
        (rhubarb.TSV, "0.0\tX\n", "no cues"),
        (rhubarb.JSON, '{"mouthCues": [{"start": 0, "end": 1}]}', "not a file of mouth cues"),
        (
            rhubarb.JSON,
            '{"mouthCues": [{"start": 0, "end": 1, "value": "A"}, {"start": 0.5, "end": 2, "value": "B"}]}',
            "ove",
        ),
        (rhubarb.XML, ENTITIES, "declares entities"),
        (rhubarb.XML, "<rhubarbResult><mouthCues>", "not a file of mouth cues"),
        (rhubarb.XML, "<html></html>", "root is html"),
        (rhubarb.DAT, "MohoSwitch1\n1 blob\n2 rest\n", "not a file of mouth cues"),
    ],
)
def test_what_are_no_cues_is_refused(tmp_path, form, text, words):
    (tmp_path / f"take{form.suffix}").write_text(text)
    with pytest.raises(InputError, match=words):
        load(tmp_path / f"take{form.suffix}", form)


def words_of(text: str, start: float = 0.0, each: float = 0.3) -> list[Event]:
    return [
        Event("word", word, start + index * each, start + index * each + 0.25)
        for index, word in enumerate(text.split())
    ]


def take(events: list[Event]) -> Motion:
    return Motion(Fraction(30), arkit=np.zeros((30, 52), np.float32), events=tuple(events))


TEXT = "When the sunlight strikes raindrops in the air, they act as a prism. This is a division of white light."


def test_captions_are_readable(tmp_path):
    events = [*words_of(TEXT), *words_of("After a pause.", start=10)]
    export(take(events), tmp_path / "take.srt", captions.SRT)
    blocks = (tmp_path / "take.srt").read_text().strip().split("\n\n")
    assert [block.split("\n")[0] for block in blocks] == [str(number) for number in range(1, len(blocks) + 1)]
    lines = [block.split("\n")[2:] for block in blocks]
    assert all(len(line) <= 42 for caption in lines for line in caption)
    assert all(len(caption) <= 2 for caption in lines)
    assert " ".join(" ".join(caption) for caption in lines) == TEXT + " After a pause."
    assert [caption[-1].split()[-1] for caption in lines] == ["prism.", "light.", "pause."]  # sentences, pauses
    assert blocks[0].split("\n")[1] == "00:00:00,000 --> 00:00:03,850"
    assert blocks[-1].split("\n")[1].startswith("00:00:10,000 --> ")


def test_words_come_back_from_captions(tmp_path):
    export(take(words_of(TEXT)), tmp_path / "take.vtt", captions.VTT)
    text = (tmp_path / "take.vtt").read_text()
    assert text.startswith("WEBVTT\n\n")
    assert "00:00:00.000 --> 00:00:03.850" in text
    back = load(tmp_path / "take.vtt", captions.VTT).events
    assert [event.label for event in back] == TEXT.split()
    assert max(abs(event.start - word.start) for event, word in zip(back, words_of(TEXT), strict=True)) < 0.7
    assert all(event.end > event.start for event in back)


def test_captions_of_other_programs_are_read(tmp_path):
    srt = "\ufeff1\n00:00:01,000 --> 00:00:02,500  X1:40\n<i>Hello</i> {\\an8}there\n\n"
    srt += "2\n00:00:03,000 --> 00:00:04,000\nBye\n"
    (tmp_path / "a.srt").write_bytes(srt.replace("\n", "\r\n").encode("utf-8"))
    labels = [event.label for event in load(tmp_path / "a.srt", captions.SRT).events]
    assert labels == ["Hello", "there", "Bye"]
    vtt = "WEBVTT - title\n\nNOTE nothing\n\nSTYLE\n::cue {}\n\nintro\n"
    vtt += "00:01.000 --> 00:02.500 align:start\n<v Roger>A &amp; B\n"
    (tmp_path / "a.vtt").write_text(vtt)
    found = load(tmp_path / "a.vtt", captions.VTT).events
    assert [event.label for event in found] == ["A", "&", "B"]
    assert (found[0].start, found[-1].end) == (1.0, pytest.approx(2.5))


@pytest.mark.parametrize(
    ("form", "text", "words"),
    [
        (captions.SRT, "1\n00:00:01,000 --> 00:0", "cut off"),
        (captions.SRT, "1\n00:00:02,000 --> 00:00:01,000\nHello\n", "ends before it begins"),
        (captions.SRT, "just some words", "no captions"),
        (captions.VTT, "1\n00:00:01.000 --> 00:00:02.000\nHello\n", "no WEBVTT file"),
        (captions.VTT, "WEBVTT\n", "no captions"),
    ],
)
def test_what_are_no_captions_is_refused(tmp_path, form, text, words):
    (tmp_path / f"take{form.suffix}").write_text(text)
    with pytest.raises(InputError, match=words):
        load(tmp_path / f"take{form.suffix}", form)


@pytest.mark.parametrize("form", [captions.SRT, captions.VTT, textgrid.FORMAT])
def test_a_motion_without_words_is_refused(tmp_path, form):
    with pytest.raises(InputError, match="words"):
        export(take([Event("beat", "b", 0, 1)]), tmp_path / f"take{form.suffix}", form)
    assert not list(tmp_path.iterdir())


SHORT = '''File type = "ooTextFile"
Object class = "TextGrid"

0
1.5
<exists>
3
"IntervalTier"
"Jane - words"
0
1.5
3
0
0.25
""
0.25
0.75
"say ""hi"""
0.75
1.5
"<sil>"
"TextTier"
"marks"
0
1.5
1
0.3
"here"
"IntervalTier"
"Jane - phones"
0
1.5
2
0
0.5
"S"
0.5
1.5
"EY1"
'''


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_textgrids_of_aligners_are_read(tmp_path, encoding):
    (tmp_path / "a.TextGrid").write_text(SHORT, encoding=encoding)
    events = load(tmp_path / "a.TextGrid", textgrid.FORMAT).events
    assert events == (
        Event("phoneme", "S", 0.0, 0.5),
        Event("phoneme", "EY1", 0.5, 1.5),
        Event("word", 'say "hi"', 0.25, 0.75),
    )


def test_textgrids_have_no_gaps(tmp_path):
    events = [Event("word", "hello", 0.25, 0.5), Event("word", 'say "hi"', 0.75, 1.0), Event("phoneme", "h", 0.25, 0.3)]
    export(take(events), tmp_path / "take.textgrid", textgrid.FORMAT)
    text = (tmp_path / "take.textgrid").read_text()
    assert text.startswith('File type = "ooTextFile"\nObject class = "TextGrid"\n')
    assert 'text = "say ""hi"""' in text
    assert "intervals: size = 4" in text  # silence, hello, silence, say
    assert set(load(tmp_path / "take.textgrid", textgrid.FORMAT).events) == set(events)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (SHORT[:200], "cut off or broken"),
        (SHORT.replace("\n3\n0\n0.25", "\n99999999999\n0\n0.25"), "cut off or broken"),
        (SHORT.replace("words", "a").replace("phones", "b"), "its tiers are: Jane - a, Jane - b"),
        (SHORT.replace("0.25\n0.75\n", "0.75\n0.25\n", 1), "ends before it begins"),
        ("hello", "not a TextGrid"),
    ],
)
def test_what_is_no_textgrid_is_refused(tmp_path, text, words):
    (tmp_path / "take.textgrid").write_text(text)
    with pytest.raises(InputError, match=words):
        load(tmp_path / "take.textgrid", textgrid.FORMAT)


def test_words_that_overlap_fit_into_no_tier(tmp_path):
    with pytest.raises(InputError, match="overlap"):
        export(take([Event("word", "a", 0, 1), Event("word", "b", 0.5, 2)]), tmp_path / "a.textgrid", textgrid.FORMAT)
