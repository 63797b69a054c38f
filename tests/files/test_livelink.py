"""The CSV is read back by our reader, and by an independent one that knows nothing of ours."""

from __future__ import annotations

import csv
import json
import re
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from animcore.core.vocabulary import ARKIT
from animcore.errors import InputError
from animcore.files.animation_curves import FormatOptions
from animcore.files.export_and_verify import export, load
from animcore.files.face_curves import livelink
from animcore.motion import Motion
from animcore.pipelines import generate_files

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
    export(motion, tmp_path / "a.csv", livelink.FORMAT)
    back = load(tmp_path / "a.csv", livelink.FORMAT, FormatOptions(Fraction(60)))
    assert back.start == motion.start
    assert np.abs(back.arkit - motion.arkit).max() < 1e-6
    assert np.abs(back.head_pose - motion.head_pose - motion.neck_pose).max() < 2e-6
    assert np.abs(back.eye_pose - motion.eye_pose).max() < 2e-6


def test_the_table_is_that_of_the_app(tmp_path, motion):
    export(motion, tmp_path / "a.csv", livelink.FORMAT)
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
    export(motion, tmp_path / "a.csv", livelink.FORMAT)
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
    export(motion, tmp_path / "a.csv", livelink.FORMAT)
    back = load(tmp_path / "a.csv", livelink.FORMAT, FormatOptions(rate))
    assert back.frame_count == count
    assert back.times[-1] == pytest.approx(motion.times[-1], abs=1e-9)


def rewritten(path: Path, change) -> None:
    rows = list(csv.reader(path.open()))
    with path.open("w", newline="") as handle:
        csv.writer(handle).writerows(change(rows))


def test_other_orders_spellings_and_dropped_frames_are_read(tmp_path, motion):
    path = tmp_path / "a.csv"
    export(motion, path, livelink.FORMAT)

    def change(rows):
        header = [name.lower() for name in rows[0]]
        order = [0, 1, *range(len(header) - 1, 1, -1)]
        return [[row[index] for index in order] for row in [header, *rows[1:20], *rows[22:]]]

    rewritten(path, change)
    back = load(path, livelink.FORMAT, FormatOptions(Fraction(60)))
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
        (lambda rows: [rows[0], rows[90], rows[3]], "do not rise"),
        (lambda rows: [], "not a Live Link Face recording"),
    ],
)
def test_what_is_no_recording_is_refused(tmp_path, motion, change, words):
    export(motion, tmp_path / "a.csv", livelink.FORMAT)
    rewritten(tmp_path / "a.csv", change)
    with pytest.raises(InputError) as refusal:
        load(tmp_path / "a.csv", livelink.FORMAT, FormatOptions(Fraction(60)))
    assert words in str(refusal.value)


def test_a_motion_without_weights_is_refused(tmp_path):
    with pytest.raises(InputError, match="no ARKit weights"):
        export(Motion(Fraction(30), head_pose=np.zeros((2, 3), np.float32)), tmp_path / "a.csv", livelink.FORMAT)
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
    sheet = livelink.read(tmp_path / "a.csv", FormatOptions())
    assert sheet.rate == rate
    assert "frame rate was found" in sheet.notes[0]
    assert sheet.frame_count == 100
    assert sheet.curves["jawOpen"] == pytest.approx(np.arange(100) * 0.001)
    assert (sheet.curves["jawLeft"][0], sheet.curves["jawRight"][0]) == (0.25, 0.75)


def test_drop_frame_timecodes_keep_up_with_the_day(tmp_path):
    codes = ["00:00:59;28", "00:00:59;29", "00:01:00;02", "00:01:00;03"]  # 00 and 01 do not exist in this minute
    recorded(tmp_path / "a.csv", codes)
    sheet = livelink.read(tmp_path / "a.csv", FormatOptions())
    assert sheet.frame_count == 4
    assert sheet.start == pytest.approx(1798 * 1001 / 30000)
    recorded(tmp_path / "b.csv", ["01:00:00;00", "01:00:00;01", "01:00:01;02"])
    hour = livelink.read(tmp_path / "b.csv", FormatOptions())
    assert hour.start == pytest.approx(3600, abs=0.005)  # that is what it is for


def test_midnight_is_no_end(tmp_path):
    recorded(tmp_path / "a.csv", ["23:59:59:28", "23:59:59:29", "00:00:00:00", "00:00:00:01", "00:00:01:00"])
    sheet = livelink.read(tmp_path / "a.csv", FormatOptions(Fraction(30)))
    assert sheet.frame_count == 33
    assert any("interpolated" in note for note in sheet.notes)


def test_degrees_and_percent_are_noticed(tmp_path):
    recorded(tmp_path / "a.csv", codes_of(70, 60), degrees=12.0)
    sheet = livelink.read(tmp_path / "a.csv", FormatOptions())
    assert sheet.curves["HeadYaw"][0] == pytest.approx(np.radians(12))
    assert any("read as degrees" in note for note in sheet.notes)
    text = (tmp_path / "a.csv").read_text().replace(",0.75,", ",75,")
    (tmp_path / "b.csv").write_text(text)
    percent = livelink.read(tmp_path / "b.csv", FormatOptions())
    assert percent.curves["jawRight"][0] == pytest.approx(0.75)
    assert any("percent" in note for note in percent.notes)


def test_semicolons_and_byte_order_marks_of_spreadsheets_are_read(tmp_path):
    recorded(tmp_path / "a.csv", codes_of(70, 60))
    text = (tmp_path / "a.csv").read_text()
    (tmp_path / "a.csv").write_text(text.replace(",", ";"), encoding="utf-8-sig")
    assert livelink.read(tmp_path / "a.csv", FormatOptions()).curves["jawRight"][0] == 0.75


def test_a_start_between_two_frames_is_kept(tmp_path, motion):
    early = Motion(Fraction(24000, 1001), start=0.31, arkit=motion.arkit)
    export(early, tmp_path / "a.csv", livelink.FORMAT)
    back = load(tmp_path / "a.csv", livelink.FORMAT, FormatOptions(early.rate))
    assert back.start == pytest.approx(0.31, abs=3e-5)
    assert np.abs(back.arkit - motion.arkit).max() < 1e-6


def test_what_was_noticed_reaches_the_user(tmp_path):
    recorded(tmp_path / "a.csv", codes_of(70, 60), degrees=12.0)
    order = generate_files.BatchRequest(tmp_path / "out", formats=("npz",))
    (take,) = generate_files.convert([tmp_path / "a.csv"], order)
    assert take.error is None
    assert any("read as degrees" in sentence for sentence in take.warnings)


FIELD = SCORE.parents[1] / "field" / "curves"


@pytest.mark.skipif(not FIELD.exists(), reason="the small inputs that failed stand beside the project")
@pytest.mark.parametrize(
    ("name", "rate", "frames", "note"),
    [
        ("one_dup.csv", 60, 59, "timecodes are repeated"),
        ("semi_comma.csv", 60, 59, "decimal commas"),
        ("blank_rows.csv", 60, 59, "8 frames have empty cells"),
        ("frame_from_remainder_24.csv", 24, 3600, "Face_Landmark_Link"),
    ],
)
def test_files_that_people_have_are_read_with_a_note(name, rate, frames, note):
    sheet = livelink.read(FIELD / name, FormatOptions())
    assert (sheet.rate, sheet.frame_count) == (rate, frames)
    assert any(note in one for one in sheet.notes)


def counted_frames(path: Path) -> np.ndarray:
    """JawOpen of a recording of `recorded`, which counts its rows."""
    return np.round(livelink.read(path, FormatOptions()).curves["jawOpen"] * 1000, 4)


def test_a_repeated_timecode_moves_to_the_free_frame_or_is_left_out(tmp_path):
    codes = codes_of(120, 60)
    recorded(tmp_path / "a.csv", [*codes[:50], codes[49], *codes[51:]])  # the clock stood still for one frame
    assert (counted_frames(tmp_path / "a.csv") == np.arange(120)).all()
    recorded(tmp_path / "b.csv", [*codes[:50], codes[49], *codes[50:]])  # a row too many
    assert (counted_frames(tmp_path / "b.csv") == np.delete(np.arange(121), 50)).all()


def test_swapped_rows_are_sorted_and_a_second_recording_is_refused(tmp_path):
    codes = codes_of(120, 60)
    codes[70], codes[71] = codes[71], codes[70]
    recorded(tmp_path / "a.csv", codes)
    wanted = np.arange(120)
    wanted[[70, 71]] = 71, 70
    assert (counted_frames(tmp_path / "a.csv") == wanted).all()
    assert any("order of time" in note for note in livelink.read(tmp_path / "a.csv", FormatOptions()).notes)
    recorded(tmp_path / "b.csv", codes_of(120, 60) * 2)
    with pytest.raises(InputError, match="another recording begins"):
        livelink.read(tmp_path / "b.csv", FormatOptions())


@pytest.mark.parametrize(
    ("base", "step", "times", "rate"),
    [
        (60, 2.0, 1, Fraction(30)),  # captured at 30, counted to 60
        (30, 1.25, 1, Fraction(24)),
        (60, 1.001, 1, Fraction(60)),  # a clock that runs away by a thousandth still counts frames
        (30, 1.0, 2, Fraction(60)),  # two rows to a timecode
        (120, 4.0, 1, Fraction(30)),
    ],
)
def test_the_rate_is_that_of_the_rows_not_of_the_count(tmp_path, base, step, times, rate):
    recorded(tmp_path / "a.csv", [code for code in codes_of(90, base, step=step) for _ in range(times)])
    sheet = livelink.read(tmp_path / "a.csv", FormatOptions())
    assert (sheet.rate, sheet.frame_count) == (rate, 90 * times)
    assert sheet.curves["jawOpen"] == pytest.approx(np.arange(90 * times) * 0.001)


def test_less_than_a_second_shows_its_count_where_the_second_turns(tmp_path):
    recorded(tmp_path / "a.csv", codes_of(30, 30)[20:] + codes_of(10, 30, second=3662))
    assert livelink.read(tmp_path / "a.csv", FormatOptions()).rate == 30


@pytest.mark.parametrize("rate", [24.0, 24000 / 1001, 25.0, 30000 / 1001, 30.0, 60.0])
@pytest.mark.parametrize("modulo", [None, 60])  # older versions always count to 60
@pytest.mark.parametrize("lost", [(), tuple(range(40, 75))])
def test_timecodes_of_face_landmark_link(tmp_path, rate, modulo, lost):
    codes = []
    for index in (one for one in range(1, 2400) if one not in lost):
        clock = int(index * (1000 / rate)) / 1000
        part = f"{int(index % (modulo or rate)):02}.{index % 1000:03d}"
        codes.append(f"{int(clock / 3600):02d}:{int(clock / 60) % 60:02d}:{int(clock % 60):02d}:{part}")
    recorded(tmp_path / "a.csv", codes)
    sheet = livelink.read(tmp_path / "a.csv", FormatOptions())
    assert float(sheet.rate) == pytest.approx(rate)
    assert sheet.frame_count == 2399
    assert sheet.start == pytest.approx(1 / rate)


def test_empty_cells_are_interpolated(tmp_path):
    recorded(tmp_path / "a.csv", codes_of(70, 60))
    lines = (tmp_path / "a.csv").read_text().splitlines()
    lines[11] = lines[11].split(",")[0] + ",0" + "," * 55  # the face was lost
    lines += ["," * 56, ""]  # what spreadsheets leave
    (tmp_path / "a.csv").write_text("\n".join(lines))
    assert (counted_frames(tmp_path / "a.csv") == np.arange(70)).all()


def test_decimal_commas_of_spreadsheets(tmp_path):
    recorded(tmp_path / "a.csv", codes_of(70, 60), degrees=0.25)
    text = (tmp_path / "a.csv").read_text()
    for separator in ";\t":
        (tmp_path / "b.csv").write_text(text.replace(",", separator).replace(".", ","))
        sheet = livelink.read(tmp_path / "b.csv", FormatOptions())
        assert sheet.curves["HeadYaw"][5] == 0.25
        assert any("decimal commas" in note for note in sheet.notes)


def test_a_time_before_midnight_is_refused(tmp_path):
    recorded(tmp_path / "a.csv", ["-1:59:55:20.000", "-1:59:55:21.000"])
    with pytest.raises(InputError, match="before midnight"):
        livelink.read(tmp_path / "a.csv", FormatOptions())


@pytest.mark.parametrize("before", ["sep=,\n", "# recorded with an app\n\n"])
def test_what_stands_before_the_header_is_passed_over(tmp_path, before):
    recorded(tmp_path / "a.csv", codes_of(70, 60))
    text = (tmp_path / "a.csv").read_text()
    (tmp_path / "a.csv").write_text(before + text)
    assert (counted_frames(tmp_path / "a.csv") == np.arange(70)).all()


def test_columns_in_the_spelling_of_other_programs(tmp_path):
    recorded(tmp_path / "a.csv", codes_of(70, 60))
    header, rest = (tmp_path / "a.csv").read_text().split("\n", 1)
    for spelled in (header.replace("Left", "_L").replace("Right", "_R"), re.sub("(?<=[a-z])(?=[A-Z])", "_", header)):
        (tmp_path / "b.csv").write_text(spelled + "\n" + rest)
        sheet = livelink.read(tmp_path / "b.csv", FormatOptions())
        assert (sheet.curves["jawLeft"][0], sheet.curves["jawRight"][0]) == (0.25, 0.75)


@pytest.mark.parametrize("form", ["{0:.4f}", "09:{1:02d}:{2:06.3f}"])
def test_timecodes_that_are_seconds(tmp_path, form):
    times = [index / 30 for index in range(600)]
    recorded(tmp_path / "a.csv", [form.format(one, int(one // 60), one % 60) for one in times])
    sheet = livelink.read(tmp_path / "a.csv", FormatOptions())
    assert sheet.rate == 30
    assert any("are seconds" in note for note in sheet.notes)
    assert (counted_frames(tmp_path / "a.csv") == np.arange(600)).all()


@pytest.mark.parametrize(("base", "rate"), [(60, 24), (60, 25), (30, 24), (30, 25)])
def test_a_slower_recording_rounded_to_the_frames_of_its_clock(tmp_path, base, rate):
    recorded(tmp_path / "a.csv", rounded_codes(200, base, rate))
    sheet = livelink.read(tmp_path / "a.csv", FormatOptions())
    assert (sheet.rate, sheet.frame_count) == (rate, 200)
    assert (counted_frames(tmp_path / "a.csv") == np.arange(200)).all()


def rounded_codes(count: int, base: int, rate: int) -> list[str]:
    """Timecodes that count whole frames, of a recording at another rate."""
    frames = [index * base // rate for index in range(count)]
    return [f"10:00:{frame // base:02d}:{frame % base:02d}.000" for frame in frames]


@pytest.mark.parametrize(("code", "words"), [("Timecode", "a.csv, row 42"), ("", "a.csv, row 42")])
def test_a_broken_timecode_is_named_with_its_row(tmp_path, code, words):
    codes = codes_of(70, 60)
    recorded(tmp_path / "a.csv", [*codes[:40], code, *codes[41:]])
    with pytest.raises(InputError, match=words):
        livelink.read(tmp_path / "a.csv", FormatOptions())


def test_rows_that_all_have_one_timecode_are_refused(tmp_path):
    recorded(tmp_path / "a.csv", ["01:00:00:00.000"] * 70)
    with pytest.raises(InputError, match="same timecode"):
        livelink.read(tmp_path / "a.csv", FormatOptions())


def test_columns_without_a_value_are_told_apart_from_cells_without_one(tmp_path):
    path = tmp_path / "a.csv"
    rows = ["Timecode,BlendShapeCount,JawOpen,TongueOut,MouthClose"]
    rows += [f"00:00:00:{frame:02d}.000,61,0.{frame},,0.5" for frame in range(8)]
    path.write_text("\n".join(rows), encoding="utf-8")
    sheet = livelink.read(path, FormatOptions(rate=Fraction(30)))
    assert not sheet.curves["tongueOut"].any()
    assert [note for note in sheet.notes if "interpolated" in note or "nothing" in note] == [
        "a.csv: nothing is written in tongueOut: read as 0."
    ]
    rows[3] = "00:00:00:02.000,61,,,0.5"
    path.write_text("\n".join(rows), encoding="utf-8")
    notes = " ".join(livelink.read(path, FormatOptions(rate=Fraction(30))).notes)
    assert "1 frames have empty cells" in notes
    assert "nothing is written in tongueOut" in notes
