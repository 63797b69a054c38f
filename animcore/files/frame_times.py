"""Times in files, and the even frames of AnimationCurves: what rate a file has, and curves on another grid.

Files give the time of a frame in seconds (rounded to milliseconds by some), in timecodes, or not at all. It is
nearly always one of the usual rates, so the one is taken whose frames lie nearest to all the times: over ten minutes
24 and 24000/1001 differ by 14 frames.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from animcore.errors import InputError
from animcore.files.animation_curves import AnimationCurves, Array

Times = NDArray[np.float64]

_SPARSE, _PER_KEY = 200_000, 1000  # frames without a key that a file may claim, and with each key that it has
LONGEST = 2_000_000  # frames: nine hours at 60; a file that claims more is broken or means harm
_USUAL = tuple(Fraction(rate) for rate in (30, 60, 24, 25, 50, 48, 120, 15, 12, 10, 20, 90, 100, 240))
_NTSC = tuple(Fraction(base * 1000, 1001) for base in (24, 30, 60, 48, 120))
_ASSUMED = Fraction(30)  # of one frame alone, which has no rate
_ROUNDING = 0.1  # of a frame: times written in milliseconds at 60 FPS are off by 0.06
_EQUALLY_NEAR = 3.0  # of rates whose frames lie so many times as far off as the nearest, the usual one is taken


def to_even_frames(
    times: Times, columns: Mapping[str, Array], name: str, rate: Fraction | None = None, notes: tuple[str, ...] = ()
) -> AnimationCurves:
    """Put curves that were written at some times on even frames; frames that were dropped are interpolated.

    Args:
        times: (T,) seconds, rising.
        columns: name -> (T,) values at these times.
        name: of the file, for messages.
        rate: frame rate where it is known; else it is found from the times.
        notes: what was noticed already.

    Raises:
        InputError: when the times do not rise, or span more frames than any take has.
    """
    if not len(times):
        raise InputError(f"{name} has no frames.")
    if not np.isfinite(times).all() or (np.diff(times) <= 0).any():
        raise InputError(f"{name}: the times do not rise from frame to frame; export it again.")
    if rate is None:
        step = float(np.median(np.diff(times))) if len(times) > 1 else 1.0
        check_frame_count(int((times[-1] - times[0]) / step), name)
        rate, note = estimate_rate(times)
        notes = (*notes, note)
    frames = (times - times[0]) * float(rate)
    count = check_frame_count(round(frames[-1]) + 1, name)
    nearest = np.round(frames)
    if np.abs(frames - nearest).max() <= _ROUNDING and (np.diff(nearest) > 0).all():
        frames = nearest
    if len(frames) == count and (frames == np.arange(count)).all():
        return AnimationCurves(rate, float(times[0]), dict(columns), notes=notes)
    if len(frames) != count:
        notes = (*notes, f"{name} has {len(frames)} frames where {count} would be even: interpolated.")
    curves = {key: np.interp(np.arange(count), frames, values) for key, values in columns.items()}
    return AnimationCurves(rate, float(times[0]), curves, notes=notes)


def fill_gaps(
    times: Times, names: Sequence[str], values: NDArray[Any], name: str
) -> tuple[dict[str, Array], tuple[str, ...]]:
    """Return (T, K) values column by column, with NaN interpolated in time, and a sentence where some was.

    A column without any value is 0; a sentence says which.
    """
    gaps = np.isnan(values)
    empty = gaps.all(0)
    columns: dict[str, Array] = dict(zip(names, values.T, strict=True))
    for column in np.flatnonzero(gaps.any(0)):
        there = ~gaps[:, column]
        filled = np.interp(times, times[there], values[there, column]) if there.any() else np.zeros(len(times))
        columns[names[column]] = filled
    frames = int(gaps[:, ~empty].any(1).sum())
    said = f"{name}: {frames} frames have empty cells (the face was lost, or nothing written): interpolated."
    notes = [said] if frames else []
    if empty.any():
        bare = [column for column, nothing in zip(names, empty, strict=True) if nothing]
        listed = ", ".join(bare[:4]) + (f" and {len(bare) - 4} more" if len(bare) > 4 else "")
        notes.append(f"{name}: nothing is written in {listed}: read as 0.")
    return columns, tuple(notes)


def estimate_rate(times: Times) -> tuple[Fraction, str]:
    """Return the frame rate of times (T,) in seconds, and a sentence on how it was found."""
    if len(times) < 2:
        return _ASSUMED, f"One frame alone has no frame rate; {_ASSUMED} is assumed."
    since = times - times[0]
    step = float(np.median(np.diff(times)))
    likely = [rate for rate in (*_USUAL, *_NTSC) if 0.8 < step * float(rate) < 1.25]
    off = {rate: float(np.abs(since * float(rate) - np.round(since * float(rate))).max()) for rate in likely}
    best = min(off.values(), default=1.0)
    if best <= _ROUNDING:
        rate = next(rate for rate in likely if off[rate] <= max(best * _EQUALLY_NEAR, 1e-6))
    else:
        steps = np.diff(times)
        even_steps = steps[steps < 1.5 * step]  # without gaps
        rate = max(Fraction(1 / float(even_steps.mean())).limit_denominator(1001), Fraction(1, 1001))
    return rate, f"The frame rate was found from the times: {_spelled(rate)}."


def check_frame_count(count: int, name: str, keys: int | None = None) -> int:
    """Return the number of frames.

    Args:
        count: frames that the file claims.
        name: of the file.
        keys: that it has in all, where it has no value for every frame.

    Raises:
        InputError: when it is more than any take has, so that memory is not filled by a broken file.
    """
    if count > LONGEST or (keys is not None and count > _SPARSE + _PER_KEY * keys):
        raise InputError(f"{name} claims {count} frames, more than any take has; its times are broken.")
    return count


def resampled(animation: AnimationCurves, rate: Fraction) -> AnimationCurves:
    """Return the curves (T,) at every multiple of 1 / rate within its time, by linear interpolation.

    Frame 0 of files that count frames from 0 is second 0, so a start between two frames moves to the next one.
    """
    first = max(0, math.ceil(animation.start * float(rate) - 1e-6))
    end = animation.start + animation.frame_count / float(animation.rate)
    count = max(1, math.ceil(end * float(rate) - 1e-6) - first)
    old = animation.start + np.arange(animation.frame_count) / float(animation.rate)
    new = np.arange(first, first + count) / float(rate)
    if animation.rate == rate and len(new) == len(old) and np.abs(new - old).max() < 1e-6:
        return replace(animation, start=float(first / rate))
    curves = {name: np.interp(new, old, values) for name, values in animation.curves.items()}
    return replace(animation, rate=rate, start=float(first / rate), curves=curves)


def from_zero(animation: AnimationCurves, title: str) -> AnimationCurves:
    """Return the curves with their first frame at 0, with a note where it was elsewhere."""
    if animation.start == 0.0:
        return animation
    remark = f"{title} has no place for the time of the first frame ({animation.start:g} s): its frames count from 0."
    return replace(animation, start=0.0, lacks=(*animation.lacks, remark))


def keys(values: Array) -> NDArray[np.int64]:
    """Return the frames of a curve (T,) at which a key is needed: all but those amid a run of equal values."""
    same = values[1:] == values[:-1]
    needed = np.ones(len(values), bool)
    needed[1:-1] = ~(same[:-1] & same[1:])
    return np.flatnonzero(needed)


def _spelled(rate: Fraction) -> str:
    return str(rate) if rate.denominator == 1 else f"{float(rate):.3f} ({rate})"
