"""Long work on the scene in steps: a timer does one after the other, and the window lives between them.

A step must hold nothing across a `yield` but data-blocks: Blender tells those that are gone (ReferenceError), and no
other thing of its.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TypeVar

Result = TypeVar("Result")
Steps = Generator[float, None, Result]  # yields the share of the work that is done, 0..1

_GLANCE = 0.02  # seconds that a step waits for a thread


def run(steps: Steps[Result]) -> Result:
    """Do all steps at once."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            result: Result = end.value
            return result


def beside(work: Callable[[], Result], share: float = 0.0) -> Steps[Result]:
    """Compute in a thread what needs nothing of Blender's, such as quaternions; `share` is told meanwhile."""
    pool = ThreadPoolExecutor(1)
    try:
        done = pool.submit(work)
        while not done.done():
            wait([done], _GLANCE)
            yield share
        return done.result()
    finally:
        pool.shutdown(wait=False)


def part(steps: Steps[Result], low: float, high: float) -> Steps[Result]:
    """Do steps as one part of a longer work, from `low` to `high` of it."""
    try:
        while True:
            try:
                share = next(steps)
            except StopIteration as end:
                result: Result = end.value
                return result
            yield low + (high - low) * share
    finally:
        steps.close()
