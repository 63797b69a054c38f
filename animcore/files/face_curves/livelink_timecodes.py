"""When the rows of a Live Link Face CSV are: timecodes as many programs write them, and what rate they mean.

Epic's app counts frames and their fractions by the clock of the phone. Others write a counter where the fraction
should be (Face_Landmark_Link: ``HH:MM:SS:FF.nnn``, nnn the number of the frame modulo 1000), count to 60 what was
captured at 30, write a timecode twice or rows in another order.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from animcore.core.frame_rates import exact_rate, frame_of_timecode
from animcore.errors import InputError
from animcore.files.frame_times import estimate_rate

Frames = NDArray[np.float64]

_USUAL = Fraction(60)  # of the app, for recordings too short to show theirs
_COUNTED = tuple(Fraction(rate) for rate in (24, 25, 30, 48, 50, 60, 100, 120, 240))
_NTSC = Fraction(1000, 1001)
_WHOLE_RATES = tuple(Fraction(rate) for rate in (30, 60, 24, 25, 50, 48, 120, 15, 20, 10, 12, 90, 100, 240))
_USUAL_RATES = (*_WHOLE_RATES, *(rate * _NTSC for rate in _WHOLE_RATES))
_DAY = 24 * 60 * 60  # seconds; a take over midnight begins again at 0
_COUNTER = 1000
_CLOCK = re.compile(r"(\d+:\d\d:)?\d+\.\d{3,}")
_SWAPPED = 0.5  # seconds: rows that fall back by less have changed places; by more, another recording begins
_NEARLY_ALL = 0.97  # of the steps
_ALIKE = 0.02  # of a frame: steps that differ by less are the same
_SAME = 0.01  # of a frame: fractions that differ by less are one
_SAME_RATE = 5e-4


@dataclass(frozen=True)
class RowTimes:
    """When the rows are.

    Attributes:
        order: (N,) the rows that count, in the order of time.
        seconds: (N,) rising.
        rate: frame rate of the recording.
        notes: a sentence for each thing that was noticed.
    """

    order: NDArray[np.int64]
    seconds: Frames
    rate: Fraction
    notes: tuple[str, ...]


def times_of(codes: Sequence[str], name: str, rate: Fraction | None) -> RowTimes:
    """Read the timecodes of a recording.

    Args:
        codes: one a row.
        name: of the file, for messages.
        rate: frame rate where it is known.

    Raises:
        InputError: where one is no timecode, or they fall back as if another recording began.
    """
    codes = [code.replace(",", ".").strip() for code in codes]
    if all(_CLOCK.fullmatch(code) for code in codes):
        return _clocked(codes, name, rate)
    seconds, within = _parts(codes, name)
    count = _counter(seconds, within)
    if count is not None:
        index, bounds = count
        found = rate or _of_video(*bounds)
        remark = (
            f"{name}: its timecodes number the frames as Face_Landmark_Link does; they count at {float(found):g} fps."
        )
        return RowTimes(np.arange(len(index)), index / float(found), found, (remark,))
    drop = any(";" in code for code in codes)
    counts_to = _counts_to(seconds, within, drop, rate)
    frames = np.array([frame_of_timecode(code, counts_to) for code in codes])
    day = _DAY * round(counts_to)
    frames[np.cumsum(np.diff(frames, prepend=frames[:1]) < -day / 2) > 0] += day
    order, notes = _sorted(frames, counts_to, name)
    order, frames, more = _apart(order, frames[order], name)
    frames, found = (frames, rate) if rate else _even(frames, counts_to)
    if rate is None:
        more = (f"The frame rate was found from the timecodes: {float(found):g} frames per second.", *more)
    return RowTimes(order, frames / float(counts_to), found, (*more, *notes))


def _clocked(codes: Sequence[str], name: str, rate: Fraction | None) -> RowTimes:
    """Times written in seconds, or as a clock with a fraction of the second, instead of frames."""
    fields = ([float(part) for part in code.split(":")] for code in codes)
    written = np.array([sum(part * 60**power for power, part in enumerate(reversed(parts))) for parts in fields])
    seconds, order = np.unique(written, return_index=True)
    remark = f"{name}: its timecodes are seconds, not frames."
    left = len(written) - len(seconds)
    more = (f"{name}: {left} rows repeat a time; they were left out.",) if left else ()
    found, how = estimate_rate(seconds)
    return RowTimes(order, seconds, rate or found, (*((how,) if rate is None else ()), remark, *more))


def _parts(codes: Sequence[str], name: str) -> tuple[Frames, Frames]:
    """Whole seconds of the day and the number of the frame within its second, of timecodes."""
    frames: Frames = np.zeros(len(codes))
    for index, code in enumerate(codes):
        try:
            frames[index] = frame_of_timecode(code.replace(";", ":"), Fraction(_DAY))
        except InputError as error:
            raise InputError(f"{name}, row {index + 2}: {error}") from error
    return np.floor_divide(frames, _DAY), np.mod(frames, _DAY)


def _counter(seconds: Frames, within: Frames) -> tuple[Frames, tuple[float, float]] | None:
    """Numbers of the frames where the fractions count them, and the bounds of the rate that the clock leaves open."""
    counter = np.round((within % 1) * _COUNTER)
    steps = np.diff(counter) % _COUNTER
    if len(counter) < 3 or not (steps > 0).all() or np.median(steps) != 1:
        return None
    index = counter[0] + np.concatenate([[0], np.cumsum(steps)])
    least = float((index / (seconds + 1)).max())
    most = float((index[seconds > 0] / seconds[seconds > 0]).min(initial=max(_COUNTED)))
    return (index, (least, most)) if least <= most * (1 + 1e-9) else None


def _of_video(least: float, most: float) -> Fraction:
    """The usual rate within bounds, or the middle of them."""
    near = 1e-9 * most
    middle = exact_rate(Fraction((least + most) / 2).limit_denominator(1001)) if least >= 1 else _WHOLE_RATES[0]
    return next((rate for rate in _USUAL_RATES if least - near <= rate <= most + near), middle)


def _counts_to(seconds: Frames, within: Frames, drop: bool, rate: Fraction | None) -> Fraction:
    """The rate that timecodes count to: the one that makes even steps out of them, at the turn of seconds above all."""
    largest = float(within.max())
    if rate is not None and largest < round(rate):
        return rate
    likely = [one for one in _COUNTED if one > largest] or [_USUAL]
    if drop:  # nothing below 30 is ever drop-frame, and the numbers it leaves out do not depend on the rate
        return max(likely[0], Fraction(30)) * _NTSC
    uneven = {}
    for one in likely:
        steps = np.diff(seconds * float(one) + within)
        uneven[one] = float(np.abs(steps - np.median(steps)).mean()) if len(steps) else 0.0
    best = min(uneven.values())
    equal = [one for one in likely if uneven[one] <= best + 1e-9]
    return _USUAL if _USUAL in equal else equal[0]


def _sorted(frames: Frames, rate: Fraction, name: str) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    fallen = np.maximum.accumulate(frames) - frames if len(frames) else frames
    if fallen.max(initial=0.0) > _SWAPPED * float(rate):
        raise InputError(
            f"{name}: the timecodes do not rise in row {int(fallen.argmax()) + 2}; "
            "cut the file there if another recording begins."
        )
    if not fallen.any():
        return np.arange(len(frames)), ()
    rows = int((fallen > 0).sum())
    return np.argsort(frames, kind="stable"), (f"{name}: {rows} rows were not in the order of time; they were sorted.",)


def _apart(order: NDArray[np.int64], frames: Frames, name: str) -> tuple[NDArray[np.int64], Frames, tuple[str, ...]]:
    """Rows of which no two have one time.

    Where most timecodes stand several times, their rows share the frame evenly. Else the second row goes to the next
    frame where that is free, and is left out where it is not.
    """
    unique, first, counts = np.unique(frames, return_index=True, return_counts=True)
    if len(unique) == len(frames):
        return order, frames, ()
    if len(unique) == 1:
        raise InputError(f"{name}: every row has the same timecode, so their times are unknown; export it again.")
    step = float(np.median(np.diff(unique)))
    place = np.arange(len(frames)) - np.repeat(first, counts)  # of each row among those of its timecode
    usual = int(np.median(counts))
    if usual > 1:
        good = place < usual
        remark = (
            f"{name}: each timecode stands {usual} times, so its rows were put evenly into the time to the next one."
        )
        return order[good], (frames + place * step / usual)[good], (remark,)
    free = np.append(np.diff(unique), np.inf)[np.repeat(np.arange(len(unique)), counts)] > 1.5 * step
    good = (place == 0) | ((place == 1) & free)
    left = int((~good).sum())
    moved = int(good.sum()) - len(unique)
    remark = f"{name}: timecodes are repeated; {moved} rows were moved to the free frame after, {left} left out."
    return order[good], (frames + place * step)[good], (remark,)


def _even(frames: Frames, rate: Fraction) -> tuple[Frames, Fraction]:
    """Frames without the jitter of their fractions, and the rate of the recording, which is not always that counted."""
    if len(frames) < 2:
        return frames, rate
    steps = np.diff(frames)
    step = float(np.median(steps))
    alike = steps[np.abs(steps - step) < _ALIKE]
    if abs(step - round(step)) > _ALIKE and len(alike) >= _NEARLY_ALL * len(steps):
        usual = _usual(float(rate) / float(alike.mean()))
        if usual is not None:
            return frames, usual
    whole = np.floor(frames + 1e-6)
    steps = np.diff(whole)
    step = float(np.median(steps))
    if np.mean(steps == step) < _NEARLY_ALL and (slower := _slower(whole, rate)):
        return slower
    if step < 1 or np.mean((steps > 0) & (steps % step == 0)) < _NEARLY_ALL:
        return frames, rate
    parts = frames - whole
    return whole + (parts[0] if np.ptp(parts) < _SAME else 0.0), rate / round(step)


def _slower(whole: Frames, rate: Fraction) -> tuple[Frames, Fraction] | None:
    """The even frames of a slower recording whose times were rounded to the frames that the clock counts.

    None where no usual rate rounds to them within a frame, or where there is less than a second of them.
    """
    within = {}
    for one in (usual for usual in _USUAL_RATES if usual < rate <= len(whole)):
        off = whole - np.arange(len(whole)) * float(rate / one)
        within[one] = float(np.ptp(off)), float(off.min())
    best = min(within, key=lambda one: within[one][0], default=None)
    if best is None or within[best][0] > 1 + _ALIKE:
        return None
    return within[best][1] + np.arange(len(whole)) * float(rate / best), best


def _usual(rate: float) -> Fraction | None:
    nearest = min(_USUAL_RATES, key=lambda one: abs(float(one) - rate))
    return nearest if abs(float(nearest) / rate - 1) < _SAME_RATE else None
