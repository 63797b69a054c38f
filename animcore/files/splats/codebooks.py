"""Few values that stand for many: how compressed files keep scales, colours and harmonics."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
Labels = NDArray[np.int64]

_ROUNDS = 8  # of Lloyd's algorithm: further ones change the third digit of the error
_GROUPS = 256  # into which rows are sorted before each group gets its own palette
_SAMPLE = 20_000  # rows that the groups are found from
_BLOCK = 1 << 24  # distances at once


def scalar_codebook(values: NDArray[Any], count: int = 256) -> tuple[Array, NDArray[np.uint8]]:
    """Return `count` numbers (count,), in rising order, and for each value the nearest one's place.

    Lloyd's algorithm in one dimension, where sorted values make every round a few look-ups (Lloyd, 1982).

    Args:
        values: of any shape.
        count: at most 256.
    """
    ordered = np.sort(np.asarray(values, np.float64).ravel())
    sums = np.concatenate([[0.0], np.cumsum(ordered)])
    codes = ordered[np.linspace(0, len(ordered) - 1, count).astype(int)]
    codes = np.linspace(codes[0], codes[-1], count) * 0.5 + codes * 0.5  # both where many are and where few are
    for _ in range(4 * _ROUNDS):
        ends = np.searchsorted(ordered, (codes[1:] + codes[:-1]) / 2)
        edges = np.concatenate([[0], ends, [len(ordered)]])
        sizes = np.diff(edges)
        codes = np.where(sizes > 0, np.diff(sums[edges]) / np.maximum(sizes, 1), codes)
        codes.sort()
    found = codes.astype(np.float32)
    return found, np.searchsorted((codes[1:] + codes[:-1]) / 2, values).astype(np.uint8)


def vector_codebook(rows: Array, count: int) -> tuple[Array, Labels]:
    """Return at most `count` rows (C, D) and for each row (N, D) the place of one near it.

    K-means in two steps: the rows are sorted into groups, and each group gets a share of the palette. What is near a
    border of two groups may miss a nearer row beyond it; in return a million rows take seconds, not hours.
    """
    if len(rows) <= count:
        return rows, np.arange(len(rows))
    random = np.random.default_rng(0)
    sample = rows[random.choice(len(rows), min(_SAMPLE, len(rows)), replace=False)]
    centres, _ = _means(sample, min(_GROUPS, count), random)
    group = _nearest(rows, centres)
    palette, labels, used = [], np.zeros(len(rows), np.int64), 0
    for index in range(len(centres)):
        members = np.flatnonzero(group == index)
        if not len(members):
            continue
        found, places = _means(rows[members], max(1, int(count * len(members) / len(rows))), random)
        labels[members] = places + used
        palette.append(found)
        used += len(found)
    whole = np.concatenate(palette)
    return (whole, labels) if len(whole) <= count else (whole[:count], _nearest(rows, whole[:count]))


def _means(rows: Array, count: int, random: np.random.Generator) -> tuple[Array, Labels]:
    centres = rows[random.choice(len(rows), min(count, len(rows)), replace=False)].copy()
    for _ in range(_ROUNDS):
        labels = _nearest(rows, centres)
        order = np.argsort(labels, kind="stable")
        present, starts, sizes = np.unique(labels[order], return_index=True, return_counts=True)
        centres[present] = np.add.reduceat(rows[order], starts) / sizes[:, None]
    return centres, _nearest(rows, centres)


def _nearest(rows: Array, centres: Array) -> Labels:
    squares = (centres**2).sum(1)
    step = max(1, _BLOCK // len(centres))
    parts = [(squares - 2 * rows[k : k + step] @ centres.T).argmin(1) for k in range(0, len(rows), step)]
    return np.concatenate(parts)
