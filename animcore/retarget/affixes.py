"""Prefixes and suffixes that many names of a rig share: found by counting, for no list has those of every exporter."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

FEWEST = 3  # names that share a beginning
_MOST = 0.5  # share of all names that an ending, or a beginning of bones, has to have
_EDGE = re.compile(r"(?<=[_.:|\-\s])(?=[^_.:|\-\s])")  # after a separator
_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])")  # within jawOpen
_SIDES = {"l", "r", "left", "right"}
_MOUTH = re.compile(r"mouth|mth|lip|vowel|viseme|phon|vrc|口", re.IGNORECASE)
_VOWELS = set("aiueo")


def prefixes(names: Sequence[str]) -> tuple[str, ...]:
    """Return the beginnings that at least three names share, the shortest first; each ends behind a separator.

    A beginning that nearly all names share may also end within a word: `faceJawOpen`.
    """
    whole = Counter(name[: edge.start()] for name in set(names) for edge in _EDGE.finditer(name))
    humps = Counter(name[: edge.start()] for name in set(names) for edge in _HUMP.finditer(name))
    found = {start for start, count in whole.items() if count >= FEWEST and _speaks(start, names)}
    found |= {start for start, count in humps.items() if count >= FEWEST and count >= 0.8 * len(set(names))}
    return tuple(sorted(found, key=lambda start: (len(start), start)))


def stripped(names: Iterable[str]) -> dict[str, str]:
    """Return each name without the prefix and the suffix that most of the names share.

    A side is never taken for such an ending: `arm.L_Armature` gives `arm.L`.
    """
    names = list(names)
    bare = {name: name for name in names}
    for backwards in (True, False):
        rest = {name: (text[::-1] if backwards else text) for name, text in bare.items()}
        shared = _shared(list(rest.values()), backwards)
        for name, text in rest.items():
            if shared and text.startswith(shared) and len(text) > len(shared):
                text = text[len(shared) :].lstrip("_.:|- ") if backwards else text[len(shared) :]
            bare[name] = text[::-1] if backwards else text
    return {name: text or name for name, text in bare.items()}


def _shared(names: Sequence[str], backwards: bool) -> str:
    """The longest beginning that most names share, up to a separator; of names read backwards the ending."""
    counted = Counter(name[: edge.start()] for name in set(names) for edge in _EDGE.finditer(name))
    enough = max(FEWEST, _MOST * len(set(names)))
    found = [
        start
        for start, count in counted.items()
        if count >= enough and not _has_side(start[::-1] if backwards else start) and _speaks(start, names)
    ]
    return max(found, key=len, default="")


def _has_side(text: str) -> bool:
    return any(word.lower() in _SIDES for word in re.split(r"[_.:|\-\s]+", text))


def _speaks(start: str, names: Sequence[str]) -> bool:
    """Whether what follows a beginning is more than letters: hair_A and hair_B are no mouths, MTH_A and mouth_A are."""
    rest = {name[len(start) :].lower() for name in names if name.startswith(start)}
    letters = {one for one in rest if len(one) == 1}
    return not letters or bool(_MOUTH.search(start)) or letters >= _VOWELS
