"""The nominal frame rate of a video: phones write a variable one."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

_USUAL = tuple(Fraction(rate) for rate in (12, 15, 24, 25, 30, 48, 50, 60, 90, 100, 120, 240)) + tuple(
    Fraction(base * 1000, 1001) for base in (24, 30, 60, 120)
)
_SLOWEST, _FASTEST = 8, 250  # FPS
NEAR = Fraction(4, 100)  # share of a rate by which the average of a video of a phone is off


def nominal_rate(stream: Any) -> tuple[tuple[int, int] | None, bool]:
    """Return FPS of a video stream, as numerator and denominator, and whether that is only nominal.

    An average that is a usual rate is exact. One that is not (30.144) comes of a variable rate: the nominal rate is
    then what the file names, or the usual rate nearest to the average; None where there is none near.
    """
    average, named = stream.average_rate, stream.guessed_rate
    average = Fraction(average or 0)
    if not _SLOWEST <= average <= _FASTEST:  # an image that stands still, or no rate at all
        return None, False
    if average in _USUAL:
        return (average.numerator, average.denominator), False
    if named and Fraction(named) in _USUAL:
        return (named.numerator, named.denominator), True
    if named == average:
        return (average.numerator, average.denominator), False
    nearest = min(_USUAL, key=lambda rate: abs(rate - average))
    near = abs(nearest - average) < NEAR * average
    return ((nearest.numerator, nearest.denominator) if near else None), True
