"""Our trackers against MediaPipe itself, on the film of the tests; skipped where MediaPipe is not installed."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
pytest.importorskip("mediapipe")
IMAGES = 20


@pytest.fixture(scope="module")
def bench():
    sys.path.insert(0, str(ROOT / "benchmarks"))
    try:
        import trackers
    finally:
        sys.path.remove(str(ROOT / "benchmarks"))
    return trackers


@pytest.mark.parametrize("still", [True, False], ids=["still", "followed"])
def test_faces(bench, still):
    found = bench.compare("faces", still, [bench.FILM], IMAGES)
    away = np.concatenate(found.away)
    assert (found.images, found.disagreed, len(found.away)) == (IMAGES, 0, IMAGES)
    assert np.median(away) < (0.01 if still else 0.05)
    assert np.quantile(away, 0.95) < (0.1 if still else 0.3)


def test_masks(bench):
    found = bench.compare("masks", True, [bench.FILM], 5)
    assert np.concatenate(found.away).max() < 0.05
    assert np.concatenate(found.away).mean() < 1e-3


@pytest.mark.parametrize(("what", "points"), [("hands", 21), ("bodies", 33)])
def test_hands_and_bodies(bench, drawn_person, what, points):
    image = drawn_person[0]
    mine = bench.ours(what, True, 1)(image)
    with bench.mediapipes(what, True) as theirs:
        known = theirs(image)
    assert len(mine) == len(known) > 0
    for one, other in zip(mine, known, strict=True):
        assert one.shape == (points, 3)
        assert np.median(bench.distance(one, other)) < 0.05
        assert np.abs(one - other)[:, 2].max() < 1.0
