"""What a run needs of those that do the work."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from animcore.pipelines.batch.solve import Outcome, Scorer, Task


@dataclass(frozen=True)
class Done:
    """A task that came back.

    Attributes:
        task: that was submitted.
        outcome: what became of it; None where the worker that had it is gone.
        why: for a worker that is gone: what is known of its end, as a part of a sentence.
        again: whether the task had no part in it (a computer was switched off), so that no attempt counts.
    """

    task: Task
    outcome: Outcome | None
    why: str = ""
    again: bool = False


@dataclass(frozen=True)
class WorkerOptions:
    """How workers work.

    Attributes:
        jobs: how many at once; None for as many as there are cores and memory for.
        scorer: judges each line; None for no scores.
        memory: bytes that one may hold; None for its share of what is free.
        timeout: seconds that a line may take.
        solve: performs a task; another one only in tests.
    """

    jobs: int | None = None
    scorer: Scorer | None = None
    memory: int | None = None
    timeout: float = 1800.0
    solve: Callable[[Task, Scorer | None], Outcome] | None = field(default=None)


class Workers(Protocol):
    """Processes somewhere that perform tasks; `submit` no more than are `idle`: nothing queues up in them."""

    def idle(self) -> int:
        """Return how many tasks can be submitted now."""

    def submit(self, task: Task) -> None:
        """Begin a task."""

    def wait(self, seconds: float) -> Sequence[Done]:
        """Return what came back; waits for the first one, and no longer than some seconds."""

    def close(self) -> None:
        """End all work at once; files are whole or not there."""
