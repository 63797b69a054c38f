"""The lines of a batch as the page lists them: their quality, their faults, and the reason in one sentence."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from animcore.evaluation.lines.findings import KINDS, Finding, quality
from animcore.evaluation.lines.speakers import against_speakers
from animcore.pipelines.batch.records import LineRecord

FAILED = "failed"  # the kind of a line without a result
LABELS: dict[str, str] = {FAILED: "Failed", **{name: kind.label for name, kind in KINDS.items()}}
_NOT_DONE = {
    "missing": "The line is not performed yet.",
    "stale": "Its recording, text or settings changed; run the batch again.",
}


@dataclass(frozen=True)
class ReviewLine:
    """A line on the page.

    Attributes:
        record: what the batch knows of it.
        findings: its faults, the gravest first, with those that only its speaker's other lines show.
        quality: 1 where nothing is wrong, 0 for a line without a result.
        reason: one sentence; empty where nothing is wrong.
    """

    record: LineRecord
    findings: tuple[Finding, ...]
    quality: float
    reason: str

    @property
    def kinds(self) -> list[str]:
        """The kinds of its faults, each once."""
        own = list(dict.fromkeys(finding.kind for finding in self.findings))
        return [FAILED, *own] if self.record.status == "failed" else own

    @property
    def worst(self) -> float:
        """The second at which its gravest fault is worst; 0 where there is none."""
        return self.findings[0].worst if self.findings else 0.0


def review_lines(records: Sequence[LineRecord]) -> list[ReviewLine]:
    """Return the lines of a batch, the worst first; of equals in the order of the table."""
    more = against_speakers([(f"{record.speaker}/{record.language}", record.scores) for record in records])
    lines = [_line(record, other) for record, other in zip(records, more, strict=True)]
    return sorted(lines, key=lambda line: (line.quality, line.record.row, line.record.name))


def _line(record: LineRecord, other: Sequence[Finding]) -> ReviewLine:
    own = [Finding.of(values) for values in record.findings]
    findings = tuple(sorted([*own, *other], key=lambda one: -one.severity))
    if record.status == "failed":
        return ReviewLine(record, findings, 0.0, record.error or "It failed.")
    if record.status in _NOT_DONE:
        return ReviewLine(record, findings, 0.0, _NOT_DONE[record.status])
    return ReviewLine(record, findings, quality(findings), findings[0].sentence if findings else "")


def listed(line: ReviewLine, folder: Path) -> list[Any]:
    """Return what the list and its filters need of a line, as JSON: see `page.js` for the order."""
    record = line.record
    return [
        record.name,
        record.id,
        record.language,
        record.speaker or record.character,
        round(100 * line.quality),
        line.reason,
        [list(LABELS).index(kind) for kind in line.kinds],
        round(record.seconds_audio, 2),
        record.status,
        record.text,
        audio_address(record.audio, folder),
        round(line.worst, 3),
        int(record.has_edits),
    ]


def audio_address(path: Path, folder: Path) -> str:
    """Return a recording as the static page refers to it: relative where it can be, so that a batch may be moved."""
    try:
        return Path(os.path.relpath(path, folder)).as_posix()
    except ValueError:  # another drive of Windows
        return path.as_uri()
