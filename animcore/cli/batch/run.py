"""`animcore batch run`: performs the lines that are not done."""

from __future__ import annotations

import argparse
import functools
import sys
from typing import Any

from animcore.cli.batch import options as shared
from animcore.cli.batch import plan as plan_command
from animcore.cli.batch import scores, words
from animcore.cli.batch.progress import Progress
from animcore.errors import InputError
from animcore.pipelines.batch import localisation, selection
from animcore.pipelines.batch import run as running
from animcore.pipelines.batch.ledger import Ledger
from animcore.pipelines.batch.plan import Plan, Planned
from animcore.pipelines.batch.run import Summary
from animcore.pipelines.batch.workers.interface import WorkerOptions, Workers
from animcore.pipelines.batch.workers.pool import Pool

_RAY = "ray://"


def register(commands: Any) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "run",
        help="perform the lines that are new, changed or failed",
        description="Perform the lines of a table. What is done is left alone, and what was stopped goes on.",
    )
    shared.add(parser)
    parser.add_argument("--jobs", type=shared.count, help="processes (default: one for each core)")
    parser.add_argument(
        "--on",
        metavar="ADDRESS",
        help="Ray cluster to work on, such as ray://head:10001; `auto` for the one that this computer is in, `ray` to "
        "start one here",
    )
    parser.add_argument("--only", metavar="WHICH", help=f"perform only these lines: {selection.USAGE}")
    parser.add_argument("--part", metavar="N/M", help="perform one of M parts of the table (written jobs)")
    parser.add_argument("--memory", type=float, metavar="GB", help="memory that one process may hold")
    parser.add_argument(
        "--timeout", type=float, default=1800.0, metavar="S", help="seconds that a line may take (default: 1800)"
    )
    parser.add_argument(
        "--lines-may-fail", action="store_true", help="exit with 0 where lines failed; the report lists them"
    )
    parser.add_argument("--no-scores", action="store_true", help="leave the scores out, which saves time")
    parser.set_defaults(command=command)


def command(options: argparse.Namespace) -> int:
    """Run the batch; return 1 where lines failed, 130 after Ctrl-C."""
    settings, part = shared.settings(options), _part(options.part)
    workers = functools.partial(_workers, options)
    progress = Progress()
    try:
        summary = running.run(
            settings, workers, functools.partial(_choose, options, part), progress, part=part, rehash=options.rehash
        )
    except KeyboardInterrupt:
        progress.close()
        print(f"animcore: stopped with {progress.done} done; run it again to go on.", file=sys.stderr)
        return 130
    progress.close()
    _report(summary, progress.elapsed, options)
    failed = summary.failed + (summary.rejected if options.only is None else 0)
    return int(bool(summary.stopped or (failed and not options.lines_may_fail)))


def _choose(options: argparse.Namespace, part: tuple[int, int] | None, plan: Plan, book: Ledger) -> list[Planned]:
    """The lines of this run; says what is wrong with the others."""
    if plan.errors:
        for sentence in plan_command.problems(plan.errors):
            print(sentence, file=sys.stderr)
    chosen = selection.select(plan, book, options.only, scores.badness())
    if part is None:
        return chosen
    own = {one.line.name for one in selection.part(plan.lines, *part)}
    return [one for one in chosen if one.line.name in own]


def _workers(options: argparse.Namespace) -> Workers:
    given = WorkerOptions(
        jobs=options.jobs,
        scorer=None if options.no_scores else scores.scorer(),
        memory=None if options.memory is None else int(options.memory * 2**30),
        timeout=options.timeout,
    )
    if options.on is None:
        return Pool(given)
    if options.on not in ("ray", "auto") and not options.on.startswith(_RAY):
        raise InputError(f"--on must be an address such as ray://head:10001, auto or ray, not {options.on!r}.")
    from animcore.pipelines.batch.workers.cluster import Cluster

    return Cluster(None if options.on == "ray" else options.on, given)


def _part(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    index, _, count = text.partition("/")
    if not (index.isdecimal() and count.isdecimal() and 1 <= int(index) <= int(count)):
        raise InputError(f"--part must be N/M, such as 3/50, not {text!r}.")
    return int(index), int(count)


def _report(summary: Summary, elapsed: float, options: argparse.Namespace) -> None:
    """Print how the run ended."""
    if summary.done:
        speed = f"{summary.seconds_audio / elapsed:.1f}x real time" if elapsed else ""
        print(
            f"{words.lines(summary.done)} done: {words.seconds(summary.seconds_audio)} of audio in "
            f"{words.seconds(elapsed)} ({speed}; {summary.seconds_cpu / max(summary.seconds_audio, 1e-9):.2f} s of "
            "processor a second of audio)."
        )
    for sentence, count in sorted(summary.lacks.items(), key=lambda item: -item[1]):
        print(f"  {words.lines(count)}: {sentence}")
    if summary.too_long:
        table = options.out / localisation.TABLE
        verb = "fits" if summary.too_long == 1 else "fit"
        print(f"  {summary.too_long:,} of {words.lines(summary.compared)} no longer {verb}; {table} has their lengths.")
    if summary.failed:
        print(f"{words.lines(summary.failed)} failed: animcore batch report {options.out} lists them.", file=sys.stderr)
    if summary.stopped:
        print(f"Stopped with {words.lines(summary.left)} left: {summary.stopped}", file=sys.stderr)
