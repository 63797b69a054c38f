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


@pytest.mark.parametrize("rate", [Fraction(24000, 1001), Fraction(24), Fraction(25), Fraction(30), Fraction(60)])
def test_ten_minutes_do_not_drift(tmp_path, rate):
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
