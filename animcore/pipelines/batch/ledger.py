"""What became of every line, in append-only files of JSON lines: one of the driver, one of each part of a written job.

Why no database: lines of text survive a kill at any byte (the half line at the end is passed over), lie on network
drives, where the locks of SQLite do not hold, and take writers on several computers, each in a file of its own. Reading
10,000 entries takes a fifth of a second. A line's last entry counts; `compact` drops the others.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import IO, Any

from animcore.core.atomic_files import make_folder, whole_file
from animcore.core.reading import content
from animcore.errors import InputError, readable
from animcore.pipelines.batch.records import LineRecord

FOLDER, MAIN = "ledger", "lines.jsonl"
HEADER = "batch.json"
VERSION = 1
_LARGEST_HEADER = 16 << 20
_NAMES = {part.name for part in fields(LineRecord)}


@dataclass(frozen=True)
class Entry:
    """A record and what it was made of.

    Attributes:
        record: see `LineRecord`.
        parts: digests of what the result depends on, by name (`keys.parts`); their hash is the record's key.
        stamp: size and time of change of the recording when it was read, so that it need not be read to be known.
        at: seconds since 1970 of the entry.
        is_removed: whether the table has the line no more.
    """

    record: LineRecord
    parts: Mapping[str, str] = field(default_factory=dict)
    stamp: tuple[int, int] | None = None
    at: float = 0.0
    is_removed: bool = False


class Ledger:
    """The entries of a batch, in memory and on the disk."""

    def __init__(self, folder: Path, writer: str = MAIN) -> None:
        self.folder = folder
        self.entries: dict[str, Entry] = {}
        self._path = folder / FOLDER / writer
        self._handle: IO[bytes] | None = None
        self._waiting: list[bytes] = []
        self._written = 0
        for entry in _read_all(folder):
            self._written += 1
            known = self.entries.get(entry.record.name)
            if known is None or entry.at >= known.at:
                self.entries[entry.record.name] = entry

    def append(self, entry: Entry, *, flush: bool = True) -> None:
        """Keep an entry: in memory, and on the disk before this returns, unless not `flush`.

        Raises:
            InputError: where it cannot be written now; it is written with the next one that can.
        """
        entry = replace(entry, at=time.time())
        self.entries[entry.record.name] = entry
        self._waiting.append(_line(entry, self.folder))
        self._written += 1
        if flush:
            self.flush()

    def flush(self) -> None:
        """Write what waits.

        Raises:
            InputError: where that cannot be done now.
        """
        if not self._waiting:
            return
        try:
            if self._handle is None:
                self._path.parent.mkdir(exist_ok=True)  # and no more: the folder of a drive that went is not made anew
                self._handle = _opened(self._path)
            self._handle.write(b"".join(self._waiting))
            self._handle.flush()
            os.fsync(self._handle.fileno())
            self._waiting.clear()
        except OSError as error:
            with contextlib.suppress(OSError):
                self.close()
            why = "the disk is full" if error.errno in (errno.ENOSPC, errno.EDQUOT) else (error.strerror or str(error))
            raise InputError(
                f"The ledger {self._path} cannot be written ({why}); what was done since then is done again."
            ) from error

    def compact(self) -> None:
        """Leave the last entry of each line in one file, where more than half of what is written is older.

        Raises:
            InputError: where it cannot be written; nothing is lost then.
        """
        if self._written < 2 * len(self.entries) + 100 and len(_files(self.folder)) < 2:
            return
        self.flush()
        self.close()
        others = [path for path in _files(self.folder) if path != self._path]
        kept = {name: entry for name, entry in self.entries.items() if not entry.is_removed}
        make_folder(self._path.parent)
        with whole_file(self._path) as temporary, temporary.open("wb") as handle:
            handle.writelines(_line(entry, self.folder) for entry in kept.values())
        for path in others:
            path.unlink(missing_ok=True)
        self.entries, self._written = kept, len(kept)

    def close(self) -> None:
        """Close the file."""
        if self._handle is not None:
            handle, self._handle = self._handle, None
            handle.close()


def read(folder: str | Path) -> list[LineRecord]:
    """Return the records of a batch in the order of its table.

    Raises:
        InputError: where the folder holds no batch, or one of a later version.
    """
    folder = Path(folder)
    header(folder)
    entries = Ledger(folder).entries.values()
    records = [entry.record for entry in entries if not entry.is_removed]
    return sorted(records, key=lambda record: (record.row, record.name))


def header(folder: Path) -> dict[str, Any]:
    """Return what `batch.json` says of a batch: version, id, table, hash, settings, models, creation.

    Raises:
        InputError: where there is none, or one of a later version.
    """
    path = folder / HEADER
    if not path.is_file():
        raise InputError(f"{folder} holds no batch ({HEADER} is missing); `animcore batch run` makes one.")
    with readable(f"{path} is broken", "remove it and run the batch again"):
        found: dict[str, Any] = json.loads(content(path, _LARGEST_HEADER))
        if found.get("version") != VERSION:
            raise InputError(f"{folder} was made by another version of Animcore's batch; update Animcore.")
    return found


def write_header(folder: Path, facts: Mapping[str, Any]) -> None:
    """Write `batch.json`; unchanged facts leave it alone.

    Raises:
        InputError: where it cannot be written.
    """
    path = folder / HEADER
    text = json.dumps({"version": VERSION, **facts}, indent=1, ensure_ascii=False, default=str) + "\n"
    with contextlib.suppress(OSError, UnicodeDecodeError):
        if path.read_text(encoding="utf-8") == text:
            return
    with whole_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _files(folder: Path) -> list[Path]:
    return sorted((folder / FOLDER).glob("*.jsonl"))


def _read_all(folder: Path) -> Iterator[Entry]:
    for path in _files(folder):
        try:
            with path.open("rb") as handle:
                yield from _entries(handle, folder)
        except OSError as error:
            raise InputError(f"The ledger {path} cannot be read ({error.strerror}); check the drive.") from error


def _entries(lines: Iterable[bytes], folder: Path) -> Iterator[Entry]:
    """The entries of a file; a line that a kill or a full disk cut is passed over."""
    for line in lines:
        try:
            values = json.loads(line)
            yield Entry(
                record=_record(values["record"], folder),
                parts=values.get("parts", {}),
                stamp=tuple(values["stamp"]) if values.get("stamp") else None,
                at=float(values["at"]),
                is_removed=bool(values.get("is_removed", False)),
            )
        except (ValueError, TypeError, LookupError, AttributeError):
            continue


def _opened(path: Path) -> IO[bytes]:
    """A file to append to, which ends with a whole line."""
    handle = path.open("ab+")
    if handle.seek(0, os.SEEK_END):
        handle.seek(-1, os.SEEK_END)
        if handle.read(1) != b"\n":
            handle.write(b"\n")
    return handle


def _line(entry: Entry, folder: Path) -> bytes:
    values = asdict(entry)
    record = values["record"]
    record["audio"] = _relative(record["audio"], folder)
    record["motion"] = None if record["motion"] is None else _relative(record["motion"], folder)
    record["files"] = {form: _relative(path, folder) for form, path in record["files"].items()}
    values["record"] = {name: value for name, value in record.items() if value not in ("", None, {}, [], ())}
    return json.dumps(values, ensure_ascii=False, separators=(",", ":"), default=_plain).encode() + b"\n"


def _plain(value: Any) -> Any:
    """Numbers of NumPy and tuples of a scorer as JSON has them."""
    return value.item() if hasattr(value, "item") else str(value)


def _relative(path: Path, folder: Path) -> str:
    """A path from the folder, so that a batch may move with its recordings; absolute on another drive of Windows."""
    try:
        return Path(os.path.relpath(path, folder)).as_posix()
    except ValueError:
        return path.as_posix()


def _record(values: dict[str, Any], folder: Path) -> LineRecord:
    values = {name: value for name, value in values.items() if name in _NAMES}
    values["audio"] = _joined(folder, values.get("audio", ""))
    values["motion"] = _joined(folder, values["motion"]) if values.get("motion") else None
    values["files"] = {form: _joined(folder, path) for form, path in values.get("files", {}).items()}
    return LineRecord(**values)


def _joined(folder: Path, path: str) -> Path:
    return Path(os.path.normpath(folder / path))
