"""Arguments that several commands share."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any


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
