"""One request to the engine and what becomes of it. Imports no bpy; tests hand in a clock of their own."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from ..errors import AddonError
from .process import PROTOCOL, Engine, Launch

_START_LIMIT = 90.0  # seconds until a process that has not sent `ready` is given up
_CANCEL_LIMIT = 5.0  # seconds until a process that does not obey a cancel is killed
_SURE = 0.02  # fraction below which a time left would be a guess


class State(Enum):
    """Where a job stands."""

    STARTING = "starting"
    WORKING = "working"
    CANCELLING = "cancelling"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def over(self) -> bool:
        """Whether nothing more will come of it."""
        return self in (State.DONE, State.FAILED, State.CANCELLED)


@dataclass
class Job:
    """A request that was sent, its progress (0..1), its news, and, once it is over, its answer or its error."""

    number: str
    request: Mapping[str, Any]
    started: float
    state: State = State.STARTING
    fraction: float = 0.0
    stage: str = "Starting the engine"
    working_since: float = 0.0
    cancelled_at: float = 0.0
    message: str = ""
    report: str = ""
    answer: dict[str, Any] = field(default_factory=dict)
    news: list[dict[str, Any]] = field(default_factory=list)

    def fail(self, message: str, report: str) -> None:
        """End with an error: one sentence for the user, and a report for support."""
        self.state, self.message, self.report = State.FAILED, message, report

    def seconds_left(self, now: float) -> float | None:
        """Estimate the time left from the progress so far; None while that would be a guess."""
        if self.state is not State.WORKING or self.fraction < _SURE:
            return None
        return (now - self.working_since) * (1.0 - self.fraction) / self.fraction


class Jobs:
    """Owns the engine process and runs one job at a time. `tick` has to be called regularly."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._engine: Engine | None = None
        self._ready = False
        self._count = 0
        self.version = ""
        self.current: Job | None = None

    @property
    def busy(self) -> bool:
        """Whether a job is under way."""
        return self.current is not None and not self.current.state.over

    @property
    def engine(self) -> Engine | None:
        """The child process, if there is one."""
        return self._engine

    def begin(self, launch: Launch, request: Mapping[str, Any]) -> Job:
        """Send a request; the process is started where it does not run. An empty request asks only for that.

        Raises:
            AddonError: while another job runs, or where the process cannot be started.
        """
        if self.busy:
            raise AddonError("The engine is busy; wait for it or cancel it first.")
        if self._engine is None or not self._engine.alive or self._engine.launch != launch:
            self.close(wait=False)
            self._engine = Engine(launch)
        self._count += 1
        self.current = Job(str(self._count), dict(request), self._clock())
        if self._ready:
            self._send(self.current)
        return self.current

    def tick(self) -> None:
        """Process the engine's messages since the last call."""
        job = self.current
        if self._engine is None or job is None or job.state.over:
            return
        for event in self._engine.events():
            self._take(job, event)
        self._watch(job)

    def cancel(self) -> None:
        """Ask the engine to leave the current job."""
        if self.current is None or not self.busy or self.current.state is State.CANCELLING:
            return
        job = self.current
        waiting = job.state is State.STARTING
        job.state, job.cancelled_at, job.stage = State.CANCELLING, self._clock(), "Cancelling"
        if waiting or self._engine is None:
            job.state = State.CANCELLED  # it was never sent
            return
        self._engine.send({"id": job.number, "do": "cancel"})

    def stop(self) -> None:
        """Stop the recording of a live job: it ends with its answer."""
        if self.current is not None and self.current.state is State.WORKING and self._engine is not None:
            self._engine.send({"id": self.current.number, "do": "stop"})

    def close(self, *, wait: bool = True) -> None:
        """End the process, and see that it is gone; a job that runs is cancelled."""
        engine, self._engine, self._ready = self._engine, None, False
        if self.busy and self.current is not None:
            self.current.state = State.CANCELLED
        if engine is not None:
            engine.close(wait=wait)

    def _send(self, job: Job) -> None:
        assert self._engine is not None
        if not job.request:
            job.state = State.DONE  # only whether the engine starts was asked
            return
        job.state, job.stage, job.working_since = State.WORKING, "Listening", self._clock()
        self._engine.send({"id": job.number, **job.request})

    def _take(self, job: Job, event: Mapping[str, Any]) -> None:
        kind = event["event"]
        if kind == "ready":
            self._greet(job, event)
        elif kind == "gone":
            self._mourn(job, event.get("code"))
        elif str(event.get("id")) != job.number or job.state.over:
            return  # the last words of an earlier job
        elif kind == "progress" and job.state is State.WORKING:
            job.fraction = min(1.0, max(job.fraction, float(event.get("fraction", 0.0))))
            job.stage = str(event.get("stage", job.stage))
        elif kind == "news":
            job.news.append(dict(event))
        elif kind == "done":
            job.state = State.CANCELLED if job.state is State.CANCELLING else State.DONE
            job.answer = dict(event)
        elif kind == "error":
            job.fail(str(event.get("message", "The engine failed.")), str(event.get("report", "")) + self._log())
        elif kind == "cancelled":
            job.state = State.CANCELLED

    def _greet(self, job: Job, event: Mapping[str, Any]) -> None:
        self.version = str(event.get("version", ""))
        if event.get("protocol") != PROTOCOL:
            job.fail(
                f"The engine {self.version} uses another protocol ({event.get('protocol')}) than this extension "
                f"({PROTOCOL}); install the same version of both.",
                self._log(),
            )
            return
        self._ready = True
        if job.state is State.STARTING:
            self._send(job)

    def _mourn(self, job: Job, code: Any) -> None:
        was_ready, log = self._ready, self._log()
        self._engine, self._ready = None, False
        if job.state is State.CANCELLING:
            job.state = State.CANCELLED
        elif was_ready:
            job.fail(f"The engine stopped in the middle of the work (exit code {code}); press Generate again.", log)
        else:
            why = log.strip().splitlines()[-1:] or [f"exit code {code}"]
            job.fail(f"The engine could not start ({why[0]}); check its Python in the preferences.", log)

    def _watch(self, job: Job) -> None:
        """Give up on a process that hangs."""
        now = self._clock()
        if job.state is State.STARTING and now - job.started > _START_LIMIT:
            job.fail(f"The engine did not start within {_START_LIMIT:.0f} seconds; press Generate again.", self._log())
        elif job.state is State.CANCELLING and now - job.cancelled_at > _CANCEL_LIMIT:
            job.state = State.CANCELLED
        else:
            return
        if self._engine is not None:
            self._engine.kill()
            self._engine, self._ready = None, False

    def _log(self) -> str:
        return self._engine.log if self._engine is not None else ""
