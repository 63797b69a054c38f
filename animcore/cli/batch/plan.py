"""`animcore batch plan`: checks a table, says what a run would do and cost, and changes nothing."""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from animcore.cli.batch import options as shared
from animcore.cli.batch import words
from animcore.pipelines.batch import plan as planning
from animcore.pipelines.batch.plan import Plan, Problem
from animcore.pipelines.batch.workers import machine

_SHOWN = 10  # problems of one kind that are printed


def register(commands: Any) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "plan",
        help="check a table: what is wrong, what would be done, what it costs; changes nothing",
        description="Check every row of a table and compare it with what was done; nothing is written.",
    )
    shared.add(parser)
    parser.add_argument("--jobs", type=shared.count, help="processes that the time is estimated for")
    parser.add_argument("--all", action="store_true", help="print every problem, not the first of each kind")
    parser.add_argument("--json", action="store_true", help="print the plan as JSON")
    parser.set_defaults(command=command)


def command(options: argparse.Namespace) -> int:
    """Print the plan; return 1 where lines cannot be performed."""
    plan = planning.make(shared.settings(options), rehash=options.rehash)
    if options.json:
        print(json.dumps(_facts(plan, options.jobs), indent=1, ensure_ascii=False))
    else:
        for sentence in _report(plan, options.jobs, every=options.all):
            print(sentence)
    return int(bool(plan.errors))


def _report(plan: Plan, jobs: int | None, *, every: bool) -> Iterator[str]:
    rows = len(plan.lines) + len(plan.rejected)
    tool = f" ({plan.tool})" if plan.tool else ""
    yield f"{plan.settings.table.name}{tool}: {words.lines(rows)}"
    yield "  columns: " + ", ".join(
        ours if ours == theirs.lower() else f"{ours} = {theirs!r}" for ours, theirs in plan.columns.items()
    )
    if plan.carried:
        yield f"  carried through: {', '.join(plan.carried)}"
    yield from _groups(plan)
    yield from _state(plan)
    yield from problems(plan.problems, every=every)
    yield from _cost(plan, jobs)


def _groups(plan: Plan) -> Iterator[str]:
    """Languages and speakers, and who shares whose performance."""
    languages = Counter(one.line.language or "none" for one in plan.lines)
    if len(languages) > 1:
        yield "  languages: " + ", ".join(f"{name} {count:,}" for name, count in languages.most_common())
    shared_lines = sum(one.line.source is not None for one in plan.lines)
    if shared_lines:
        first = next(one.line for one in plan.lines if one.line.source is not None)
        source = next(one.line.language for one in plan.lines if one.line.name == first.source) or "none"
        verb = "shares" if shared_lines == 1 else "share"
        yield f"  {words.lines(shared_lines)} {verb} head, eyes, gestures and emotion of {source}"
    speakers = {one.line.speaker for one in plan.lines if one.line.speaker}
    if speakers:
        yield f"  speakers: {len(speakers)}"


def _state(plan: Plan) -> Iterator[str]:
    counts = planning.counts(plan)
    parts = [f"{counts['done']:,} done"] if counts["done"] else []
    parts += [f"{counts['missing']:,} new"] if counts["missing"] else []
    parts += [f"{counts['stale']:,} changed"] if counts["stale"] else []
    parts += [f"{counts['failed']:,} that failed"] if counts["failed"] else []
    parts += [f"{len(plan.gone):,} no longer in the table"] if plan.gone else []
    yield f"  {', '.join(parts) or 'nothing to do'}"
    reasons = Counter(reason for one in plan.lines if one.status == "stale" for reason in one.reasons)
    named = [f"{reason} of {count:,}" for reason, count in reasons.most_common()]
    if named:
        yield f"  changed: {', '.join(named)}"


def problems(found: Sequence[Problem], *, every: bool = False) -> Iterator[str]:
    """Give the problems, errors first, of each kind no more than a few unless `every`."""
    for is_error, title in ((True, "cannot be performed"), (False, "worth a look")):
        own = [one for one in found if one.is_error == is_error]
        if not own:
            continue
        yield f"{words.lines(len({one.row for one in own}))} {title}:"
        shown: Counter[str] = Counter()
        for one in own:
            shown[one.kind] += 1
            if every or shown[one.kind] <= _SHOWN:
                yield f"  row {one.row}{f' ({one.id})' if one.id else ''}: {one.sentence}"
        left = sum(max(0, count - _SHOWN) for count in shown.values())
        if left and not every:
            yield f"  ... and {left:,} more (--all)"


def _cost(plan: Plan, jobs: int | None) -> Iterator[str]:
    if not plan.to_do:
        return
    jobs = jobs or machine.cores()
    cpu, size = plan.audio.seconds * plan.cpu_share, plan.audio.seconds * plan.bytes_a_second
    basis = "by the lines that are done" if plan.measured else "estimated; it is known better after ten lines"
    processes = "1 process" if jobs == 1 else f"{jobs} processes"
    yield (
        f"To do: {words.lines(len(plan.to_do))}, {words.seconds(plan.audio.seconds)} of audio. About "
        f"{words.seconds(cpu / jobs)} on {processes}, {words.size(size)} of files ({basis})."
    )
    if size > plan.free_bytes:
        yield f"The disk has only {words.size(plan.free_bytes)} free; the run would stop when it is full."


def _facts(plan: Plan, jobs: int | None) -> dict[str, Any]:
    return {
        "table": str(plan.settings.table),
        "tool": plan.tool,
        "columns": dict(plan.columns),
        "carried": list(plan.carried),
        "lines": [
            {"name": one.line.name, "row": one.line.row, "status": one.status, "reasons": list(one.reasons)}
            for one in plan.lines
        ],
        "problems": [asdict(one) for one in plan.problems],
        "gone": list(plan.gone),
        "seconds_audio": round(plan.audio.seconds, 2),
        "seconds_cpu": round(plan.audio.seconds * plan.cpu_share, 2),
        "bytes": round(plan.audio.seconds * plan.bytes_a_second),
        "jobs": jobs or machine.cores(),
    }
