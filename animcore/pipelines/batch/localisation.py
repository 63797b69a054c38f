"""Lines of one id in several languages: which performance they share, and a table of how their lengths compare."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from animcore.audio.recording import AudioClip
from animcore.core.atomic_files import whole_file
from animcore.direction import Direction, EmotionSpan
from animcore.errors import InputError
from animcore.motion import Motion
from animcore.pipelines.batch.records import LineRecord
from animcore.pipelines.batch.tables.rows import spreadsheet_safe
from animcore.postprocess import shared_performance
from animcore.postprocess.shared_performance import Span, TimeMap
from animcore.speech import prosody

TABLE = "localisation.csv"
TOLERANCE = 1.2  # times as long as the source line that a line may be where the table gives no limit
_HEADER = ("id", "language", "source_language", "seconds", "source_seconds", "ratio", "max_seconds", "fits", "note")
_FOUND = 0.7  # of the time that is spoken, which words must cover to be trusted
_SHORTEST = 0.02  # seconds of an emotion


def phrases(clip: AudioClip, motion: Motion | None = None) -> list[Span]:
    """Return the phrases of a recording: by its words, where they cover most of what is spoken, else by its pauses."""
    heard = list(prosody.analyse(clip, int(clip.duration * prosody.FPS) + 1).phrases)
    known = shared_performance.phrases_of(motion.events) if motion is not None else []
    is_whole = _seconds(known) > _FOUND * _seconds(heard)
    return known if known and is_whole else heard


def _seconds(spans: Sequence[Span]) -> float:
    return sum(end - start for start, end in spans)


def time_map(own: Sequence[Span], source: Sequence[Span]) -> TimeMap | None:
    """Return which second of the source a second of a line is; None where their lengths are too far apart."""
    return shared_performance.align(own, source) if shared_performance.fits(own, source) else None


def with_emotions(direction: Direction, source: Motion, times: TimeMap) -> Direction:
    """Return a direction with the emotions of a performance, at the times at which they are in this line."""
    found = []
    for event in source.events:
        if event.kind != "emotion":
            continue
        name, _, intensity = event.label.partition(" ")
        start, end = max(times.inverse(event.start), 0.0), times.inverse(event.end)
        if end - start > _SHORTEST:
            found.append(EmotionSpan(name, float(intensity), start, end))
    return replace(direction, emotions=found)


@dataclass(frozen=True)
class Comparison:
    """A line beside its source.

    Attributes:
        record, source: of the two.
        ratio: how many times as long it is.
        fits: whether it is no longer than it may be.
    """

    record: LineRecord
    source: LineRecord
    ratio: float
    fits: bool


def compare(records: Iterable[LineRecord], source_language: str | None = None) -> list[Comparison]:
    """Compare all lines that are done with those of the same id in the source language.

    Args:
        records: of a batch, in the order of its table.
        source_language: None for that of the first record.
    """
    done = [record for record in records if record.status == "done" and record.seconds_audio]
    if not done:
        return []
    first = source_language if source_language is not None else done[0].language
    sources = {record.id: record for record in done if record.language == first}
    found = []
    for record in done:
        source = sources.get(record.id)
        if source is not None and record.language != first:
            ratio = record.seconds_audio / source.seconds_audio
            limit = record.max_seconds
            is_in = record.seconds_audio <= limit if limit is not None else ratio <= TOLERANCE
            found.append(Comparison(record, source, ratio, is_in))
    return found


def write_table(found: Sequence[Comparison], folder: Path) -> Path:
    """Write the comparison as `localisation.csv`, those that do not fit first.

    Raises:
        InputError: where it cannot be written.
    """
    path = folder / TABLE
    with whole_file(path) as temporary, temporary.open("w", newline="", encoding="utf-8-sig") as handle:
        writer = csv.writer(handle)
        writer.writerow(_HEADER)
        for one in sorted(found, key=lambda one: (one.fits, -one.ratio)):
            writer.writerow(_row(one))
    return path


def _row(one: Comparison) -> list[str]:
    record, source = one.record, one.source
    limit = "" if record.max_seconds is None else f"{record.max_seconds:g}"
    note = "" if record.shared else "has a performance of its own"
    numbers = [f"{record.seconds_audio:.2f}", f"{source.seconds_audio:.2f}", f"{one.ratio:.3f}", limit]
    cells = [record.id, record.language, source.language, *numbers, "yes" if one.fits else "no", note]
    return [spreadsheet_safe(cell) for cell in cells]


def too_far(name: str, source: str) -> str:
    """Return the sentence on a line that is too long or too short to share a performance."""
    low, high = shared_performance.SHORTEST, shared_performance.LONGEST
    return (
        f"{name} is not between {low:g} and {high:g} times as long as its source line {source}, "
        "so it has a performance of its own."
    )


def load_source(path: Path) -> Motion:
    """Return the motion of a source line.

    Raises:
        InputError: where it cannot be read.
    """
    try:
        return Motion.load(path)
    except InputError as error:
        raise InputError(f"The source line cannot be read: {error}") from error
