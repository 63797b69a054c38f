"""Whole takes: what equals, shifted, scaled and shortened ones are worth, what cannot be read, and the oracle."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from animcore.core.vocabulary import ARKIT, ARKIT_INDEX
from animcore.errors import InputError
from animcore.evaluation.face import file_pairing, loading, reference_face
from animcore.evaluation.face.scoring import score, truth_values
from animcore.motion import Motion

FACE = reference_face.default()


def take(motion: Motion, name: str = "a.npz") -> loading.FaceTake:
    return loading.from_motion(motion, Path(name), FACE)


def test_a_take_judged_by_itself_is_perfect(performance):
    values = score(take(performance), [take(performance)], FACE).values
    for name in ("r_open", "r_open0", "r_width", "r_jaw", "closure_f1", "dynamics"):
        assert values[name] == pytest.approx(1), name
    for name in ("lag_ms", "lve_mm", "lve_mm2", "mve_mm", "fdd_mm2"):
        assert values[name] == pytest.approx(0, abs=1e-6), name
    assert values["jitter"] == pytest.approx(truth_values(take(performance), FACE)["jitter"])
    assert "diversity_mm" not in values


@pytest.mark.parametrize("rate", [Fraction(24), Fraction(24000, 1001), Fraction(60), Fraction(100)])
def test_another_frame_rate_costs_little(performance, speaking, rate):
    values = score(take(performance), [take(speaking(rate))], FACE).values
    assert values["r_open0"] > 0.995
    assert values["lve_mm"] < 0.4
    assert abs(values["lag_ms"]) <= 5


@settings(max_examples=15, deadline=None)
@given(st.floats(-0.2, 0.2), st.sampled_from([Fraction(25), Fraction(30000, 1001), Fraction(60)]))
def test_a_late_take_is_found_late(speaking, late, rate):
    values = score(take(speaking()), [take(speaking(rate, late=late))], FACE).values
    assert values["lag_ms"] == pytest.approx(1000 * late, abs=8)


def test_a_start_is_respected_and_can_be_ignored(performance):
    later = replace(performance, start=0.1)
    moved = score(take(performance), [take(later)], FACE).values
    assert moved["lag_ms"] == pytest.approx(100, abs=5)
    same = score(take(performance), [loading.from_zero(take(later))], FACE).values
    assert same["lag_ms"] == 0


def test_errors_in_millimetres_are_those_of_the_face():
    """An open jaw against a closed one: the same as adding the shape by hand."""
    weights = np.zeros((10, 52), np.float32)
    weights[:, ARKIT_INDEX["browInnerUp"]] = np.linspace(0, 0.02, 10)  # of both: a truth has brows
    still = Motion(Fraction(30), arkit=weights.copy())
    weights[:, ARKIT_INDEX["jawOpen"]] = 0.5
    verdict = score(take(still), [take(Motion(Fraction(30), arkit=weights))], FACE)
    with np.load(reference_face.BASIS) as basis:
        moves = 500 * basis["lip_delta"][ARKIT.index("jawOpen")]
        skin = 500 * basis["face_delta"][ARKIT.index("jawOpen")]
    largest = np.linalg.norm(moves, axis=1).max()
    assert largest > 10
    assert verdict.values["lve_mm"] == pytest.approx(largest, rel=1e-5)
    assert verdict.values["lve_mm2"] == pytest.approx(largest**2, rel=1e-5)
    assert verdict.values["mve_mm"] == pytest.approx(np.linalg.norm(skin, axis=1).mean(), rel=1e-5)
    assert verdict.error is not None
    assert verdict.error.shape == (10,)
    assert verdict.values["jitter"] == 0
    assert "lag_ms" not in verdict.values or math.isnan(verdict.values["lag_ms"])


def test_livelier_curves_have_higher_dynamics(performance):
    times = performance.times
    opening = 0.05 + 0.05 * np.sin(6 * times)
    truth = loading.FaceTake(Path("t.npz"), Fraction(30), opening, opening)
    quick = loading.FaceTake(Path("q.npz"), Fraction(30), 0.05 + 0.05 * np.sin(12 * times), opening)
    values = score(truth, [quick], FACE).values
    assert values["dynamics"] == pytest.approx(2, rel=0.03)
    assert values["r_width"] == pytest.approx(1)
    assert "lve_mm" not in values
    assert "jitter" not in values


def test_still_brows_show_as_a_positive_deviation(performance):
    weights = performance.arkit.copy()
    for side in ("Left", "Right"):
        weights[:, ARKIT_INDEX[f"browOuterUp{side}"]] = 0
    still = replace(performance, arkit=weights)
    values = score(take(performance), [take(still)], FACE).values
    assert values["fdd_mm2"] > 0.2
    assert values["lve_mm"] == pytest.approx(0, abs=1e-6)


def test_a_truth_without_brows_is_none_of_the_upper_face(performance):
    weights = performance.arkit.copy()
    weights[:, [index for name, index in ARKIT_INDEX.items() if name.startswith("brow")]] = 0.005
    verdict = score(take(replace(performance, arkit=weights), "mouth.npz"), [take(performance)], FACE)
    assert not {"fdd_mm2", "mve_mm"} & verdict.values.keys()
    assert verdict.values["lve_mm"] == pytest.approx(0, abs=0.2)
    assert any("The brows of mouth.npz never move" in note for note in verdict.notes)


def test_several_takes_are_averaged_and_told_apart(performance, speaking):
    others = [take(speaking(seed=seed)) for seed in (0, 1, 2)]
    values = score(take(performance), others, FACE).values
    single = [score(take(performance), [other], FACE).values["lve_mm"] for other in others]
    assert values["lve_mm"] == pytest.approx(np.mean(single))
    skins = [FACE.skin(other.weights) for other in others]
    pairs = [np.linalg.norm(skins[i] - skins[j], axis=2).mean() for i, j in ((0, 1), (0, 2), (1, 2))]
    assert values["diversity_mm"] == pytest.approx(np.mean(pairs), rel=1e-5)
    assert score(take(performance), [others[1]] * 2, FACE).values["diversity_mm"] == 0


def test_long_takes_are_judged_in_pieces(speaking):
    truth, other = speaking(seconds=20), speaking(seconds=20, seed=1)
    assert truth.frame_count > 2 * 256
    values = score(take(truth), [take(other)], FACE).values
    lips, true_lips = FACE.lips(other.arkit), FACE.lips(truth.arkit)
    distances = np.linalg.norm(lips - true_lips, axis=2).max(1)
    assert values["lve_mm"] == pytest.approx(distances.mean(), rel=1e-5)
    third = np.diff(lips.astype(np.float64), n=3, axis=0) * 30**3
    assert values["jitter"] == pytest.approx(np.sqrt(np.square(third).sum(2).mean()), rel=1e-3)


def test_a_take_that_ends_early_is_said_or_refused(performance):
    short = take(replace(performance, arkit=performance.arkit[:90]), "short.npz")
    verdict = score(take(performance), [short], FACE)
    assert "last pose held" in verdict.notes[0]
    stub = take(replace(performance, arkit=performance.arkit[:50]), "stub.npz")
    with pytest.raises(InputError, match=r"stub\.npz runs from 0\.00 to 1\.67 s"):
        score(take(performance), [stub], FACE)
    with pytest.raises(InputError, match="--from-zero"):
        score(take(performance), [take(replace(performance, start=40_000.0))], FACE)


def bad_files() -> dict[str, dict[str, np.ndarray]]:
    curve, fps = np.linspace(0, 1, 50), np.array(30.0)
    weights, names = np.zeros((50, 52)), np.array(ARKIT)
    return {
        "lengths": {"opening": curve, "width": curve[:-1], "fps": fps},
        "one frame": {"opening": curve[:1], "width": curve[:1], "fps": fps},
        "no face": {"opening": curve * np.nan, "width": curve * np.nan, "fps": fps},
        "no rate": {"opening": curve, "width": curve, "fps": np.array(0.0)},
        "NaN weights": {"arkit": weights * np.nan, "names": names, "fps": fps},
        "fewer names": {"arkit": weights, "names": names[:40], "fps": fps},
        "percent": {"arkit": weights + 80, "names": names, "fps": fps},
        "text": {"opening": np.array(["wide"] * 50), "width": curve, "fps": fps},
        "no time": {"opening": curve, "width": curve, "fps": fps, "start": np.array(np.nan)},
        "two rates": {"opening": curve, "width": curve, "fps": np.array([25.0, 30.0])},
        "infinite": {"opening": np.full(50, np.inf), "width": curve, "fps": fps},
        "something else": {"poses": curve},
        "pickled": {"opening": np.array([object()] * 50), "width": curve, "fps": fps},
    }


@pytest.mark.parametrize("kind", bad_files())
def test_what_cannot_be_judged_is_one_sentence(tmp_path, kind):
    path = tmp_path / "bad.npz"
    np.savez(path, **bad_files()[kind])
    with pytest.raises(InputError, match=r"bad\.npz"):
        loading.load(path, FACE)


def test_motions_without_a_face_are_refused(tmp_path):
    Motion(Fraction(30), head_pose=np.zeros((30, 3), np.float32)).save(tmp_path / "head.npz")
    with pytest.raises(InputError, match=r"head\.npz has no ARKit face weights"):
        loading.load(tmp_path / "head.npz", FACE)
    (tmp_path / "broken.npz").write_bytes(b"PK\3\4 and no more")
    with pytest.raises(InputError, match=r"broken\.npz"):
        loading.load(tmp_path / "broken.npz", FACE)
    with pytest.raises(InputError, match="is a folder"):
        loading.load(tmp_path, FACE)


def test_curves_are_matched_by_name(tmp_path, performance):
    order = np.random.default_rng(0).permutation(52)
    names = np.array([ARKIT[index][:1].upper() + ARKIT[index][1:] for index in order])
    np.savez(tmp_path / "a.npz", arkit=performance.arkit[:, order], names=names, fps=30.0)
    assert np.array_equal(loading.load(tmp_path / "a.npz", FACE).weights, performance.arkit)


def test_a_face_basis_that_is_none(tmp_path):
    np.savez(tmp_path / "basis.npz", names=np.array(ARKIT))
    with pytest.raises(InputError, match=r"basis\.npz is not a face basis"):
        reference_face.load(tmp_path / "basis.npz")


def test_files_find_each_other(tmp_path, performance):
    for name in (
        "truth/a.npz",
        "ours/a.npz",
        "ours/a.csv",
        "seeds/1/a.npz",
        "seeds/2/a.npz",
        "truth/a.flac",
        "truth/b.srt",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    assert list(file_pairing.truth_files(tmp_path / "truth")) == ["a"]
    assert file_pairing.takes_of(tmp_path / "ours", "a", False) == [tmp_path / "ours" / "a.npz"]
    assert len(file_pairing.takes_of(tmp_path / "seeds", "a", False)) == 2
    assert file_pairing.takes_of(tmp_path / "ours", "b", False) == []
    assert file_pairing.output_names([tmp_path / "ours" / "a.npz", tmp_path / "seeds/1/a.npz"], []) == ["ours/a", "1/a"]
    same = [tmp_path / "ours" / name for name in ("a.csv", "a.npz")]
    assert file_pairing.output_names(same, []) == ["a.csv", "a.npz"]
    with pytest.raises(InputError, match="one file for several"):
        file_pairing.takes_of(tmp_path / "ours" / "a.npz", "a", False)
    with pytest.raises(InputError, match="holds no truth"):
        file_pairing.truth_files(tmp_path / "seeds")


@pytest.mark.parametrize(("kind", "clip"), [("lips", "talkvid_Language_pt"), ("performance", "1114_2_04")])
def test_the_figures_are_those_of_the_projects_own_tool(shared, speaking, tmp_path, kind, clip):
    """An independent program on real data, with its own face basis."""
    length, rate = (121, 24) if kind == "lips" else (600, 30)
    speaking(Fraction(50), length / rate + 0.5).save(tmp_path / f"{clip}.npz")
    truth = tmp_path / "truth"
    truth.mkdir()
    with np.load(shared / "data" / kind / f"{clip}.npz") as data:
        np.savez(truth / f"{clip}.npz", **{k: v[:length] if v.ndim and len(v) > 200 else v for k, v in data.items()})
    tool = [sys.executable, shared / "tools" / "lip_sync_score.py", kind, tmp_path, "--truth", truth]
    subprocess.run([*tool, "--json", tmp_path / "score.json"], check=True, capture_output=True)
    wanted = json.loads((tmp_path / "score.json").read_text())["clips"][clip]
    basis = reference_face.load(shared / "tools" / "lip_basis.npz", up=2)
    loaded = [loading.load(folder / f"{clip}.npz", basis) for folder in (truth, tmp_path)]
    values = score(loaded[0], loaded[1:], basis).values
    for name, value in wanted.items():
        assert values[name] == pytest.approx(value, abs=2e-4), name
