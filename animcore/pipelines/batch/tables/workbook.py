"""Excel workbooks (`.xlsx`): the first sheet that has a column of ids, by openpyxl."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from animcore.core import reading
from animcore.errors import InputError, readable
from animcore.pipelines.batch.tables.rows import Row, is_formula

SUFFIXES = (".xlsx", ".xlsm")


def read(path: Path) -> tuple[tuple[str, ...], Iterator[Row]]:
    """Return the header and the rows of the first sheet with text; formulas give the value that was saved with them.

    Raises:
        InputError: without openpyxl, or where it is no workbook.
    """
    try:
        import openpyxl
    except ImportError as error:
        raise InputError(
            f"{path.name} is an Excel workbook, which needs openpyxl: pip install openpyxl, or save it as CSV UTF-8."
        ) from error
    reading.check_file(path)
    with readable(f"{path.name} is not a readable Excel workbook", "save it again, or as CSV UTF-8"):
        with reading.archive(path) as parts:
            reading.checked(parts, path, lambda _: True)
        values = openpyxl.load_workbook(path, read_only=True, data_only=True)
        formulas = openpyxl.load_workbook(path, read_only=True, data_only=False)
        for name in values.sheetnames:
            rows = values[name].iter_rows(values_only=True)
            for number, cells in enumerate(rows, 1):
                header = tuple(_text(cell) for cell in cells)
                if any(header):
                    return header, _rows(path, (values[name], formulas[name]), header, number)
    raise InputError(f"{path.name} is empty; its first row names the columns, such as id, audio, text.")


def _rows(path: Path, sheets: tuple[Any, Any], header: tuple[str, ...], first: int) -> Iterator[Row]:
    with readable(f"{path.name} is not a readable Excel workbook", "save it again, or as CSV UTF-8"):
        both = (sheet.iter_rows(min_row=first + 1, values_only=True) for sheet in sheets)
        for number, (cells, written) in enumerate(zip(*both, strict=False), first + 1):
            named = {name: _text(cell) for name, cell in zip(header, cells, strict=False) if name}
            if any(named.values()):
                computed = [
                    name
                    for name, cell in zip(header, written, strict=False)
                    if name and isinstance(cell, str) and is_formula(cell)
                ]
                yield Row(number, named, tuple(computed))


def _text(cell: object) -> str:
    """The text that a person would type for a cell."""
    if cell is None:
        return ""
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    if isinstance(cell, datetime.time):
        return cell.isoformat()
    return str(cell).strip()
