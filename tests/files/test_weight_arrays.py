"""Plain arrays of ARKit weights are one kind of data: what judges, trains and exports reads them alike."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from animcore.cli.main import main
from animcore.core.vocabulary import ARKIT
from animcore.errors import InputError
from animcore.evaluation.face import loading, reference_face
from animcore.files import FORMATS, load_any
from animcore.files.animation_curves import FormatOptions
from animcore.files.export_and_verify import load
from animcore.motion import Motion

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "films" / "talking_head.npz"


@pytest.fixture
def plain(tmp_path) -> Path:
    """A real take as somebody else keeps it: other order, lower case, without two of the shapes, 29.97 fps."""
    weights = golden()
    order = np.random.default_rng(0).permutation(len(ARKIT))[:50]
    names = [ARKIT[index].lower() for index in order]
    np.savez(tmp_path / "line.npz", arkit=weights[:, order].astype(np.float64), names=names, fps=29.97, start=0.25)
    return tmp_path / "line.npz"


def golden() -> np.ndarray:
    with np.load(GOLDEN) as data:
        return np.clip(data["arkit"], 0, 1).astype(np.float32)


def test_judge_export_and_training_read_the_same(tmp_path, plain):
    name, motion, notes = load_any(plain)
    assert (name, motion.rate, motion.start, notes) == ("npz", Fraction(30000, 1001), 0.25, ())
    there = motion.arkit.any(0)
    np.testing.assert_array_equal(motion.arkit[:, there], golden()[:, there])
    judged = loading.load(plain, reference_face.default())
    np.testing.assert_array_equal(judged.weights, motion.arkit)
    assert main(["export", str(plain), "--out", str(tmp_path / "out"), "--format", "a2f-csv"]) == 0
    exported = load(tmp_path / "out" / "line.a2f.csv", FORMATS["a2f-csv"], FormatOptions(motion.rate))
    np.testing.assert_allclose(exported.arkit, motion.arkit, atol=1e-6)
    from animcore.training.faces import dataset_layouts

    (source,), _ = dataset_layouts.sources(plain.parent)
    curves = source.read(100, "arkit")
    np.testing.assert_array_equal(curves.values, motion.arkit)
    assert curves.fps == motion.fps


def test_weights_that_overshoot_are_cut_and_that_is_said(plain):
    np.savez(plain, arkit=np.array([[1.2, 0.3], [0.5, -0.1]] * 3), names=["jawOpen", "tongueOut"], fps=24)
    _, motion, notes = load_any(plain)
    assert notes == ("line.npz: weights reach -0.1 to 1.2; they were cut at 0 and 1.",)
    assert motion.arkit.max() == 1.0


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"names": ["jawOpen"]}, r"arkit has the shape \(4, 2\) for 1 names"),
        ({"names": ["Mouth", "Nose"]}, "none of its names is one of ARKit's"),
        ({"arkit": np.full((4, 2), 80.0)}, "weights must lie in 0..1"),
        ({"arkit": np.full((4, 2), np.nan)}, "not numbers"),
        ({"fps": 0.0}, "frame rate"),
        ({"start": np.inf}, "not a time to start at"),
        ({"arkit": np.array([["a", "b"]] * 4)}, "does not hold numbers"),
        ({"names": np.array([None, None])}, "names cannot be read"),
    ],
)
def test_what_is_wrong_is_one_sentence(plain, change, words):
    np.savez(plain, **{"arkit": np.zeros((4, 2)), "names": ["jawOpen", "mouthClose"], "fps": 30, **change})
    with pytest.raises(InputError, match=words):
        load(plain, FORMATS["npz"])


def test_a_motion_of_our_own_is_not_taken_for_one(tmp_path):
    Motion(Fraction(24), arkit=np.zeros((3, 52), np.float32)).save(tmp_path / "a.npz")
    assert load_any(tmp_path / "a.npz")[1].rate == 24
