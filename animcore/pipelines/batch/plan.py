"""What a batch will do: every row checked before any work, what changed since the last run, and what it costs."""

from __future__ import annotations

import os
import shutil
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from animcore.errors import InputError
from animcore.pipelines.batch import keys, line, names, other_work, recordings
from animcore.pipelines.batch.ledger import Entry, Ledger
from animcore.pipelines.batch.line import Line, RowReader
from animcore.pipelines.batch.settings import BatchSettings
from animcore.pipelines.batch.tables import opening
from animcore.pipelines.batch.tables.rows import Row
from animcore.pipelines.batch.texts import languages

_CPU_SHARE = 0.1  # processor seconds a second of audio where no line was done yet (benchmarks/batch.py)
_BYTES = 40_000  # of the files of a second, where no line was done yet
_FEWEST = 10  # lines that were done, from which cost is estimated by them
_IN_FORMULAS = ("id", "audio", "language")  # columns in which a formula makes a line useless


@dataclass(frozen=True)
class Problem:
    """What is wrong with a row.

    Attributes:
        row: its number.
        id: of the line, or empty.
        sentence: what is wrong and what to do.
        is_error: whether the line cannot be performed; else it is worth knowing.
        kind: of the problem in two words, by which equal ones are counted.
    """

    row: int
    id: str
    sentence: str
    is_error: bool = True
    kind: str = ""


@dataclass(frozen=True)
class Planned:
    """A line and where it stands.

    Attributes:
        line: what is to be performed.
        status: of `records.STATUSES`.
        reasons: what changed since it was done, in words.
        parts: digests (`keys.parts`) as far as they are known before it is read.
        stamp: of its recording.
    """

    line: Line
    status: str
    reasons: tuple[str, ...] = ()
    parts: Mapping[str, str] = field(default_factory=dict)
    stamp: tuple[int, int] | None = None


@dataclass(frozen=True)
class Plan:
    """A table that was checked.

    Attributes:
        settings: of the batch.
        tool: program that wrote the table, or empty.
        columns: our name -> header.
        carried: headers that are carried through.
        lines: that can be performed, in the order of the table.
        problems: in the order of the table.
        rejected: rows with an error, as what can be recorded of them: row -> (name, id, sentence).
        audio: how long the recordings of lines to do last.
        gone: names in the ledger that the table has no more.
        cpu_share: processor seconds a second of audio.
        bytes_a_second: of the files that are written.
        measured: whether those two come from lines that were done.
    """

    settings: BatchSettings
    tool: str
    columns: Mapping[str, str]
    carried: Sequence[str]
    lines: Sequence[Planned]
    problems: Sequence[Problem]
    rejected: Mapping[int, tuple[str, str, str]]
    audio: recordings.AudioLength
    gone: Sequence[str]
    cpu_share: float
    bytes_a_second: float
    measured: bool

    @property
    def errors(self) -> list[Problem]:
        """The problems that keep lines from being performed."""
        return [one for one in self.problems if one.is_error]

    @property
    def to_do(self) -> list[Planned]:
        """The lines that a run would perform."""
        return [one for one in self.lines if one.status != "done"]

    @property
    def free_bytes(self) -> int:
        """Bytes free where the files go."""
        folder = self.settings.folder
        there = next(one for one in (folder.absolute(), *folder.absolute().parents) if one.exists())
        return shutil.disk_usage(there).free


@dataclass
class _Read:
    """What is gathered while rows are read."""

    lines: list[Line] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    rejected: dict[int, tuple[str, str, str]] = field(default_factory=dict)

    def reject(self, row: int, name: str, id_: str, sentence: str, kind: str) -> None:
        self.problems.append(Problem(row, id_, sentence, True, kind))
        self.rejected[row] = (name, id_, sentence)


def make(settings: BatchSettings, ledger: Ledger | None = None, *, rehash: bool = False, full: bool = True) -> Plan:
    """Check a table and compare it with what was done; changes nothing.

    Args:
        settings: of the batch.
        ledger: of its folder, where it is open already.
        rehash: read every recording to see whether it changed, rather than trust its size and time.
        full: whether to look at what is no error too (texts in another language) and to estimate the time that it
            takes, for which headers of recordings are read.

    Raises:
        InputError: where the table cannot be read, or a template or the folder cannot be used.
    """
    if settings.folder.exists() and not settings.folder.is_dir():
        raise InputError(f"{settings.folder} is a file; give a folder (--out).")
    ledger = ledger or Ledger(settings.folder)
    table = opening.open_table(settings.table, audio_named=settings.audio is not None)
    reader = RowReader(table.columns.place, table.columns.carried, settings)
    rows = list(table.rows)
    read = _Read()
    stamps = _read_rows(rows, reader, settings, table.columns.place, read)
    _share_performances(read.lines, settings)
    if full:
        _compare_languages(read)
    planned = _with_status(read, ledger, stamps, rehash)
    lengths = _lengths(planned, read) if full else recordings.AudioLength(0.0, 0, {})
    planned = [one for one in planned if one.line.audio not in lengths.unreadable]
    share, size, measured = _experience(ledger)
    kept = {one.line.name for one in planned} | {name for name, *_ in read.rejected.values()}
    gone = [name for name, entry in ledger.entries.items() if name not in kept and not entry.is_removed]
    read.problems.sort(key=lambda one: one.row)
    return Plan(
        settings, table.columns.tool, table.columns.place, table.columns.carried, planned, read.problems,
        read.rejected, lengths, gone, share, size, measured,
    )  # fmt: skip


def _read_rows(
    rows: Sequence[Row], reader: RowReader, settings: BatchSettings, place: Mapping[str, str], read: _Read
) -> dict[str, tuple[int, int] | None]:
    """Make lines of rows; returns the stamps of their recordings by name."""
    cells = [reader.cells(row) for row in rows]
    template = settings.path or names.USUAL
    names.check_template(template)
    if settings.audio is not None:
        recordings.check_template(settings.audio)
    folders = recordings.Folders()
    named = _names(rows, cells, template, place, read)
    stamps: dict[str, tuple[int, int] | None] = {}
    for row, own in zip(rows, cells, strict=True):
        name = named.get(row.number)
        if name is None:
            continue
        try:
            audio = _audio(row, own, reader, settings, folders)
            made = reader.line(row, name, audio)
            line.check_postprocess(made)
            _check_files(made)
        except (InputError, ValueError) as error:
            read.reject(row.number, name, own["id"], str(error), "cell")
            continue
        stamps[name] = keys.stamp(audio)
        wrong = recordings.problem(audio, stamps[name][0] if stamps[name] else None, folders)  # type: ignore[index]
        if wrong is not None:
            read.reject(row.number, name, own["id"], wrong, "audio")
            continue
        read.lines.append(made)
        read.problems += [Problem(row.number, made.id, note, False, "text") for note in made.notes]
    return stamps


def _names(
    rows: Sequence[Row], cells: Sequence[Mapping[str, str]], template: str, place: Mapping[str, str], read: _Read
) -> dict[int, str]:
    """Row -> output name, without rows whose name is wrong or that of another row."""
    found: dict[int, str] = {}
    taken: defaultdict[str, list[int]] = defaultdict(list)
    for row, own in zip(rows, cells, strict=True):
        try:
            _check_formulas(row, place)
            name = names.output_name(template, own, row.number)
        except InputError as error:
            read.reject(row.number, f"row {row.number}", own["id"], str(error), "name")
            continue
        found[row.number] = name
        taken[names.on_disk(name)].append(row.number)
    for same in (numbers for numbers in taken.values() if len(numbers) > 1):
        own_names = {number: found.pop(number) for number in same}
        for number in same:
            other = same[0] if number != same[0] else same[1]
            is_equal = own_names[number] == own_names[other]
            alike = "has the same id" if is_equal else f"is {own_names[other]!r}, on some disks the same file"
            sentence = f"Row {other} {alike}; rename one, or put {{language}} or {{speaker}} into --path."
            read.reject(number, f"row {number}", own_names[number], sentence, "duplicate")
    return found


def _check_formulas(row: Row, place: Mapping[str, str]) -> None:
    for name in _IN_FORMULAS:
        if place.get(name) in row.formulas:
            cell = row.cells.get(place[name], "")
            raise InputError(f"{name} is a formula ({cell[:40]}), which Excel would run; write its value there.")


def _audio(
    row: Row, cells: Mapping[str, str], reader: RowReader, settings: BatchSettings, folders: recordings.Folders
) -> Path:
    cell = cells.get("audio", "")
    if cell:
        return reader.beside(cell)
    if settings.audio is None:
        raise InputError("audio is empty; name the recording there.")
    return recordings.located(settings.audio, cells, row.number, settings.table.parent, folders)


def _check_files(made: Line) -> None:
    """Check the files that a row names beside its recording."""
    for path, what in (
        (made.listening_to, "listening_to"), (made.setup.character, "character"),
        (made.gestures, "gestures"), (made.face, "face"),
    ):  # fmt: skip
        if path is not None and not path.exists():
            raise InputError(f"{what}: there is no {path}.")


def _share_performances(lines: list[Line], settings: BatchSettings) -> None:
    """Have lines of one id share the performance of the source language, in place."""
    if not settings.shares:
        return
    order = list(dict.fromkeys(one.language for one in lines))
    wanted = settings.source_language
    if wanted is not None and lines and line.language_tag(wanted) not in order:
        there = ", ".join(filter(None, order)) or "none"
        raise InputError(f"--source-language {wanted}: the table has no line in it; it has {there}.")
    first = line.language_tag(wanted) if wanted is not None else order[0] if order else ""
    sources = {one.id: one.name for one in lines if one.language == first and one.work is None}
    for index, one in enumerate(lines):
        if one.language != first and one.id in sources and one.work is None:
            lines[index] = line.with_source(one, sources[one.id])


def _compare_languages(read: _Read) -> None:
    """Note texts that are not in the language of their row, and languages that are none."""
    for one in read.lines:
        if one.language and languages.code(one.language) is None:
            sentence = f"{one.language!r} is no code of a language, such as en, de or pt-BR."
            read.problems.append(Problem(one.row, one.id, sentence, False, "language"))
        elif found := languages.contradiction(one.text, one.language):
            sentence = f"The text looks like {found}, and the row says {one.language}."
            read.problems.append(Problem(one.row, one.id, sentence, False, "language"))


def _with_status(
    read: _Read, ledger: Ledger, stamps: Mapping[str, tuple[int, int] | None], rehash: bool
) -> list[Planned]:
    """Compare every line with the ledger; sources before those that share with them."""
    there = _files_in(ledger.folder)
    found: dict[str, Planned] = {}
    for one in sorted(read.lines, key=lambda one: one.source is not None):
        found[one.name] = _status(one, ledger, stamps[one.name], found, there, rehash)
    return [found[one.name] for one in read.lines]


def _status(
    one: Line,
    ledger: Ledger,
    stamp: tuple[int, int] | None,
    found: Mapping[str, Planned],
    there: set[str],
    rehash: bool,
) -> Planned:
    entry = ledger.entries.get(one.name)
    parts = keys.parts(one) | edits_part(one, ledger.folder, there) | source_part(one, ledger)
    if entry is None or not entry.record.key:
        status = entry.record.status if entry is not None and entry.record.status == "failed" else "missing"
        return Planned(one, status, (), parts, stamp)
    parts |= _recordings_parts(one, entry, stamp, rehash)
    reasons = keys.changed(parts, entry.parts)
    if one.source is not None and found[one.source].status != "done" and "source line" not in reasons:
        reasons.append("source line")
    reasons += _lost(one, entry, ledger.folder, there)
    return Planned(one, "stale" if reasons else "done", tuple(reasons), parts, stamp)


def _lost(one: Line, entry: Entry, folder: Path, there: set[str]) -> list[str]:
    """What was never written of a line, or is there no more."""
    targets = one.targets(folder)
    if new := [name for name in targets if name not in entry.record.files]:
        return [f"format {new[0]}"]
    is_there = one.work is not None and one.targets(folder)[other_work.FOLDER].is_dir()
    return [] if is_there or all(str(path) in there for path in targets.values()) else ["lost files"]


def _recordings_parts(one: Line, entry: Entry, stamp: tuple[int, int] | None, rehash: bool) -> dict[str, str]:
    """Digests of the recordings of a line that was done, read again only where size or time changed."""
    is_known = entry.stamp is not None and stamp == entry.stamp and not rehash
    audio = entry.parts.get("audio", "") if is_known else keys.of_source(one.audio)
    return {"audio": audio} | other_part(one)


def other_part(one: Line) -> dict[str, str]:
    """Return the digest of the recording that a line listens to."""
    return {"other": keys.of_file(one.listening_to)} if one.listening_to is not None else {"other": ""}


def edits_part(one: Line, folder: Path, there: set[str] | None = None) -> dict[str, str]:
    """Return the digest of a line's hand edits."""
    path = one.edits(folder)
    is_there = path.is_file() if there is None else str(path) in there
    return {"edits": keys.of_file(path) if is_there else ""}


def source_part(one: Line, ledger: Ledger) -> dict[str, str]:
    """Return the key of the line that this one shares with; empty where that is not done."""
    entry = ledger.entries.get(one.source) if one.source is not None else None
    is_done = entry is not None and entry.record.status == "done"
    return {"source": entry.record.key if entry is not None and is_done else ""}


def _files_in(folder: Path) -> set[str]:
    """All files below a folder: one look is faster than one for each file that should be there."""
    return {os.path.join(path, name) for path, _, found in os.walk(folder) for name in found}


def _lengths(planned: Sequence[Planned], read: _Read) -> recordings.AudioLength:
    """How long the recordings to do last; those whose header is broken are rejected."""
    spoken = (one for one in planned if one.status != "done" and one.line.work is None)
    sizes = {one.line.audio: one.stamp[0] for one in spoken if one.stamp is not None}
    found = recordings.length(sizes)
    for one in planned:
        if one.line.audio in found.unreadable:
            read.reject(one.line.row, one.line.name, one.line.id, found.unreadable[one.line.audio], "audio")
    return found


def _experience(ledger: Ledger) -> tuple[float, float, bool]:
    """Processor seconds and bytes a second of audio by lines that were done, and whether there were enough."""
    done = [entry.record for entry in ledger.entries.values() if entry.record.status == "done"][-500:]
    audio = sum(record.seconds_audio for record in done)
    if len(done) < _FEWEST or not audio:
        return _CPU_SHARE, _BYTES, False
    sizes = [keys.stamp(path) for record in done for path in record.files.values()]
    return (
        sum(record.seconds_cpu for record in done) / audio,
        sum(size for size, _ in filter(None, sizes)) / audio,
        True,
    )


def counts(plan: Plan) -> Counter[str]:
    """Return how many lines stand where, by status."""
    return Counter(one.status for one in plan.lines)
