"""Bounded least squares against SciPy, and what a performance needs of it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from animcore.errors import InputError
from animcore.geometry.bounded_least_squares import solve_bounded

RANDOM = st.integers(0, 2**32 - 1).map(np.random.default_rng)


def system(random: np.random.Generator, rows: int, unknowns: int, frames: int) -> tuple[np.ndarray, np.ndarray]:
    """A matrix whose columns resemble each other, as the shapes of a mouth do, and targets beyond the bounds."""
    common = random.normal(size=(rows, 3)) @ random.normal(size=(3, unknowns))
    return common + 0.3 * random.normal(size=(rows, unknowns)), random.normal(size=(frames, rows)) * 5


@settings(max_examples=40, deadline=None)
@given(RANDOM, st.integers(1, 12), st.integers(1, 5))
def test_it_agrees_with_scipy(random, unknowns, frames):
    optimize = pytest.importorskip("scipy.optimize")
    matrix, targets = system(random, 20, unknowns, frames)
    low, high = -random.random(unknowns), random.random(unknowns)
    found = solve_bounded(matrix.T @ matrix, targets @ matrix, low, high)
    for answer, target in zip(found, targets, strict=True):
        expected = optimize.lsq_linear(matrix, target, (low, high), method="bvls", tol=1e-14, max_iter=1000)
        np.testing.assert_allclose(answer, expected.x, atol=1e-8)


@settings(max_examples=40, deadline=None)
@given(RANDOM, st.integers(2, 30))
def test_nothing_within_the_bounds_is_better(random, unknowns):
    """The slope points out of the box at every bound and vanishes inside: this is what the best answer means."""
    matrix, targets = system(random, 40, unknowns, 20)
    gram, right = matrix.T @ matrix, targets @ matrix
    low, high = np.zeros(unknowns), np.ones(unknowns)
    found = solve_bounded(gram, right, low, high, start=random.random(right.shape))
    slope = found @ gram - right
    assert ((found >= 0) & (found <= 1)).all()
    scale = np.abs(right).max()
    assert np.abs(slope[(found > 0) & (found < 1)]).max(initial=0.0) < 1e-7 * scale
    assert slope[found == 0].min(initial=0.0) > -1e-7 * scale
    assert slope[found == 1].max(initial=0.0) < 1e-7 * scale


@settings(max_examples=40, deadline=None)
@given(RANDOM)
def test_close_targets_give_close_answers(random):
    """Clipping at the bounds never makes two frames differ more than they do without bounds."""
    matrix, targets = system(random, 30, 10, 2)
    gram, right = matrix.T @ matrix, targets @ matrix
    first, second = solve_bounded(gram, right, np.zeros(10), np.ones(10))
    free = np.linalg.solve(gram, right[0] - right[1])
    moved = first - second
    assert moved @ gram @ moved <= free @ gram @ free * (1 + 1e-9)


def test_fixed_and_unbounded_variables():
    gram = np.array([[2.0, 1.0], [1.0, 2.0]])
    np.testing.assert_allclose(
        solve_bounded(gram, np.array([[3.0, 3.0]]), np.array([-np.inf, 0.25]), np.array([np.inf, 0.25])),
        [[1.375, 0.25]],
    )


def test_no_frames_and_no_variables():
    assert solve_bounded(np.eye(3), np.zeros((0, 3)), np.zeros(3), np.ones(3)).shape == (0, 3)
    assert solve_bounded(np.zeros((0, 0)), np.zeros((4, 0)), np.zeros(0), np.zeros(0)).shape == (4, 0)


@pytest.mark.parametrize(
    ("gram", "right", "low", "high", "words"),
    [
        (np.eye(2), np.zeros((1, 3)), np.zeros(2), np.ones(2), "cannot have"),
        (np.eye(2), np.full((1, 2), np.nan), np.zeros(2), np.ones(2), "not numbers"),
        (np.eye(2), np.zeros((1, 2)), np.ones(2), np.zeros(2), "lower bound"),
        (np.eye(2), np.zeros((1, 2)), np.full(2, np.nan), np.ones(2), "lower bound"),
        (np.ones((2, 2)), np.zeros((1, 2)), np.zeros(2), np.ones(2), "add a ridge"),
    ],
)
def test_what_cannot_be_solved_is_said(gram, right, low, high, words):
    with pytest.raises(InputError, match=words):
        solve_bounded(gram, right, low, high)
