"""The scene's exact frame rate out of what Blender stores."""

from __future__ import annotations

import struct
from fractions import Fraction

import pytest

from blender_addon.scene.frame_rates import exact_rate


def stored(value: float) -> float:
    """What a 32-bit float keeps of a value, as Blender does with `fps_base`."""
    return struct.unpack("f", struct.pack("f", value))[0]


@pytest.mark.parametrize(
    ("fps", "base", "expected"),
    [
        (24, 1.0, Fraction(24)),
        (25, 1.0, Fraction(25)),
        (30, 1.0, Fraction(30)),
        (48, 1.0, Fraction(48)),
        (60, 1.0, Fraction(60)),
        (24, 1.001, Fraction(24000, 1001)),
        (30, 1.001, Fraction(30000, 1001)),
        (60, 1.001, Fraction(60000, 1001)),
        (120, 1.001, Fraction(120000, 1001)),
        (24, 24 / 23.976, Fraction(23976, 1000)),
        (15, 1.5, Fraction(10)),
        (2997, 100.0, Fraction(2997, 100)),
        (1000, 33.3, Fraction(10000, 333)),
    ],
)
def test_the_fraction_that_was_meant(fps, base, expected):
    assert exact_rate(fps, stored(base)) == pytest.approx(expected, rel=1e-9)
    if base != 24 / 23.976:
        assert exact_rate(fps, stored(base)) == expected


def test_ten_minutes_of_ntsc_stay_in_step():
    rate = exact_rate(24, stored(1.001))
    frames = 600 * rate
    assert abs(float(frames / Fraction(24000, 1001)) - 600) < 1e-3
