"""Filters over time that move nothing earlier or later; frames go along the first axis, and ends are held."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from animcore.geometry import rotations

Array = NDArray[np.float64]
Given = NDArray[np.floating[Any]]
# Pose (T, 55, 3), translation (T, 3), what the block before leaves behind, and the frame at which the next one begins
# -> pose, translation, and the state for the next block.
Step = Callable[[Array, Array, Any, int], tuple[Array, Array, Any]]

_BLOCK, _MARGIN, _SEAM = 120.0, 8.0, 1.0  # seconds worked on at once, looked at around them, and mixed at a seam


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


def in_blocks(
    step: Step, pose: Given, translation: Given, rate: float, *, in_place: bool = False
) -> tuple[Given, Given]:
    """Return a motion changed block by block, so that hours need no more memory than minutes.

    A block sees some seconds more on either side than are kept of it; where two meet, one goes over into the other.

    Args:
        step: processes a block.
        pose: (T, 55, 3) axis-angle.
        translation: (T, 3).
        rate: frame rate.
        in_place: whether those given are changed, so that no second copy of a long motion is held.

    Returns:
        pose and translation in the types of those given.
    """
    count, size, margin, half = len(pose), *(round(seconds * rate) for seconds in (_BLOCK, _MARGIN, _SEAM / 2))
    if count <= size + 2 * margin:
        size = max(count, 1)
    done, moved = (pose, translation) if in_place else (np.array(pose), np.array(translation))
    before = done[:0], moved[:0]  # the start of the next block, as it was
    left: Any = None
    for first in range(0, count, size):
        begin, end = max(first - margin, 0), min(first + size + margin, count)
        block = np.array(done[begin:end], np.float64), np.array(moved[begin:end], np.float64)
        for values, was in zip(block, before, strict=True):
            values[: len(was)] = was
        turned, gone, left = step(*block, left, first + size - margin - begin)
        start, stop = max(first - half, 0), min(first + size + half, count)
        mixed = min(2 * half, stop - start) if first else 0
        share = smoothstep((np.arange(mixed) + 0.5) / max(mixed, 1))
        seam = slice(start, start + mixed)
        turned[start - begin : start - begin + mixed] = _between(
            done[seam], turned[seam.start - begin :][:mixed], share
        )
        gone[start - begin : start - begin + mixed] -= (gone[seam.start - begin :][:mixed] - moved[seam]) * (
            1 - share[:, None]
        )
        following = slice(max(first + size - margin, 0), stop)
        before = done[following].copy(), moved[following].copy()
        done[start:stop], moved[start:stop] = turned[start - begin : stop - begin], gone[start - begin : stop - begin]
    return done, moved


def _between(first: Given, second: Array, share: Array) -> Array:
    """(N, 55, 3) turns that share (N,) of the way from the first to the second."""
    turns = rotations.to_quaternion(first), rotations.to_quaternion(second)
    return rotations.from_quaternion(rotations.slerp(*turns, np.broadcast_to(share[:, None], second.shape[:2])))


def true_runs(marks: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Return the first frame of each run of true marks (T,), and the frame after its last."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], marks, [False]])))
    return [(int(start), int(end)) for start, end in edges.reshape(-1, 2)]


def drop_short_runs(marks: NDArray[np.bool_], frames: int) -> NDArray[np.bool_]:
    """Return the marks (T,) with gaps shorter than so many frames filled, and runs shorter than that left out."""
    marks = marks.copy()
    for start, end in true_runs(~marks):
        if end - start < frames and start > 0 and end < len(marks):
            marks[start:end] = True
    for start, end in true_runs(marks):
        if end - start < frames:
            marks[start:end] = False
    return marks


def smoothstep(share: NDArray[np.floating[Any]]) -> Array:
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
