"""Filters over time that move nothing earlier or later; frames go along the first axis, and ends are held."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def smoothed(values: NDArray[np.floating[Any]], frames: float) -> Array:
    """Return (T, ...) values under a Gaussian of that standard deviation in frames.

    All its weights are positive, so that what lay between two limits stays there.
    """
    reach = int(np.ceil(4 * frames))
    if reach == 0 or len(values) < 2:
        return np.array(values, np.float64)
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / frames) ** 2)
    return _convolved(np.asarray(values, np.float64), kernel / kernel.sum())


def envelope(values: NDArray[np.floating[Any]], frames: int) -> Array:
    """Return a smooth curve (T,) that is nowhere below the values; it rises and falls within `frames` of a peak.

    The largest value within reach of each frame, under a window that reaches no farther: every value under the window
    is then at least as large as the one in its middle.
    """
    values = np.asarray(values, np.float64)
    if frames < 1 or len(values) < 2:
        return values.copy()
    padded = np.pad(values, frames, mode="edge")
    largest = np.lib.stride_tricks.sliding_window_view(padded, 2 * frames + 1).max(1)
    window = np.hanning(2 * frames + 3)[1:-1]
    return _convolved(largest, window / window.sum())


def runs(marks: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Return the first frame of each run of true marks (T,), and the frame after its last."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], marks, [False]])))
    return [(int(start), int(end)) for start, end in edges.reshape(-1, 2)]


def without_short(marks: NDArray[np.bool_], frames: int) -> NDArray[np.bool_]:
    """Return the marks (T,) with gaps shorter than so many frames filled, and runs shorter than that left out."""
    marks = marks.copy()
    for start, end in runs(~marks):
        if end - start < frames and start > 0 and end < len(marks):
            marks[start:end] = True
    for start, end in runs(marks):
        if end - start < frames:
            marks[start:end] = False
    return marks


def ease(share: NDArray[np.floating[Any]]) -> Array:
    """Return 0..1 for 0..1 with no speed and no acceleration at either end: the minimum-jerk curve of Flash and Hogan.

    "The coordination of arm movements", J. Neuroscience 1985. Shares outside are taken as the nearest end.
    """
    share = np.clip(np.asarray(share, np.float64), 0.0, 1.0)
    eased: Array = share**3 * (10 - 15 * share + 6 * share**2)
    return eased


def _convolved(values: Array, kernel: Array) -> Array:
    """(T, ...) under a symmetric kernel (2 R + 1,), by Fourier transforms."""
    reach = len(kernel) // 2
    flat = values.reshape(len(values), -1)
    padded = np.pad(flat, ((reach, reach), (0, 0)), mode="edge")
    size = _quick(len(padded) + 2 * reach)
    spectrum = np.fft.rfft(padded, size, axis=0) * np.fft.rfft(kernel, size)[:, None]
    result = np.fft.irfft(spectrum, size, axis=0)[2 * reach : 2 * reach + len(values)]
    return np.ascontiguousarray(result).reshape(values.shape)


def _quick(count: int) -> int:
    """The smallest length of 2, 3 and 5 alone from `count` on: others are transformed slowly."""
    best = 1 << (count - 1).bit_length()
    for threes in range(12):
        for fives in range(8):
            rest = 3**threes * 5**fives
            if rest < best:
                best = min(best, rest << max((count - 1) // rest, 0).bit_length())
    return best
