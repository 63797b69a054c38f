"""Translations of gettext (`.po`), as Unreal, Godot and translation tools write them: an entry is a line."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from animcore.errors import InputError
from animcore.files import text_tables
from animcore.pipelines.batch.tables.columns import has_audio_ending
from animcore.pipelines.batch.tables.rows import Row

SUFFIXES = (".po", ".pot")
HEADER = ("id", "audio", "text", "language", "note", "source")
_KEYWORD = re.compile(r"(msgctxt|msgid_plural|msgid|msgstr(?:\[\d+\])?)\s+(\".*\")\s*$")
_KEY = re.compile(r"Key:\s*(\S+)")  # Unreal writes keys as extracted comments
_VOICE = re.compile(r"(?:audio|voice|file)[:=]\s*(\S+)", re.IGNORECASE)


def read(path: Path) -> tuple[tuple[str, ...], Iterator[Row]]:
    """Return the header and the entries; the id is the context (`msgctxt`), or Unreal's key.

    An entry names its audio in a comment (`#. audio: vo/hello.wav`) or in a reference (`#: vo/hello.wav`).

    Raises:
        InputError: where it is no such file.
    """
    return HEADER, _rows(path)


def _rows(path: Path) -> Iterator[Row]:
    language = ""
    for number, entry in _entries(path):
        source, text = entry.get("msgid", ""), entry.get("msgstr", "") or entry.get("msgstr[0]", "")
        if not source and "msgctxt" not in entry:
            found = re.search(r"^Language:\s*(\S+)", text, re.MULTILINE)
            language = found[1].replace("_", "-") if found else ""
            continue
        comments = entry.get("#", "")
        key = _KEY.search(comments)
        context = entry.get("msgctxt", "") or (key[1] if key else "")
        yield Row(
            number,
            {
                "id": context.rpartition(",")[2].strip() if "," in context else context,
                "audio": _audio(comments, entry.get("#:", "")),
                "text": text or source,
                "language": language,
                "note": " ".join(comments.split()),
                "source": source,
            },
        )


def _audio(comments: str, references: str) -> str:
    named = _VOICE.search(comments)
    if named:
        return named[1]
    return next((one for one in references.split() if has_audio_ending(one)), "")


def _entries(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Number of the first line of each entry, and its parts; those that are obsolete (`#~`) are passed over."""
    entry: dict[str, str] = {}
    begin, part = 1, ""
    with path.open(encoding=text_tables.encoding_of(path)) as handle:
        for number, line in enumerate((line.strip() for line in handle), 1):
            if not line or (line.startswith(("#", "msgctxt", "msgid ")) and any(k.startswith("msgstr") for k in entry)):
                if entry:
                    yield begin, entry
                entry, part, begin = {}, "", number
            if line.startswith(("#:", "#.", "# ")):
                kind = "#:" if line.startswith("#:") else "#"
                entry[kind] = f"{entry.get(kind, '')}\n{line[2:].strip()}".strip()
            elif found := _KEYWORD.match(line):
                part = found[1]
                entry[part] = _unquoted(found[2], path, number)
                begin = begin if len(entry) > 1 else number
            elif line.startswith('"') and part:
                entry[part] += _unquoted(line, path, number)
            elif line and not line.startswith("#"):
                raise InputError(f"{path.name}, line {number} is not of a .po file: {line[:40]!r}.")
    if entry:
        yield begin, entry


def _unquoted(text: str, path: Path, number: int) -> str:
    try:
        found = ast.literal_eval(text)
    except (ValueError, SyntaxError) as error:
        raise InputError(f"{path.name}, line {number} has a text that does not end.") from error
    return str(found)
