"""Puts a performance onto the frames of a scene: later or earlier than its audio, and only the part that is wanted."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from animcore.errors import InputError
from animcore.motion import Event, Motion

_LONGEST = 60  # seconds that a face may be apart from its audio
_ROUNDING = Fraction(1, 10**6)  # of a frame that a time in seconds may be off it


@dataclass(frozen=True)
class Retiming:
    """Where a performance is to be.

    Attributes:
        offset: seconds that it is later than the audio, exact; below 0 it is earlier.
        begin, end: the part of the audio that is wanted, in seconds; None for all of it before or after.
    """

    offset: Fraction = Fraction(0)
    begin: float | None = None
    end: float | None = None

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            InputError: where one of them is wrong.
        """
        if abs(self.offset) > _LONGEST:
            raise InputError(
                f"The face can be {_LONGEST} s apart from its audio at most, not {float(self.offset):g} s."
            )
        times = [one for one in (self.begin, self.end) if one is not None]
        if not all(isinstance(one, int | float) and math.isfinite(one) and one >= 0 for one in times):
            raise InputError(f"The part that is wanted begins and ends at seconds of the audio, not at {times}.")
        if self.end is not None and self.end <= (self.begin or 0.0):
            raise InputError(f"The part that is wanted must end after it begins, not at {self.end:g} s.")


WHOLE = Retiming()


def retime(motion: Motion, rate: Fraction, place: Retiming = WHOLE) -> Motion:
    """Return a motion at another rate, its frames at whole multiples of 1 / rate seconds of the audio.

    An offset that is no whole number of frames moves the performance between them: nothing is rounded.

    Raises:
        InputError: where nothing of the motion lies in the part that is wanted.
    """
    if place == WHOLE or not motion.frame_count:
        return motion.resampled(rate)
    start = Fraction(motion.start).limit_denominator(10**6) + place.offset
    end = start + motion.frame_count / motion.rate
    wanted = start if place.begin is None else max(start, Fraction(place.begin))
    first = math.ceil(wanted * rate - _ROUNDING)
    last = math.ceil(end * rate - _ROUNDING) - 1
    if place.end is not None:
        last = min(last, math.floor(Fraction(place.end) * rate + _ROUNDING))
    if last < first:
        raise InputError("The voice has ended where the marked range begins; mark another part.")
    own = float(motion.rate)
    position = np.arange(first, last + 1) * (own / float(rate)) - float(start) * own
    moved = motion.sampled(position, rate, float(first / rate))
    shown = (first / rate, (last + 1) / rate)
    kept = (_cut(event, float(place.offset), shown) for event in motion.events)
    return replace(moved, events=tuple(event for event in kept if event is not None))


def _cut(event: Event, offset: float, shown: tuple[Fraction, Fraction]) -> Event | None:
    """The part of an event that is shown; None where nothing is."""
    begin, end = max(event.start + offset, float(shown[0])), min(event.end + offset, float(shown[1]))
    return Event(event.kind, event.label, begin, end) if end >= begin else None
