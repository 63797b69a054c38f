"""Fewer keys: which frames of curves stay keys, so that the face moves as it did.

The order in which frames become keys is found once for all curves (the recursion of Ramer, 1972, and of Douglas and
Peucker, 1973, with cubic pieces in place of lines): in each piece of a curve the frame that is furthest off becomes the
next key. A slider then only cuts that order at another place, and takes as many keys as are asked for from where they
count most: errors of all curves are compared in millimetres of skin.

Pieces are Hermite cubics whose slopes are those of the full curve. With handles at a third of the way to the next key
a Bezier curve of an animation program is exactly that cubic.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from animcore.errors import InputError

Kind = Literal["bezier", "linear"]
Array = NDArray[np.float64]
Floats = NDArray[np.floating[Any]]
Mask = NDArray[np.bool_]
Frames = NDArray[np.int64]

FAINT = 1e-3  # millimetres; a frame that is less than this off needs no key


@dataclass(frozen=True)
class KeyOrder:
    """In which order the frames of curves become keys.

    Attributes:
        values: (T, C) the full curves.
        slopes: (T, C) their change a frame, at each frame; of the Hermite cubics.
        error: (T, C) millimetres; a frame is a key wherever less error than this is allowed. Infinite at both ends.
        kind: of the pieces between keys.
    """

    values: Array
    slopes: Array
    error: Array
    kind: Kind = "bezier"

    def keys(self, keys_per_second: float, rate: float) -> Mask:
        """Return (T, C) which frames are keys.

        Args:
            keys_per_second: keys a second and curve, on average over the curves that move; above 0.
            rate: frame rate.

        Raises:
            InputError: when fewer than no keys are asked for.
        """
        if not keys_per_second > 0:
            raise InputError(f"Keys per second must be above 0, not {keys_per_second:g}.")
        ends = np.isinf(self.error)
        moving = ((self.error > FAINT) & ~ends).any(0)
        budget = round(keys_per_second * len(self.values) / rate * int(moving.sum())) - int(ends[:, moving].sum())
        inner = np.sort(self.error[~ends])[::-1]
        least = inner[budget] if 0 <= budget < len(inner) else (FAINT if budget > 0 else np.inf)
        keys: Mask = ends | (self.error > max(float(least), FAINT))
        return keys

    def evaluated(self, keys: Mask) -> Array:
        """Return (T, C) what curves with these keys are on every frame."""
        frames = np.arange(len(keys))[:, None]
        before = np.maximum.accumulate(np.where(keys, frames, 0), 0)
        after = np.minimum.accumulate(np.where(keys, frames, len(keys) - 1)[::-1], 0)[::-1]
        first, last = (
            (np.take_along_axis(self.values, at, 0), np.take_along_axis(self.slopes, at, 0)) for at in (before, after)
        )
        result: Array = np.where(keys, self.values, _piece(frames - before, after - before, first, last, self.kind))
        return result


def key_order(values: Floats, importance: Floats, kind: Kind = "bezier") -> KeyOrder:
    """Find the order in which the frames of curves become keys.

    Args:
        values: (T, C) curves with a value on every frame.
        importance: (T, C) or (C,), millimetres that the skin moves per unit of the curve.
        kind: of the pieces between keys.

    Raises:
        InputError: when there are fewer than two frames, or values that are not numbers.
    """
    values = np.asarray(values, np.float64)
    if len(values) < 2 or not np.isfinite(values).all():
        raise InputError("Curves to be reduced need at least two frames, and numbers on all of them.")
    count, curves = values.shape
    slopes = np.gradient(values, axis=0, edge_order=2 if count > 2 else 1)
    weight = np.broadcast_to(np.asarray(importance, np.float64), values.shape)
    flat = (_in_a_row(values), _in_a_row(slopes), _in_a_row(weight))
    error = np.zeros(curves * count)
    first = np.arange(curves) * count
    error[first] = error[first + count - 1] = np.inf
    _split(flat, error, first, first + count - 1, kind)
    return KeyOrder(values, slopes, np.ascontiguousarray(error.reshape(curves, count).T), kind)


def _in_a_row(curves: Floats) -> Array:
    """Curves (T, C) one behind the other."""
    return np.ascontiguousarray(curves.T, np.float64).ravel()


def _split(curves: tuple[Array, Array, Array], error: Array, left: Frames, right: Frames, kind: Kind) -> None:
    """Fill `error` in place: all pieces (left, right) of one depth at once, all curves one behind the other.

    `curves` are values, slopes and importance.
    """
    values, slopes, weight = curves
    allowed = np.full(len(left), np.inf)
    while len(left := left[(open_ := right - left > 1)]):
        right, allowed = right[open_], allowed[open_]
        inside = right - left - 1
        starts = np.cumsum(inside) - inside
        piece = np.repeat(np.arange(len(left)), inside)
        place = np.arange(len(piece)) - starts[piece] + left[piece] + 1
        a, b = left[piece], right[piece]
        guess = _piece(place - a, b - a, (values[a], slopes[a]), (values[b], slopes[b]), kind)
        off = np.abs(values[place] - guess) * weight[place]
        worst = np.maximum.reduceat(off, starts)
        hits = np.flatnonzero(off == worst[piece])
        hits = hits[np.diff(piece[hits], prepend=-1) > 0]  # the first of each piece
        middle = place[hits]
        allowed = np.minimum(allowed, worst)  # a key never comes before the one that its piece began with
        error[middle] = allowed
        going = allowed > FAINT
        left, middle, right, allowed = left[going], middle[going], right[going], allowed[going]
        left, right, allowed = np.r_[left, middle], np.r_[middle, right], np.r_[allowed, allowed]


def _piece(step: Frames, length: Frames, first: tuple[Array, Array], last: tuple[Array, Array], kind: Kind) -> Array:
    """Values `step` frames behind the first key of pieces of `length` frames, whose keys have values and slopes."""
    (start, leaving), (end, arriving) = first, last
    t = step / np.maximum(length, 1)
    if kind == "linear":
        line: Array = start + t * (end - start)
        return line
    rest = 1.0 - t
    cubic: Array = (
        start * (1 + 2 * t) * rest * rest
        + end * (3 - 2 * t) * t * t
        + length * t * rest * (leaving * rest - arriving * t)
    )
    return cubic
