"""Text files of unknown origin: their encoding, and tables of numbers in them."""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, dropwhile, islice
from pathlib import Path
from typing import Any, TextIO

import numpy as np
from numpy.typing import NDArray

from animcore.core.atomic_files import whole_file
from animcore.core.reading import check_file
from animcore.errors import InputError

_SEPARATORS = ",;\t"
_BLOCK = 2048  # rows at once: as texts they take ten times the memory of their numbers
_PIECE = 1 << 20  # bytes
_ANSI, _DOS = "cp1252", "cp850"
# letters within words as DOS and the Windows console write them, where ANSI has signs; and the letters of ANSI
_DOS_LETTERS = re.compile(rb"(?<=[A-Za-z])[\x80-\x91\x93-\x99\xa0-\xa5](?=[A-Za-z])")
_ANSI_LETTERS = re.compile(rb"[\xc0-\xff]")
_NOT_ANSI = re.compile(rb"[\x81\x8d\x8f\x90\x9d]")
_HALF_EMPTY = 0.4  # share of zero bytes in every second place from which a text without a mark is UTF-16
_DECIMAL_COMMA = re.compile(r"[-+]?\d*,\d+")
_ASCII = bytes(range(128))
_PREAMBLE = re.compile(r'"?sep=.|#\s')  # what spreadsheets and programs put before the header
_CONTROLS = re.compile(rb"[\x00-\x08\x0e-\x19\x1c-\x1f]")
_BYTE_ORDER_MARKS = ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"), (b"\xef\xbb\xbf", "utf-8-sig"))


def text_of(path: Path) -> str:
    """Read a text file: UTF-8, UTF-16 where it begins with a byte order mark, or else ANSI as Windows writes it.

    Raises:
        InputError: when it cannot be read or is no text.
    """
    with _opened(path, encoding_of(path)) as handle:
        text = handle.read()
    if "\0" in text:
        raise InputError(f"{path.name} is not a text file; is it of another kind?")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def encoding_of(path: Path) -> str:
    """Return the encoding of a text file, found by reading it once, in pieces.

    Raises:
        InputError: when it cannot be read or is no text.
    """
    try:
        check_file(path)
        with path.open("rb") as handle:
            start = handle.read(_PIECE)
            if start.startswith(b"{\\rtf"):
                raise InputError(f"{path.name} is rich text (RTF), whatever its name ends in; save it as plain text.")
            marked = next((name for mark, name in _BYTE_ORDER_MARKS if start.startswith(mark)), _unmarked_utf16(start))
            return _checked(chain((start,), iter(lambda: handle.read(_PIECE), b"")), marked, path.name)
    except OSError as error:
        raise InputError(f"{path.name} cannot be read ({error.strerror}).") from error


def _checked(pieces: Iterable[bytes], marked: str | None, name: str) -> str:
    """The encoding that the pieces of a file are in.

    Bytes that are no UTF-8 are ANSI (Windows-1252) only where they look like its letters: no control characters, and
    among them more ASCII than not.
    """
    decoder = codecs.getincrementaldecoder(marked or "utf-8")()
    ansi, high, size, dos = False, 0, 0, 0
    for piece in chain(pieces, (b"",)):
        size += len(piece)
        high += len(piece.translate(None, _ASCII))
        dos += len(_DOS_LETTERS.findall(piece)) + len(_NOT_ANSI.findall(piece)) - len(_ANSI_LETTERS.findall(piece))
        if _CONTROLS.search(piece) and (marked is None or marked == "utf-8-sig"):
            raise InputError(f"{name} is not a text file; is it of another kind?")
        if ansi:
            continue
        try:
            decoder.decode(piece, final=not piece)
        except UnicodeDecodeError as error:
            if marked is not None:
                raise InputError(f"{name} is not a text file ({error.reason}); is it of another kind?") from error
            ansi = True
    if ansi and 2 * high > size:
        raise InputError(f"{name} is in an encoding that is unknown; save it as UTF-8.")
    return (_DOS if dos > 0 else _ANSI) if ansi else marked or "utf-8"


def _unmarked_utf16(start: bytes) -> str | None:
    """The byte order of UTF-16 without a mark: of letters as Europe writes them every second byte is 0."""
    if len(start) < 4 or len(start) % 2:
        return None
    for name, zeros, others in (("utf-16-le", start[1::2], start[::2]), ("utf-16-be", start[::2], start[1::2])):
        if zeros.count(0) > _HALF_EMPTY * len(zeros) and not others.count(0):
            return name
    return None


@dataclass(frozen=True)
class TextTable:
    """A table with a header, read from its file row by row: columns are found by name without regard to case.

    Attributes:
        path: of the file.
        header: the columns' names as they stand.
        separator: what stands between the columns.
        encoding: of the file.
        notes: a sentence for each thing that was noticed.
    """

    path: Path
    header: tuple[str, ...]
    separator: str
    encoding: str
    notes: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Of the file, for messages."""
        return self.path.name

    def rows(self) -> Iterator[list[str]]:
        """Go through the rows below the header; empty ones, as spreadsheets leave them, are passed over.

        Raises:
            InputError: where the file cannot be read, or is no table.
        """
        rows = _rows(self.path, self.encoding, self.separator)
        next(rows, None)
        return rows

    def column(self, name: str) -> list[str] | None:
        """Return the texts of a column; None where there is none of that name."""
        places = {one.lower(): index for index, one in enumerate(self.header)}
        if name.lower() not in places:
            return None
        try:
            return [row[places[name.lower()]] for row in self.rows()]
        except IndexError as error:
            raise InputError(f"{self.name} has a row that is cut off.") from error

    def numbers(self, names: Sequence[str], kind: type[np.floating[Any]] = np.float64) -> NDArray[Any]:
        """Return (T, K) the numbers of columns that stand in the header; NaN where a cell is empty.

        Raises:
            InputError: where a row is cut off, or holds something else than finite numbers.
        """
        places = {one.lower(): index for index, one in enumerate(self.header)}
        wanted = [places[name.lower()] for name in names]
        blocks = [np.zeros((0, len(wanted)), kind)]
        try:
            for rows in _batched(self.rows(), _BLOCK):
                blocks.append(_block([[row[place] for place in wanted] for row in rows], kind))
        except (ValueError, IndexError) as error:
            if isinstance(error, InputError):
                raise
            raise InputError(f"{self.name} has a row that is cut off or holds no number ({error}).") from error
        if any(np.isinf(block).any() for block in blocks):
            raise InputError(f"{self.name} holds values that are not numbers (NaN or infinite).")
        return np.concatenate(blocks)


def _block(cells: list[list[str]], kind: type[np.floating[Any]]) -> NDArray[Any]:
    """Numbers of texts; NaN in the text becomes infinite, so that it differs from an empty cell."""
    try:
        values = np.array([[float(cell) for cell in row] for row in cells], kind)
        values[np.isnan(values)] = np.inf
    except ValueError:
        values = np.array([[_number(cell) for cell in row] for row in cells], kind)
    return values


def _number(cell: str) -> float:
    """The number of a cell, which may have a decimal comma; NaN where it is empty."""
    if not cell.strip():
        return float("nan")
    value = float(cell.replace(",", "."))
    return value if value == value else float("inf")


def _batched(items: Iterator[list[str]], size: int) -> Iterator[list[list[str]]]:
    """Give items in lists of a size; the last one may be shorter."""
    while found := list(islice(items, size)):
        yield found


def table_of(path: Path) -> TextTable:
    """Read the header of a table with commas, semicolons or tabs between its columns, whichever it has most of.

    Raises:
        InputError: when it cannot be read or is no text.
    """
    encoding = encoding_of(path)
    with _opened(path, encoding) as handle:
        first = next(_from_header(handle), "")
    separator = max(_SEPARATORS, key=first.count)
    rows = _rows(path, encoding, separator)
    header, row = next(rows, []), next(rows, [])
    commas = any(_DECIMAL_COMMA.fullmatch(cell.strip()) for cell in row)
    notes = (f"{path.name} has decimal commas, which were read as points.",) if commas else ()
    return TextTable(path, tuple(name.strip() for name in header), separator, encoding, notes)


def _rows(path: Path, encoding: str, separator: str) -> Iterator[list[str]]:
    with _opened(path, encoding) as handle:
        try:
            for row in csv.reader(_from_header(handle), delimiter=separator):
                if any(cell.strip() for cell in row):
                    yield row
        except csv.Error as error:
            raise InputError(f"{path.name} is not a text table ({error}).") from error


def _from_header(lines: Iterable[str]) -> Iterator[str]:
    """The lines of a table, without what stands before its header."""
    return dropwhile(lambda line: not line.strip() or _PREAMBLE.match(line), lines)


@contextmanager
def _opened(path: Path, encoding: str) -> Iterator[TextIO]:
    try:
        with path.open(encoding=encoding, newline="") as handle:
            yield handle
    except OSError as error:
        raise InputError(f"{path.name} cannot be read ({error.strerror}).") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path.name} is not a text file ({error.reason}); is it of another kind?") from error


def save_table(path: Path, header: Sequence[str], firsts: Iterable[str], rows: Iterable[Sequence[float]]) -> None:
    """Write a table with commas: of each of T rows of numbers what comes before them, and seven digits of each.

    Raises:
        InputError: when the file cannot be written.
    """
    with whole_file(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as handle:
        csv.writer(handle, lineterminator="\n").writerow(header)
        for first, row in zip(firsts, rows, strict=True):
            handle.write(f"{first},{','.join(f'{value:.7g}' for value in row)}\n")
