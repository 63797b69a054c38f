"""How words are spoken: the CMU Pronouncing Dictionary for English, rules by letters for all that it lacks.

The dictionary (assets/solvers/pronunciations.txt.gz) is that of Carnegie Mellon University under its BSD licence,
without stress marks. A word that is not in it, other languages among them, is read letter by letter as most European
languages would: good enough to find where a word is, not to speak it.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from itertools import groupby

from animcore.core import reading
from animcore.core.shipped import shipped

# Silence, and the phonemes of the dictionary in the order of the network's output.
PHONEMES: tuple[str, ...] = (
    "sil",
    "aa", "ae", "ah", "ao", "aw", "ay", "eh", "er", "ey", "ih", "iy", "ow", "oy", "uh", "uw",
    "b", "ch", "d", "dh", "f", "g", "hh", "jh", "k", "l", "m", "n", "ng", "p", "r", "s", "sh", "t", "th", "v", "w",
    "y", "z", "zh",
)  # fmt: skip
VOWELS: frozenset[str] = frozenset(PHONEMES[1:16])
SYLLABLE = ("consonant", "vowel")  # a wildcard for each sign that stands for a syllable

DICTIONARY = shipped("assets/solvers/pronunciations.txt.gz")
_VARIANTS = 3  # pronunciations of a word that are tried
_DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_TEENS = (
    "ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen".split()  # noqa: SIM905
)
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()  # noqa: SIM905

# Letters to phonemes, the longest first; all others are silent.
_LETTERS: dict[str, str] = {
    "tsch": "ch", "sch": "sh", "tch": "ch", "igh": "ay", "tion": "sh ah n", "eau": "ow", "ough": "ow",
    "ch": "ch", "sh": "sh", "zh": "zh", "th": "th", "ph": "f", "ng": "ng", "ck": "k", "qu": "k w", "wh": "w",
    "kn": "n", "wr": "r", "gh": "g", "dg": "jh", "ll": "l", "ss": "s", "tt": "t", "nn": "n", "mm": "m", "pp": "p",
    "bb": "b", "dd": "d", "ff": "f", "gg": "g", "rr": "r", "zz": "z", "cc": "k",
    "ee": "iy", "ea": "iy", "ie": "iy", "ei": "ay", "ai": "ey", "ay": "ey", "oa": "ow", "oo": "uw", "ou": "aw",
    "ow": "ow", "oi": "oy", "oy": "oy", "au": "ao", "aw": "ao", "eu": "oy", "ue": "uw", "ew": "uw", "er": "er",
    "ir": "er", "ur": "er", "ja": "y aa", "ju": "y uw", "jo": "y ow", "ya": "y aa", "yu": "y uw", "yo": "y ow",
    "a": "aa", "b": "b", "c": "k", "d": "d", "e": "eh", "f": "f", "g": "g", "h": "hh", "i": "ih", "j": "jh", "k": "k",
    "l": "l", "m": "m", "n": "n", "o": "ow", "p": "p", "q": "k", "r": "r", "s": "s", "t": "t", "u": "uw", "v": "v",
    "w": "w", "x": "k s", "y": "iy", "z": "z",
}  # fmt: skip
_LONGEST = max(map(len, _LETTERS))
_NOT_LETTERS = re.compile(r"[^a-z']")
_SIGNS = (  # other alphabets, sign by sign
    ("αβγδεζηθικλμνξοπρσςτυφχψω", "a v g d e z i th i k l m n x o p r s s t i f h ps o"),
    ("абвгдежзиклмнопрстуфхцчшщыэюя", "a b v g d e zh z i k l m n o p r s t u f h ts ch sh sh i e yu ya"),
)
_ALPHABETS = {sign: latin for signs, latins in _SIGNS for sign, latin in zip(signs, latins.split(), strict=True)}
_APART = "|"  # between signs that are read one by one


@cache
def dictionary() -> dict[str, tuple[str, ...]]:
    """Return word -> pronunciations, each phonemes with blanks between them; read once (0.2 s)."""
    ways: dict[str, tuple[str, ...]] = {}
    for line in reading.unpacked(reading.content(DICTIONARY), DICTIONARY.name).decode("ascii").splitlines():
        word, _, spoken = line.partition(" ")
        ways[word] = (*ways.get(word, ()), spoken)
    return ways


def pronunciations(word: str) -> tuple[tuple[str, ...], ...]:
    """Return up to three pronunciations of a word, as names of `PHONEMES` or of `SYLLABLE`; none for a mute word."""
    plain = word.lower().replace("’", "'").strip("'\"“”„«».,;:!?…()[]-–—")
    found = _known(plain)
    if found:
        return found
    parts = [_known(part) or ((_spelled(part),) if part else ()) for part in re.split(r"[-–—_/]", _numbers(plain))]
    joined = tuple(name for part in parts for one in part[:1] for name in one)
    return (joined,) if joined else ()


def _known(word: str) -> tuple[tuple[str, ...], ...]:
    """The dictionary's pronunciations of a word, or of its singular or its owner with the ending."""
    listed = dictionary().get(word)
    if listed is None and word.endswith("'s"):
        listed = tuple(f"{way} z" for way in dictionary().get(word[:-2], ()))
    return tuple(tuple(way.split()) for way in (listed or ())[:_VARIANTS])


def _numbers(word: str) -> str:
    """Write numbers below a hundred as words and longer ones digit by digit, with hyphens between them."""
    return re.sub(r"\d+", lambda found: f"-{_number(found[0])}-", word)


def _number(digits: str) -> str:
    value = int(digits)
    if len(digits) > 2 or digits.startswith("0"):
        return "-".join(_DIGITS[int(digit)] for digit in digits)
    if value < 20:
        return (*_DIGITS, *_TEENS)[value]
    return _TENS[value // 10 - 2] + (f"-{_DIGITS[value % 10]}" if value % 10 else "")


def _spelled(word: str) -> tuple[str, ...]:
    """A word read letter by letter; signs of whole syllables become wildcards."""
    names: list[str] = []
    for syllabic, signs in groupby(word, _is_syllable):
        text = "".join(signs)
        latin = [] if syllabic else "".join(map(_latin, text)).split(_APART)
        names += SYLLABLE * len(text) if syllabic else [name for part in latin for name in _read(part)]
    return tuple(names)


def _is_syllable(sign: str) -> bool:
    return unicodedata.name(sign, "").startswith(("CJK UNIFIED", "HANGUL SYLLABLE"))


def _latin(sign: str) -> str:
    """A letter of any script in Latin letters, by its Unicode name where it is no Latin one."""
    plain = unicodedata.normalize("NFKD", sign)[0]
    if plain.isascii() or plain in _ALPHABETS:
        return _ALPHABETS.get(plain, plain)
    name = unicodedata.name(plain, "").replace("SMALL ", "")
    return name.rpartition("LETTER ")[2].lower() + _APART if "LETTER " in name and " SIGN" not in name else ""


def _read(word: str) -> list[str]:
    letters = _NOT_LETTERS.sub("", word).replace("'", "")
    if len(letters) > 3 and letters.endswith("e") and letters[-2] not in "aeiou":
        letters = letters[:-1]  # silent in English and French, hardly audible elsewhere
    names: list[str] = []
    place = 0
    while place < len(letters):
        size = next(size for size in range(_LONGEST, 0, -1) if letters[place : place + size] in _LETTERS)
        names += _LETTERS[letters[place : place + size]].split()
        place += size
    return names
