"""`animcore judge-body`: bodies side by side, with and without sound, truth and film."""

from __future__ import annotations

import importlib.util
import json
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from animcore.audio import recording
from animcore.body_models import two_bone_ik
from animcore.body_models.kinematics import INDEX
from animcore.cli.main import main
from animcore.evaluation.body import figure_renderer, scoring
from animcore.evaluation.face.reference_face import ASSETS
from animcore.geometry import rotations
from animcore.motion import Motion
from animcore.speech import prosody

LINE = ASSETS / "voices" / "line.flac"
HAS_PLOTS = importlib.util.find_spec("matplotlib") is not None
HAS_PICTURES = importlib.util.find_spec("PIL") is not None


def talking(times, seconds=6.7, rate=50, reach=0.25, slide=0.0) -> Motion:
    """Somebody whose left wrist strokes up and down, coming to rest at some times."""
    clock = np.arange(round(seconds * rate)) / rate
    height = np.zeros(len(clock))
    for index, time in enumerate(times):
        share = np.clip((clock - time + 0.25) / 0.25, 0, 1)
        height += (-1) ** index * 0.15 * share**3 * (10 - 15 * share + 6 * share**2)
    limb = two_bone_ik.arm("left")
    hand = np.array([0.2, 0.1, reach]) + height[:, None] * (0, 1, 0)
    upper, lower = two_bone_ik.solve_two_bone(limb, limb.places[0], hand, np.array([0.6, -1.0, -0.5]))
    pose = np.zeros((len(clock), 55, 3))
    pose[:, INDEX["left_shoulder"]] = rotations.from_matrix(upper)
    pose[:, INDEX["left_elbow"]] = rotations.from_matrix(np.swapaxes(upper, 1, 2) @ lower)
    pose[:, INDEX["right_shoulder"], 2] = 1.3
    way = np.zeros((len(clock), 3))
    way[:, 0] = slide * clock
    return Motion(Fraction(rate), body_pose=pose.astype(np.float32), translation=way.astype(np.float32))


@pytest.fixture(scope="module")
def accents():
    clip = recording.load(LINE)
    return np.array([time for time, _ in prosody.analyse(clip, int(clip.duration * 50)).accents])


def keep(motion: Motion, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    motion.save(path)
    return path


def judged(capsys, *arguments):
    code = main(["judge-body", *map(str, arguments)])
    said = capsys.readouterr()
    return code, said.out, said.err


def test_bodies_stand_side_by_side(tmp_path, capsys, accents):
    good = keep(talking(accents), tmp_path / "good.npz")
    late = keep(talking(accents + 0.25), tmp_path / "late.npz")
    bad = keep(talking(accents, reach=0.05, slide=0.1), tmp_path / "bad.npz")
    out = tmp_path / "verdict"
    code, said, _ = judged(capsys, good, late, bad, "--audio", LINE, "--out", out)
    assert code == 0
    assert {line.split()[0] for line in said.splitlines()} > {"good", "late", "bad"}
    means = json.loads((out / "judge.json").read_text())["means"]
    assert means["good"]["accent"] > means["good"]["accent_moved"] + 0.3
    assert means["late"]["accent"] < means["good"]["accent"] - 0.3
    assert means["good"]["slide"] == 0.0
    assert means["bad"]["slide"] == pytest.approx(100, rel=0.02)
    assert means["good"]["inside"] == 0.0
    assert means["bad"]["inside"] > 20
    assert means["bad"]["inside_10"] > 20
    if HAS_PLOTS:
        assert (out / "judge.html").read_text().count("data:image/png;base64,") == 1


def test_without_a_sound_there_are_no_beats_but_all_else(tmp_path, capsys, accents):
    for seed, late in (("1", 0.0), ("2", 0.2)):
        keep(talking(accents + late), tmp_path / "seeds" / seed / "a.npz")
    code, said, _ = judged(capsys, tmp_path / "seeds", "--out", tmp_path / "verdict")
    assert code == 0
    assert "no audio for a" in said
    means = json.loads((tmp_path / "verdict" / "judge.json").read_text())["means"]["seeds"]
    assert "bc" not in means
    assert means["diversity"] > 1.0
    assert means["jerk"] > 0


def test_a_truth_has_a_row_of_its_own(tmp_path, capsys, accents):
    keep(talking(accents), tmp_path / "ours" / "a.npz")
    keep(talking(accents, rate=30), tmp_path / "real" / "a.npz")
    code, _, _ = judged(capsys, tmp_path / "ours", "--truth", tmp_path / "real", "--out", tmp_path / "verdict")
    assert code == 0
    means = json.loads((tmp_path / "verdict" / "judge.json").read_text())["means"]
    assert means["truth"]["wrist_v"] == pytest.approx(means["ours"]["wrist_v"], rel=0.1)


def test_the_distance_to_captured_motion_tells_who_moves_alike(tmp_path, capsys, accents):
    torch = pytest.importorskip("torch")
    from animcore.training.gestures import fgd_encoder

    torch.manual_seed(0)
    encoder = fgd_encoder.MotionEncoder(16, 8, 64)
    encoder.spread.fill_(0.05)
    encoder.save(tmp_path / "encoder", ["somebody"])
    keep(talking(accents, reach=0.3), tmp_path / "real" / "a.npz")
    keep(talking(accents + 0.3, reach=0.3), tmp_path / "near" / "a.npz")
    keep(talking(accents, reach=0.5), tmp_path / "far" / "a.npz")
    out = tmp_path / "verdict"
    outputs = tmp_path / "near", tmp_path / "far"
    assert (
        judged(capsys, *outputs, "--truth", tmp_path / "real", "--encoder", tmp_path / "encoder", "--out", out)[0] == 0
    )
    means = json.loads((out / "judge.json").read_text())["means"]
    assert 0 <= means["near"]["fgd"] < 0.5 * means["far"]["fgd"]


@pytest.mark.skipif(not HAS_PICTURES, reason="needs Pillow")
def test_a_film_shows_both_with_the_sound(tmp_path, capsys):
    paths = [keep(talking([0.2], seconds=0.4, reach=reach), tmp_path / f"{reach}.npz") for reach in (0.25, 0.4)]
    code, _, _ = judged(capsys, *paths, "--audio", LINE, "--out", tmp_path / "verdict", "--video")
    assert code == 0
    with av.open(str(tmp_path / "verdict" / "0.25.mp4")) as film:
        frames = [frame.to_ndarray(format="rgb24") for frame in film.decode(video=0)]
        assert film.streams.audio
    assert len(frames) == 10
    half = frames[0].shape[1] // 2
    assert np.abs(frames[5][:, :half].astype(int) - frames[5][:, half:]).mean() > 1.0


def test_a_person_stands_on_the_floor_and_moves_the_arm_that_is_moved():
    motion = talking([0.4], seconds=1.0)
    take = scoring.from_motion(motion, Path("a.npz"))
    before, after = figure_renderer.draw(take, np.array([0.0, 0.9]), 240, 170)
    moved = np.abs(before.astype(int) - after).sum(2) > 30
    rows, columns = np.nonzero(moved)
    assert 0.002 < moved.mean() < 0.1
    assert rows.max() < 140  # above the knees
    assert columns.mean() > 85  # the person's left is the picture's right
    dark = before[200:].sum(2).argmin()
    assert dark // 170 + 200 > 210  # shoes


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda folder: [folder / "none.npz"], "no file"),
        (
            lambda folder: [keep(Motion(Fraction(50), head_pose=np.zeros((9, 3), np.float32)), folder / "h.npz")],
            "no body",
        ),
        (lambda folder: [keep(talking([], seconds=0.06), folder / "short.npz")], "3 frame"),
        (lambda folder: [keep(talking([1.0]), folder / "a.npz"), "--encoder", folder], "--truth"),
        (lambda folder: [keep(talking([1.0]), folder / "a.npz"), "--audio", folder / "no.wav"], "no file"),
        (lambda folder: [folder], "no"),
    ],
)
def test_what_cannot_be_judged_is_said_in_a_sentence(tmp_path, capsys, make, words):
    code, _, said = judged(capsys, *make(tmp_path), "--out", tmp_path / "verdict")
    assert code != 0
    assert words in said
    assert "Traceback" not in said
