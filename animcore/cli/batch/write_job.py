"""`animcore batch write-job`: a batch as a job of a render farm."""

from __future__ import annotations

import argparse
from typing import Any

from animcore.cli.batch import options as shared
from animcore.cli.batch import plan as plan_command
from animcore.cli.batch import words
from animcore.core.atomic_files import make_folder
from animcore.pipelines.batch import plan as planning
from animcore.pipelines.batch import run as running
from animcore.pipelines.batch.jobs import flamenco, openjd, parts

_KINDS = {"flamenco": flamenco, "openjd": openjd}


def register(commands: Any) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "write-job",
        help="write the batch as a job of a render farm: Flamenco or OpenJD",
        description="Write files that a render farm reads; each of its tasks performs a part of the table.",
    )
    shared.add(parser)
    parser.add_argument("--for", dest="farm", required=True, choices=_KINDS, help="kind of the farm")
    parser.add_argument(
        "--chunk", type=shared.count, default=200, metavar="N", help="lines of one task, about (default: 200)"
    )
    parser.add_argument(
        "--program", default=parts.PROGRAM, help="program on the computers of the farm (default: animcore)"
    )
    parser.set_defaults(command=command)


def command(options: argparse.Namespace) -> int:
    """Write the job; return 1 where lines cannot be performed."""
    settings = shared.settings(options)
    plan = planning.make(settings, full=False)
    for sentence in plan_command.problems(plan.errors):
        print(sentence)
    make_folder(settings.folder)
    running.write_header(settings)
    count = min(parts.parts_of(len(plan.lines), options.chunk), openjd.most_parts())
    name = f"Animcore: {settings.table.name}"
    job = parts.Job(name, settings.table, settings.folder, shared.arguments(options), count, options.program)
    farm = _KINDS[options.farm]
    files = farm.write(job, settings.folder / "job")
    print(f"{words.lines(len(plan.lines))} in {count} task{'' if count == 1 else 's'}: {', '.join(map(str, files))}")
    for sentence in farm.advice(files):
        print(f"  {sentence}")
    return int(bool(plan.errors))
