"""JSON lines: an object a line; or one JSON list of objects."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any

from animcore.core.reading import content
from animcore.errors import InputError
from animcore.files import text_tables
from animcore.pipelines.batch.tables.rows import Row, is_formula

SUFFIXES = (".jsonl", ".ndjson", ".json")
_LARGEST_LIST = 256 << 20  # bytes of a file that is one list, which is read at once


def read(path: Path) -> tuple[tuple[str, ...], Iterator[Row]]:
    """Return the names in the first hundred objects as the header, and the rows.

    Raises:
        InputError: where a line is no object.
    """
    rows = _of_list(path) if path.suffix.lower() == ".json" else _of_lines(path)
    first = [row for row, _ in zip(rows, range(100), strict=False)]
    if not first:
        raise InputError(f"{path.name} is empty; each line is an object with id, audio and text.")
    header = tuple(dict.fromkeys(name for row in first for name in row.cells))
    return header, chain(first, rows)


def _of_lines(path: Path) -> Iterator[Row]:
    encoding = text_tables.encoding_of(path)
    with path.open(encoding=encoding) as handle:
        for number, line in enumerate(handle, 1):
            if line.strip():
                yield _row(number, _parsed(line, path, number), path)


def _of_list(path: Path) -> Iterator[Row]:
    text = content(path, _LARGEST_LIST).decode("utf-8-sig", errors="replace")
    found = _parsed(text, path, 1)
    if isinstance(found, dict):
        raise InputError(f"{path.name} is one JSON object; a table is a list of them, or one a line (.jsonl).")
    for number, one in enumerate(found, 1):
        yield _row(number, one, path)


def _parsed(text: str, path: Path, number: int) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path.name}, line {number} is no JSON ({error}).") from error


def _row(number: int, values: object, path: Path) -> Row:
    if not isinstance(values, Mapping):
        raise InputError(f"{path.name}, line {number} is no JSON object with id, audio and text.")
    cells = {str(name): _text(value) for name, value in values.items()}
    return Row(number, cells, tuple(name for name, cell in cells.items() if is_formula(cell)))


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, list):
        return ",".join(map(str, value))
    return str(value).strip()
