"""Which lines a run performs: all that are not done, or those that `--only` names."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase

from animcore.core.vocabulary import casefolded
from animcore.errors import InputError
from animcore.pipelines.batch.ledger import Ledger
from animcore.pipelines.batch.plan import Plan, Planned
from animcore.pipelines.batch.records import LineRecord

USAGE = "changed, failed, worst:50, id=greet_01,shop_*, speaker=anna or language=fr"
_FIELDS = ("id", "speaker", "language", "character", "name")
Badness = Callable[[LineRecord], float]


def select(plan: Plan, ledger: Ledger, only: str | None, badness: Badness | None = None) -> list[Planned]:
    """Return the lines to perform, in the order of the table.

    `changed` are new lines and those whose cells, recordings or settings changed; `failed` those that failed.
    `worst:N` and `id=...` perform lines that are done once more.

    Args:
        plan: of the table.
        ledger: of the batch, for scores.
        only: one of `USAGE`, or None for all that are not done.
        badness: how bad a line is, for `worst`; larger is worse.

    Raises:
        InputError: where `only` is none of these, or names no line.
    """
    if only is None:
        return plan.to_do
    kind, _, rest = only.partition(":") if only.startswith("worst") else only.partition("=")
    if only == "changed":
        return [one for one in plan.lines if one.status in ("stale", "missing")]
    if only == "failed":
        return [one for one in plan.lines if one.status == "failed"]
    if kind == "worst" and rest.isdecimal() and int(rest):
        return _worst(plan, ledger, int(rest), badness)
    if kind in _FIELDS and rest:
        return _matching(plan, kind, rest.split(","))
    raise InputError(f"--only must be {USAGE}, not {only!r}.")


def _worst(plan: Plan, ledger: Ledger, count: int, badness: Badness | None) -> list[Planned]:
    if badness is None:
        raise InputError("--only worst:N needs scores, which this batch has none of.")
    records = {name: entry.record for name, entry in ledger.entries.items() if entry.record.scores}
    done = [one for one in plan.lines if one.line.name in records]
    chosen = sorted(done, key=lambda one: -badness(records[one.line.name]))[:count]
    names = {one.line.name for one in chosen}
    return [one for one in plan.lines if one.line.name in names]


def _matching(plan: Plan, kind: str, patterns: Sequence[str]) -> list[Planned]:
    wanted = [casefolded(pattern.strip()) for pattern in patterns]
    found = [
        one
        for one in plan.lines
        if any(fnmatchcase(casefolded(str(getattr(one.line, kind))), pattern) for pattern in wanted)
    ]
    if not found:
        raise InputError(f"--only {kind}={','.join(patterns)}: the table has no such line that can be performed.")
    return found


def part(lines: Sequence[Planned], index: int, count: int) -> list[Planned]:
    """Return one of `count` parts of a table, 1 to `count`; lines of one id stay together.

    Which part a line is in depends on its id alone, so that parts agree on computers that see the table a moment apart.
    """
    return [one for one in lines if _number(one.line.id) % count == index - 1]


def _number(id_: str) -> int:
    return int.from_bytes(hashlib.sha256(id_.encode()).digest()[:8], "big")
