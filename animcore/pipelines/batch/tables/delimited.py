"""Tables as text: commas, semicolons or tabs, UTF-8, UTF-16 or ANSI, with a byte order mark or without."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from animcore.core.reading import check_file
from animcore.errors import InputError, readable
from animcore.files import text_tables
from animcore.pipelines.batch.tables.columns import has_audio_ending
from animcore.pipelines.batch.tables.rows import Row, is_formula

SUFFIXES = (".csv", ".tsv", ".txt", ".tab")
_LONGEST_LINE = 1 << 20  # bytes
_KEYS = ("key", "audio")  # of FMOD's audio tables, which have no header


def read(path: Path) -> tuple[tuple[str, ...], Iterator[Row]]:
    """Return the header and the rows, which are read as they are asked for.

    Raises:
        InputError: where it is no table.
    """
    _check_lines(path)
    table = text_tables.table_of(path)
    header = table.header
    if _has_no_header(header):
        return _KEYS, _rows(path, table, _KEYS, skip=0)
    if not any(header):
        raise InputError(f"{path.name} is empty; its first row names the columns, such as id, audio, text.")
    _check_names(header, path)
    return header, _rows(path, table, header, skip=1)


def _check_lines(path: Path) -> None:
    """Check that it has lines, before one of two gigabytes is read at once."""
    check_file(path)
    with readable(f"{path.name} cannot be read", "check its name and its rights"), path.open("rb") as handle:
        start = handle.read(_LONGEST_LINE)
    if len(start) == _LONGEST_LINE and b"\n" not in start and b"\r" not in start:
        raise InputError(f"{path.name} has no end of a line in its first megabyte; is it a table?")


def _has_no_header(header: tuple[str, ...]) -> bool:
    """Whether the first row is a key and its file already, as in the tables that FMOD reads."""
    return len(header) == 2 and has_audio_ending(header[1]) and not has_audio_ending(header[0])


def _check_names(header: tuple[str, ...], path: Path) -> None:
    named = [name.casefold() for name in header if name]
    twice = next((name for name in header if name and named.count(name.casefold()) > 1), None)
    if twice is not None:
        raise InputError(f"{path.name} has two columns named {twice!r}; rename one of them.")


def _rows(path: Path, table: text_tables.TextTable, header: tuple[str, ...], skip: int) -> Iterator[Row]:
    try:
        with path.open(encoding=table.encoding, newline="") as handle:
            reader = csv.reader(handle, delimiter=table.separator)
            for number, cells in enumerate(reader, 1):  # as spreadsheets count: a cell may hold several lines
                if not any(cell.strip() for cell in cells) or _is_preamble(cells):
                    continue
                if skip:
                    skip -= 1
                    continue
                yield _row(number, cells, header, path)
    except csv.Error as error:
        raise InputError(
            f"{path.name} is no table from line {reader.line_num} on ({error}). Is a quotation mark missing there?"
        ) from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path.name} is not text in one encoding ({error.reason}); save it as UTF-8.") from error
    except OSError as error:
        raise InputError(f"{path.name} cannot be read ({error.strerror}).") from error


def _is_preamble(cells: list[str]) -> bool:
    """Whether it is what spreadsheets put before a header (`sep=;`)."""
    return len(cells) <= 2 and cells[0].strip().lower().startswith("sep=")


def _row(number: int, cells: list[str], header: tuple[str, ...], path: Path) -> Row:
    if len(cells) > len(header) and any(cell.strip() for cell in cells[len(header) :]):
        raise InputError(
            f"{path.name}, row {number}: {len(cells)} cells under {len(header)} columns. Put quotation marks around "
            "texts that hold the separator."
        )
    named = {name: cell.strip() for name, cell in zip(header, cells, strict=False) if name}
    return Row(number, named, tuple(name for name, cell in named.items() if is_formula(cell)))
