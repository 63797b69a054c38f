"""What is asked of a dub: the video, the lines with their voices, and how the result is made."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from animcore.direction import Direction, EmotionSpan
from animcore.errors import InputError
from animcore.files import text_tables

FITS = ("hold", "loop", "trim")
MOUTHS = ("solver", "tracked")
LAYERS = ("none", "mov", "png")
_COLUMNS = ("start", "audio", "transcript", "emotion", "person")


@dataclass(frozen=True)
class Line:
    """A new line of a person.

    Attributes:
        audio: its voice.
        start: when it starts in the video, seconds.
        transcript: what is said, or None.
        direction: how it is performed.
        person: who says it, from 1 as numbered by the video; None for who speaks in the video.
    """

    audio: Path
    start: float = 0.0
    transcript: Path | None = None
    direction: Direction = field(default_factory=Direction)
    person: int | None = None


@dataclass(frozen=True)
class DubRequest:
    """A dub.

    Attributes:
        video: of real persons.
        out: the dubbed video.
        lines: what is said anew, by start.
        whole: one voice in the place of all old sound; else the old sound and mouths stay between the lines.
        references: seconds (first, last) of the video that may lend their appearance; () for all of it.
        start, end: seconds of the video that are dubbed and written; a voice starts with the part.
        mouth: of `MOUTHS`: what the solver makes of the voice, or the video's own, to measure the images alone.
        fit: of `FITS`: what becomes of a video that is shorter than the voice, or longer.
        duck: keep the old sound softly under the new.
        layer: of `LAYERS`: also write what was changed alone, with alpha.
        check: track the dubbed video again, for the report.
        consent: of the person (`provenance.consent.Receipt.reference`).
        watermark: whether the pixels carry one.
    """

    video: Path
    out: Path
    lines: tuple[Line, ...]
    whole: bool = True
    references: tuple[tuple[float, float], ...] = ()
    start: float = 0.0
    end: float = math.inf
    mouth: str = "solver"
    fit: str = "hold"
    duck: bool = False
    layer: str = "none"
    check: bool = True
    consent: Mapping[str, str] = field(default_factory=dict)
    watermark: bool = True

    @property
    def work(self) -> Path:
        """The folder of what later runs on the same video take up again."""
        return self.out.with_name(f"{self.out.stem}.dub")

    def beside(self, ending: str) -> Path:
        """A file beside the dubbed video."""
        return self.out.with_name(self.out.stem + ending)


def lines_of(path: Path) -> tuple[Line, ...]:
    """Read lines from a table with the columns start, audio, transcript, emotion and person; the last three may lack.

    Audio and transcripts are files relative to the table; an emotion is such as joy=0.7.

    Raises:
        InputError: where the table or one of its cells cannot be used.
    """
    rows = list(csv.DictReader(io.StringIO(text_tables.text_of(path), newline="")))
    if not rows:
        raise InputError(f"{path.name} has no lines; write one row a line: start, audio, transcript, emotion, person.")
    missing = [name for name in ("start", "audio") if name not in (rows[0] or {})]
    if missing:
        raise InputError(f"{path.name} has no column {missing[0]!r}; its first row names {', '.join(_COLUMNS)}.")
    lines = [_line(row, path, number) for number, row in enumerate(rows, 2)]
    return tuple(sorted(lines, key=lambda line: line.start))


def _line(row: Mapping[str, str | None], path: Path, number: int) -> Line:
    cells = {name: (row.get(name) or "").strip() for name in _COLUMNS}
    try:
        start = float(cells["start"])
        person = int(cells["person"]) if cells["person"] else None
    except ValueError as error:
        raise InputError(
            f"{path.name}, row {number}: start is a number of seconds and person a number from 1, not "
            f"{cells['start']!r} and {cells['person']!r}."
        ) from error
    if not (math.isfinite(start) and start >= 0):
        raise InputError(f"{path.name}, row {number}: start must be 0 or more seconds, not {cells['start']}.")
    if not cells["audio"]:
        raise InputError(f"{path.name}, row {number} names no audio; give the file of its voice.")
    emotions = tuple(EmotionSpan.from_text(one) for one in cells["emotion"].split(";") if one.strip())
    transcript = path.parent / cells["transcript"] if cells["transcript"] else None
    return Line(path.parent / cells["audio"], start, transcript, Direction(emotions=emotions), person)
