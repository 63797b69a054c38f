"""The commands as a user types them."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest

from animcore.cli.main import main
from animcore.core.frame_rates import exact_rate
from animcore.errors import Cancelled
from animcore.files.animation_curves import FormatOptions
from animcore.files.export_and_verify import load
from animcore.files.face_curves import livelink
from animcore.motion import Motion
from animcore.pipelines import generate_files


def test_a_line_becomes_files_of_both_formats_that_agree(spoken_line, tmp_path, capsys):
    assert main(["generate", str(spoken_line), "--out", str(tmp_path / "takes"), "--fps", "60"]) == 0
    written = sorted(path.name for path in (tmp_path / "takes").iterdir())
    assert written == ["line.csv", "line.csv.provenance", "line.npz"]
    motion = Motion.load(tmp_path / "takes" / "line.npz")
    table = load(tmp_path / "takes" / "line.csv", livelink.FORMAT, FormatOptions(exact_rate(60)))
    assert motion.frame_count == table.frame_count
    assert abs(motion.arkit - table.arkit).max() < 1e-6
    assert f"{motion.frame_count} frames" in capsys.readouterr().out


def test_two_runs_give_equal_files_and_another_seed_another_take(spoken_line, tmp_path):
    for name, seed in [("a", "1"), ("b", "1"), ("c", "2")]:
        main(["generate", str(spoken_line), "--out", str(tmp_path / name), "--seed", seed])
    files = [(tmp_path / name / "line.npz").read_bytes() for name in "abc"]
    assert files[0] == files[1] != files[2]


def test_one_bad_file_does_not_stop_the_others(spoken_line, tmp_path, capsys):
    (tmp_path / "bad.wav").write_text("no audio")
    good = tmp_path / "声音 and 'quotes'.flac"
    shutil.copy(spoken_line, good)
    out = tmp_path / "takes"
    assert main(["generate", str(tmp_path / "bad.wav"), str(good), "--out", str(out), "--format", "npz"]) == 1
    assert [path.name for path in out.iterdir()] == [good.stem + ".npz"]
    assert "bad.wav is not an audio file that can be decoded" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--fps", "fast"], "not a frame rate"),
        (["--format", "gif"], "There is no format 'gif'"),
        (["--strength", "lips"], "REGION=VALUE"),
        (["--strength", "ears=1"], "no region 'ears'"),
        (["--intensity", "3"], "between 0 and 2"),
    ],
)
def test_wrong_options_are_refused_before_any_work(spoken_line, tmp_path, capsys, options, words):
    assert main(["generate", str(spoken_line), "--out", str(tmp_path / "takes"), *options]) == 1
    assert words in capsys.readouterr().err
    assert not (tmp_path / "takes").exists()


def test_two_files_of_one_name_are_refused(tmp_path, capsys):
    assert main(["generate", str(tmp_path / "a.wav"), str(tmp_path / "b" / "A.mp3"), "--out", str(tmp_path)]) == 1
    assert "would both be written" in capsys.readouterr().err


def test_an_interrupted_batch_keeps_what_was_finished(spoken_line, tmp_path):
    second = tmp_path / "second.flac"
    shutil.copy(spoken_line, second)

    def stop(fraction: float, stage: str) -> None:
        if stage == "second.flac":
            raise Cancelled

    out = tmp_path / "out"
    with pytest.raises(Cancelled):
        generate_files.run([spoken_line, second], generate_files.BatchRequest(out, ["npz"]), stop)
    assert [path.name for path in out.iterdir()] == ["line.npz"]


def test_inspect_and_help_explain_themselves(spoken_line, capsys):
    assert main(["inspect", str(spoken_line)]) == 0
    assert "LUFS" in capsys.readouterr().out
    answer = subprocess.run(
        [sys.executable, "-m", "animcore.cli", "--help"], capture_output=True, text=True, check=True
    )
    assert "generate" in answer.stdout
    assert "examples:" in answer.stdout


def test_a_track_and_a_channel_are_chosen(sound, noise, tmp_path, capsys):
    path = str(sound("two.wav", np.stack([noise, 0 * noise], 1)))
    assert main(["inspect", path, "--channel", "2"]) == 0
    assert "two.wav is silent" in capsys.readouterr().out
    assert main(["generate", path, "--out", str(tmp_path), "--format", "npz", "--channel", "3"]) == 1
    assert "there is no channel 3" in capsys.readouterr().err
    assert main(["generate", path, "--out", str(tmp_path), "--format", "npz", "--track", "2"]) == 1
    assert "has 1 audio track; there is no track 2" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["inspect", path, "--track", "0"])
    assert "must be a whole number of at least 1, not '0'" in capsys.readouterr().err


def test_a_motion_becomes_a_file_of_another_kind_with_a_report(spoken_line, tmp_path, capsys):
    main(["generate", str(spoken_line), "--out", str(tmp_path), "--format", "npz", "--fps", "60"])
    capsys.readouterr()
    report = tmp_path / "report.json"
    assert main(["export", str(tmp_path / "line.npz"), "--out", str(tmp_path), "--report", str(report)]) == 0
    motion = Motion.load(tmp_path / "line.npz")
    table = load(tmp_path / "line.csv", livelink.FORMAT)
    assert table.frame_count == motion.frame_count
    assert abs(motion.arkit - table.arkit).max() < 1e-6
    said = capsys.readouterr().out
    assert f"{motion.frame_count} frames read back" in said
    assert "has no place for tongue" in said
    (take,) = json.loads(report.read_text())
    assert take["reports"][0]["errors"]["jawOpen"] < 1e-6


def test_a_capture_is_read_and_its_rate_changed(spoken_line, tmp_path):
    main(["generate", str(spoken_line), "--out", str(tmp_path), "--format", "livelink", "--fps", "60"])
    out = tmp_path / "out"
    assert main(["export", str(tmp_path / "line.csv"), "--out", str(out), "--format", "npz", "--fps", "24"]) == 0
    assert Motion.load(out / "line.npz").rate == 24


def test_nothing_is_written_over_its_source(spoken_line, tmp_path, capsys):
    main(["generate", str(spoken_line), "--out", str(tmp_path), "--format", "npz"])
    before = (tmp_path / "line.npz").read_bytes()
    assert main(["export", str(tmp_path / "line.npz"), "--out", str(tmp_path), "--format", "npz"]) == 1
    assert "over itself" in capsys.readouterr().err
    assert (tmp_path / "line.npz").read_bytes() == before


@pytest.mark.parametrize(
    ("name", "words"), [("a.docx", "has a format that cannot be read"), ("a.npz", "not"), ("gone.csv", "no file")]
)
def test_what_cannot_be_read_is_said(tmp_path, capsys, name, words):
    if name != "gone.csv":
        (tmp_path / name).write_text("something else")
    assert main(["export", str(tmp_path / name), "--out", str(tmp_path / "out")]) == 1
    assert words in capsys.readouterr().err


def test_the_formats_are_listed(capsys):
    assert main(["formats"]) == 0
    assert "Live Link Face CSV (*.csv)" in capsys.readouterr().out


def test_a_transcript_becomes_captions_and_emotions(spoken_line, tmp_path, capsys):
    (tmp_path / "said").mkdir()
    text = "Hello! I'm made of nothing but a voice. [afraid 0.4] Whisper to me, or be bold and shout"
    (tmp_path / "said" / "line.txt").write_text(text, encoding="utf-8")
    order = ["--out", str(tmp_path), "--format", "npz,srt,textgrid", "--transcript", str(tmp_path / "said")]
    assert main(["generate", str(spoken_line), *order]) == 0
    events = Motion.load(tmp_path / "line.npz").events
    words = {one.label: one for one in events if one.kind == "word"}
    assert len(words) == 16
    (feeling,) = (one for one in events if one.kind == "emotion")
    assert (feeling.label, feeling.start) == ("fear 0.4", pytest.approx(words["Whisper"].start, abs=0.03))
    assert "Hello!" in (tmp_path / "line.srt").read_text()
    assert '"oy"' in (tmp_path / "line.textgrid").read_text()
    assert main(["generate", str(spoken_line), str(spoken_line), *order[:-1], str(tmp_path / "said" / "line.txt")]) == 1
    assert "one transcript for 2 recordings" in capsys.readouterr().err


def test_bodies_are_finished_on_request(spoken_line, tmp_path):
    wish = ["generate", str(spoken_line), "--out", str(tmp_path / "made"), "--format", "npz", "--style", "lively"]
    assert main([*wish, "--postprocess", "still"]) == 0
    made = tmp_path / "made" / f"{spoken_line.stem}.npz"
    assert np.ptp(Motion.load(made).translation, axis=0).max() < 0.041  # the hips only sway
    assert (
        main(["export", str(made), "--out", str(tmp_path / "looped"), "--format", "npz", "--postprocess", "loop"]) == 0
    )
    pose = Motion.load(tmp_path / "looped" / made.name).body_pose
    assert np.abs(pose[-1] - pose[0]).max() < 0.1
    assert main([*wish, "--postprocess", "polished"]) != 0


def test_the_module_ends_with_the_status_of_the_command(tmp_path):
    command = [sys.executable, "-m", "animcore.cli", "inspect", str(tmp_path / "gone.wav")]
    assert subprocess.run(command, capture_output=True, check=False).returncode == 1
