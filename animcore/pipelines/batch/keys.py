"""By what a result is known: digests of the recording, the text, the settings, the models and the version."""

from __future__ import annotations

import functools
import hashlib
import json
import os
import stat
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import animcore
from animcore.core.reading import check_file
from animcore.errors import readable
from animcore.files.animation_curves import FormatOptions
from animcore.pipelines.batch.line import Line
from animcore.postprocess.retiming import Retiming
from animcore.solvers.nonverbal import head_network
from animcore.solvers.speech_face import lip_sync, streaming
from animcore.speech import pronunciation

LAYOUT = "1"  # changed where the same values come to mean another result
# What each part is called where a line is solved again because it changed.
PARTS = {
    "audio": "recording", "other": "recording listened to", "text": "text", "settings": "settings",
    "models": "models", "version": "version of Animcore", "edits": "hand edits", "source": "source line",
    "character": "character file",
}  # fmt: skip


def of_file(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal digits.

    Raises:
        InputError: where it cannot be read.
    """
    check_file(path)
    with readable(f"{path.name} cannot be read", "check the drive that it is on"), path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def of_source(path: Path) -> str:
    """Return the digest of a recording, or of all files of a folder that a head is fitted to.

    Raises:
        InputError: where it cannot be read.
    """
    if not path.is_dir():
        return of_file(path)
    files = sorted(one for one in path.rglob("*") if one.is_file())
    return _digest([[one.relative_to(path).as_posix(), of_file(one)] for one in files])


def stamp(path: Path) -> tuple[int, int] | None:
    """Return size and time of change (ns) of a file, of a folder of all in it; None where there is none."""
    try:
        found = os.stat(path)
        if not stat.S_ISDIR(found.st_mode):
            return found.st_size, found.st_mtime_ns
        inner = [os.stat(one) for one in path.rglob("*")]
    except (OSError, ValueError):
        return None
    return sum(one.st_size for one in inner), max(one.st_mtime_ns for one in (found, *inner))


def parts(line: Line) -> dict[str, str]:
    """Return the digests of what a line's result depends on, without those of recordings, edits and source.

    Formats are no part of it: a line that was written in more of them than are asked for now is as good as it was.

    Raises:
        InputError: where a model or a character cannot be read.
    """
    settings = {
        "layout": LAYOUT,
        "direction": line.direction.to_dict(),
        "place": _facts(line.place),
        "rate": line.rate,
        "setup": _facts(line.setup) | {"character": ""},
        "postprocess": sorted(line.postprocess),
        "face_speaker": line.face_speaker,
        "work": None if line.work is None else [line.work.kind, line.work.arguments],
    }
    scene = line.setup.character
    return {
        "text": _digest(line.text),
        "settings": _digest(settings),
        "models": _models(line.direction.variant, line.gestures, line.face),
        "version": animcore.__version__,
        "character": "" if scene is None else _of_folder(scene),
    }


def key(found: Mapping[str, str]) -> str:
    """Return the key of all parts."""
    return hashlib.sha256(json.dumps(dict(found), sort_keys=True).encode()).hexdigest()


def changed(found: Mapping[str, str], kept: Mapping[str, str]) -> list[str]:
    """Return what changed between the parts of a result and those of now, in words."""
    return [words for name, words in PARTS.items() if found.get(name, "") != kept.get(name, "")]


@functools.cache
def model_versions() -> dict[str, str]:
    """Return the SHA-256 of the shipped models, by file name."""
    used = (lip_sync.MODEL, streaming.MODEL, head_network.MODEL, pronunciation.DICTIONARY)
    return {path.name: of_file(path) for path in used}


@functools.cache
def _models(variant: str, gestures: Path | None, face: Path | None) -> str:
    shipped = model_versions()
    speech = streaming.MODEL if variant == "live" else lip_sync.MODEL
    used = [shipped[path.name] for path in (speech, head_network.MODEL, pronunciation.DICTIONARY)]
    return _digest([*used, *("" if path is None else _of_folder(path) for path in (gestures, face))])


@functools.lru_cache
def _facts(settings: Retiming | FormatOptions) -> dict[str, Any]:
    """The fields of settings, which are the same for nearly all lines."""
    return asdict(settings)


@functools.cache
def _of_folder(path: Path) -> str:
    """The same, read once a process."""
    return of_source(path)


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()[:24]
