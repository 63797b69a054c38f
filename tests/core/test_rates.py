from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from animcore.core.frame_rates import exact_rate, frame_of_timecode, timecode
from animcore.errors import InputError


@pytest.mark.parametrize(
    ("written", "exact"),
    [
        ("24", Fraction(24)),
        (24, Fraction(24)),
        ("23.976", Fraction(24000, 1001)),
        (24 / 1.001, Fraction(24000, 1001)),
        ("23.98", Fraction(24000, 1001)),
        ("29.97", Fraction(30000, 1001)),
        (59.94, Fraction(60000, 1001)),
        ("30000/1001", Fraction(30000, 1001)),
        ("12.5", Fraction(25, 2)),
        (Fraction(25), Fraction(25)),
    ],
)
def test_what_people_write_becomes_exact(written, exact):
    assert exact_rate(written) == exact


@pytest.mark.parametrize("written", ["", "fast", "0", "-24", "nan", "inf", "1/0", "100000", float("nan"), None])
def test_what_is_no_rate_is_refused(written):
    with pytest.raises(InputError):
        exact_rate(written)


@given(
    frame=st.integers(0, 24 * 3600 * 24),
    rate=st.sampled_from([Fraction(24), Fraction(25), Fraction(60), Fraction(24000, 1001), Fraction(60000, 1001)]),
)
def test_timecodes_read_back_to_the_frame(frame, rate):
    assert frame_of_timecode(timecode(frame, rate), rate) == frame


def test_timecode_is_that_of_the_app():
    assert timecode(3_661 * 60 + 7, Fraction(60)) == "01:01:01:07.000"


@pytest.mark.parametrize("text", ["", "1:2:3", "a:b:c:d", "00:00:01.5", "0:0:0:0:0"])
def test_what_is_no_timecode_is_refused(text):
    with pytest.raises(InputError):
        frame_of_timecode(text, Fraction(30))
