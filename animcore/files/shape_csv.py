"""A table of any rig's shapes: a column `time` in seconds, and one a shape, under the rig's own names."""

from __future__ import annotations

import csv
from pathlib import Path

from animcore.atomic import whole_file
from animcore.errors import InputError
from animcore.files import shapes
from animcore.files.sheet import Format, Setup, Sheet
from animcore.files.text import table_of
from animcore.files.timing import even
from animcore.motion import Motion

_TIMES = ("time", "seconds", "t", "timestamp")


def encode(motion: Motion, setup: Setup) -> Sheet:
    """Take the weights under the rig's names."""
    sheet = shapes.encode(motion, setup)
    return Sheet(sheet.rate, sheet.start, sheet.curves, lacks=sheet.lacks)


def write(sheet: Sheet, path: Path, _setup: Setup) -> None:
    """Write the table.

    Raises:
        InputError: when the file cannot be written.
    """
    names = tuple(sheet.curves)
    step = 1 / sheet.rate
    with whole_file(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as handle:
        csv.writer(handle, lineterminator="\n").writerow([_TIMES[0], *names])
        form = ",".join(["%.7g"] * len(names))
        for index, row in enumerate(sheet.matrix(names).tolist()):
            handle.write(f"{float(sheet.start + index * step)!r},{form % tuple(row)}\n")


def read(path: Path, setup: Setup) -> Sheet:
    """Read the table; the frame rate is found from the times unless it is given.

    Raises:
        InputError: when it has no column of times, is cut off, or holds something else than numbers.
    """
    table = table_of(path)
    time = next((name for name in table.header if name.lower() in _TIMES), None)
    names = tuple(name for name in table.header if name and name != time)
    if time is None or not names:
        raise InputError(f"{path.name} is no table of shapes: it needs a column `time` (seconds) and one a shape.")
    values = dict(zip(names, table.numbers(names).T, strict=True))
    columns, notes = shapes.noticed(values, path.name)
    return even(table.numbers((time,))[:, 0], columns, path.name, setup.rate, notes)


FORMAT = Format(
    title="CSV of a rig's shapes",
    suffix=".shapes.csv",
    carries=("arkit", "tongue"),
    encode=encode,
    write=write,
    read=read,
    decode=shapes.decode,
    tolerance=1e-6,
)
