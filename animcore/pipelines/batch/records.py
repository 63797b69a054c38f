"""What is known of each line of a batch: the records that the ledger keeps and reports read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

# done: its files are there. failed: the last attempt ended with `error`. missing: not attempted yet. stale: its audio,
# text or settings changed after its files were written.
STATUSES = ("done", "failed", "missing", "stale")


@dataclass(frozen=True)
class LineRecord:
    """One row of the table and what became of it.

    Attributes:
        name: output path without suffix, relative to the folder, with `/` (`fr/greet_01`): unique in a batch.
        id: of the line, as in the table; the same in all languages.
        row: number of the row in the table, from 2 on (1 is the header).
        audio: path of the recording.
        text: what is said; empty where the table has none.
        language: as in the table (`en`, `pt-BR`); empty where not stated.
        speaker, character, style, emotion: as in the table, defaults of the speaker filled in.
        key: SHA-256 of all that the result depends on; empty where it is not known.
        status: of `STATUSES`.
        error: one sentence where the status is `failed`.
        motion: path of the `.motion.npz`, or None.
        files: format -> path of all that was written, the motion too (`"npz"`).
        seconds_audio: length of the recording, in seconds.
        seconds_cpu: processor time that the line took, in seconds.
        scores: name -> value, as the scorer gave them.
        findings: what the scorer found: objects of JSON, as it gave them.
        warnings: sentences on the recording and its transcript.
        lacks: sentences on what the formats could not take.
        carried: columns of the table that are not known, by their header.
        has_edits: whether edits from Blender (`.edits.npz`) were laid over the result.
        attempts: how often it was tried since it last succeeded.
        finished: when it was done, ISO 8601 in UTC; empty where it is not.
        shared: output name of the line whose head, eyes, body and emotion it has (localisation); None for its own.
        max_seconds: that the line may last, as in the table; None where nothing limits it.
    """

    name: str
    id: str
    row: int
    audio: Path
    text: str = ""
    language: str = ""
    speaker: str = ""
    character: str = ""
    style: str = ""
    emotion: str = ""
    key: str = ""
    status: str = "missing"
    error: str | None = None
    motion: Path | None = None
    files: Mapping[str, Path] = field(default_factory=dict)
    seconds_audio: float = 0.0
    seconds_cpu: float = 0.0
    scores: Mapping[str, float] = field(default_factory=dict)
    findings: Sequence[Mapping[str, Any]] = ()
    warnings: Sequence[str] = ()
    lacks: Sequence[str] = ()
    carried: Mapping[str, str] = field(default_factory=dict)
    has_edits: bool = False
    attempts: int = 0
    finished: str = ""
    shared: str | None = None
    max_seconds: float | None = None
