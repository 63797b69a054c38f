"""The commands of a written job: one for each part of the table, and a last one for what they left."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

PROGRAM = "animcore"


@dataclass(frozen=True)
class Job:
    """A batch that is cut into parts.

    Attributes:
        name: of the job.
        table, folder: as `animcore batch run` takes them.
        arguments: its other options.
        count: number of parts.
        program: that is started on the computers of the farm.
    """

    name: str
    table: Path
    folder: Path
    arguments: Sequence[str]
    count: int
    program: str = PROGRAM

    def run(self) -> list[str]:
        """Return the arguments that all parts share."""
        return ["batch", "run", str(self.table), "--out", str(self.folder), *self.arguments, "--lines-may-fail"]

    def report(self) -> list[str]:
        """Return the arguments of the report."""
        return ["batch", "report", str(self.folder)]


def parts_of(lines: int, chunk: int) -> int:
    """Return the number of parts of about `chunk` lines."""
    return max(1, math.ceil(lines / chunk))
