"""A Ray cluster: one actor for each core of its computers, which hold the models and see the same drive.

An actor whose process or computer is gone is replaced as soon as the cluster has room for another; its line comes back
and is given to others. Ray's own restarts are not used, as they do not tell which of the two it was.
"""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from animcore.errors import AnimcoreError, InputError, reason
from animcore.pipelines.batch import solve as solving
from animcore.pipelines.batch.solve import Outcome, Scorer, Task
from animcore.pipelines.batch.workers.interface import Done, WorkerOptions

_LOOK = 5.0  # seconds between two looks at how many computers there are
_PATIENCE = 120.0  # seconds without any computer after which a run gives up
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_ENVIRONMENT = {"ANIMCORE_THREADS": "1", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


class _Solver:
    """What an actor is: the models in memory, and a line at a time."""

    def __init__(self, options: WorkerOptions) -> None:
        self._options = options
        if options.solve is None:
            solving.prepare()

    def solve(self, task: Task) -> Outcome:
        """Perform a line."""
        perform = self._options.solve or solving.solve
        scorer: Scorer | None = self._options.scorer
        return perform(task, scorer)

    def begin(self) -> None:
        """Return when the models are loaded."""


@dataclass
class _Actor:
    """An actor and what it works on; a guest works in its place where a line needs GPUs."""

    handle: Any
    ready: Any  # comes when it can work; until then it waits for a free core, or loads the models
    is_ready: bool = False
    guest: Any = None
    task: Task | None = None
    result: Any = None
    since: float = field(default_factory=time.monotonic)


class Cluster:
    """Actors of a Ray cluster."""

    def __init__(self, address: str | None, options: WorkerOptions) -> None:
        """Connect.

        Args:
            address: `ray://head:10001`, `auto` for the cluster that this computer is part of, or None for one that is
                started here.
            options: how workers work.

        Raises:
            InputError: without Ray, or where there is no such cluster.
        """
        self._ray = _library()
        self._options = options
        try:
            self._ray.init(
                address=address, ignore_reinit_error=True, log_to_driver=False, runtime_env={"env_vars": _ENVIRONMENT}
            )
        except Exception as error:  # Ray raises whatever its client and its servers raise
            where = address or "this computer"
            raise InputError(
                f"There is no Ray cluster at {where} ({reason(error)}); start it with `ray start`."
            ) from error
        self._actors: list[_Actor] = []
        self._looked, self._alone_since = 0.0, time.monotonic()
        self._class = self._ray.remote(num_cpus=1, max_restarts=0, max_task_retries=0)(_Solver)
        self._grow()

    def idle(self) -> int:
        """Return how many tasks can be submitted now."""
        return sum(map(self._is_idle, self._actors))

    def submit(self, task: Task) -> None:
        """Begin a task on an actor that has none."""
        actor = next(one for one in self._actors if self._is_idle(one))
        actor.task, actor.since = task, time.monotonic()
        work = task.line.work
        if work is not None and work.gpus:  # an actor of its own, on a computer that has them
            actor.guest = self._class.options(num_gpus=work.gpus).remote(self._options)
        actor.result = (actor.guest or actor.handle).solve.remote(task)

    def wait(self, seconds: float) -> Sequence[Done]:
        """Return what came back; waits for the first one, and no longer than some seconds."""
        if time.monotonic() - self._looked > _LOOK:
            self._grow()
        running = {actor.result: actor for actor in self._actors if actor.task is not None}
        if not running:
            time.sleep(min(seconds, 0.1))
            return []
        ready, _ = self._ray.wait(list(running), num_returns=1, timeout=seconds)
        found = [self._received(running[one]) for one in ready]
        return found + self._overdue()

    def close(self) -> None:
        """End all work."""
        for actor in self._actors:
            with contextlib.suppress(Exception):
                self._ray.kill(actor.handle)
        self._actors.clear()
        self._ray.shutdown()

    def _is_idle(self, actor: _Actor) -> bool:
        """Whether an actor can work, and does not.

        Raises:
            AnimcoreError: where actors end before they can work.
        """
        if not actor.is_ready and self._ray.wait([actor.ready], timeout=0)[0]:
            try:
                self._ray.get(actor.ready)
                actor.is_ready = True
            except self._ray.exceptions.RayError as error:
                if _is_computer_gone(error):
                    return False  # `_grow` replaces it
                raise AnimcoreError(
                    f"The workers of the cluster cannot begin ({_cause(error)}); install the same Animcore on all its "
                    "computers."
                ) from error
        return actor.is_ready and actor.task is None

    def _received(self, actor: _Actor) -> Done:
        task, actor.task = actor.task, None
        assert task is not None
        try:
            found = Done(task, self._ray.get(actor.result))
            self._dismiss(actor)
            return found
        except self._ray.exceptions.RayActorError as error:
            self._actors.remove(actor)
            self._looked = 0.0  # another one takes its place
            return Done(task, None, _end(error), again=_is_computer_gone(error))
        except self._ray.exceptions.RayError as error:
            return Done(task, None, f"the cluster could not run it ({reason(error)})")

    def _dismiss(self, actor: _Actor) -> None:
        """End the actor that a line with GPUs had."""
        if actor.guest is not None:
            self._ray.kill(actor.guest)
            actor.guest = None

    def _overdue(self) -> list[Done]:
        """Lines that take too long: their actors are ended, and others take their places."""
        found = []
        for actor in [one for one in self._actors if one.task is not None]:
            if time.monotonic() - actor.since > self._options.timeout and actor.task is not None:
                self._dismiss(actor)
                self._ray.kill(actor.handle)
                self._actors.remove(actor)
                why = f"it took longer than {self._options.timeout:g} s (--timeout)"
                found.append(Done(actor.task, None, why))
        return found

    def _grow(self) -> None:
        """Have an actor for each core that the cluster has now."""
        self._looked = time.monotonic()
        count = int(self._ray.cluster_resources().get("CPU", 0))
        wanted = min(count, self._options.jobs) if self._options.jobs else count
        if wanted:
            self._alone_since = time.monotonic()
        elif time.monotonic() - self._alone_since > _PATIENCE:
            raise AnimcoreError("The Ray cluster has no computers any more; start them and run the batch again.")
        spare = [actor for actor in self._actors if not actor.is_ready]  # no core is free for them, or theirs went
        for actor in spare[: max(0, len(self._actors) - wanted)]:
            self._ray.kill(actor.handle)
            self._actors.remove(actor)
        while len(self._actors) < wanted:
            handle = self._class.remote(self._options)
            self._actors.append(_Actor(handle, handle.begin.remote()))


def _library() -> Any:
    try:
        import ray
    except ImportError as error:
        raise InputError("--on needs Ray: pip install '.[cluster]' in the folder of Animcore's source.") from error
    return ray


def _end(error: Exception) -> str:
    """How an actor ended, as a part of a sentence."""
    if _is_computer_gone(error):
        return "its computer left the cluster"
    return "its process on the cluster ended"


def _is_computer_gone(error: Exception) -> bool:
    """Whether a computer of the cluster went, and not a process on it; Ray tells in words alone."""
    return "its node has died" in str(error) or "node was terminated" in str(error)


def _cause(error: Exception) -> str:
    """The last line of what a process said that ended before it began, without the colours of a terminal."""
    lines = [line.strip() for line in _COLOUR.sub("", str(error)).splitlines() if ": " in line and "_id=" not in line]
    return lines[-1] if lines else reason(error)
