"""How long work tells where it stands, and how it is stopped: a callback that may raise `Cancelled`."""

from __future__ import annotations

from collections.abc import Callable

# Called with the fraction done (0..1) and the stage in words.
# A cancelled job raises `animcore.errors.Cancelled` from it.
Progress = Callable[[float, str], None]


def silent(fraction: float, stage: str) -> None:
    """Report to nobody."""


def part(progress: Progress, start: float, end: float) -> Progress:
    """Return a progress that maps 0..1 of a part of the work onto ``start``..``end`` of the whole."""
    return lambda fraction, stage: progress(start + (end - start) * fraction, stage)
