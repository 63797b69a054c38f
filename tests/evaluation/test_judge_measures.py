"""Each measure on inputs whose answer is known by hand, and what must not change it."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from animcore.evaluation.face import metrics

CURVES = arrays.arrays(np.float64, 60, elements=st.floats(0, 1, width=32)).filter(lambda curve: curve.std() > 1e-3)


def wave(times: np.ndarray) -> np.ndarray:
    """Return an opening that never repeats itself within three seconds."""
    return 0.5 + 0.3 * np.sin(9 * times) + 0.2 * np.sin(23 * times + 1)


def test_lip_distance_is_that_of_the_farthest_vertex():
    truth = np.zeros((2, 3, 3))
    lips = truth.copy()
    lips[0, 1] = (3, 4, 0)  # 5 away
    lips[0, 2] = (1, 0, 0)
    lips[1, 0] = (0, 0, 2)
    assert metrics.lip_distances(lips, truth).tolist() == [5, 2]
    assert metrics.vertex_distances(lips, truth).tolist() == [2, pytest.approx(2 / 3)]


def test_dynamics_deviation_says_which_moves_more():
    times = np.linspace(0, 1, 50)[:, None, None]
    brows = np.concatenate([np.sin(9 * times), np.zeros((50, 1, 2))], 2)  # one vertex that moves along x
    moves = metrics.activity(brows)
    assert moves.shape == (50, 1)
    assert moves[:, 0] == pytest.approx(np.sin(9 * times[:, 0, 0]) ** 2)
    still = np.zeros_like(moves)
    assert metrics.dynamics_deviation(still, moves) == pytest.approx(moves.std())
    assert metrics.dynamics_deviation(moves, still) == pytest.approx(-moves.std())
    assert metrics.dynamics_deviation(moves, moves) == 0


def test_jitter_is_the_third_derivative():
    times = np.arange(40) / 25
    cubic = np.stack([2 * times**3, 0 * times, 0 * times], 1)[:, None]
    assert metrics.jitter(cubic, 25) == pytest.approx(12)  # d3/dt3 of 2 t^3
    parabola = np.stack([times**2, times, 0 * times], 1)[:, None]
    assert metrics.jitter(parabola, 25) == pytest.approx(0, abs=1e-6)
    assert math.isnan(metrics.jitter(cubic[:3], 25))


def test_diversity_is_the_mean_over_pairs():
    takes = [np.full((4, 2, 3), value) * [1, 0, 0] for value in (0.0, 1.0, 3.0)]
    assert metrics.diversity(takes) == pytest.approx((1 + 3 + 2) / 3)
    assert metrics.diversity([takes[1], takes[1]]) == 0


def test_closures_counted_by_hand():
    truth = np.array([0.0, 0.01, 0.5, 1.0, 1.0, 0.02, 0.6, 0.8, 0.0, 1.0])  # closed at 0, 1, 5, 8
    guess = np.array([0.4, 0.00, 0.0, 1.0, 0.9, 0.00, 0.6, 0.8, 0.7, 1.0])  # closed at 1, 2, 5
    assert np.flatnonzero(metrics.closed(truth)).tolist() == [0, 1, 5, 8]
    assert metrics.closure_f1(guess, truth) == pytest.approx(2 * 2 / (4 + 3))


def test_frames_without_a_face_do_not_count():
    truth = wave(np.arange(60) / 30)
    lost = np.where(np.arange(60) % 7 == 0, np.nan, truth)
    assert metrics.correlation(truth, lost) == pytest.approx(1)
    assert metrics.closure_f1(truth, lost) == 1
    assert metrics.best_correlation(truth, lost) == pytest.approx(1)
    assert math.isnan(metrics.correlation(truth, np.full(60, np.nan)))


@pytest.mark.parametrize("late", [-0.2, -0.035, 0.0, 0.08, 0.25])
@pytest.mark.parametrize("fps", [24, 50])
def test_a_shifted_curve_gives_its_lag(late, fps):
    times, own = np.arange(90) / 30, np.arange(-20, 200) / fps
    assert metrics.lag(times, wave(times), own, wave(own - late)) == pytest.approx(late, abs=0.0051)


def test_there_is_no_lag_between_strangers():
    times = np.arange(300) / 30
    noise = np.random.default_rng(1).normal(size=(2, 300))
    assert math.isnan(metrics.lag(times, noise[0], times, noise[1]))
    assert math.isnan(metrics.lag(times, noise[0], times, np.ones(300)))


@given(CURVES, st.floats(0.1, 10), st.floats(-5, 5))
def test_scale_and_offset_change_no_correlation_and_no_dynamics(curve, scale, offset):
    other = np.random.default_rng(0).random(60)
    plain = metrics.correlation(curve, other)
    assert metrics.correlation(scale * curve + offset, other) == pytest.approx(plain, abs=1e-6)
    assert metrics.correlation(curve, other) == pytest.approx(metrics.correlation(other, curve))
    assert abs(plain) <= 1 + 1e-9
    assert metrics.liveliness(scale * curve + offset) == pytest.approx(metrics.liveliness(curve), rel=1e-4)


@given(CURVES, st.floats(0.1, 10))
def test_closures_do_not_depend_on_how_far_a_mouth_opens(curve, scale):
    other = np.random.default_rng(2).random(60)
    assert metrics.closure_f1(scale * curve, other) == pytest.approx(metrics.closure_f1(curve, other), abs=0.05)
    assert metrics.closure_f1(curve, curve) in (0, 1)


@given(CURVES)
def test_moving_within_reach_never_makes_it_worse(curve):
    other = np.random.default_rng(3).random(60)
    assert metrics.best_correlation(curve, other) >= metrics.correlation(curve, other) - 1e-12
    assert metrics.best_correlation(curve, np.roll(curve, 2)) >= metrics.correlation(curve[:-2], curve[:-2]) - 1e-9


@given(arrays.arrays(np.float64, (5, 4, 3), elements=st.floats(-10, 10, width=32)), st.floats(-3, 3))
def test_vertex_errors_do_not_see_where_the_head_is(vertices, move):
    other = np.random.default_rng(4).normal(size=(5, 4, 3))
    for measure in (metrics.lip_distances, metrics.vertex_distances):
        assert measure(vertices + move, other + move) == pytest.approx(measure(vertices, other), abs=1e-6)
        assert measure(vertices, other) == pytest.approx(measure(other, vertices))
        assert not measure(vertices, vertices).any()
    assert (metrics.lip_distances(vertices, other) >= metrics.vertex_distances(vertices, other) - 1e-12).all()
