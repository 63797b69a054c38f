"""A row of a table as it was read, and the bounds that keep a table of two gigabytes out of memory."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from animcore.errors import InputError

MOST_ROWS = 250_000  # which take a gigabyte while they are planned
MOST_TEXT = 128 << 20  # characters of all cells that are kept
LONGEST_CELL = 20_000  # characters: a line is spoken in a minute or ten, and no book
_FORMULA = re.compile(r"\s*(=|[@+-]\s*\w+\s*[(|!]|[\t\r]+=)")


@dataclass(frozen=True)
class Row:
    """A row of a table.

    Attributes:
        number: of the row as its program counts: 1 is the first line of the file.
        cells: header -> text, stripped.
        formulas: headers of cells that a spreadsheet would compute.
    """

    number: int
    cells: Mapping[str, str]
    formulas: tuple[str, ...] = ()


def is_formula(text: str) -> bool:
    """Whether Excel would run a cell as a formula: `=cmd|...`, `@SUM(1)`, `+A1!B`; `- Hello` and `-3` are none."""
    return _FORMULA.match(text) is not None


def spreadsheet_safe(text: str) -> str:
    """Return a text that Excel shows as it is: one that it would take for a formula gets an apostrophe before it.

    Source: OWASP, CSV Injection.
    """
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


def bounded(rows: Iterable[Row], path: Path) -> Iterator[Row]:
    """Give rows until there are more than a batch holds.

    Raises:
        InputError: where there are too many rows, or too much text in them.
    """
    size = 0
    for count, row in enumerate(rows, 1):
        size += sum(map(len, row.cells.values()))
        if count > MOST_ROWS:
            raise InputError(f"{path.name} has more than {MOST_ROWS:,} rows; split it, such as by language.")
        if size > MOST_TEXT:
            raise InputError(
                f"{path.name} holds more than {MOST_TEXT >> 20:,} MB of text in its first {count:,} rows; "
                "remove columns that are not about the lines."
            )
        if any(len(cell) > LONGEST_CELL for cell in row.cells.values()):
            name = next(name for name, cell in row.cells.items() if len(cell) > LONGEST_CELL)
            raise InputError(
                f"{path.name}, row {row.number}: the cell {name!r} has {len(row.cells[name]):,} characters. "
                "Is a quotation mark missing in a row before it?"
            )
        yield row
