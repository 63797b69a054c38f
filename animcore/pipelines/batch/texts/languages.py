"""Whether a text is in the language that its row says: by script, and by the most common words of some languages."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter

# Languages whose script tells them from those of Latin letters, by the start of the letters' Unicode names.
_SCRIPTS = {
    "ru": "CYRILLIC", "uk": "CYRILLIC", "bg": "CYRILLIC", "el": "GREEK", "ar": "ARABIC", "fa": "ARABIC", "he": "HEBREW",
    "hi": "DEVANAGARI", "th": "THAI", "ko": "HANGUL", "zh": "CJK", "ja": "CJK HIRAGANA KATAKANA",
}  # fmt: skip
# Words that hardly any sentence of three words of the language lacks, and that are no words of the others here.
_COMMON = {
    "en": "the and you is are was this that with not what have will it's don't i'm we they your my of to",
    "de": "der die das und ich nicht ist sie wir ein eine mit zu auf für dich mich sind war wie wenn auch den dem",
    "fr": "le les et je pas est vous nous une des dans pour avec sur c'est ce mais où il elle du être suis",
    "es": "el los las y que no es una por para con está pero lo como más yo usted muy del qué al",
    "it": "il gli che non è una per con sono ma come più della di nel mi ti cosa questo hai ho siamo",
    "pt": "o os não é uma para com você mas como mais da do na no eu está isso em foi são um",
    "pl": "nie się jest na to że z jak co do ale czy mnie ty tak już tym było jestem dla",
    "nl": "de het een niet ik je is dat en van zijn wij met voor maar op hebben wat er ben naar",
}  # fmt: skip
_WORDS = {language: frozenset(words.split()) for language, words in _COMMON.items()}
# English names of languages that tables use in the place of a code.
_NAMED = {
    "english": "en", "german": "de", "french": "fr", "spanish": "es", "italian": "it", "portuguese": "pt",
    "polish": "pl", "dutch": "nl", "russian": "ru", "ukrainian": "uk", "japanese": "ja", "korean": "ko",
    "chinese": "zh", "arabic": "ar", "hebrew": "he", "greek": "el", "thai": "th", "hindi": "hi", "persian": "fa",
    "bulgarian": "bg", "turkish": "tr", "czech": "cs", "swedish": "sv",
}  # fmt: skip
_CODE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*")
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")
_FEWEST = 3  # common words of another language, and none of its own, that make a text one of the other


def code(language: str) -> str | None:
    """Return the code of a language by its tag or English name (`pt-BR` -> `pt`, `German` -> `de`); None for neither.

    Wwise writes `English(US)`.
    """
    plain = language.strip().lower()
    named = _NAMED.get(re.split(r"[\s(]", plain, maxsplit=1)[0])
    if named is not None:
        return named
    return plain.split("-")[0] if _CODE.fullmatch(plain) else None


def contradiction(text: str, language: str) -> str:
    """Return in words what a text seems to be in, where that is not its language; empty where it may be."""
    own = code(language)
    letters = [sign for sign in text if sign.isalpha()]
    if own is None or len(letters) < 4:
        return ""
    script = Counter(unicodedata.name(sign, "").split()[0] for sign in letters).most_common(1)[0][0]
    expected = _SCRIPTS.get(own, "LATIN")
    if script not in expected.split():
        return f"{script.lower()} letters"
    return _other(text, own) if script == "LATIN" else ""


def _other(text: str, own: str) -> str:
    words = [word.lower().replace("’", "'") for word in _WORD.findall(text)]
    counts = {language: sum(word in common for word in words) for language, common in _WORDS.items()}
    best = max(counts, key=lambda language: counts[language])
    if own not in counts or best == own or counts[own] or counts[best] < _FEWEST:
        return ""
    return next(name.title() for name, short in _NAMED.items() if short == best)
