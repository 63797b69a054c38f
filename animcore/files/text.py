"""Text files of unknown hands: their encoding, and tables of numbers in them."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from animcore.atomic import whole_file
from animcore.errors import InputError
from animcore.reading import content

_SEPARATORS = ",;\t"
_BYTE_ORDER_MARKS = ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"), (b"\xef\xbb\xbf", "utf-8-sig"))


def text_of(path: Path) -> str:
    """Read a text file in UTF-8, or in UTF-16 where it begins with a byte order mark.

    Raises:
        InputError: when it cannot be read or is no text.
    """
    try:
        data = content(path)
        encoding = next((name for mark, name in _BYTE_ORDER_MARKS if data.startswith(mark)), "utf-8")
        text = data.decode(encoding)
    except OSError as error:
        raise InputError(f"{path.name} cannot be read ({error.strerror}).") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path.name} is not a text file ({error.reason}); is it of another kind?") from error
    if "\0" in text:
        raise InputError(f"{path.name} is not a text file; is it of another kind?")
    return text


@dataclass(frozen=True)
class Table:
    """A table with a header: rows of text, looked up by the names of its columns without regard to case.

    Attributes:
        name: of the file, for messages.
        header: the columns' names as they stand.
        rows: what stands below them.
    """

    name: str
    header: tuple[str, ...]
    rows: Sequence[Sequence[str]]

    def column(self, name: str) -> list[str] | None:
        """Return the texts of a column; None where there is none of that name."""
        places = {one.lower(): index for index, one in enumerate(self.header)}
        if name.lower() not in places:
            return None
        try:
            return [row[places[name.lower()]] for row in self.rows]
        except IndexError as error:
            raise InputError(f"{self.name} has a row that is cut off.") from error

    def numbers(self, names: Sequence[str]) -> NDArray[np.float64]:
        """Return (T, K) the numbers of columns that stand in the header.

        Raises:
            InputError: where a row is cut off, or holds something else than finite numbers.
        """
        places = {one.lower(): index for index, one in enumerate(self.header)}
        wanted = [places[name.lower()] for name in names]
        try:
            values = np.array([[float(row[place]) for place in wanted] for row in self.rows], np.float64)
        except (ValueError, IndexError) as error:
            raise InputError(f"{self.name} has a row that is cut off or holds no number ({error}).") from error
        if not np.isfinite(values).all():
            raise InputError(f"{self.name} holds values that are not numbers (NaN or infinite).")
        return values.reshape(len(self.rows), len(wanted))


def table_of(path: Path) -> Table:
    """Read a table with commas, semicolons or tabs between its columns, whichever its header has most of.

    Raises:
        InputError: when it cannot be read or is no text.
    """
    lines = [line for line in text_of(path).splitlines() if line.strip()]
    separator = max(_SEPARATORS, key=lambda sign: lines[0].count(sign)) if lines else ","
    try:
        rows = list(csv.reader(lines, delimiter=separator))
    except csv.Error as error:
        raise InputError(f"{path.name} is not a text table ({error}).") from error
    header = tuple(name.strip() for name in rows[0]) if rows else ()
    return Table(path.name, header, rows[1:])


def save_table(path: Path, header: Sequence[str], firsts: Iterable[str], values: NDArray[np.floating[Any]]) -> None:
    """Write a table with commas: of each row of (T, K) `values` what comes before them, and seven digits of each.

    Raises:
        InputError: when the file cannot be written.
    """
    form = ",".join(["%.7g"] * values.shape[1])
    with whole_file(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as handle:
        csv.writer(handle, lineterminator="\n").writerow(header)
        for first, row in zip(firsts, values.tolist(), strict=True):
            handle.write(f"{first},{form % tuple(row)}\n")
