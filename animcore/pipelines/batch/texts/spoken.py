"""What is spoken of a line of a script: without markup, variables and stage directions, which are not heard."""

from __future__ import annotations

import re

from animcore.errors import InputError
from animcore.speech import transcript

_MARKUP = re.compile(r"<[^<>]{0,200}>")
_VARIABLE = re.compile(r"\{[^{}]{0,200}\}|%\(?\w*\)?[sdif]\b")
_TAG = re.compile(r"\[[^\[\]]{0,200}\]")


def cleaned(text: str) -> tuple[str, tuple[str, ...]]:
    """Return the words of a script's line, and a sentence for each thing that was left out.

    Rich text (`<i>`), variables (`{player}`) and tags in brackets that name no emotion (`[to Ben]`) go; emotions
    (`[joy 0.7]`, `[angry]`) stay, since they direct the face, and sounds (`[sighs]`), which are no words.
    """
    notes = []
    plain = _MARKUP.sub(" ", text)
    if variables := _VARIABLE.findall(plain):
        notes.append(f"The text has {variables[0]}, whose words are not known; they are found by ear.")
        plain = _VARIABLE.sub(" ", plain)
    foreign = [tag for tag in _TAG.findall(plain) if not _names_emotion(tag)]
    for tag in dict.fromkeys(foreign):
        notes.append(f"The tag {tag} names no emotion, so it was left out.")
        plain = plain.replace(tag, " ")
    return " ".join(plain.split()), tuple(notes)


def _names_emotion(tag: str) -> bool:
    try:
        transcript.parse(f"{tag} a")
    except InputError:
        return False
    return True
