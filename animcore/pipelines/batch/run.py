"""A batch performed: lines go to workers, what comes back goes to the ledger, and the user is told where it stands."""

from __future__ import annotations

import contextlib
import datetime
import itertools
import os
import uuid
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

import animcore
from animcore.core.atomic_files import make_folder, remove_orphans
from animcore.core.reading import check_file
from animcore.errors import InputError
from animcore.pipelines.batch import keys, ledger, localisation
from animcore.pipelines.batch import plan as planning
from animcore.pipelines.batch.folder_lock import locked
from animcore.pipelines.batch.ledger import Entry, Ledger
from animcore.pipelines.batch.line import Line, language_tag
from animcore.pipelines.batch.plan import Plan, Planned
from animcore.pipelines.batch.records import LineRecord
from animcore.pipelines.batch.settings import BatchSettings
from animcore.pipelines.batch.solve import Outcome, Task
from animcore.pipelines.batch.tables import opening
from animcore.pipelines.batch.workers.interface import Done, Workers

_ATTEMPTS = 2  # that a line has in a run where its worker dies or the disk fails under it
_MOVES = 10  # times that a line goes to another computer because its own left, before that counts as a failure
_STORAGE_FAILS = 5  # in a row, after which the disk is full or gone for all
_WAIT = 0.5  # seconds


class Listener(Protocol):
    """Is told how a run goes on."""

    def begin(self, lines: Sequence[Planned], done: int) -> None:
        """The lines that are performed now, and how many were done before."""

    def line(self, record: LineRecord) -> None:
        """A line that is done or failed."""

    def note(self, sentence: str) -> None:
        """Something else that the user should know."""


@dataclass(frozen=True)
class Summary:
    """How a run ended.

    Attributes:
        done, failed: lines of this run.
        rejected: rows that cannot be performed.
        unchanged: lines that were done before and are.
        left: lines that were not begun.
        seconds_audio: of the lines that are done.
        seconds_cpu: processor time of all lines.
        lacks: sentence on what a format could not take -> how many lines.
        compared: lines that have a source line in another language and were compared with it.
        too_long: of these, those that no longer fit.
        stopped: why the run ended before its end, or None.
    """

    done: int = 0
    failed: int = 0
    rejected: int = 0
    unchanged: int = 0
    left: int = 0
    seconds_audio: float = 0.0
    seconds_cpu: float = 0.0
    lacks: dict[str, int] = field(default_factory=dict)
    compared: int = 0
    too_long: int = 0
    stopped: str | None = None


@dataclass
class _State:
    """What a run keeps in mind."""

    waiting: deque[Planned]
    held: dict[str, list[Planned]] = field(default_factory=dict)  # by the source line that they wait for
    attempts: dict[str, int] = field(default_factory=dict)
    moves: dict[str, int] = field(default_factory=dict)  # attempts that count, and those that do not
    running: dict[str, Planned] = field(default_factory=dict)
    storage_fails: int = 0
    summary: Summary = field(default_factory=Summary)


class Run:
    """One run of a batch.

    Args:
        plan: of the table.
        chosen: lines that are performed.
        book: the ledger.
        batch: id of the batch.
        listener: is told of each line.
    """

    def __init__(self, plan: Plan, chosen: Sequence[Planned], book: Ledger, batch: str, listener: Listener) -> None:
        self._plan, self._book, self._batch, self._listener = plan, book, batch, listener
        self._folder = plan.settings.folder
        self._lines = {one.line.name: one for one in plan.lines}
        self._state = _State(deque())
        pending = {one.line.name for one in chosen}
        for one in chosen:
            source = one.line.source
            if source is not None and source in pending:
                self._state.held.setdefault(source, []).append(one)
            else:
                self._state.waiting.append(one)

    def work(self, workers: Workers) -> Summary:
        """Perform all lines.

        Raises:
            AnimcoreError: where workers cannot start.
            KeyboardInterrupt: from Ctrl-C; what is done is in the ledger.
        """
        state = self._state
        while state.waiting or state.running:
            while state.waiting and workers.idle() and state.summary.stopped is None:
                self._submit(state.waiting.popleft(), workers)
            if not state.running and state.summary.stopped is not None:
                break
            for done in workers.wait(_WAIT):
                self._take(done)
        left = len(state.waiting) + sum(map(len, state.held.values()))
        return replace(state.summary, left=left)

    def _submit(self, one: Planned, workers: Workers) -> None:
        entry = self._book.entries.get(one.line.source) if one.line.source is not None else None
        source = entry.record if entry is not None and entry.record.status == "done" else None
        parts = {**one.parts, **planning.source_part(one.line, self._book)}
        task = Task(
            one.line,
            self._folder,
            self._batch,
            parts,
            keys.stamp(one.line.audio),
            None if source is None else source.motion,
            None if source is None else source.audio,
        )
        self._state.running[one.line.name] = one
        workers.submit(task)

    def _take(self, done: Done) -> None:
        """Keep what came back, or try it again."""
        state, name = self._state, done.task.line.name
        one = state.running.pop(name)
        outcome = done.outcome
        if outcome is None or outcome.kind == "storage":
            state.moves[name] = state.moves.get(name, 0) + 1
            has_failed = not done.again or state.moves[name] > _MOVES
            attempts = state.attempts[name] = state.attempts.get(name, 0) + has_failed
            self._count_storage(outcome)
            if attempts < _ATTEMPTS:
                state.waiting.append(one)
                if outcome is None and not done.again:
                    self._listener.note(f"{name}: {done.why}; it is tried once more.")
                return
        else:
            state.storage_fails = 0
        if outcome is None:
            said = f"It failed {_ATTEMPTS} times: {done.why}. Look at the recording."
            outcome = Outcome(name, said, "died", done.task.parts)
        self._keep(one, done.task, outcome)

    def _count_storage(self, outcome: Outcome | None) -> None:
        if outcome is None:
            return
        self._state.storage_fails += 1
        if self._state.storage_fails >= _STORAGE_FAILS:
            self._state.summary = replace(self._state.summary, stopped=outcome.error)

    def _keep(self, one: Planned, task: Task, outcome: Outcome) -> None:
        record = _record(one.line, task, outcome, self._state.attempts.get(one.line.name, 0))
        summary = self._state.summary
        if outcome.error is None:
            lacks = dict(summary.lacks)
            for sentence in outcome.lacks:
                general = sentence.partition(": ")[2]
                lacks[general] = lacks.get(general, 0) + 1
            summary = replace(
                summary, done=summary.done + 1, seconds_audio=summary.seconds_audio + outcome.seconds_audio, lacks=lacks
            )
        else:
            summary = replace(summary, failed=summary.failed + 1)
        self._state.summary = replace(summary, seconds_cpu=summary.seconds_cpu + outcome.seconds_cpu)
        try:
            self._book.append(Entry(record, outcome.parts, task.stamp))
        except InputError as error:
            self._state.summary = replace(self._state.summary, stopped=str(error))
        self._listener.line(record)
        self._state.waiting.extend(self._state.held.pop(one.line.name, ()))


def run(
    settings: BatchSettings,
    start_workers: Callable[[], Workers],
    choose: Callable[[Plan, Ledger], Sequence[Planned]],
    listener: Listener,
    *,
    part: tuple[int, int] | None = None,
    rehash: bool = False,
) -> Summary:
    """Perform the lines of a table that are not done; what is done is kept whatever happens.

    Args:
        settings: of the batch.
        start_workers: makes those who do the work.
        choose: which of the planned lines are performed.
        listener: is told of each line.
        part: which part of how many (written jobs): several may run at once, on several computers.
        rehash: as `plan.make` takes it.

    Raises:
        InputError: where the table or the folder cannot be used, or another run is at work in it.
        KeyboardInterrupt: from Ctrl-C; what is done is in the ledger.
    """
    check_file(settings.table)
    make_folder(settings.folder)
    with contextlib.ExitStack() as stack:
        if part is None:
            stack.enter_context(locked(settings.folder))
        book = Ledger(settings.folder, ledger.MAIN if part is None else _part_name(*part))
        stack.callback(book.close)
        workers = None
        if _has_work(settings, book):  # they start while the table is read
            workers = start_workers()
            stack.callback(workers.close)
        plan = planning.make(settings, book, rehash=rehash, full=False)
        chosen = choose(plan, book)
        batch = write_header(settings)
        if part is None:
            _note_table(plan, book)
        running = Run(plan, chosen, book, batch, listener)
        listener.begin(chosen, sum(one.status == "done" for one in plan.lines))
        summary = Summary()
        if chosen:
            stack.callback(_clean, settings.folder, plan)
            if workers is None:
                workers = start_workers()
            stack.callback(workers.close)  # before the folders are cleaned
            summary = running.work(workers)
        if part is None and summary.stopped is None:
            with _only_told(listener):
                book.compact()
        unchanged = sum(one.status == "done" for one in plan.lines) - sum(one.status == "done" for one in chosen)
        summary = replace(summary, unchanged=unchanged, rejected=len(plan.rejected))
        return _compared(summary, settings, book, listener)


@contextlib.contextmanager
def _only_told(listener: Listener) -> Iterator[None]:
    """What fails after the lines are done is told, and costs nothing."""
    try:
        yield
    except InputError as error:
        listener.note(str(error))


def _has_work(settings: BatchSettings, book: Ledger) -> bool:
    """Whether there is surely something to do: the table is another one, or not all of its lines are done."""
    entries = [entry for entry in book.entries.values() if not entry.is_removed]
    if not entries or any(entry.record.status in ("missing", "stale") for entry in entries):
        return True
    with contextlib.suppress(InputError):
        return bool(ledger.header(settings.folder).get("table_sha256") != opening.digest(settings.table))
    return False  # what is wrong with the table is told when it is read


def _compared(summary: Summary, settings: BatchSettings, book: Ledger, listener: Listener) -> Summary:
    """Write the table of languages, where there are several."""
    records = [entry.record for entry in book.entries.values() if not entry.is_removed]
    source = settings.source_language
    found = localisation.compare(
        sorted(records, key=lambda one: one.row), language_tag(source) if source is not None else None
    )
    if found and (summary.done or not (settings.folder / localisation.TABLE).exists()):
        with _only_told(listener):  # it may be open in Excel
            localisation.write_table(found, settings.folder)
    return replace(summary, compared=len(found), too_long=sum(not one.fits for one in found))


def _part_name(index: int, count: int) -> str:
    return f"part-{index}-of-{count}-{uuid.uuid4().hex[:8]}.jsonl"


def write_header(settings: BatchSettings) -> str:
    """Write `batch.json`; returns the id of the batch: that of its table's name, so that all parts of a job agree.

    Raises:
        InputError: where it cannot be written, or is of a later version.
    """
    try:
        before = ledger.header(settings.folder)
    except InputError:
        if (settings.folder / ledger.HEADER).exists():
            raise
        before = {}
    batch = str(before.get("id") or uuid.uuid5(uuid.NAMESPACE_URL, settings.table.name).hex)
    table = Path(os.path.relpath(settings.table, settings.folder)).as_posix() if _is_near(settings) else settings.table
    ledger.write_header(
        settings.folder,
        {
            "id": batch,
            "created": before.get("created") or _now(),
            "table": str(table),
            "table_sha256": opening.digest(settings.table),
            "animcore": animcore.__version__,
            "models": keys.model_versions(),
            "settings": settings.facts(),
        },
    )
    return batch


def _is_near(settings: BatchSettings) -> bool:
    return settings.table.absolute().drive == settings.folder.absolute().drive


def _note_table(plan: Plan, book: Ledger) -> None:
    """Bring the ledger to the table: new rows, changed cells, rows that are gone, and rows with an error."""
    for one in plan.lines:
        entry = book.entries.get(one.line.name)
        before = entry.record if entry is not None and not entry.is_removed else None
        record = _of_row(one, before)
        if before != record:
            kept = entry if entry is not None else Entry(record)
            book.append(replace(kept, record=record, is_removed=False), flush=False)
    for row, (name, id_, sentence) in plan.rejected.items():
        audio = plan.settings.table.parent
        known = book.entries.get(name, Entry(LineRecord(name=name, id=id_, row=row, audio=audio)))
        # what was done is still known: a drive with recordings may be away for an hour
        record = replace(known.record, row=row, status="failed", error=sentence)
        if name not in book.entries or known.record != record or known.is_removed:
            book.append(replace(known, record=record, is_removed=False), flush=False)
    for name in plan.gone:
        book.append(replace(book.entries[name], is_removed=True), flush=False)
    book.flush()


def _of_row(one: Planned, before: LineRecord | None) -> LineRecord:
    """The record of a line as its row is now, with what became of it before."""
    line = one.line
    base = before if before is not None else LineRecord(line.name, line.id, line.row, line.audio)
    return replace(
        base,
        row=line.row,
        audio=line.audio if before is None or one.status != "done" else base.audio,
        status=one.status,
        error=base.error if one.status == "failed" else None,
        **_cells(line),
    )


def _cells(line: Line) -> dict[str, Any]:
    return {
        "text": line.text,
        "language": line.language,
        "speaker": line.speaker,
        "character": line.character,
        "style": line.direction.style,
        "emotion": line.emotion,
        "carried": dict(line.carried),
        "max_seconds": line.max_seconds,
    }


def _record(line: Line, task: Task, outcome: Outcome, attempts: int) -> LineRecord:
    is_done = outcome.error is None
    return LineRecord(
        name=line.name,
        id=line.id,
        row=line.row,
        audio=line.audio,
        key=keys.key(outcome.parts) if is_done else "",
        status="done" if is_done else "failed",
        error=outcome.error,
        motion=outcome.files.get("npz"),
        files=dict(outcome.files),
        seconds_audio=outcome.seconds_audio,
        seconds_cpu=round(outcome.seconds_cpu, 3),
        scores=dict(outcome.scores),
        findings=list(outcome.findings),
        warnings=list(outcome.warnings),
        lacks=list(outcome.lacks),
        has_edits=outcome.has_edits,
        attempts=0 if is_done else max(attempts, 1),
        finished=_now() if is_done else "",
        shared=line.source if outcome.shared else None,
        **_cells(line),
    )


def _clean(folder: Path, plan: Plan) -> None:
    """Remove what workers that were ended in the middle of a file left."""
    folders = {folder, *((folder / one.line.name).parent for one in plan.lines)}
    for one in itertools.islice(sorted(folders), 10_000):
        remove_orphans(one)


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
