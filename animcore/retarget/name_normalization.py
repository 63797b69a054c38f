"""Names of shapes and bones as people write them, brought to one form and compared."""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Iterable, Sequence

from animcore.retarget import affixes

_KATAKANA = {code: code - 0x60 for code in range(0x30A1, 0x30F7)}  # to hiragana
_COPY = re.compile(r"\.\d{3,}$")  # Blender's suffix of a copy: "jawOpen.001"
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^\W\d_A-Za-z]+")
_SIDES = {"l": "left", "left": "left", "r": "right", "right": "right"}
_PREFIXES = {"arkit", "ar", "kit", "bs", "blend", "shape", "blendshape", "shapes", "morph", "target"}


@functools.lru_cache(maxsize=4096)
def canonical(name: str) -> str:
    """Bring a name to lower case without separators, prefixes and copy numbers, with its side spelled at the end.

    ``blendShape2.eyeBlink_L``, ``ARKit_EyeBlinkLeft`` and ``eyeBlinkLeft.001`` all give ``eyeblinkleft``. Kana of half
    and of full width, katakana and hiragana are one.
    """
    parts = [part for part in re.split(r"[.:|]", _COPY.sub("", one_width(name))) if part]
    if not parts:
        return ""
    sided = len(parts) > 1 and parts[-1].lower() in _SIDES
    last = 1 + sided  # parts from the end that are the name: thumb.01.L is no 01.L
    while last < len(parts) and parts[-last].isdigit():
        last += 1
    words = [word.lower() for word in _WORDS.findall(" ".join(parts[-last:]))]
    while len(words) > 1 and (words[0] in _PREFIXES or words[0].isdigit()):
        del words[0]
    side = ""
    if len(words) > 1 and words[-1] in _SIDES:
        side = _SIDES[words.pop()]
    elif len(words) > 1 and words[0] in _SIDES:
        side = _SIDES[words.pop(0)]
    return "".join(words) + side


def one_width(name: str) -> str:
    """Return a name in letters and kana of the usual width, kana as hiragana."""
    return unicodedata.normalize("NFKC", name).translate(_KATAKANA)


def words(name: str) -> list[str]:
    """Return the words of a name in lower case: of ``myHero_Face 2`` my, hero, face, 2."""
    return [word.lower() for word in _WORDS.findall(name)]


def match(wanted: Sequence[str], present: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Find the names of `wanted` among `present`; the result has an entry for each that was found.

    The spelling nearest to the wanted one wins where several stand for it. A name without a side
    (``browInnerUp``) is also found as its two halves (``browInnerUp_L``, ``browInnerUp_R``).
    """
    forms = _forms(tuple(present))
    found: dict[str, tuple[str, ...]] = {}
    taken = {canonical(name) for name in wanted}
    for name in wanted:
        form = canonical(name)
        halves = [half for half in (form + "left", form + "right") if half not in taken]
        if form in forms:
            found[name] = (_nearest(name, forms[form]),)
        elif len(halves) == 2 and all(half in forms for half in halves):
            found[name] = tuple(_nearest(half, forms[half]) for half in halves)
    return found


def first(candidates: Iterable[str], present: Sequence[str]) -> str | None:
    """Return the first of `candidates` that is among `present` (by its form), spelled as it is there."""
    forms = _forms(tuple(present))
    for candidate in candidates:
        if canonical(candidate) in forms:
            return _nearest(candidate, forms[canonical(candidate)])
    return None


@functools.lru_cache(maxsize=256)
def _forms(names: tuple[str, ...]) -> dict[str, list[str]]:
    """Names by their form; the reader of a rig asks for the same ones again and again."""
    forms: dict[str, list[str]] = {}
    for name in names:
        forms.setdefault(canonical(name), []).append(name)
    return forms


def side_pairs(names: Iterable[str]) -> list[tuple[str, str]]:
    """Return (left, right) pairs of names that differ by their side alone."""
    forms = {canonical(bare): name for name, bare in affixes.stripped(names).items()}
    lefts = [form for form in forms if form.endswith("left") and form != "left"]
    others = ((form, form.removesuffix("left") + "right") for form in lefts)
    return [(forms[left], forms[right]) for left, right in others if right in forms]


def _nearest(wanted: str, names: Sequence[str]) -> str:
    """The spelling nearest to the wanted one: the same, the same in another case, else the shortest."""
    return min(names, key=lambda name: (name != wanted, name.lower() != wanted.lower(), len(name), name))
