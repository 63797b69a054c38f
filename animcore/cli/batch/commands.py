"""Registers `animcore batch` and its commands."""

from __future__ import annotations

from typing import Any

from animcore.cli import arguments
from animcore.cli.batch import plan, report, run, write_job

_EXAMPLES = """examples:
  animcore batch plan lines.csv --out takes
  animcore batch run lines.csv --out takes --format livelink
  animcore batch run lines.xlsx --out takes --audio 'voices/{language}/{id}' --speakers cast.toml
  animcore batch run lines.csv --out takes --only 'id=shop_*'
  animcore batch report takes --fail-on 'closures<0.9'
  animcore batch review takes
  animcore batch write-job lines.csv --out takes --for flamenco --chunk 200"""


def register(commands: Any) -> None:
    """Add the command to the parser."""
    batch = arguments.add_command(
        commands, "batch", "perform the lines of a table: plan, run, report, review, write-job", _EXAMPLES,
        "Perform every line of a table; what is done already is left alone.",
    )  # fmt: skip
    inner = batch.add_subparsers(title="commands", required=True, metavar="COMMAND")
    plan.register(inner)
    run.register(inner)
    report.register(inner)
    write_job.register(inner)
