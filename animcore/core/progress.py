"""Progress of long work, and its cancellation: a callback that may raise `Cancelled`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

# Called with the fraction done (0..1) and the stage in words.
# A cancelled job raises `animcore.errors.Cancelled` from it.
Progress = Callable[[float, str], None]


def silent(fraction: float, stage: str) -> None:
    """Report nothing."""


def part(progress: Progress, start: float, end: float) -> Progress:
    """Return a progress that maps 0..1 of a part of the work onto ``start``..``end`` of the whole."""
    return lambda fraction, stage: progress(start + (end - start) * fraction, stage)


@contextmanager
def progress_bar(shown: bool = True) -> Iterator[Progress]:
    """Show the stage, the fraction done and the time left on a terminal, unless `shown` is false."""
    from tqdm import tqdm  # not needed in Blender, which imports this module too

    form = "{desc}{percentage:3.0f}% |{bar}| {elapsed}<{remaining}"
    with tqdm(total=100, unit="%", bar_format=form, leave=False, disable=not shown) as bar:

        def show(fraction: float, stage: str) -> None:
            bar.set_description(f"{stage} ", refresh=False)
            bar.update(100 * fraction - bar.n)

        yield show
