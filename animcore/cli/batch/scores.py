"""The scores of lines: the one place where a batch and the measures of `animcore.evaluation` meet."""

from __future__ import annotations

from collections.abc import Callable

from animcore.pipelines.batch.records import LineRecord
from animcore.pipelines.batch.solve import Scorer


def scorer() -> Scorer | None:
    """Return what judges each line in the workers."""
    return None


def badness() -> Callable[[LineRecord], float] | None:
    """Return how bad a line is by its record; larger is worse."""
    return None
