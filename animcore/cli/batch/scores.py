"""The scores of lines: the one place where a batch and the measures of `animcore.evaluation` meet."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from animcore.audio.recording import AudioClip
from animcore.evaluation import lines
from animcore.evaluation.lines.findings import QUALITY
from animcore.motion import Motion
from animcore.pipelines.batch.line import Line
from animcore.pipelines.batch.records import LineRecord
from animcore.pipelines.batch.solve import Scorer

_OF_ALL = "has no place for"  # what a format never holds is no fault of a line


def score(
    motion: Motion, clip: AudioClip, line: Line, lacks: Sequence[str]
) -> tuple[Mapping[str, float], Sequence[Mapping[str, Any]]]:
    """Return the scores of a line, and what was found in it as objects of JSON."""
    own = [sentence for sentence in lacks if _OF_ALL not in sentence]
    found = lines.score(motion, clip, line.text or None, float(line.place.offset), own)
    return found.values, [finding.to_dict() for finding in found.findings]


def scorer() -> Scorer | None:
    """Return what judges each line in the workers."""
    return score


def badness() -> Callable[[LineRecord], float] | None:
    """Return how bad a line is by its record; larger is worse."""
    return lambda record: 1.0 - record.scores.get(QUALITY, 1.0)
