"""Praat's TextGrid: tiers of intervals. Words and phonemes go in and come out, whatever aligner made them.

Read as Praat does: in the long form and the short form alike only texts in quotes and free-standing numbers count.
"""

from __future__ import annotations

import re
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

from animcore.core.atomic_files import whole_file
from animcore.errors import BROKEN_FILE, InputError
from animcore.files.animation_curves import AnimationCurves, FileFormat, FormatOptions
from animcore.files.text_tables import text_of
from animcore.motion import Event, EventKind, Motion
from animcore.speech.pronunciation import PHONEMES

_TIERS: dict[EventKind, tuple[str, ...]] = {
    "word": ("words", "word", "ort", "ort-mau", "transcription", "text", "mots", "wörter", "palabras"),
    "phoneme": ("phones", "phone", "phonemes", "phoneme", "segments", "mau", "kan-mau", "phon"),
}
Interval = tuple[float, float, str]
Tier = tuple[str, list[Interval]]
_BINARY = b"ooBinaryFile"
_MOSTLY = 0.8  # of the labels
_KINDS = {"IntervalTier": 3, "TextTier": 2}  # tokens of an interval and of a point
_SILENT = ("", "sil", "sp", "spn", "sil_s", "sil_b", "sil_e", "#")
_NO_WORD = re.compile(
    r"<[^<>]*>|\{[^{}]*\}|\[[^\[\]]*\]"
)  # `<eps>`, `<unk>`, `{SL}`, `[noise]`: what aligners hear beside words
_RATE = Fraction(30)  # of motions that consist of words alone, where none is asked for
_TOKEN = re.compile(r'"((?:[^"]|"")*)"|<(exists|absent)>|(?<![^\s])(-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)(?![^\s])')


def encode(motion: Motion, _setup: FormatOptions) -> AnimationCurves:
    """Take words and phonemes.

    Raises:
        InputError: when there are none.
    """
    events = tuple(sorted((one for one in motion.events if one.kind in _TIERS and one.end > one.start), key=_order))
    if not events:
        raise InputError("This motion has neither words nor phonemes, which a TextGrid consists of.")
    for first, second in pairwise(events):
        if first.kind == second.kind and second.start < first.end:
            raise InputError(f"{first.label!r} and {second.label!r} overlap, which one tier of a TextGrid cannot hold.")
    return AnimationCurves(motion.rate, motion.start, events=events)


def decode(animation: AnimationCurves, setup: FormatOptions) -> Motion:
    """Give the words and phonemes back."""
    return Motion(setup.rate or _RATE, events=animation.events)


def write(animation: AnimationCurves, path: Path, _setup: FormatOptions) -> None:
    """Write the long form, with a tier of words and one of phonemes where there are some.

    Raises:
        InputError: when the file cannot be written.
    """
    end = max(event.end for event in animation.events)
    start = min(0.0, *(event.start for event in animation.events))
    kinds = [kind for kind in _TIERS if any(event.kind == kind for event in animation.events)]
    lines = ['File type = "ooTextFile"', 'Object class = "TextGrid"', "", f"xmin = {start!r}", f"xmax = {end!r}"]
    lines += ["tiers? <exists>", f"size = {len(kinds)}", "item []:"]
    for number, kind in enumerate(kinds, 1):
        parts = _filled([event for event in animation.events if event.kind == kind], start, end)
        lines += [f"    item [{number}]:", '        class = "IntervalTier"', f'        name = "{_TIERS[kind][0]}"']
        lines += [f"        xmin = {start!r}", f"        xmax = {end!r}", f"        intervals: size = {len(parts)}"]
        for index, (begin, stop, label) in enumerate(parts, 1):
            lines += [f"        intervals [{index}]:", f"            xmin = {begin!r}", f"            xmax = {stop!r}"]
            lines += ['            text = "' + label.replace('"', '""') + '"']
    with whole_file(path) as temporary:
        temporary.write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")


def read(path: Path, setup: FormatOptions) -> AnimationCurves:
    """Read the tiers that are called words or phones, or like it, or the only one; silences are left out.

    Raises:
        InputError: when it is no TextGrid, cut off, or has no such tier.
    """
    if _starts_binary(path):
        raise InputError(f"{path.name} is a TextGrid in Praat's binary form; save it there as a text file.")
    text = text_of(path)
    if "TextGrid" not in text[:200]:
        raise InputError(f"{path.name} is not a TextGrid of Praat.")
    tokens = [quoted.replace('""', '"') if not number else float(number) for quoted, _, number in _TOKEN.findall(text)]
    try:
        tiers = _tiers(tokens)
    except BROKEN_FILE as error:
        raise InputError(f"{path.name} is cut off or broken: its tiers end before their intervals do.") from error
    spoken = [(name, [one for one in intervals if _is_said(one[2])]) for name, intervals in tiers]
    events = [
        Event(kind, label.strip(), start, end)
        for kind, intervals in _chosen([(name, intervals) for name, intervals in spoken if intervals], path.name)
        for start, end, label in intervals
        if end != start  # an interval of no length is a slip of whoever set its borders
    ]
    if not tiers:
        raise InputError(
            f"{path.name} has tiers of points alone, which do not say how long a word lasts; make a tier of intervals."
        )
    if not events:
        names = ", ".join(name for name, _ in tiers)
        raise InputError(f"{path.name} has no words in it: all its tiers are empty (tiers of intervals: {names}).")
    if any(event.end < event.start for event in events):
        raise InputError(f"{path.name} has an interval that ends before it begins.")
    return AnimationCurves(setup.rate or _RATE, events=tuple(sorted(events, key=_order)))


def _is_said(label: str) -> bool:
    """Whether a label is a word or a sound of one, rather than silence or noise."""
    plain = label.strip().lower()
    return plain not in _SILENT and not _NO_WORD.fullmatch(plain)


def _starts_binary(path: Path) -> bool:
    try:
        with path.open("rb") as handle:
            return handle.read(len(_BINARY)) == _BINARY
    except OSError:
        return False  # reported by the reader of the text


def _chosen(tiers: list[Tier], where: str) -> list[tuple[EventKind, list[Interval]]]:
    """The tiers of words and of phonemes, by their names; a tier with another name is taken where it is the only one.

    Raises:
        InputError: where several tiers fit.
    """
    known = [(_kind(name), name, intervals) for name, intervals in tiers]
    found: list[tuple[EventKind, list[Interval]]] = [(kind, intervals) for kind, _, intervals in known if kind]
    other = [(name, intervals) for kind, name, intervals in known if not kind]
    if not any(kind == "word" for kind, _ in found) and len(other) == 1:
        labels = [label.strip().lower().rstrip("012") for _, _, label in other[0][1]]
        sounds = sum(label in PHONEMES for label in labels) > _MOSTLY * len(labels)
        found.append(("phoneme" if sounds else "word", other[0][1]))
    if not found and other:
        names = ", ".join(name for name, _ in other)
        raise InputError(
            f"{where} has no tier of words or phones; its tiers are: {names}; name the one with the text `words`."
        )
    return found


def _kind(name: str) -> EventKind | None:
    """What a tier holds by its name: `words`, `anna - words`, `Phones_2`."""
    plain = name.strip().lower()
    ways = (plain, plain.split(" - ")[-1], *re.findall(r"[^\W\d_]+", plain))
    return next((kind for way in ways for kind, names in _TIERS.items() if way in names), None)


def _tiers(tokens: list[str | float]) -> list[Tier]:
    """Name and intervals of each tier; tiers of points are passed over."""
    place = next((index for index, token in enumerate(tokens) if token in _KINDS), len(tokens))
    wanted, read_tiers, tiers = int(tokens[place - 1]), 0, []
    while place < len(tokens):
        kind, name, _, _, count = tokens[place : place + 5]
        place += 5
        width = _KINDS[str(kind)]
        if width * int(count) > len(tokens):
            raise ValueError("more intervals than the file has room for")
        rows = [tokens[place + width * index : place + width * (index + 1)] for index in range(int(count))]
        place, read_tiers = place + width * int(count), read_tiers + 1
        if kind == "IntervalTier":
            tiers.append((str(name), [(float(start), float(end), _text(label)) for start, end, label in rows]))
    if read_tiers != wanted:
        raise ValueError("fewer tiers than the file states")
    return tiers


def _text(token: str | float) -> str:
    if not isinstance(token, str):
        raise TypeError("a number where a text should be")
    return token


def _filled(events: list[Event], start: float, end: float) -> list[tuple[float, float, str]]:
    """Intervals without gaps, as Praat requires: silence between the events has an empty text."""
    parts, last = [], start
    for event in events:
        if event.start > last:
            parts.append((last, event.start, ""))
        parts.append((event.start, event.end, event.label))
        last = event.end
    return [*parts, (last, end, "")] if last < end else parts


def _order(event: Event) -> tuple[str, float]:
    return event.kind, event.start


FORMAT = FileFormat(
    title="Praat TextGrid",
    suffix=".textgrid",
    carries=("events",),
    encode=encode,
    write=write,
    read=read,
    decode=decode,
    tolerance=1e-9,
)
