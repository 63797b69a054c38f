"""Scores of lines that no truth is known of: what an ear and an eye would stop at, and the second at which they do."""

from animcore.evaluation.lines.findings import Finding, LineScore
from animcore.evaluation.lines.scoring import score
from animcore.evaluation.lines.speakers import against_speakers

__all__ = ["Finding", "LineScore", "against_speakers", "score"]
