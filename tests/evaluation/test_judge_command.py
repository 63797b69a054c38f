"""The command: the table, the report's files, films, and every sentence for what cannot be judged."""

from __future__ import annotations

import importlib.util
import json
import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from animcore.audio import recording
from animcore.cli import judge as command
from animcore.cli.main import main
from animcore.core.vocabulary import ARKIT_INDEX
from animcore.evaluation.body import scoring
from animcore.evaluation.face import html_report, lip_tracking, reference_face, software_renderer
from animcore.evaluation.face.scoring import BY_NAME, MEASURES, as_markdown
from animcore.files import animcore_npz
from animcore.files.export_and_verify import export
from animcore.files.video import writer
from animcore.motion import Motion

HAS_PLOTS = importlib.util.find_spec("matplotlib") is not None


def keep(motion, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    export(motion, path, animcore_npz.FORMAT)
    return path


@pytest.fixture
def folders(tmp_path, speaking, sound, noise):
    """Two clips with their truth, one of them with a sound, and two outputs, of which one is late."""
    for clip, seed in (("a", 0), ("b", 1)):
        keep(speaking(seed=seed), tmp_path / "truth" / f"{clip}.npz")
        keep(speaking(Fraction(60), seed=seed), tmp_path / "good" / f"{clip}.npz")
        keep(speaking(Fraction(25), seed=seed, late=0.12), tmp_path / "late" / f"{clip}.npz")
    sound("truth/a.wav", noise[:64_000], 16_000)
    return tmp_path


def judge(*arguments: object) -> int:
    return main(["judge", *map(str, arguments)])


def test_outputs_stand_side_by_side(folders, capsys):
    out = folders / "verdict"
    assert judge("--truth", folders / "truth", folders / "good", folders / "late", "--out", out, "--name", "A",
                 "--name", "B & C") == 0  # fmt: skip
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[:4] == ["2", "clip(s)", "r_open", "r_open0"]
    row = {line.split()[0]: line.split() for line in lines}
    assert float(row["A"][1]) > 0.99
    assert row["truth"][-1] != "-"
    told = json.loads((out / "judge.json").read_text())
    assert told["outputs"] == {"A": str(folders / "good"), "B & C": str(folders / "late")}
    assert told["means"]["B & C"]["lag_ms"] == pytest.approx(120, abs=5)
    assert told["means"]["A"]["lve_mm"] == pytest.approx(
        np.mean([told["clips"][clip]["A"]["lve_mm"] for clip in ("a", "b")])
    )
    assert told["measures"]["lve_mm"]["unit"] == "mm"
    if HAS_PLOTS:
        html = (out / "judge.html").read_text()
        assert html.count("data:image/png;base64,") == 3  # the overview and two clips
        assert "B &amp; C" in html
        assert html.count("<b>") > 10


def test_tables_of_other_tools_are_judged(folders, capsys):
    """Audio2Face's and Live Link's tables hold the take as it was, Rhubarb's cues hold its mouth shapes."""
    out, tables = folders / "verdict", folders / "tables"
    kinds = "livelink,a2f-csv,rhubarb-tsv"
    assert main(["export", str(folders / "good" / "a.npz"), "--out", str(tables), "--format", kinds]) == 0
    outputs = [tables / "a.csv", tables / "a.a2f.csv", tables / "a.rhubarb.tsv"]
    assert judge("--truth", folders / "truth" / "a.npz", *outputs, "--out", out, "--source-fps", "60") == 0
    means = json.loads((out / "judge.json").read_text())["means"]
    assert means["a.csv"]["r_open0"] > 0.99
    assert means["a.a2f.csv"]["lve_mm"] == pytest.approx(means["a.csv"]["lve_mm"], abs=0.01)
    assert 0.5 < means["a.rhubarb.tsv"]["r_open"] < 0.98


def test_takes_in_folders_have_a_diversity(folders, speaking):
    for seed in (1, 2, 3):
        keep(speaking(seed=seed), folders / "seeds" / str(seed) / "a.npz")
    out = folders / "verdict"
    assert judge("--truth", folders / "truth", folders / "seeds", "--out", out) == 0
    told = json.loads((out / "judge.json").read_text())
    assert told["means"]["seeds"]["diversity_mm"] > 0.1
    assert told["notes"] == ["1 clip(s) that not every output has were left out: b"]


def test_the_smeared_take_is_not_the_best_by_jitter(folders, capsys):
    """The truth's own jitter is best: what shakes and what is smeared are both far from it."""
    pytest.importorskip("matplotlib")
    truth = Motion.load(folders / "truth" / "a.npz")
    smear = np.stack([np.convolve(column, np.ones(9) / 9, "same") for column in truth.arkit.T], 1)
    shaken = truth.arkit + np.random.default_rng(0).normal(0, 0.02, truth.arkit.shape)
    for name, weights in (("smeared", smear), ("near", truth.arkit * 0.98), ("shaken", shaken)):
        keep(replace(truth, arkit=np.clip(weights, 0, 1).astype(np.float32)), folders / f"{name}.npz")
    out = folders / "verdict"
    outputs = [folders / f"{name}.npz" for name in ("smeared", "near", "shaken")]
    assert judge("--truth", folders / "truth" / "a.npz", *outputs, "--out", out) == 0
    means = json.loads((out / "judge.json").read_text())["means"]
    assert means["smeared"]["jitter"] < means["near"]["jitter"] < means["shaken"]["jitter"]
    assert html_report.nearest(BY_NAME["jitter"], means) == "near"
    html = (out / "judge.html").read_text()
    assert html.count(f"<b>{BY_NAME['jitter'].text(means['near'])}</b>") == 2, "over all clips, and of the clip"
    assert "(best: the truth's)" in html


def test_the_page_is_there_before_the_first_film(folders, monkeypatch):
    pytest.importorskip("matplotlib")
    out, seen = folders / "verdict", []
    monkeypatch.setattr(command, "_videos", lambda *rest: seen.extend(sorted(path.name for path in out.iterdir())))
    assert judge("--truth", folders / "truth" / "a.npz", folders / "good" / "a.npz", "--out", out, "--video") == 0
    assert seen == ["judge.html", "judge.json"]


def test_page_docs_and_code_say_the_same_of_every_figure():
    docs = (Path(__file__).resolve().parents[2] / "docs" / "research" / "measures.md").read_text(encoding="utf-8")
    for measures in (MEASURES, scoring.MEASURES):
        assert as_markdown(measures) in docs, f"docs/research/measures.md needs this table:\n{as_markdown(measures)}"
        assert len({one.name for one in measures}) == len(measures)


def test_two_takes_are_filmed_with_their_sound(folders, speaking):
    pytest.importorskip("PIL")
    keep(speaking(Fraction(12), seconds=0.5), folders / "truth" / "a.npz")
    out = folders / "verdict"
    assert judge("--truth", folders / "truth", folders / "good", folders / "late", "--out", out, "--clip", "a",
                 "--video") == 0  # fmt: skip
    with av.open(str(out / "a.mp4")) as container:
        assert container.streams.video[0].average_rate == 12
        images = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert len(images) == 6
    left, right = images[3][:380, :360].astype(float), images[3][:380, 360:].astype(float)
    assert left.mean() > 60
    assert np.abs(left[40:] - right[40:]).max() > 50  # the late mouth stands elsewhere
    heard = recording.load(out / "a.mp4")
    assert heard.duration == pytest.approx(0.5, abs=0.1)
    assert np.abs(heard.samples).max() > 0.05


def test_tracked_lips_alone_cannot_be_filmed(folders, capsys):
    curve = np.abs(np.sin(np.arange(60) / 4))
    for name in ("truth/a.npz", "good/a.npz"):
        np.savez(folders / name, opening=curve, width=curve, fps=30.0)
    out = folders / "verdict"
    assert judge("--truth", folders / "truth", folders / "good", "--out", out, "--clip", "a", "--video") == 1
    assert "nothing to render of a" in capsys.readouterr().err


def test_the_head_opens_its_mouth_and_looks_away():
    rest = software_renderer.draw(np.zeros(52), 200, 180).astype(int)
    assert rest.shape == (200, 180, 3)
    for name, low, high in (("jawOpen", 0.55, 0.9), ("eyeLookOutLeft", 0.2, 0.35), ("browInnerUp", 0.0, 0.3)):
        weights = np.zeros(52)
        weights[ARKIT_INDEX[name]] = 0.5
        change = np.abs(software_renderer.draw(weights, 200, 180).astype(int) - rest).sum(2)
        rows, columns = (np.average(place, weights=change) for place in np.indices(change.shape))
        assert low < rows / 200 < high, name
        assert 0.2 < columns / 180 < 0.8, name
        assert change.max() > 30, name
    assert (rest[0, -1] == rest[10, -1]).all()  # nothing behind the head


def test_the_tracker_sees_the_drawn_mouth_move(tmp_path, speaking):
    """The tracker and the drawn head judge each other: the one was trained on people alone."""
    motion = speaking(Fraction(25), seconds=2.0)
    writer.write((software_renderer.draw(pose, 400, 360) for pose in motion.arkit), motion.rate, tmp_path / "a.mp4")
    rate, opening, _ = lip_tracking.track(tmp_path / "a.mp4")
    assert rate == 25
    assert np.corrcoef(opening, reference_face.default().opening(motion.arkit))[0, 1] > 0.95


def test_landmarks_become_opening_and_width():
    points = np.zeros((2, 478, 3))
    points[:, 33], points[:, 263] = (-50, 0, 0), (50, 0, 0)
    points[:, 61], points[:, 291] = (-30, 60, 0), (30, 60, 0)
    points[1, 13], points[1, 14] = (0, 55, 3), (0, 65, 3)
    opening, width = lip_tracking.lip_curves(points)
    assert opening.tolist() == [0, 0.1]
    assert width.tolist() == [0.6, 0.6]


def test_a_film_that_cannot_be_decoded_is_said(folders, capsys):
    (folders / "take.mp4").write_bytes(b"a video")
    assert judge("--truth", folders / "take.mp4", folders / "good" / "a.npz", "--out", folders / "verdict") == 1
    assert "take.mp4 is not a video that can be decoded" in capsys.readouterr().err


def test_without_matplotlib_the_table_is_there_all_the_same(folders, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    out = folders / "verdict"
    assert judge("--truth", folders / "truth", folders / "good", "--out", out) == 0
    assert "there is no judge.html: The page of plots needs matplotlib" in capsys.readouterr().out
    assert [path.name for path in out.iterdir()] == ["judge.json"]


def test_a_broken_sound_is_said(folders, capsys):
    (folders / "truth" / "a.wav").write_bytes(b"no audio")
    out = folders / "verdict"
    assert judge("--truth", folders / "truth", folders / "good", "--out", out, "--clip", "a", "--video") == 1
    assert "a.wav" in capsys.readouterr().err
    assert not (out / "a.mp4").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--truth", "gone", "good"], "There is no file or folder"),
        (["--truth", "truth", "gone"], "There is no file or folder"),
        (["--truth", "truth", "empty"], "No clip of"),
        (["--truth", "empty", "good"], "holds no truth"),
        (["--truth", "truth", "good/a.npz"], "one file for several truths"),
        (["--truth", "truth", "good", "--clip", "c"], "There is no clip 'c'"),
        (["--truth", "truth", "good", "late", "--name", "A"], "1 names for 2 outputs"),
        (["--truth", "truth", "good", "good"], "have the same name"),
        (["--truth", "truth", "good", "--video"], "There is no audio for b"),
        (["--truth", "truth", "good", "--audio", "gone.wav"], "There is no file or folder"),
        (["--truth", "truth", "good", "--audio", "empty"], "There is no audio for a"),
        (["--truth", "truth", "good", "--source-fps", "fast"], "is not a frame rate"),
        (["--truth", "truth/a.npz", "notes.docx"], "has a format that cannot be read"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(folders, monkeypatch, capsys, arguments, words):
    monkeypatch.chdir(folders)
    Path("empty").mkdir()
    Path("notes.docx").write_text("nothing")
    assert judge(*arguments, "--out", "verdict") == 1
    said = capsys.readouterr().err
    assert words in said
    assert "Traceback" not in said


def test_a_motion_without_a_face_is_one_sentence(folders, performance, capsys):
    head = np.zeros((performance.frame_count, 3), np.float32)
    keep(replace(performance, arkit=None, head_pose=head), folders / "head.npz")
    assert judge("--truth", folders / "truth" / "a.npz", folders / "head.npz", "--out", folders / "verdict") == 1
    assert "head.npz has no ARKit face weights to judge" in capsys.readouterr().err


def test_lse_stands_in_the_table(folders, speaking):
    torch = pytest.importorskip("torch")
    from animcore.evaluation.face import syncnet

    torch.manual_seed(0)
    torch.save(syncnet.network().state_dict(), folders / "syncnet_v2.model")
    keep(speaking(Fraction(25), seconds=0.6), folders / "truth" / "a.npz")
    keep(speaking(Fraction(25), seconds=0.6), folders / "good" / "a.npz")
    out = folders / "verdict"
    assert judge("--truth", folders / "truth" / "a.npz", folders / "good" / "a.npz", "--out", out, "--syncnet",
                 folders / "syncnet_v2.model") == 0  # fmt: skip
    values = json.loads((out / "judge.json").read_text())["means"]["a"]
    assert values["lse_d"] > 0
    assert values["lse_c"] >= 0
