"""The one door for writers: a file that was just written is marked before it takes its place."""

from __future__ import annotations

import json
import logging
from pathlib import Path

from animcore.core.atomic_files import stem, whole_file
from animcore.core.origin import Origin, Source, from_text
from animcore.core.reading import check_file
from animcore.errors import AnimcoreError, InputError
from animcore.provenance import embedding, keys, manifest

_log = logging.getLogger(__name__)
_noted: set[str] = set()


SIGNED, PLAIN, NONE = "signed", "plain", "none"


def mark(path: Path, origin: Origin) -> str:
    """Write into a file how it was made, and sign that where the format and this computer allow.

    Args:
        path: of the file, which may be the temporary one of `whole_file`.
        origin: how it was made.

    Returns:
        `SIGNED`, `PLAIN` (a statement that is not signed) or `NONE` (files of this kind have no place for one). Why a
        file that could be signed is not goes to the log, once a process: no user loses a render by it.
    """
    plain = embedding.embed(path, origin)
    if path.suffix.lower() in manifest.KINDS and _signed(path, origin):
        return SIGNED
    return PLAIN if plain else NONE


def mark_beside(path: Path, origin: Origin) -> None:
    """Write the statement, with the hash of the file, into a small file next to one that has no place for it.

    Raises:
        InputError: where it cannot be written.
    """
    facts = {**origin.facts(), "sha256": Source.of(path, "").sha256}
    with whole_file(path.with_name(path.name + embedding.SIDECAR)) as temporary:
        temporary.write_text(json.dumps(facts, indent=1, ensure_ascii=False), encoding="utf-8")


def sign(path: Path) -> Path:
    """Sign a file that states how it was made and has no place for a signature, in a `.c2pa` file beside it.

    Raises:
        InputError: where it states nothing, is signed already, or cannot be signed.
    """
    check_file(path)
    stated = embedding.statement(path)
    if not stated:
        raise InputError(f"{path.name} does not state how it was made; sign what Animcore wrote.")
    if path.suffix.lower() in manifest.KINDS:
        raise InputError(f"{path.name} holds its own signature; write it again with the extra `provenance` installed.")
    who = keys.identity()
    if who is None:
        raise InputError("Signing is switched off on this computer; `animcore provenance use --own` switches it on.")
    return manifest.sign_beside(path, from_text(stated), who)


def _signed(path: Path, origin: Origin) -> bool:
    if manifest.library() is None:
        _say('Files are marked, but not signed: pip install ".[provenance]" signs them.')
        return False
    try:
        who = keys.identity()
        if who is None:  # the user's own choice needs no sentence
            return False
        manifest.sign(path, origin, stem(path) + path.suffix, who)
    except AnimcoreError as error:
        _say(f"Files are marked, but not signed: {error}")
        return False
    return True


def _say(sentence: str) -> None:
    if sentence not in _noted:
        _noted.add(sentence)
        _log.warning(sentence)
