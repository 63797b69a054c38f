"""Arguments that several commands share."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from animcore.errors import InputError
from animcore.provenance import consent


def add_command(commands: Any, name: str, summary: str, examples: str, description: str | None = None) -> Any:
    """Add a command whose help ends with examples as they are written; return its parser.

    Args:
        commands: the subparsers that it is added to.
        name: of the command.
        summary: one line in the list of commands.
        examples: the end of its help.
        description: the beginning of its help.
    """
    return commands.add_parser(
        name,
        help=summary,
        description=description,
        epilog=examples,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def add_evaluation(parser: argparse.ArgumentParser, next_to: str) -> None:
    """Add what both evaluations take: report folder, names, audio, frame rate and video.

    Args:
        parser: of the command.
        next_to: where audio files lie when they are not given.
    """
    parser.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="folder of the report; created if missing"
    )
    parser.add_argument(
        "--name", action="append", default=[], help="name of an output in the tables; once for each, in their order"
    )
    parser.add_argument("--audio", type=Path, help=f"audio file, or folder of them (default: next to the {next_to})")
    parser.add_argument("--source-fps", help="FPS of files that do not state it")
    parser.add_argument("--video", action="store_true", help="also render a video of the first two takes of each clip")


def receipt_of(options: argparse.Namespace, folder: Path) -> consent.Receipt:
    """Return the receipt that `--consent` gives, that of an earlier run in a folder, or the answer on the terminal.

    Args:
        options: with `consent` and `video`.
        folder: of the work on this video.

    Raises:
        InputError: where a receipt cannot be used, or nobody can be asked.
    """
    if options.consent is not None:
        return consent.given(options.consent)
    if (earlier := consent.of_folder(folder)) is not None:
        return earlier
    if not sys.stdin.isatty():
        raise InputError(
            f"{options.video.name} shows a real person, and there is no terminal: give --consent FILE (a receipt), "
            "--consent own (your own face) or --consent none (not stated)."
        )
    return consent.asked(input, print)
