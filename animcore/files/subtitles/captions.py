"""Captions out of words: SubRip (`.srt`) and WebVTT (`.vtt`). Read, the words of a line share its time by length."""

from __future__ import annotations

import re
from collections.abc import Sequence
from fractions import Fraction
from functools import partial
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
_BLOCKS = re.compile(r"\n\s*\n|\n(?=(?:\d+[ \t]*\n)?[^\n]*-->)")  # some leave the empty line out
_TIME = re.compile(r"(?:(\d+):)?(\d{1,2}):(\d{2})[,.](\d{3})")
_MARKUP = re.compile(r"<[^>]*>|\{\\[^}]*\}")


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
    text = text_of(path).replace("\r\n", "\n").replace("\r", "\n").lstrip("\ufeff")
    if head and not text.startswith(head.strip()):
        raise InputError(f"{path.name} is no {head.strip()} file: it does not begin with that word.")
    captions = []
    for block in _BLOCKS.split(text):
        lines = block.strip().split("\n")
        timed = next((index for index, line in enumerate(lines) if "-->" in line), None)
        if timed is None:
            continue
        times = _TIME.findall(lines[timed])
        if len(times) < 2:
            raise InputError(f"{path.name} has a line of times that is cut off: {lines[timed]!r}.")
        start, end = (_seconds(time) for time in times[:2])
        if end <= start:
            raise InputError(f"{path.name} has a caption that ends before it begins: {lines[timed]!r}.")
        label = _MARKUP.sub("", "\n".join(lines[timed + 1 :])).strip()
        label = label.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&") if head else label
        captions.append(Event("word", label, start, end))
    if not captions:
        raise InputError(f"{path.name} has no captions; is it of another kind?")
    return AnimationCurves(setup.rate or _RATE, events=tuple(captions))


def _milliseconds(seconds: float) -> int:
    return max(0, round(seconds * 1000))


def _spelled(seconds: float, point: str) -> str:
    rest, thousandths = divmod(_milliseconds(seconds), 1000)
    rest, seconds_left = divmod(rest, 60)
    hours, minutes = divmod(rest, 60)
    return f"{hours:02d}:{minutes:02d}:{seconds_left:02d}{point}{thousandths:03d}"


def _seconds(time: tuple[str, str, str, str]) -> float:
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
