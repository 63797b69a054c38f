"""`animcore batch report` and `animcore batch review`: which lines are bad, and what a reviewer says of them."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from animcore.cli.batch import words
from animcore.evaluation.review import server, static_report
from animcore.evaluation.review.static_report import RENDERED, SHOWN

_NAMED = 5  # lines that are named where they meet a condition


def register(commands: Any) -> None:
    """Add both commands."""
    parser = commands.add_parser(
        "report",
        help="write report.html and report.csv, the worst lines first",
        description="Write report.html, which opens from the disk, and report.csv into the folder of a batch.",
    )
    parser.add_argument("folder", type=Path, help="folder of the batch")
    parser.add_argument(
        "--fail-on", action="append", default=[], metavar="CONDITION",
        help="exit with 1 where a line meets it, such as closures<0.9 or quality<0.5; or failed>0, redo>0; repeatable",
    )  # fmt: skip
    parser.add_argument(
        "--details", type=_number, default=SHOWN, metavar="N",
        help=f"worst lines with waveform, curves and head on the page, or `all` (default: {SHOWN})",
    )  # fmt: skip
    parser.add_argument(
        "--renders", type=int, default=RENDERED, metavar="N",
        help=f"worst lines with an image for browsers without WebGL (default: {RENDERED})",
    )  # fmt: skip
    _head(parser)
    parser.set_defaults(command=report)
    parser = commands.add_parser(
        "review",
        help="open a local page to look, listen and judge",
        description="Serve the page on this computer alone; verdicts are kept in verdicts.csv as they are given.",
    )
    parser.add_argument("folder", type=Path, help="folder of the batch")
    parser.add_argument("--port", type=int, default=0, help="port (default: a free one)")
    parser.add_argument("--no-browser", action="store_true", help="print the address, and open no browser")
    parser.add_argument(
        "--to-table", action="store_true",
        help="at the end, also write verdicts and notes into two columns of the table (CSV, TSV)",
    )  # fmt: skip
    _head(parser)
    parser.set_defaults(command=review)


def _head(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--head", type=Path, metavar="FILE", help="your own head, in the layout of head.npz")


def _number(text: str) -> int | None:
    """A number of lines; None for all of them."""
    return None if text == "all" else int(text)


def report(options: argparse.Namespace) -> int:
    """Write the report; return 1 where a condition is met."""
    made = static_report.report(options.folder, options.fail_on, options.details, options.renders, options.head)
    print(f"{words.lines(made.lines)}, {made.faulty} with findings: {made.page}, {made.table}")
    for text, names in made.failures:
        named = ", ".join(names[:_NAMED]) + (" ..." if len(names) > _NAMED else "")
        print(f"{text}: {words.lines(len(names))}{f' ({named})' if named else ''}")
    return int(bool(made.failures))


def review(options: argparse.Namespace) -> int:
    """Serve the page until Ctrl-C."""
    server.review(
        options.folder,
        options.port,
        is_opened=not options.no_browser,
        head_path=options.head,
        to_table=options.to_table,
        told=lambda sentence: print(sentence, flush=True),
    )
    return 0
