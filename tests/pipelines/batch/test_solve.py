"""Lines performed for real, on half a second of the demo's line."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import soundfile

from animcore.core.vocabulary import ARKIT_INDEX
from animcore.direction import Direction, EmotionSpan
from animcore.files.hand_edits import HandEdits
from animcore.motion import Motion
from animcore.pipelines import generate_files
from animcore.pipelines.batch import ledger, solve
from animcore.pipelines.batch.line import Line


@pytest.fixture
def batch(tmp_path: Path, spoken_line: Path):
    """A folder of a batch and a task of a line in it."""
    folder = tmp_path / "takes"
    folder.mkdir()
    ledger.write_header(folder, {"id": "x"})
    samples, rate = soundfile.read(spoken_line)
    audio = tmp_path / "line.wav"
    soundfile.write(audio, samples[: 2 * rate], rate)

    def task(name: str = "a", **more) -> solve.Task:
        others = {key: more.pop(key) for key in ("source", "source_audio") if key in more}
        return solve.Task(Line(name, name, 2, audio, **more), folder, "x", {}, **others)

    return task


def test_a_line_is_what_generate_makes_of_it(batch, tmp_path):
    task = batch(text="Hello there.", direction=Direction(seed=3), formats=("livelink",), rate=Fraction(24))
    outcome = solve.solve(task)
    assert outcome.error is None
    assert set(outcome.files) == {"npz", "livelink"}
    assert outcome.seconds_audio == pytest.approx(2.0, abs=0.01)
    assert outcome.seconds_cpu > 0
    request = generate_files.BatchRequest(tmp_path / "one", ("npz",), Fraction(24), Direction(seed=3))
    (tmp_path / "line.txt").write_text("Hello there.")
    generate_files.run([task.line.audio], replace(request, transcript=tmp_path / "line.txt"))
    assert Motion.load(outcome.files["npz"]) == Motion.load(tmp_path / "one" / "line.npz")


def test_hand_edits_lie_on_every_new_solve(batch):
    plain = Motion.load(solve.solve(batch()).files["npz"])
    weights = plain.arkit.copy()
    weights[10:20, ARKIT_INDEX["browInnerUp"]] = 0.9
    task = batch()
    HandEdits.between(replace(plain, arkit=weights), plain).save(task.line.edits(task.folder))
    outcome = solve.solve(task)
    assert outcome.has_edits
    assert Motion.load(outcome.files["npz"])["browInnerUp"][15] == pytest.approx(0.9)


def test_another_language_has_the_head_of_its_source_and_its_own_lips(batch, tmp_path, spoken_line):
    happy = Direction(emotions=[EmotionSpan("joy", 0.6)])
    source = solve.solve(batch("en/a", direction=happy))
    samples, rate = soundfile.read(spoken_line)
    other = tmp_path / "other.wav"
    soundfile.write(other, samples[rate : rate * 7 // 2], rate)
    task = batch("fr/a", source=source.files["npz"], source_audio=tmp_path / "line.wav")
    outcome = solve.solve(replace(task, line=replace(task.line, audio=other)))
    assert outcome.error is None
    assert outcome.shared
    first, second = (Motion.load(one.files["npz"]) for one in (source, outcome))
    alone = Motion.load(solve.solve(replace(batch("fr/b"), line=replace(batch("fr/b").line, audio=other))).files["npz"])
    assert any(event.label.startswith("joy") for event in second.events)
    assert np.abs(second.head_pose).max() <= np.abs(first.head_pose).max() + 1e-6
    assert not np.allclose(second.head_pose, alone.head_pose)
    jaw = [one["jawOpen"] for one in (second, alone)]
    assert np.corrcoef(*jaw)[0, 1] > 0.9  # its own mouth, with joy on it


def test_scores_of_the_caller_travel_with_the_line(batch):
    outcome = solve.solve(batch(), lambda motion, clip, line, lacks: ({"frames": motion.frame_count}, [{"at": 1.0}]))
    assert outcome.scores == {"frames": 61}
    assert outcome.findings == ({"at": 1.0},)


def test_what_goes_wrong_is_a_sentence(batch, tmp_path):
    (tmp_path / "bad.wav").write_text("no audio")
    bad = batch()
    outcome = solve.solve(replace(bad, line=replace(bad.line, audio=tmp_path / "bad.wav")))
    assert "bad.wav is not an audio file" in outcome.error
    (tmp_path / "gone.wav").unlink(missing_ok=True)
    outcome = solve.solve(replace(bad, line=replace(bad.line, audio=tmp_path / "gone.wav")))
    assert "no file" in outcome.error

    def broken(*_):
        raise RuntimeError("a bug")

    outcome = solve.solve(batch(), broken)
    assert outcome.error == "An error inside Animcore (RuntimeError: a bug); report it with the recording."
