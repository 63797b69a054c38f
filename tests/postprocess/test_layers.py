"""Hand edits on top of what is generated: kept exactly where nothing changed, and softly where something did."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from animcore.errors import InputError
from animcore.postprocess import edit_layers
from animcore.postprocess.region_smoothing import RegionAdjustment, adjust_region, smoothed

RATE = 25.0
CURVES = arrays(np.float32, (60, 3), elements=st.floats(-2, 2, width=32))


def edited(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A layer (60, 3) with a few spans."""
    random = np.random.default_rng(seed)
    layer = np.zeros((60, 3))
    for _ in range(random.integers(1, 4)):
        first, channel = random.integers(0, 50), random.integers(0, 3)
        layer[first : first + random.integers(1, 10), channel] = random.uniform(0.1, 0.5)
    return layer, np.abs(layer) > 0


@given(CURVES, CURVES)
@settings(max_examples=30, deadline=None)
def test_without_edits_the_new_solve_comes_as_it_is(old, new):
    layer = edit_layers.absorb(np.zeros_like(old), old, old)
    assert not layer.any()
    for mode in ("add", "replace"):
        np.testing.assert_array_equal(edit_layers.apply_layer(new, layer, old, RATE, mode), 0.0)


@given(CURVES, CURVES, st.integers(0, 999))
@settings(max_examples=30, deadline=None)
def test_edits_survive_a_new_solve(old, new, seed):
    hand, where = edited(seed)
    layer = edit_layers.absorb(np.zeros_like(hand), old + hand, old)
    np.testing.assert_allclose(layer, hand, atol=1e-6)
    np.testing.assert_allclose(edit_layers.apply_layer(new, layer, old, RATE, "add"), hand, atol=1e-6)
    placed = new + edit_layers.apply_layer(new, layer, old, RATE, "replace")
    np.testing.assert_allclose(placed[where], (old + hand)[where], atol=1e-5)
    still = edit_layers.presence(layer, RATE) == 0
    np.testing.assert_allclose(placed[still], new[still], atol=1e-6)


@given(CURVES, st.integers(0, 999), st.sampled_from(["add", "replace"]))
@settings(max_examples=30, deadline=None)
def test_the_same_solve_again_changes_nothing(old, seed, mode):
    hand, _ = edited(seed)
    np.testing.assert_allclose(edit_layers.apply_layer(old, hand, old, RATE, mode), hand, atol=1e-12)
    again = edit_layers.absorb(hand, old + hand, old + hand)
    np.testing.assert_array_equal(again, hand)


def test_a_replacing_edit_comes_and_goes_softly():
    old, new = np.zeros((100, 1)), np.ones((100, 1))
    hand = np.zeros((100, 1))
    hand[40:60] = -0.5
    placed = (new + edit_layers.apply_layer(new, hand, old, 50.0, "replace"))[:, 0]
    np.testing.assert_allclose(placed[40:60], -0.5)
    np.testing.assert_allclose(placed[[0, 30, 70, 99]], 1.0)
    ramp = placed[59:66]
    assert (np.diff(ramp) > 0).all(), "from the last edited frame on it goes over to the new curve, not in one step"
    assert 0.05 < placed[62] < 0.95


def test_spans_of_a_channel_are_joined_over_short_gaps():
    layer = np.zeros((100, 2))
    layer[[10, 11, 14, 60], 1] = 0.3
    assert edit_layers.spans(layer, RATE) == [edit_layers.EditSpan(1, 10, 14), edit_layers.EditSpan(1, 60, 60)]


def test_a_curve_that_is_gone_is_no_edit():
    written = np.ones((5, 1))
    assert not edit_layers.absorb(np.zeros((5, 1)), np.full((5, 1), np.nan), written).any()


def test_edits_move_to_another_frame_rate_by_their_seconds():
    times, wanted = np.arange(50) / 25, np.arange(120) / 48
    layer = np.zeros((50, 1))
    layer[20:30] = 1.0
    moved = edit_layers.resampled(layer, times, wanted, hold=False)
    assert moved[(wanted >= 0.8) & (wanted <= 1.16)].min() == pytest.approx(1.0)
    assert not moved[wanted > times[-1]].any()
    np.testing.assert_array_equal(edit_layers.resampled(layer, times, times, hold=True), layer)


def test_smoothing_keeps_the_mean_and_nothing_comes_late():
    values = np.zeros((101, 1))
    values[50] = 1.0
    result = smoothed(values, 4.0)[:, 0]
    assert result.sum() == pytest.approx(1.0)
    np.testing.assert_allclose(result, result[::-1], atol=1e-12)
    assert result[54] == pytest.approx(result[50] / 2, rel=1e-6), "half the height at half the width"


def test_exaggeration_from_rest_and_offset_in_milliseconds():
    values = np.tile(np.linspace(0.2, 0.4, 51)[:, None], 3)
    rest = np.array([0.0, 0.3, np.nan])
    result = adjust_region(values, rest, 50.0, RegionAdjustment(exaggeration=2.0))
    np.testing.assert_allclose(result, np.stack([2 * values[:, 0], 2 * values[:, 1] - 0.3, values[:, 2]], 1))
    late = adjust_region(values, rest, 50.0, RegionAdjustment(offset=100.0))
    np.testing.assert_allclose(late[5:], values[:-5], atol=1e-12)
    np.testing.assert_allclose(late[:5], values[0, 0])


@pytest.mark.parametrize(
    "wrong", [{"smoothing": -1}, {"exaggeration": 9}, {"offset": 5000}, {"smoothing": float("nan")}]
)
def test_a_touch_out_of_range_is_one_sentence(wrong):
    with pytest.raises(InputError, match="must lie within"):
        RegionAdjustment(**wrong)
