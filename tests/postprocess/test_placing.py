"""Performances put onto the frames of a scene: exact offsets, and the part that is wanted."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from animcore.errors import InputError
from animcore.motion import Event, Motion
from animcore.postprocess.retiming import Retiming, retime

RATES = [Fraction(24), Fraction(25), Fraction(30), Fraction(24000, 1001), Fraction(30000, 1001), Fraction(60)]


def ramp(seconds: float = 4.0) -> Motion:
    """A motion whose jaw tells the time: 1 after ten seconds."""
    times = np.arange(round(50 * seconds)) / 50
    weights = np.zeros((len(times), 52), np.float32)
    weights[:, 17] = times / 10
    events = (Event("word", "well", 0.5, 1.0), Event("word", "then", 2.0, 3.0))
    return Motion(Fraction(50), arkit=weights, events=events)


@given(st.integers(-2000, 2000), st.sampled_from(RATES))
def test_every_frame_holds_what_was_there_at_its_time_less_the_offset(milliseconds, rate):
    offset = Fraction(milliseconds, 1000)
    moved = retime(ramp(), rate, Retiming(offset))
    frame = moved.start * rate
    assert float(frame) == pytest.approx(round(frame), abs=1e-6), "frames of the scene, not between them"
    told = moved.arkit[:, 17] * 10 + float(offset)
    inside = told < 3.97 + float(offset)  # the last frame holds
    np.testing.assert_allclose(told[inside], moved.times[inside], atol=1e-4)
    assert 0 <= moved.start - float(offset) < 1 / float(rate) + 1e-9


@given(st.floats(0, 3.5), st.floats(0.1, 3), st.sampled_from(RATES))
def test_a_part_is_the_same_as_in_the_whole(begin, length, rate):
    whole = ramp().resampled(rate)
    part = retime(ramp(), rate, Retiming(begin=begin, end=begin + length))
    first = round(part.start * rate)
    np.testing.assert_allclose(part.arkit, whole.arkit[first : first + part.frame_count], atol=1e-5)
    assert part.times[0] >= begin - 1e-6
    assert part.times[-1] <= begin + length + 1e-6
    assert part.times[-1] + 1 / float(rate) > min(begin + length, 4.0) - 1e-6


def test_without_a_place_it_is_resampled():
    plain, given_ = ramp().resampled(Fraction(30)), retime(ramp(), Fraction(30))
    np.testing.assert_array_equal(plain.arkit, given_.arkit)
    assert plain.events == given_.events


def test_events_go_along_and_are_cut():
    moved = retime(ramp(), Fraction(25), Retiming(Fraction(1, 4), 0.9, 2.5))
    assert [(one.label, round(one.start, 3), round(one.end, 3)) for one in moved.events] == [
        ("well", 0.92, 1.25), ("then", 2.25, 2.52),
    ]  # fmt: skip


def test_a_part_behind_the_end_is_refused():
    with pytest.raises(InputError, match="has ended"):
        retime(ramp(), Fraction(25), Retiming(begin=9.0, end=10.0))


@pytest.mark.parametrize("place", [{"begin": 2.0, "end": 1.0}, {"begin": -1.0}, {"offset": Fraction(99)}])
def test_impossible_places_are_refused(place):
    with pytest.raises(InputError):
        Retiming(**place)
