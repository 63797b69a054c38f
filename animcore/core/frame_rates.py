"""Frame rates as exact fractions, from what people and programs write."""

from __future__ import annotations

from fractions import Fraction
from numbers import Real

from animcore.errors import InputError

FrameRate = str | float | Fraction  # as callers may give it: 30, 29.97, "24000/1001"

HIGHEST = 1000
_NTSC_BASES = (24, 30, 48, 60, 120)
_NTSC_TOLERANCE = 0.005  # 23.98, 23.976 and 23.97602 all mean 24000/1001


def exact_rate(value: FrameRate) -> Fraction:
    """Return a frame rate as a fraction: ``"23.976"`` -> 24000/1001, ``"25"`` -> 25, ``"30000/1001"`` as it stands.

    Raises:
        InputError: when it is no number or not within 1..1000.

    Examples:
        >>> exact_rate("23.976"), exact_rate(29.97), exact_rate(25)
        (Fraction(24000, 1001), Fraction(30000, 1001), Fraction(25, 1))
    """
    try:
        rate = Fraction(float(value) if _is_inexact(value) else value)
    except (ValueError, ZeroDivisionError, TypeError, OverflowError) as error:
        raise InputError(f"{value!r} is not a frame rate; write it as 24, 23.976 or 24000/1001.") from error
    if not 1 <= rate <= HIGHEST:
        raise InputError(f"The frame rate must lie between 1 and {HIGHEST}, not {value}.")
    if rate.denominator == 1:
        return rate
    for base in _NTSC_BASES:
        ntsc = Fraction(base * 1000, 1001)
        if abs(rate - ntsc) < _NTSC_TOLERANCE:
            return ntsc
    return rate.limit_denominator(1001)


def as_rate(value: FrameRate) -> Fraction:
    """Return a fraction as it is, anything else as `exact_rate` reads it.

    Raises:
        InputError: as `exact_rate` does.
    """
    return value if isinstance(value, Fraction) else exact_rate(value)


def _is_inexact(value: object) -> bool:
    """Whether it is a number of floating point, NumPy's among them, which `Fraction` does not take as they are."""
    return isinstance(value, Real) and not isinstance(value, int | Fraction)


def timecode(frame: float, rate: Fraction) -> str:
    """Return non-drop ``HH:MM:SS:FF.fff`` of a frame counted from 0; FF counts to the rounded rate (SMPTE 12M).

    Raises:
        InputError: for a frame before 0, which has no timecode.
    """
    if frame < 0:
        raise InputError(f"Frame {frame:g} is before 0, where no timecode is; let the file begin at 0 s.")
    seconds, thousandths = divmod(round(frame * 1000), round(rate) * 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02d}:{minutes:02d}:{seconds:02d}:{thousandths // 1000:02d}.{thousandths % 1000:03d}"


def frame_of_timecode(text: str, rate: Fraction) -> float:
    """Return the frame that ``HH:MM:SS:FF`` or ``HH:MM:SS:FF.fff`` names; the inverse of `timecode`.

    ``HH:MM:SS;FF`` is drop-frame: at 30000/1001 two numbers, at 60000/1001 four, are left out at the start of every
    minute but each tenth, so that the clock keeps up with the day (SMPTE 12M).

    Raises:
        InputError: when the text is no such timecode.
    """
    parts = text.replace(";", ":").split(":")
    try:
        hours, minutes, seconds = (int(part) for part in parts[:3])
        (frames,) = (float(part) for part in parts[3:])
    except ValueError as error:
        raise InputError(f"{text!r} is not a timecode of the kind HH:MM:SS:FF.") from error
    if min(hours, minutes, seconds, frames) < 0 or "-" in text:
        raise InputError(f"{text!r} is before midnight, which no timecode is; export it with a start of 0 or later.")
    minutes += hours * 60
    dropped = round(rate) // 15 * (minutes - minutes // 10) if ";" in text else 0
    return (minutes * 60 + seconds) * round(rate) + frames - dropped
