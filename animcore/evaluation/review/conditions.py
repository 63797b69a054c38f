"""What a build server fails on: `closures<0.9`, `quality<0.5`, `jerk>400000`, `failed>0`."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from animcore.errors import InputError
from animcore.evaluation.lines.findings import QUALITY
from animcore.evaluation.review.rows import ReviewLine

_PATTERN = re.compile(r"\s*([a-z_]+)\s*(<=|>=|<|>)\s*(-?\d+(?:\.\d+)?)\s*")
_COMPARED: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt, ">": operator.gt, "<=": operator.le, ">=": operator.ge,
}  # fmt: skip
_NAMES = (
    QUALITY, "closures", "teeth", "open_silence", "words", "fit", "extra_speech", "jerk", "limit", "agreement", "lag",
    "clipping", "noise", "hum", "music", "second_voice", "silence_ends", "cut", "loudness",
)  # fmt: skip
COUNTS = ("failed", "redo")  # of the whole batch, not of a line


@dataclass(frozen=True)
class Condition:
    """A condition on a value of each line, or on a number of lines of the batch."""

    text: str
    name: str
    sign: str
    value: float

    def met(self, line: ReviewLine) -> bool:
        """Whether a line meets it; one that lacks the value does not."""
        found = line.quality if self.name == QUALITY else line.record.scores.get(self.name)
        if self.name == "lag" and found is not None:
            found = abs(found)
        return found is not None and _COMPARED[self.sign](found, self.value)


def parse(texts: Sequence[str]) -> list[Condition]:
    """Read conditions; several may stand in one text with commas between them.

    Raises:
        InputError: for one that is none.
    """
    found = []
    for text in (part for one in texts for part in one.split(",")):
        match = _PATTERN.fullmatch(text)
        if match is None or match[1] not in (*_NAMES, *COUNTS):
            raise InputError(
                f"--fail-on {text!r} is no condition; write one such as closures<0.9, with one of "
                f"{', '.join((*_NAMES, *COUNTS))}."
            )
        found.append(Condition(text.strip(), match[1], match[2], float(match[3])))
    return found


def failures(
    conditions: Sequence[Condition], lines: Sequence[ReviewLine], redo: int = 0
) -> list[tuple[str, list[str]]]:
    """Return the conditions that are met, each with the names of the lines that meet it."""
    failed = [line.record.name for line in lines if line.record.status == "failed"]
    found = []
    for one in conditions:
        if one.name in COUNTS:
            count = len(failed) if one.name == "failed" else redo
            names = failed if one.name == "failed" else []
            if _COMPARED[one.sign](count, one.value):
                found.append((one.text, names))
        elif names := [line.record.name for line in lines if one.met(line)]:
            found.append((one.text, names))
    return found
