"""The report of a batch: lines in their order, conditions for build servers, verdicts that travel."""

from __future__ import annotations

import base64
import csv
import json
import re
from pathlib import Path

import batches
import numpy as np
import pytest

from animcore.cli import main
from animcore.errors import InputError
from animcore.evaluation.review import conditions, details, head, rows, static_report, verdicts
from animcore.evaluation.review.verdicts import Verdict
from animcore.pipelines.batch import ledger
from animcore.pipelines.batch.records import LineRecord


@pytest.fixture
def folder(tmp_path) -> Path:
    """Six lines: one failed, one stale, two with faults, two without."""
    takes = tmp_path / "takes"
    made = [
        batches.real_line(takes, "fine_1", 2, scores={"closures": 1.0, "quality": 1.0}),
        batches.real_line(takes, "open_lips", 3, findings=[batches.finding("closures", "3 of 9 p, b, m.", 0.7)],
                          scores={"closures": 0.6, "lag": -140.0}),
        batches.real_line(takes, "=noisy", 4, text="=SUM(1) </script><b>", speaker="boris", language="de",
                          findings=[batches.finding("noise", "Noise.", 0.3)], scores={"closures": 0.95}),
        LineRecord("broken", "broken", 5, takes / "none.wav", status="failed", error="There is no file none.wav."),
        batches.real_line(takes, "old", 6, status="stale"),
        batches.real_line(takes, "fine_2", 7, scores={"closures": 1.0}),
    ]  # fmt: skip
    return batches.write_batch(takes, made)


def data_of(path: Path):
    """The JSON of a script of the report."""
    return json.loads(re.fullmatch(r"animcore\.\w+\((?:\d+,)?(.*)\);\n", path.read_text(encoding="utf-8"), re.S)[1])


def test_the_worst_stand_first(folder):
    lines = rows.review_lines(ledger.read(folder))
    assert [line.record.name for line in lines] == ["broken", "old", "open_lips", "=noisy", "fine_1", "fine_2"]
    assert lines[0].reason == "There is no file none.wav."
    assert "changed" in lines[1].reason
    assert lines[2].quality == pytest.approx(0.3)
    assert lines[4].reason == ""


def test_the_report_is_whole(folder):
    made = static_report.report(folder, rendered=3)
    assert (made.lines, made.faulty) == (6, 4)
    listed = data_of(folder / "report/rows-0.js")
    assert [row[0] for row in listed] == ["broken", "old", "open_lips", "=noisy", "fine_1", "fine_2"]
    assert listed[2][10] == "voices/open_lips.wav"
    detailed = data_of(folder / "report/details-0.js")
    assert len(detailed) == 6
    assert [word[0] for word in detailed[2]["words"]] == list(batches.WORDS)
    assert any("none.wav" in note for note in detailed[0]["notes"])
    config = data_of(folder / "report/config.js")
    assert config["count"] == 6
    assert config["images"] == [1, 2]
    assert (folder / "report/image-2.png").read_bytes().startswith(b"\x89PNG")
    for name in re.findall(r'(?:src|href)="(report/[^"]+)"', (folder / "report.html").read_text(encoding="utf-8")):
        assert (folder / name).is_file()


def test_nothing_of_a_text_ends_a_script(folder):
    static_report.report(folder, rendered=0)
    for path in (folder / "report").glob("*-0.js"):
        assert "</script" not in path.read_text(encoding="utf-8")


def test_the_page_asks_nobody_else(folder):
    static_report.report(folder, rendered=0)
    for path in [folder / "report.html", *(folder / "report").glob("*.[jc]s*")]:
        assert not re.search(r"(?:https?:)?//[a-z0-9]+\.[a-z]", path.read_text(encoding="utf-8")), path


def test_the_table_opens_in_a_spreadsheet_and_runs_no_formula(folder):
    static_report.report(folder, rendered=0)
    with (folder / "report.csv").open(encoding="utf-8-sig", newline="") as handle:
        found = list(csv.DictReader(handle))
    assert [row["name"] for row in found][:4] == ["broken", "old", "open_lips", "'=noisy"]
    assert found[3]["text"].startswith("'=SUM")
    assert float(found[2]["quality"]) == pytest.approx(0.3)
    assert found[2]["closures"] == "0.6"
    assert found[2]["findings"] == "closures"


def test_a_later_report_leaves_no_part_of_a_larger_one(folder, monkeypatch):
    monkeypatch.setattr(static_report, "DETAILS_AT_ONCE", 2)
    static_report.report(folder, rendered=0)
    assert (folder / "report/details-2.js").is_file()
    static_report.report(folder, shown=2, rendered=0)
    assert not (folder / "report/details-1.js").exists()
    assert data_of(folder / "report/config.js")["shown"] == 2


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["closures<0.9"], ["open_lips"]),
        (["quality<0.35"], ["broken", "old", "open_lips"]),
        (["lag>100"], ["open_lips"]),
        (["failed>0"], ["broken"]),
        (["closures<0.5, jerk>100"], None),
    ],
)
def test_conditions(folder, texts, expected):
    met = static_report.report(folder, texts, rendered=0, shown=0).failures
    assert [list(names) for _, names in met] == ([expected] if expected else [])


@pytest.mark.parametrize("text", ["closure<0.9", "closures", "closures<x", "", "closures==1", "__import__>1"])
def test_what_is_no_condition_is_told(text):
    with pytest.raises(InputError, match="no condition"):
        conditions.parse([text])


def test_the_command_fails_a_build_and_says_why(folder, capsys):
    assert main.main(["batch", "report", str(folder), "--renders", "0", "--fail-on", "closures<0.9"]) == 1
    told = capsys.readouterr().out
    assert "6 lines, 4 with findings" in told
    assert "closures<0.9: 1 line (open_lips)" in told
    assert main.main(["batch", "report", str(folder), "--renders", "0", "--fail-on", "closures<0.5"]) == 0


def test_redo_counts_for_a_condition(folder):
    known = {"open_lips": ("open_lips", "en")}
    verdicts.save(folder, {"open_lips": Verdict("redo", "the b", verdicts.now())}, known)
    met = static_report.report(folder, ["redo>0"], rendered=0, shown=0).failures
    assert [text for text, _ in met] == ["redo>0"]
    assert data_of(folder / "report/config.js")["verdicts"] == [[2, "redo", "the b"]]


def test_a_folder_without_a_batch_is_told(tmp_path):
    with pytest.raises(InputError, match="no batch"):
        static_report.report(tmp_path)


def test_verdicts_read_back(tmp_path):
    said = {"a": Verdict("good", "", "2026-11-29T21:00:00Z"), "=b": Verdict("redo", '=1+1, "quoted"\nline two', "x"),
            "c": Verdict("", "only a note", "x"), "d": Verdict("", "", "")}  # fmt: skip
    path = verdicts.save(tmp_path, said, {"a": ("a", "en")})
    text = path.read_text(encoding="utf-8-sig")
    assert "\n=" not in text
    assert verdicts.load(tmp_path)["a"] == said["a"]
    assert verdicts.load(tmp_path)["c"].note == "only a note"
    assert verdicts.load(tmp_path)["'=b"].note == said["=b"].note
    assert "d" not in verdicts.load(tmp_path)


@pytest.mark.parametrize(("verdict", "note"), [("maybe", ""), ("good", "x" * 5000)])
def test_what_is_no_verdict_is_refused(verdict, note):
    with pytest.raises(InputError):
        Verdict(verdict, note)


def test_a_broken_file_of_verdicts_is_told(tmp_path):
    (tmp_path / "verdicts.csv").write_text("something,else\n1,2\n", encoding="utf-8")
    with pytest.raises(InputError, match="no columns"):
        verdicts.load(tmp_path)


@pytest.mark.parametrize(("separator", "encoding", "ending"), [(",", "utf-8", "\n"), (";", "utf-8-sig", "\r\n")])
def test_verdicts_go_into_the_table_at_their_rows(tmp_path, separator, encoding, ending):
    table = tmp_path / "lines.csv"
    given = [["id", "audio", "text"], ["a", "a.wav", "Hä"], ["b", "b.wav", f'"two{separator} parts"']]
    table.write_text(ending.join(separator.join(row) for row in given) + ending, encoding=encoding, newline="")
    for _ in range(2):  # the columns are added once
        verdicts.into_table(table, {3: Verdict("redo", "again")})
    raw = table.read_bytes()
    assert raw.startswith(b"\xef\xbb\xbf") == (encoding == "utf-8-sig")
    found = list(csv.reader(raw.decode(encoding).splitlines(), delimiter=separator))
    assert found[0] == ["id", "audio", "text", "review_verdict", "review_note"]
    assert found[1][:3] == ["a", "a.wav", "Hä"]
    assert found[2] == ["b", "b.wav", f"two{separator} parts", "redo", "again"]


def test_other_tables_are_left_alone(tmp_path):
    with pytest.raises(InputError, match="text"):
        verdicts.into_table(tmp_path / "lines.xlsx", {})


def test_the_head_survives_its_bytes():
    mesh = head.load()
    data = head.payload(mesh)
    rest = np.frombuffer(base64.b64decode(data["rest"]), "<i2").reshape(-1, 3) * data["step"] + np.array(data["middle"])
    np.testing.assert_allclose(rest, mesh.rest, atol=2e-5)
    deltas = (
        np.frombuffer(base64.b64decode(data["deltas"]), np.int8).reshape(52, -1) * np.array(data["scales"])[:, None]
    )
    np.testing.assert_allclose(deltas, mesh.deltas, atol=2e-4)


def test_a_line_of_silence_and_one_without_a_face_have_details(tmp_path):
    from animcore.motion import Motion

    line = batches.real_line(tmp_path, "body", 2)
    Motion(30, head_pose=np.zeros((9, 3))).save(line.motion)
    found = details.detail(rows.review_lines([line])[0])
    assert "frames" not in found
    assert found["peaks"]
