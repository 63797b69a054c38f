"""Tells the user of a run where it stands: a bar in a terminal, a line now and then in a log."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from typing import Any

from animcore.cli.batch import words
from animcore.pipelines.batch.plan import Planned
from animcore.pipelines.batch.records import LineRecord

_SHOWN = 20  # failures that are printed as they come
_PAUSE = 30.0  # seconds between two lines of a log


class Progress:
    """Prints how a run goes on; time left is by the size of the recordings that are left."""

    def __init__(self) -> None:
        self._sizes: dict[str, int] = {}
        self._total, self._left = 0, 0
        self._count, self._done, self._failed = 0, 0, 0
        self._audio = 0.0
        self._began = self._said = time.monotonic()
        self._bar: Any = None

    def begin(self, lines: Sequence[Planned], done: int) -> None:
        """Say what is to do."""
        self._sizes = {one.line.name: one.stamp[0] if one.stamp else 0 for one in lines}
        self._total = self._left = sum(self._sizes.values())
        self._count = len(lines)
        known = f"; {done:,} are done already" if done else ""
        said = f"{words.lines(len(lines))} to perform{known}." if lines else f"Nothing to do: {words.lines(done)} done."
        print(said, flush=True)
        if lines and sys.stderr.isatty():
            from tqdm import tqdm

            form = "{percentage:3.0f}% |{bar}| {postfix}"
            self._bar = tqdm(total=self._total, bar_format=form, leave=False)
            self._show()

    def line(self, record: LineRecord) -> None:
        """Say what became of a line."""
        size = self._sizes.pop(record.name, 0)
        self._left -= size
        self._done += record.status == "done"
        self._audio += record.seconds_audio if record.status == "done" else 0.0
        if record.status != "done":
            self._failed += 1
            if self._failed <= _SHOWN:
                self.note(f"{record.name} (row {record.row}): {record.error}")
            elif self._failed == _SHOWN + 1:
                self.note("Further lines that fail are in the report only.")
        if self._bar is not None:
            self._bar.update(size)
        self._show()

    def note(self, sentence: str) -> None:
        """Print a sentence above the bar."""
        if self._bar is not None:
            self._bar.write(sentence, file=sys.stderr)
        else:
            print(sentence, file=sys.stderr, flush=True)

    def close(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.close()

    @property
    def done(self) -> str:
        """Lines that are done, of those to perform, in words."""
        return f"{self._done:,} of {words.lines(self._count)}"

    @property
    def elapsed(self) -> float:
        """Seconds since the first line."""
        return time.monotonic() - self._began

    def _show(self) -> None:
        if self._bar is not None:
            self._bar.set_postfix_str(self._state(), refresh=True)
        elif time.monotonic() - self._said > _PAUSE:
            self._said = time.monotonic()
            print(self._state(), flush=True)

    def _state(self) -> str:
        state = f"{self._done + self._failed:,} of {words.lines(self._count)}"
        if self._failed:
            state += f", {self._failed:,} failed"
        past = self._total - self._left
        if past and self.elapsed > 2:
            left = self.elapsed * self._left / past
            state += f", {self._audio / self.elapsed:.1f}x real time, {words.seconds(left)} left"
        return state
