"""The CSV is read back by our reader, and by an independent one that knows nothing of ours."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from animcore import batch
from animcore.errors import InputError
from animcore.files import livelink
from animcore.files.delivery import deliver, load
from animcore.files.sheet import Setup
from animcore.motion import Motion
from animcore.names import ARKIT

SCORE = Path(__file__).resolve().parents[2].parent / "shared" / "tools" / "lip_sync_score.py"


@pytest.fixture
def motion() -> Motion:
    generator = np.random.default_rng(0)
    return Motion(
        Fraction(60),
        start=0.5,
        arkit=generator.random((150, 52), np.float32),
        neck_pose=generator.normal(size=(150, 3)).astype(np.float32) * 0.05,
        head_pose=generator.normal(size=(150, 3)).astype(np.float32) * 0.1,
        eye_pose=generator.normal(size=(150, 2, 3)).astype(np.float32) * 0.1,
    )


def test_our_reader_gives_it_back(tmp_path, motion):
    deliver(motion, tmp_path / "a.csv", livelink.FORMAT)
    back = load(tmp_path / "a.csv", livelink.FORMAT, Setup(Fraction(60)))
    assert back.start == motion.start
    assert np.abs(back.arkit - motion.arkit).max() < 1e-6
    assert np.abs(back.head_pose - motion.head_pose - motion.neck_pose).max() < 2e-6
    assert np.abs(back.eye_pose - motion.eye_pose).max() < 2e-6


def test_the_table_is_that_of_the_app(tmp_path, motion):
    deliver(motion, tmp_path / "a.csv", livelink.FORMAT)
    rows = list(csv.DictReader((tmp_path / "a.csv").open()))
    assert len(rows) == 150
    assert len(rows[0]) == 63
    assert all(row["BlendShapeCount"] == "61" for row in rows)
    assert rows[0]["Timecode"] == "00:00:00:30.000"
    assert rows[30]["Timecode"] == "00:00:01:00.000"
    assert float(rows[7]["JawOpen"]) == pytest.approx(motion.arkit[7, ARKIT.index("jawOpen")], abs=1e-6)
    assert float(rows[7]["MouthLeft"]) == pytest.approx(motion.arkit[7, ARKIT.index("mouthLeft")], abs=1e-6)
    assert float(rows[7]["LeftEyeYaw"]) == pytest.approx(motion.eye_pose[7, 0, 1], abs=1e-6)


@pytest.mark.skipif(not SCORE.exists(), reason="the scoring tool stands beside the project in its own workplace")
def test_an_independent_reader_reads_it(tmp_path, motion):
    deliver(motion, tmp_path / "a.csv", livelink.FORMAT)
    script = (
        "import sys, json, pathlib; sys.path.insert(0, sys.argv[1]); import lip_sync_score as tool\n"
        "tool.ARGS = type('A', (), {'fps': 60.0})\n"
        "weights, fps = tool.read_prediction(pathlib.Path(sys.argv[2]), 'a')\n"
        "print(json.dumps([weights.tolist(), fps, tool.NAMES]))"
    )
    answer = subprocess.run(
        [sys.executable, "-c", script, str(SCORE.parent), str(tmp_path)], capture_output=True, text=True, check=True
    )
    values, fps, names = json.loads(answer.stdout)
    assert fps == pytest.approx(60)
    assert np.abs(np.array(values) - motion.arkit[:, [ARKIT.index(name) for name in names]]).max() < 1e-6


def test_ten_minutes_do_not_drift(tmp_path):
    rate = Fraction(60)
    count = int(600 * rate)
    motion = Motion(rate, arkit=np.repeat(np.linspace(0, 1, count, dtype=np.float32)[:, None], 52, 1))
    deliver(motion, tmp_path / "a.csv", livelink.FORMAT)
    back = load(tmp_path / "a.csv", livelink.FORMAT, Setup(rate))
    assert back.frame_count == count
    assert back.times[-1] == pytest.approx(motion.times[-1], abs=1e-9)


def rewritten(path: Path, change) -> None:
    rows = list(csv.reader(path.open()))
    with path.open("w", newline="") as handle:
        csv.writer(handle).writerows(change(rows))


def test_other_orders_spellings_and_dropped_frames_are_read(tmp_path, motion):
    path = tmp_path / "a.csv"
    deliver(motion, path, livelink.FORMAT)

    def change(rows):
        header = [name.lower() for name in rows[0]]
        order = [0, 1, *range(len(header) - 1, 1, -1)]
        return [[row[index] for index in order] for row in [header, *rows[1:20], *rows[22:]]]

    rewritten(path, change)
    back = load(path, livelink.FORMAT, Setup(Fraction(60)))
    assert back.frame_count == 150
    assert np.abs(back.arkit[30] - motion.arkit[30]).max() < 1e-6
    assert np.abs(back.arkit[19] - (2 * motion.arkit[18] + motion.arkit[21]) / 3).max() < 1e-5


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda rows: rows[:1], "not a Live Link Face recording"),
        (lambda rows: [["a", "b"], ["1", "2"]], "not a Live Link Face recording"),
        (lambda rows: [*rows[:5], rows[5][:10]], "cut off"),
        (lambda rows: [*rows[:5], [rows[5][0], "61", *["x"] * 61]], "no number"),
        (lambda rows: [*rows[:5], [rows[5][0], "61", *["nan"] * 61]], "not numbers"),
        (lambda rows: [rows[0], rows[5], rows[3]], "do not rise"),
        (lambda rows: [], "not a Live Link Face recording"),
    ],
)
def test_what_is_no_recording_is_refused(tmp_path, motion, change, words):
    deliver(motion, tmp_path / "a.csv", livelink.FORMAT)
    rewritten(tmp_path / "a.csv", change)
    with pytest.raises(InputError) as refusal:
        load(tmp_path / "a.csv", livelink.FORMAT, Setup(Fraction(60)))
    assert words in str(refusal.value)


def test_a_motion_without_weights_is_refused(tmp_path):
    with pytest.raises(InputError, match="no ARKit weights"):
        deliver(Motion(Fraction(30), head_pose=np.zeros((2, 3), np.float32)), tmp_path / "a.csv", livelink.FORMAT)
    assert not list(tmp_path.iterdir())


def recorded(path: Path, codes: list[str], *, degrees: float = 0.0, spelling: str = "BlendshapeCount") -> None:
    """A recording written without our writer: JawRight before JawLeft, as the app has it; JawOpen rises by 0.001."""
    names = [name[0].upper() + name[1:] for name in ARKIT]
    left, right = names.index("JawLeft"), names.index("JawRight")
    names[left], names[right] = names[right], names[left]
    rows = [["Timecode", spelling, *names, "HeadYaw", "HeadPitch", "HeadRoll"]]
    for index, code in enumerate(codes):
        weights = {"JawOpen": index * 0.001, "JawLeft": 0.25, "JawRight": 0.75}
        rows.append([code, "61", *(str(weights.get(name, 0)) for name in names), str(degrees), "0", "0"])
    path.write_text("\r\n".join(",".join(row) for row in rows) + "\r\n")


def codes_of(count: int, base: int, second: int = 3661, mark: str = ":", step: float = 1.0) -> list[str]:
    found = []
    for index in range(count):
        whole, frame = divmod(index * step, base)
        clock = second + int(whole)
        found.append(f"{clock // 3600:02d}:{clock // 60 % 60:02d}:{clock % 60:02d}{mark}{frame:06.3f}")
    return found


@pytest.mark.parametrize(
    ("base", "mark", "step", "rate"),
    [
        (30, ":", 1.0, Fraction(30)),
        (60, ":", 1.0, Fraction(60)),
        (24, ":", 1.0, Fraction(24)),
        (25, ":", 1.0, Fraction(25)),
        (30, ":", 0.5, Fraction(60)),
        (30, ";", 1.0, Fraction(30000, 1001)),
        (60, ";", 1.0, Fraction(60000, 1001)),
    ],
)
def test_the_rate_is_found_from_the_timecodes(tmp_path, base, mark, step, rate):
    recorded(tmp_path / "a.csv", codes_of(100, base, mark=mark, step=step))
    sheet = livelink.read(tmp_path / "a.csv", Setup())
    assert sheet.rate == rate
    assert "frame rate was found" in sheet.notes[0]
    assert sheet.frame_count == 100
    assert sheet.curves["jawOpen"] == pytest.approx(np.arange(100) * 0.001)
    assert (sheet.curves["jawLeft"][0], sheet.curves["jawRight"][0]) == (0.25, 0.75)


def test_drop_frame_timecodes_keep_up_with_the_day(tmp_path):
    codes = ["00:00:59;28", "00:00:59;29", "00:01:00;02", "00:01:00;03"]  # 00 and 01 do not exist in this minute
    recorded(tmp_path / "a.csv", codes)
    sheet = livelink.read(tmp_path / "a.csv", Setup())
    assert sheet.frame_count == 4
    assert sheet.start == pytest.approx(1798 * 1001 / 30000)
    recorded(tmp_path / "b.csv", ["01:00:00;00", "01:00:00;01", "01:00:01;02"])
    hour = livelink.read(tmp_path / "b.csv", Setup())
    assert hour.start == pytest.approx(3600, abs=0.005)  # that is what it is for


def test_midnight_is_no_end(tmp_path):
    recorded(tmp_path / "a.csv", ["23:59:59:28", "23:59:59:29", "00:00:00:00", "00:00:00:01", "00:00:01:00"])
    sheet = livelink.read(tmp_path / "a.csv", Setup(Fraction(30)))
    assert sheet.frame_count == 33
    assert any("interpolated" in note for note in sheet.notes)


def test_degrees_and_percent_are_noticed(tmp_path):
    recorded(tmp_path / "a.csv", codes_of(70, 60), degrees=12.0)
    sheet = livelink.read(tmp_path / "a.csv", Setup())
    assert sheet.curves["HeadYaw"][0] == pytest.approx(np.radians(12))
    assert any("taken for degrees" in note for note in sheet.notes)
    text = (tmp_path / "a.csv").read_text().replace(",0.75,", ",75,")
    (tmp_path / "b.csv").write_text(text)
    percent = livelink.read(tmp_path / "b.csv", Setup())
    assert percent.curves["jawRight"][0] == pytest.approx(0.75)
    assert any("percent" in note for note in percent.notes)


def test_semicolons_and_byte_order_marks_of_spreadsheets_are_read(tmp_path):
    recorded(tmp_path / "a.csv", codes_of(70, 60))
    text = (tmp_path / "a.csv").read_text()
    (tmp_path / "a.csv").write_text(text.replace(",", ";"), encoding="utf-8-sig")
    assert livelink.read(tmp_path / "a.csv", Setup()).curves["jawRight"][0] == 0.75


def test_a_start_between_two_frames_is_kept(tmp_path, motion):
    early = Motion(Fraction(24000, 1001), start=0.31, arkit=motion.arkit)
    deliver(early, tmp_path / "a.csv", livelink.FORMAT)
    back = load(tmp_path / "a.csv", livelink.FORMAT, Setup(early.rate))
    assert back.start == pytest.approx(0.31, abs=3e-5)
    assert np.abs(back.arkit - motion.arkit).max() < 1e-6


def test_what_was_noticed_reaches_the_user(tmp_path):
    recorded(tmp_path / "a.csv", codes_of(70, 60), degrees=12.0)
    order = batch.Order(tmp_path / "out", formats=("npz",))
    (take,) = batch.convert([tmp_path / "a.csv"], order)
    assert take.error is None
    assert any("taken for degrees" in sentence for sentence in take.warnings)
