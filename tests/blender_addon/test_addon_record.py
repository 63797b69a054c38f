"""What is kept with an action comes back bit by bit, and broken bytes are one sentence."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from animcore.postprocess.region_smoothing import RegionAdjustment
from blender_addon.errors import AddonError
from blender_addon.takes.record import Curve, Record, Settings

FLOATS = st.floats(-1e6, 1e6, width=32)


def record(values: np.ndarray, layer: np.ndarray | None = None) -> Record:
    """A record of these curves (T, C)."""
    curves = tuple(
        Curve(f'key_blocks["{index}"].value', 0, "lips", 0.0, 0.0, 1.0, {"jawOpen": 1.0})
        for index in range(values.shape[1])
    )
    rate = Fraction(24000, 1001)
    return Record(rate, 0.5, rate, 101, curves, values, np.zeros_like(values) if layer is None else layer, values)


@given(arrays(np.float32, array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=30), elements=FLOATS), st.data())
@settings(max_examples=40, deadline=None)
def test_packed_and_back_bit_by_bit(values, data):
    layer = data.draw(arrays(np.float32, values.shape, elements=FLOATS))
    kept = record(values, layer)
    back = Record.unpacked(kept.packed())
    assert (back.rate, back.start, back.scene_rate, back.sound_frame) == (kept.rate, 0.5, kept.rate, 101)
    assert back.curves == kept.curves
    for name in ("generated", "layer", "written"):
        assert getattr(back, name).tobytes() == np.ascontiguousarray(getattr(kept, name) + 0.0).tobytes() or (
            np.array_equal(getattr(back, name), getattr(kept, name))
        )


@given(st.binary(max_size=400))
@settings(max_examples=100, deadline=None)
def test_broken_bytes_are_one_sentence(noise):
    good = record(np.ones((4, 2), np.float32)).packed()
    for data in (noise, good[: len(good) // 2] + noise, good[:-3]):
        with pytest.raises(AddonError, match="cannot be read"):
            Record.unpacked(data)


def test_exaggeration_stays_within_the_range_of_the_rig():
    values = np.linspace(0, 0.8, 20, dtype=np.float32)[:, None]
    shown = record(values).composed(Settings({"lips": RegionAdjustment(exaggeration=2.0)}))
    assert shown.max() == 1.0
    np.testing.assert_allclose(shown[:5], 2 * values[:5], atol=1e-6)


def test_an_edit_that_is_made_while_the_layer_shows_by_half_is_seen_as_it_was_made():
    values = np.zeros((10, 1), np.float32)
    layer = np.zeros((10, 1), np.float32)
    layer[5] = 0.4
    half = record(values, layer)
    half = Record(**{name: getattr(half, name) for name in Record.__dataclass_fields__} | {
        "shown": 0.5, "written": 0.5 * layer})  # fmt: skip
    current = 0.5 * layer.astype(float)
    current[7] = 0.1
    assert half.with_edits(current).composed(Settings(edits=0.5))[7, 0] == pytest.approx(0.1)
    np.testing.assert_array_equal(half.with_edits(0.5 * layer.astype(float)).layer, layer)
