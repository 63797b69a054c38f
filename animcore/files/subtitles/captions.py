"""Captions out of words: SubRip (`.srt`) and WebVTT (`.vtt`). Read, the words of a line share its time by length."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from fractions import Fraction
from functools import partial
from itertools import pairwise
from pathlib import Path

from animcore.core.atomic_files import whole_file
from animcore.errors import InputError
from animcore.files.animation_curves import AnimationCurves, FileFormat, FormatOptions
from animcore.files.text_tables import text_of
from animcore.motion import Event, Motion

_WIDTH = 42  # letters a line and two lines a caption, as broadcasters hold it
_LINES = 2
_LONGEST = 6.0  # seconds that one caption stays
_PAUSE = 0.6  # seconds without a word that end a caption
_SENTENCE_END = (".", "!", "?", "…", "。", "！", "？")
_RATE = Fraction(30)  # of motions that consist of words alone, where none is asked for
_TIME = re.compile(r"(?:(\d+):)?(\d{1,2}):(\d{2})[,.](\d{3})")
_MARKUP = re.compile(r"<[^>]*>|\{\\[^}]*\}")
_WORD_TIME = re.compile(r"<((?:\d+:)?\d{1,2}:\d{2}[,.]\d{3})>")  # within a caption, before the word that it is of
_ROLLING = 0.3  # share of captions that begin with the line before from which a file rolls


def encode(motion: Motion, _setup: FormatOptions) -> AnimationCurves:
    """Group the words of a motion into captions.

    Raises:
        InputError: when there are no words.
    """
    words = sorted((event for event in motion.events if event.kind == "word"), key=lambda event: event.start)
    if not words:
        raise InputError("This motion has no words, which captions consist of; generate it with a transcript.")
    groups: list[list[Event]] = [[words[0]]]
    for word in words[1:]:
        if _begins_anew(groups[-1], word):
            groups.append([])
        groups[-1].append(word)
    starts = [_milliseconds(group[0].start) for group in groups]
    ends = [_milliseconds(max(word.end for word in group)) for group in groups]
    ends = [min(end, following) for end, following in zip(ends, (*starts[1:], ends[-1]), strict=True)]
    captions = [
        Event("word", _broken([word.label for word in group]), start / 1000, end / 1000)
        for group, start, end in zip(groups, starts, ends, strict=True)
        if end > start
    ]
    return AnimationCurves(motion.rate, motion.start, events=tuple(captions))


def decode(animation: AnimationCurves, setup: FormatOptions) -> Motion:
    """Give the words back; within a caption each has as much time as it has letters."""
    words = []
    for caption in animation.events:
        labels = caption.label.split()
        letters = sum(map(len, labels))
        begin, step = caption.start, (caption.end - caption.start) / max(letters, 1)
        for label in labels:
            words.append(Event("word", label, begin, begin + len(label) * step))
            begin += len(label) * step
    return Motion(setup.rate or _RATE, events=tuple(words))


def _begins_anew(group: Sequence[Event], word: Event) -> bool:
    """Whether a word begins a caption of its own."""
    return (
        word.start - group[-1].end > _PAUSE
        or word.end - group[0].start > _LONGEST
        or group[-1].label.endswith(_SENTENCE_END)
        or _broken([*(one.label for one in group), word.label]).count("\n") >= _LINES
    )


def _broken(words: Sequence[str]) -> str:
    """The words in lines."""
    lines = [""]
    for word in " ".join(words).split():
        if lines[-1] and len(lines[-1]) + 1 + len(word) > _WIDTH:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return "\n".join(lines)


def _write(animation: AnimationCurves, path: Path, _setup: FormatOptions, head: str, point: str) -> None:
    parts = [head] if head else []
    for number, caption in enumerate(animation.events, 1):
        times = f"{_spelled(caption.start, point)} --> {_spelled(caption.end, point)}"
        label = caption.label if not head else caption.label.replace("&", "&amp;").replace("<", "&lt;")
        parts.append(f"{number}\n{times}\n{label}\n")
    with whole_file(path) as temporary:
        temporary.write_text("\n".join(parts), encoding="utf-8", newline="\n")


def _read(path: Path, setup: FormatOptions, head: str) -> AnimationCurves:
    """Read captions; numbers, settings and markup are passed over.

    Raises:
        InputError: when it is no such file, cut off, or a caption ends before it begins.
    """
    text = text_of(path).lstrip("\ufeff")
    if head and not text.startswith(head.strip()):
        raise InputError(f"{path.name} is no {head.strip()} file: it does not begin with that word.")
    found: list[tuple[list[str], float, float]] = []
    for times, lines in _cues(text.split("\n")):
        spelled = _TIME.findall(times)
        if len(spelled) < 2:
            raise InputError(f"{path.name} has a line of times that is cut off: {times!r}.")
        start, end = (_seconds(time) for time in spelled[:2])
        if end < start:
            raise InputError(f"{path.name} has a caption that ends before it begins: {times!r}.")
        found.append((lines, start, end))
    if not found:
        raise InputError(f"{path.name} has no captions; is it of another kind?")
    captions = [
        Event("word", label, begin, stop)
        for lines, start, end in _unrolled(found)
        for part, begin, stop in _timed_parts("\n".join(lines), start, end)
        if (label := _plain(part, bool(head))) and stop > begin
    ]
    return AnimationCurves(setup.rate or _RATE, events=tuple(captions))


def _cues(lines: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    """The line of times and the text of each caption.

    An empty line ends it, a line with a blank does not where nothing was said yet (YouTube); some leave it out.
    """
    for place, line in enumerate(lines):
        if "-->" not in line:
            continue
        said: list[str] = []
        for number, one in enumerate(lines[place + 1 :], place + 1):
            following = lines[number + 1] if number + 1 < len(lines) else ""
            numbered = one.strip().isdigit() and "-->" in following
            if "-->" in one or not one or numbered or (not one.strip() and said):
                break
            said += [one.strip()] if one.strip() else []
        yield line, said


def _unrolled(found: list[tuple[list[str], float, float]]) -> list[tuple[list[str], float, float]]:
    """The captions of a file that rolls, as YouTube's own do: each line once, where it comes up at the bottom."""
    plain = [[_MARKUP.sub("", line).strip() for line in lines] for lines, _, _ in found]
    rolls = [bool(one and before) and one[0] == before[-1] for before, one in pairwise(plain)]
    if len(found) < 3 or sum(rolls) <= _ROLLING * len(found):
        return found
    kept = [found[0]]
    for rolled, (lines, start, end) in zip(rolls, found[1:], strict=True):
        if lines[rolled:]:
            kept.append((lines[rolled:], start, end))
    return kept


def _timed_parts(text: str, start: float, end: float) -> Iterator[tuple[str, float, float]]:
    """The parts of a caption between the times that stand in it."""
    pieces = _WORD_TIME.split(text)
    times = [start, *(_seconds(_TIME.fullmatch(time).groups("")) for time in pieces[1::2]), end]  # type: ignore[union-attr]
    for part, (begin, stop) in zip(pieces[::2], pairwise(times), strict=True):
        yield part, begin, stop


def _plain(text: str, entities: bool) -> str:
    """A caption without markup."""
    label = _MARKUP.sub("", text).strip()
    return (
        label.replace("&lt;", "<").replace("&gt;", ">").replace("&nbsp;", " ").replace("&amp;", "&")
        if entities
        else label
    )


def _milliseconds(seconds: float) -> int:
    return max(0, round(seconds * 1000))


def _spelled(seconds: float, point: str) -> str:
    rest, thousandths = divmod(_milliseconds(seconds), 1000)
    rest, seconds_left = divmod(rest, 60)
    hours, minutes = divmod(rest, 60)
    return f"{hours:02d}:{minutes:02d}:{seconds_left:02d}{point}{thousandths:03d}"


def _seconds(time: Sequence[str]) -> float:
    hours, minutes, seconds, thousandths = (int(part or 0) for part in time)
    return ((hours * 60 + minutes) * 60 + seconds) + thousandths / 1000


def _format(title: str, suffix: str, head: str, point: str) -> FileFormat:
    return FileFormat(
        title=title,
        suffix=suffix,
        carries=("events",),
        encode=encode,
        write=partial(_write, head=head, point=point),
        read=partial(_read, head=head),
        decode=decode,
        tolerance=1e-6,
    )


SRT = _format("SubRip captions", ".srt", "", ",")
VTT = _format("WebVTT captions", ".vtt", "WEBVTT\n", ".")
