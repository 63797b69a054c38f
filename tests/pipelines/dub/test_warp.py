"""Flow, sampling and masks."""

from __future__ import annotations

import numpy as np
import pytest

from animcore.pipelines.dub import sampling, warp
from animcore.pipelines.dub.pixels import Box

BOX = Box(10, 20, 74, 68)


def points(count: int = 40) -> np.ndarray:
    return np.random.default_rng(1).uniform((10, 20), (74, 68), (count, 2))


def test_a_flow_carries_a_similarity_everywhere():
    own = points()
    turn = np.array([[0.98, -0.1], [0.1, 0.98]])
    flow = warp.Flow(own, BOX, 64.0)
    found = flow.sources(own @ turn.T + (3.0, -2.0) - own)
    assert np.abs(found - (flow.nodes @ turn.T + (3.0, -2.0))).max() < 1e-2


def test_a_flow_meets_its_points():
    own = points()
    displacement = np.random.default_rng(2).normal(0, 1.5, own.shape)
    flow = warp.Flow(own, Box(10, 20, 74, 68), 64.0)
    nearest = [np.abs(flow.nodes - place).sum(2).argmin() for place in own]
    found = flow.sources(displacement).reshape(-1, 2)[nearest] - flow.nodes.reshape(-1, 2)[nearest]
    assert np.corrcoef(found.ravel(), displacement.ravel())[0, 1] > 0.95


def test_sampling_with_and_without_numba_agree():
    pytest.importorskip("numba")
    random = np.random.default_rng(3)
    image = random.integers(0, 255, (30, 40, 3), np.uint8)
    nodes = random.uniform(-3, 35, (6, 7, 2)).astype(np.float32)
    mask = random.random((21, 25)) < 0.7
    quick = sampling.sampled(image, nodes, 5, mask)
    rows, columns = np.nonzero(mask)
    slow = sampling._between(nodes, rows / 5, columns / 5)
    slow = np.clip(slow, 0, (39, 29)).astype(np.float32)
    assert np.abs(quick[mask] - sampling._by_numpy(image, slow)).max() < 0.1
    assert not quick[~mask].any()


def test_what_is_known_is_kept_and_spread():
    values = np.full((16, 20, 1), 7.0, np.float32)
    weight = np.zeros((16, 20), np.float32)
    weight[3, 4] = weight[10, 15] = 1
    assert np.abs(sampling.filled(values * weight[..., None], weight) - 7).max() < 1e-3


def test_smoothing_keeps_the_mean_and_widens_a_point():
    image = np.zeros((41, 41), np.float32)
    image[20, 20] = 1
    found = sampling.smoothed(image, 3.0)
    rows = np.arange(41) - 20
    assert found.sum() == pytest.approx(1, abs=1e-3)
    assert np.sqrt((found.sum(1) * rows**2).sum()) == pytest.approx(3.0, rel=0.2)


def test_a_polygon_covers_its_area_and_fades_inwards():
    square = np.array([[20.0, 30.0], [60.0, 30.0], [60.0, 60.0], [20.0, 60.0]])
    mask = warp.inside(square, BOX)
    assert mask.sum() == 40 * 30
    alpha = warp.soft(mask, 6.0)
    assert not alpha[~mask].any()
    assert alpha[25, 30] == 1.0
    assert 0 < alpha[11, 30] < 1
    assert warp.grown(mask, 4).sum() > mask.sum()
