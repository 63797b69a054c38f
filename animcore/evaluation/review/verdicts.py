"""What reviewers said of lines: `verdicts.csv` beside the ledger, and two columns in the table of the batch."""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from animcore.core.atomic_files import whole_file
from animcore.errors import InputError, readable
from animcore.files import text_tables
from animcore.pipelines.batch.tables.rows import spreadsheet_safe

NAME = "verdicts.csv"
GOOD, REDO = "good", "redo"
VERDICTS = ("", GOOD, REDO)
COLUMNS = ("name", "id", "language", "verdict", "note", "when")
TABLE_COLUMNS = ("review_verdict", "review_note")
LONGEST_NOTE = 4000  # characters


@dataclass(frozen=True)
class Verdict:
    """What was said of a line: good, redo or nothing; a note; and when, ISO 8601 in UTC."""

    verdict: str = ""
    note: str = ""
    when: str = ""

    def __post_init__(self) -> None:
        """Check it.

        Raises:
            InputError: for a verdict that there is not, or a note that is too long.
        """
        if self.verdict not in VERDICTS:
            raise InputError(f"A verdict is good, redo or empty, not {self.verdict!r}.")
        if len(self.note) > LONGEST_NOTE:
            raise InputError(f"A note has {LONGEST_NOTE} characters at most, not {len(self.note)}.")


def now() -> str:
    """Return the time as verdicts have it."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def load(folder: str | Path) -> dict[str, Verdict]:
    """Return the verdicts of a batch by the names of lines; none where nobody reviewed it yet.

    Raises:
        InputError: where the file is broken.
    """
    path = Path(folder) / NAME
    if not path.is_file():
        return {}
    with readable(f"{path} cannot be read", "remove it, or restore it from a copy"):
        rows = csv.DictReader(io.StringIO(text_tables.text_of(path)))
        if rows.fieldnames is None or not {"name", "verdict", "note"} <= set(rows.fieldnames):
            raise InputError(f"{path} has no columns name, verdict and note; is it a file of something else?")
        return {row["name"]: Verdict(row["verdict"], _plain(row["note"]), row.get("when") or "") for row in rows}


def save(folder: str | Path, verdicts: Mapping[str, Verdict], known: Mapping[str, tuple[str, str]]) -> Path:
    """Write all verdicts, whole or not at all.

    Args:
        folder: of the batch.
        verdicts: by the names of lines; empty ones are left out.
        known: id and language by the names of lines.

    Raises:
        InputError: where the file cannot be written.
    """
    path = Path(folder) / NAME
    with whole_file(path) as temporary, temporary.open("w", encoding="utf-8-sig", newline="") as handle:
        writer = csv.writer(handle)
        writer.writerow(COLUMNS)
        for name, one in verdicts.items():
            if one.verdict or one.note:
                ident, language = known.get(name, ("", ""))
                writer.writerow(
                    [
                        spreadsheet_safe(name),
                        spreadsheet_safe(ident),
                        language,
                        one.verdict,
                        spreadsheet_safe(one.note),
                        one.when,
                    ]
                )
    return path


def into_table(table: Path, verdicts: Mapping[int, Verdict]) -> Path:
    """Write verdicts into two columns of the table of a batch, at their rows; all else stays as it is.

    Args:
        table: a CSV, TSV or other text table.
        verdicts: by row number, 1 for the header.

    Raises:
        InputError: where the table is of another kind, or cannot be written.
    """
    if table.suffix.lower() not in (".csv", ".tsv", ".txt", ".tab"):
        raise InputError(
            f"Verdicts go into tables of text (CSV, TSV) alone; {table.name} stays as it is, and {NAME} has them."
        )
    form = text_tables.table_of(table)
    text = table.read_text(encoding=form.encoding)
    rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=form.separator))
    head = next((place for place, cells in enumerate(rows) if any(cell.strip() for cell in cells[1:])), 0)
    places = [_column(rows[head], name) for name in TABLE_COLUMNS]
    for number, one in verdicts.items():
        if head < number - 1 < len(rows):
            cells = rows[number - 1]
            cells.extend([""] * (max(places) + 1 - len(cells)))
            cells[places[0]], cells[places[1]] = one.verdict, spreadsheet_safe(one.note)
    ending = "\r\n" if "\r\n" in text else "\n"
    with whole_file(table) as temporary, temporary.open("w", encoding=form.encoding, newline="") as handle:
        csv.writer(handle, delimiter=form.separator, lineterminator=ending).writerows(rows)
    return table


def _column(header: list[str], name: str) -> int:
    """The place of a column, which is added where it is missing."""
    if name not in header:
        header.append(name)
    return header.index(name)


def _plain(cell: str) -> str:
    return cell[1:] if spreadsheet_safe(cell[1:]) == cell else cell
