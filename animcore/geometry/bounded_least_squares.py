"""Bounded least squares for many frames at once: the weights within their ranges that come nearest to the target.

Every frame has the same unknowns and the same quadratic part, so one solver serves them all together. It exchanges
variables between "free" and "at a bound" in blocks until every sign is right, which is exact to rounding and takes a
handful of rounds (block principal pivoting: Portugal, Judice and Vicente 1994, "A comparison of block pivoting and
interior-point algorithms for linear least squares problems with nonnegative variables"; Kim and Park 2011, "Fast
nonnegative matrix factorization", SIAM J. Sci. Comput. 33; here with two bounds). A frame that goes in circles there
is finished by the classical active-set descent, which cannot.

The answer is the projection of the unbounded answer on the box, measured in the norm of the quadratic part. A
projection never carries two points farther apart: what moves smoothly from frame to frame stays smooth.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from animcore.errors import InputError

FloatArray = NDArray[np.float64]

TOLERANCE = 1e-9  # of the signs, relative to the size of the terms
_ENTRIES = 4_000_000  # numbers in the matrices that are solved at a time: 32 MB
_PATIENCE = 3  # exchanges in blocks that may fail to help before a frame goes on one variable at a time
_MOST_EXCHANGES = 20  # single exchanges a variable; the descent ends long before, unless rounding makes it circle


def solve_bounded(
    gram: NDArray[np.floating[Any]],
    right: NDArray[np.floating[Any]],
    low: NDArray[np.floating[Any]],
    high: NDArray[np.floating[Any]],
    start: NDArray[np.floating[Any]] | None = None,
) -> FloatArray:
    """Return the w of each frame that makes ``1/2 w' gram w - right' w`` least within the bounds.

    For ``min |A w - y|^2 + ridge |w|^2`` give ``gram = A'A + ridge I`` and ``right = A'y``.

    Args:
        gram: (K, K) symmetric and positive definite; a ridge makes it so, and the answer unique.
        right: (T, K) one right-hand side a frame.
        low: (K,) lower bounds of the variables; may be infinite.
        high: (K,) upper bounds; may be infinite.
        start: (T, K) a guess, whose variables at the bounds are tried first; None starts from the unbounded answer.

    Returns:
        (T, K) float64, exact to rounding.

    Raises:
        InputError: where the shapes do not fit, numbers are not finite, a lower bound lies above its upper one, or
            `gram` is not positive definite.
    """
    gram, right = np.asarray(gram, np.float64), np.asarray(right, np.float64)
    low, high = np.asarray(low, np.float64), np.asarray(high, np.float64)
    _check(gram, right, low, high)
    if right.size == 0:
        return np.zeros(right.shape)
    guess = np.linalg.solve(gram, right.T).T if start is None else np.asarray(start, np.float64)
    states = _touching(guess, low, high)  # -1 at the lower bound, 0 free, 1 at the upper bound
    answer = np.empty_like(right)
    piece = max(1, _ENTRIES // len(gram) ** 2)
    for first in range(0, len(right), piece):
        part = slice(first, first + piece)
        answer[part] = _exchange(gram, right[part], low, high, states[part])
    return answer


def _check(gram: FloatArray, right: FloatArray, low: FloatArray, high: FloatArray) -> None:
    count = len(low)
    if gram.shape != (count, count) or right.ndim != 2 or right.shape[1] != count or high.shape != (count,):
        raise InputError(
            f"A system of {count} variables cannot have a matrix {gram.shape}, right-hand sides {right.shape} and "
            f"{len(high)} upper bounds."
        )
    if not (np.isfinite(gram).all() and np.isfinite(right).all()):
        raise InputError("The system to be solved holds values that are not numbers (NaN or infinite).")
    if not (low <= high).all():
        raise InputError("A lower bound lies above its upper bound, or is not a number.")
    try:
        np.linalg.cholesky(gram)
    except np.linalg.LinAlgError as error:
        raise InputError("The system to be solved has no unique answer; add a ridge.") from error


def _exchange(
    gram: FloatArray, right: FloatArray, low: FloatArray, high: FloatArray, states: NDArray[np.int8]
) -> FloatArray:
    """(T, K) answers for some frames, from the states (T, K) tried first, by exchanging all wrong ones at once."""
    answer = np.empty_like(right)
    left = np.arange(len(right))
    fewest = np.full(len(right), right.shape[1] + 1)
    patience = np.full(len(right), _PATIENCE)
    stuck: list[NDArray[np.intp]] = []
    while len(left):
        values = _on_face(gram, right[left], low, high, states[left])
        answer[left] = np.clip(values, low, high)
        free = states[left] == 0
        wanted = np.where(free, _beyond(values, low, high), 0).astype(np.int8)
        wrong = np.where(free, wanted != 0, _release(gram, values, right[left], states[left], low, high) > 0)
        amount = wrong.sum(1)
        better = amount < fewest[left]
        fewest[left] = np.minimum(fewest[left], amount)
        patience[left] = np.where(better, _PATIENCE, patience[left] - 1)
        states[left] = np.where(wrong, wanted, states[left])
        stuck.append(left[(amount > 0) & (patience[left] < 0)])
        left = left[(amount > 0) & (patience[left] >= 0)]
    rest = np.concatenate(stuck) if stuck else left
    if len(rest):
        answer[rest] = _descend(gram, right[rest], low, high, answer[rest])
    return answer


def _descend(gram: FloatArray, right: FloatArray, low: FloatArray, high: FloatArray, values: FloatArray) -> FloatArray:
    """(T, K) answers from values within the bounds, one exchange a round: slower, and sure to end."""
    answer = values.copy()
    states = _touching(answer, low, high)
    left = np.arange(len(right))
    for _ in range(_MOST_EXCHANGES * right.shape[1]):
        now, state = answer[left], states[left]
        way = _on_face(gram, right[left], low, high, state) - now
        with np.errstate(divide="ignore", invalid="ignore"):
            room = np.where(way > 0, (high - now) / way, np.where(way < 0, (low - now) / way, np.inf))
        room[state != 0] = np.inf
        nearest = room.argmin(1)
        every = np.arange(len(left))
        share = np.clip(room[every, nearest], 0.0, 1.0)
        answer[left] = np.clip(now + share[:, None] * way, low, high)
        blocked = room[every, nearest] < 1.0
        states[left[blocked], nearest[blocked]] = np.sign(way[every, nearest])[blocked]
        pull = _release(gram, answer[left], right[left], states[left], low, high)
        strongest = pull.argmax(1)
        done = ~blocked & (pull[every, strongest] == 0)
        freed = ~blocked & ~done
        states[left[freed], strongest[freed]] = 0
        left = left[~done]
        if not len(left):
            break
    return answer


def _on_face(
    gram: FloatArray, right: FloatArray, low: FloatArray, high: FloatArray, states: NDArray[np.int8]
) -> FloatArray:
    """(T, K) the best values where each variable is held at a bound or left free, by its state."""
    kinds, place = np.unique(states, axis=0, return_inverse=True)
    inverses = _inverses(gram, kinds == 0)
    values = np.where(states < 0, low, np.where(states > 0, high, 0.0))
    target = np.where(states == 0, right - values @ gram, 0.0)
    order = np.argsort(place.ravel(), kind="stable")
    ends = np.cumsum(np.bincount(place.ravel(), minlength=len(kinds)))
    for kind, members in enumerate(np.split(order, ends[:-1])):
        values[members] += target[members] @ inverses[kind]
    return values


def _inverses(gram: FloatArray, free: NDArray[np.bool_]) -> FloatArray:
    """(S, K, K) the inverse of the free part of `gram` for each of S sets of free variables, 0 elsewhere."""
    both = free[:, :, None] & free[:, None, :]
    matrices = np.where(both, gram, 0.0)
    diagonal = np.arange(len(gram))
    matrices[:, diagonal, diagonal] += ~free
    inverse: FloatArray = np.where(both, np.linalg.inv(matrices), 0.0)
    return inverse


def _touching(values: FloatArray, low: FloatArray, high: FloatArray) -> NDArray[np.int8]:
    """-1 where a value lies at or below its lower bound, 1 at or above its upper one, else 0."""
    sides: NDArray[np.int8] = (values >= high).astype(np.int8) - (values <= low)
    return sides


def _beyond(values: FloatArray, low: FloatArray, high: FloatArray) -> NDArray[np.int8]:
    """-1 where a value lies below its lower bound, 1 above its upper one; rounding does not count."""
    reach = TOLERANCE * (1.0 + np.abs(values).max(1, keepdims=True))
    sides: NDArray[np.int8] = (values > high + reach).astype(np.int8) - (values < low - reach)
    return sides


def _release(
    gram: FloatArray,
    values: FloatArray,
    right: FloatArray,
    states: NDArray[np.int8],
    low: FloatArray,
    high: FloatArray,
) -> FloatArray:
    """How strongly each variable at a bound is drawn away from it into the box; 0 where it is not, or is free."""
    pull = (values @ gram - right) * states
    small = TOLERANCE * (1.0 + np.abs(right).max(1, keepdims=True))
    return np.where((pull > small) & (low < high), pull, 0.0)
