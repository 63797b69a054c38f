"""A table of any of the formats, by its suffix."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path

from animcore.core.reading import check_file
from animcore.errors import InputError, readable
from animcore.pipelines.batch.tables import columns, delimited, gettext, json_lines, workbook
from animcore.pipelines.batch.tables.columns import Columns
from animcore.pipelines.batch.tables.rows import Row, bounded

_READERS = (delimited, workbook, gettext, json_lines)
_SAMPLE = 50  # rows by which columns are recognised


@dataclass(frozen=True)
class Table:
    """A table that was opened.

    Attributes:
        path: of the file.
        columns: which are which.
        rows: read as they are asked for, once.
    """

    path: Path
    columns: Columns
    rows: Iterator[Row]


def open_table(path: Path, *, audio_named: bool = False) -> Table:
    """Open a table: CSV, TSV, XLSX, PO or JSON lines.

    Args:
        path: of the file.
        audio_named: whether audio is found by the ids, so that no column is needed for it.

    Raises:
        InputError: where it cannot be read, is of no known kind, or lacks the column of ids or of audio.
    """
    check_file(path)
    suffix = path.suffix.lower()
    reader = next((one for one in _READERS if suffix in one.SUFFIXES), None)
    if reader is None:
        known = ", ".join(suffix for one in _READERS for suffix in one.SUFFIXES)
        raise InputError(f"{path.name} is no table of a known kind; tables end in {known}.")
    header, rows = reader.read(path)
    first = list(islice(rows, _SAMPLE))
    found = columns.recognize(header, [row.cells for row in first])
    _check_needed(found, header, path, audio_named)
    return Table(path, found, bounded(chain(first, rows), path))


def _check_needed(found: Columns, header: tuple[str, ...], path: Path, audio_named: bool) -> None:
    """Check that there is audio; lines without an id are named as their audio is."""
    there = ", ".join(one for one in header if one)
    if "audio" not in found.place and not audio_named:
        hint = "Rename the one that names the recordings, or give --audio 'voices/{language}/{id}'."
        raise InputError(f"{path.name} has no column 'audio'; it has {there}. {hint}")
    if "id" not in found.place and audio_named:
        raise InputError(f"{path.name} has no column 'id', by which audio is found; it has {there}. Rename one.")


def digest(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal digits.

    Raises:
        InputError: where it cannot be read.
    """
    check_file(path)
    with readable(f"{path.name} cannot be read", "check its name and its rights"), path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
