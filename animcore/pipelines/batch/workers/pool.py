"""A pool of processes of this computer: each holds the models once and works with one thread.

`concurrent.futures` is not used since one process that dies there takes the whole pool and all that waits in it along.
Here it costs the attempt of its one line, and another takes its place.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Any

from animcore.errors import AnimcoreError
from animcore.pipelines.batch import solve as solving
from animcore.pipelines.batch.solve import Task
from animcore.pipelines.batch.workers.interface import Done, WorkerOptions
from animcore.pipelines.batch.workers.machine import cores, free_memory, memory_of

# Libraries that would take all cores for each worker; the variables are read when they are loaded.
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS", "ANIMCORE_THREADS")
_USUAL = 700 << 20  # bytes that a worker takes with the models and a line of a minute
_SHARE = 0.8  # of the free memory that all workers may take together
_LEAST = 1 << 30  # bytes that one may hold at least
_LOOK = 1.0  # seconds between two looks at memory and time
_FAILS = 3  # workers in a row that die before they are ready, after which none is started any more


@dataclass
class _Worker:
    """A process, and what it works on."""

    process: SpawnProcess
    pipe: Connection
    task: Task | None = None
    since: float = 0.0
    is_ready: bool = False
    why: str = ""


class Pool:
    """Processes that are started by `spawn`, as on every system, and end when this one does."""

    def __init__(self, options: WorkerOptions) -> None:
        free = free_memory()
        jobs = options.jobs or max(1, min(cores(), int(_SHARE * free / _USUAL) if free else cores()))
        self.jobs = jobs
        self._options = options
        self._limit = options.memory or max(_LEAST, int(_SHARE * free / jobs)) if free else options.memory or 0
        self._workers: list[_Worker] = []
        self._failed = 0
        self._looked = 0.0
        for _ in range(jobs):
            self._start()

    def pids(self) -> list[int]:
        """Return the ids of the processes."""
        return [worker.process.pid for worker in self._workers if worker.process.pid is not None]

    def idle(self) -> int:
        """Return how many tasks can be submitted now."""
        return sum(worker.task is None for worker in self._workers)

    def submit(self, task: Task) -> None:
        """Begin a task in a process that has none."""
        worker = next(one for one in self._workers if one.task is None)
        worker.task, worker.since = task, time.monotonic()
        with contextlib.suppress(OSError):  # a process that just died is found by `wait`
            worker.pipe.send(task)

    def wait(self, seconds: float) -> Sequence[Done]:
        """Return what came back; waits for the first one, and no longer than some seconds."""
        until = time.monotonic() + seconds
        while True:
            found = list(self._look())
            left = until - time.monotonic()
            if found or left <= 0:
                return found
            watched: list[Any] = [worker.pipe for worker in self._workers]
            watched += [worker.process.sentinel for worker in self._workers]
            wait(watched, min(left, _LOOK))

    def close(self) -> None:
        """End the processes."""
        for worker in self._workers:
            worker.process.kill()
        for worker in self._workers:
            worker.process.join()
            worker.pipe.close()
        self._workers.clear()

    def _look(self) -> Iterator[Done]:
        now = time.monotonic()
        if now - self._looked >= _LOOK:
            self._looked = now
            self._enforce_limits(now)
        for worker in list(self._workers):
            yield from self._received(worker)

    def _received(self, worker: _Worker) -> Iterator[Done]:
        try:
            while worker.pipe.poll():
                answer = worker.pipe.recv()
                if answer is None:
                    worker.is_ready, self._failed = True, 0
                elif isinstance(answer, str):
                    worker.why = answer
                else:
                    task, worker.task = worker.task, None
                    assert task is not None
                    yield Done(task, answer)
                    self._retire(worker, answer.memory)
        except (EOFError, OSError):
            yield from self._buried(worker)
            return
        if not worker.process.is_alive() and worker in self._workers and not worker.pipe.poll():
            yield from self._buried(worker)

    def _retire(self, worker: _Worker, held: int) -> None:
        """End a worker between two lines where it holds more than it should."""
        if self._limit and held > self._limit:
            self._workers.remove(worker)
            worker.process.kill()
            worker.process.join()
            worker.pipe.close()
            self._start()

    def _buried(self, worker: _Worker) -> Iterator[Done]:
        """What a worker that died leaves: its line; another one takes its place."""
        if worker not in self._workers:
            return
        self._workers.remove(worker)
        worker.process.join()
        worker.pipe.close()
        why = worker.why or _end(worker.process.exitcode)
        if not worker.is_ready:
            self._failed += 1
            if self._failed >= _FAILS:
                self.close()
                raise AnimcoreError(f"The worker processes end before they can work ({why}).")
        if worker.task is not None:
            yield Done(worker.task, None, why, again=not worker.is_ready)
        self._start()

    def _enforce_limits(self, now: float) -> None:
        for worker in self._workers:
            if worker.task is None:
                continue
            held = memory_of(worker.process.pid)
            if self._limit and held > self._limit:
                worker.why = f"it needed more than {self._limit / 2**30:.1f} GB of memory (--memory)"
                worker.process.kill()
            elif worker.is_ready and now - worker.since > self._options.timeout:
                worker.why = f"it took longer than {self._options.timeout:g} s (--timeout)"
                worker.process.kill()

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=_work, args=(theirs, self._options), daemon=True, name="animcore batch")
        with _one_thread():
            process.start()
        theirs.close()
        self._workers.append(_Worker(process, ours))


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    """Processes that are started meanwhile use one thread each."""
    before = {name: os.environ.get(name) for name in _THREADS}
    os.environ.update(dict.fromkeys(_THREADS, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _work(pipe: Connection, options: WorkerOptions) -> None:
    """Perform tasks until there are no more: the life of a worker."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to all; the driver ends its workers
    threading.Thread(target=_end_with_parent, daemon=True).start()
    solve = options.solve or solving.solve
    try:
        if options.solve is None:
            solving.prepare()
        pipe.send(None)
        while True:
            pipe.send(solve(pipe.recv(), options.scorer))
    except AnimcoreError as error:
        with contextlib.suppress(OSError):
            pipe.send(str(error))
    except (EOFError, OSError):
        pass


def _end_with_parent() -> None:
    """End this process as soon as the driver is gone, in the middle of a line too: files are whole or not there."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _end(code: int | None) -> str:
    """How a process ended, as a part of a sentence."""
    if code is not None and code < 0:
        name = signal.Signals(-code).name
        more = "; the system may have run out of memory" if name == "SIGKILL" and sys.platform == "linux" else ""
        return f"its process was ended by {name}{more}"
    return f"its process ended with status {code}"
