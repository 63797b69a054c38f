"""Fewer keys: the right ones, as many as asked for, and lips that seal as they did."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from animcore.core.vocabulary import ARKIT, ARKIT_INDEX
from animcore.errors import InputError
from animcore.postprocess import key_reduction, lip_closure
from animcore.retarget.reference_head import reference

RATE = 24.0


def curves(seed: int, count: int = 6, frames: int = 240) -> np.ndarray:
    """(T, C) smooth curves with a few sharp moments, in 0..1."""
    random = np.random.default_rng(seed)
    times = np.arange(frames)[:, None] / RATE
    waves = sum(np.sin(times * random.uniform(1, 14, count) + random.uniform(0, 6, count)) for _ in range(4)) / 4
    values = np.clip(0.5 + 0.5 * waves, 0, 1)
    values[random.integers(10, frames - 10, 3)] = 0.0
    return values


def mouth() -> lip_closure.LipGeometry:
    """The lips under all 52 shapes."""
    face = reference()
    upper, lower = face.lip_pairs.T
    moved = 1000.0 * face.delta[:, np.unique(face.lip_pairs)].astype(float)
    return lip_closure.LipGeometry(moved, 1000.0 * (face.delta[:, upper, 1] - face.delta[:, lower, 1]).astype(float))


def speech(frames: int = 480) -> np.ndarray:
    """(T, 52) a mouth that opens and is sealed for three frames every half second, as `mouthClose` does it."""
    values = np.zeros((frames, 52))
    times = np.arange(frames) / RATE
    values[:, ARKIT_INDEX["jawOpen"]] = 0.2 + 0.15 * np.sin(times * 9)
    values[:, ARKIT_INDEX["mouthSmileLeft"]] = 0.2 + 0.1 * np.sin(times * 5)
    values[:, ARKIT_INDEX["browInnerUp"]] = 0.3 + 0.2 * np.sin(times * 3)
    for start in range(5, frames - 3, 12):
        values[start : start + 3, ARKIT_INDEX["mouthClose"]] = values[start : start + 3, ARKIT_INDEX["jawOpen"]]
    return values


@given(st.integers(0, 10_000), st.sampled_from(["bezier", "linear"]), st.floats(1, 20))
@settings(max_examples=25, deadline=None)
def test_keys_are_on_the_curves_and_as_many_as_asked_for(seed, kind, wanted):
    values = curves(seed)
    order = key_reduction.key_order(values, np.full(6, 10.0), kind)
    keys = order.keys(wanted, RATE)
    assert keys[[0, -1]].all()
    assert keys.sum() <= max(wanted * 240 / RATE * 6 + 1, 12)
    result = order.evaluated(keys)
    np.testing.assert_array_equal(result[keys], values[keys])


@given(st.integers(0, 10_000), st.sampled_from(["bezier", "linear"]))
@settings(max_examples=15, deadline=None)
def test_more_keys_hold_the_fewer_and_all_keys_are_the_curve(seed, kind):
    values = curves(seed)
    order = key_reduction.key_order(values, np.full(6, 10.0), kind)
    few, more, every = (order.keys(count, RATE) for count in (3, 9, 24))
    assert not (few & ~more).any()
    assert not (more & ~every).any()
    np.testing.assert_allclose(order.evaluated(every), values, atol=1.1e-3 / 10)


def test_cubics_are_found_again_from_their_two_ends():
    t = np.linspace(0, 1, 50)[:, None]
    values = np.hstack([2 * t**3 - t**2, np.ones_like(t)])
    order = key_reduction.key_order(values, np.array([1.0, 1.0]))
    assert order.keys(0.01, RATE).sum() == 4
    assert np.abs(order.evaluated(order.keys(0.01, RATE)) - values).max() < 0.01


def test_keys_go_to_the_curves_that_count():
    values = np.repeat(curves(3, count=1), 2, axis=1)
    keys = key_reduction.key_order(values, np.array([10.0, 0.1])).keys(4, RATE)
    assert keys[:, 0].sum() > 3 * keys[:, 1].sum()


@pytest.mark.parametrize("kind", ["bezier", "linear"])
@pytest.mark.parametrize("per_second", [1, 3, 6])
def test_closures_stay_exact_at_any_number_of_keys(kind, per_second):
    values, face = speech(), mouth()
    sealed = face.sealed(values)
    assert 100 < sealed.sum() < 200
    order = key_reduction.key_order(values, face.importance(values, np.full(52, 2.0)), kind)
    keys = order.keys(per_second, RATE)
    result = order.evaluated(lip_closure.keep_sealed(order, keys, face))
    off = face.opening(result) - face.opening(values)
    assert np.abs(off[sealed]).max() <= lip_closure.EXACT + 1e-9


def test_closures_are_lost_without_that_care():
    values, face = speech(), mouth()
    order = key_reduction.key_order(values, np.full(52, 10.0))
    off = face.opening(order.evaluated(order.keys(1, RATE))) - face.opening(values)
    assert np.abs(off[face.sealed(values)]).max() > 1.0, "or the test above proves nothing"


def test_the_error_is_what_the_vertices_of_the_lips_do():
    face, head = mouth(), reference()
    values, other = speech(50), speech(50)
    other[20, ARKIT_INDEX["mouthSmileLeft"]] += 0.1
    lip = np.unique(head.lip_pairs)
    moved = np.linalg.norm(0.1 * head.delta[ARKIT.index("mouthSmileLeft"), lip], axis=1).max() * 1000
    assert face.error(values, other) == pytest.approx(moved, rel=1e-4)
    other[:] = values
    other[:, ARKIT_INDEX["browInnerUp"]] += 0.5
    assert face.error(values, other) == 0.0


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: key_reduction.key_order(np.zeros((1, 2)), np.ones(2)), "two frames"),
        (lambda: key_reduction.key_order(np.full((5, 2), np.nan), np.ones(2)), "numbers"),
        (lambda: key_reduction.key_order(np.zeros((5, 2)), np.ones(2)).keys(0, RATE), "above 0"),
    ],
)
def test_what_cannot_be_reduced_is_one_sentence(make, words):
    with pytest.raises(InputError, match=words):
        make()
