"""Where the recordings of lines are, how long they last, and what can be known of them without decoding."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import av

from animcore.core.vocabulary import casefolded
from animcore.errors import InputError
from animcore.pipelines.batch import names

SUFFIXES = (".wav", ".flac", ".ogg", ".mp3", ".m4a", ".opus", ".aif", ".aiff", ".mp4", ".mov", ".mkv", ".webm")
_WWISE = (".wem", ".bnk")
_PATIENCE = 2.0  # seconds that headers are read for; the length of the others is taken from their size


class Folders:
    """Names in folders of recordings, read once each, for hints where a file is missing."""

    def __init__(self) -> None:
        self._names: dict[Path, dict[str, str]] = {}

    def other_case(self, path: Path) -> str | None:
        """Return the name of a file that is called as `path` but for case or the form of accents."""
        return self._of(path.parent).get(casefolded(path.name))

    def by_stem(self, path: Path) -> Path | None:
        """Return the recording of a path without suffix."""
        names_here = self._of(path.parent)
        found = (names_here.get(casefolded(path.name + suffix)) for suffix in SUFFIXES)
        name = next((one for one in found if one is not None), None)
        return None if name is None else path.parent / name

    def _of(self, folder: Path) -> dict[str, str]:
        if folder not in self._names:
            try:
                self._names[folder] = {casefolded(path.name): path.name for path in folder.iterdir()}
            except OSError:
                self._names[folder] = {}
        return self._names[folder]


def located(template: str, cells: Mapping[str, str], row: int, base: Path, folders: Folders) -> Path:
    """Return the recording of a line by a template such as `voices/{language}/{id}`.

    Raises:
        InputError: where there is none.
    """
    values = dict.fromkeys(("id", "language", "speaker", "character"), "") | dict(cells) | {"row": str(row)}
    path = base / template.format(**values)
    if path.suffix.lower() in SUFFIXES:
        return path
    found = folders.by_stem(path)
    if found is None:
        raise InputError(f"There is no recording {path} with an ending such as .wav or .ogg.")
    return found


def problem(path: Path, size: int | None, folders: Folders) -> str | None:
    """Return a sentence on a recording that cannot be used, by its name and size alone."""
    if path.suffix.lower() in _WWISE:
        return f"{path.name} is what Wwise packs for the game; give the recording that it was made of."
    if size is None:
        other = folders.other_case(path)
        hint = f"; there is {other}" if other is not None and other != path.name else ""
        return f"There is no file {path}{hint}."
    return f"{path} is empty; copy it again." if size == 0 and not path.is_dir() else None


@dataclass(frozen=True)
class AudioLength:
    """How long the recordings of a batch last together.

    Attributes:
        seconds: of all of them.
        measured: how many headers were read; the others are estimated by their size.
        unreadable: recording -> why its header could not be read.
    """

    seconds: float
    measured: int
    unreadable: Mapping[Path, str]


def length(sizes: Mapping[Path, int], patience: float = _PATIENCE) -> AudioLength:
    """Return how long recordings last: by their headers for some seconds, and from there on by their size.

    Args:
        sizes: recording -> bytes.
        patience: seconds that headers are read for.
    """
    until = time.monotonic() + patience
    seconds, read, count = 0.0, 0, 0
    unreadable: dict[Path, str] = {}
    for path in _spread(sizes):
        if time.monotonic() > until:
            break
        try:
            seconds += seconds_of(path)
            read += sizes[path]
            count += 1
        except (av.FFmpegError, OSError, ValueError) as error:
            unreadable[path] = f"{path.name} is no audio that can be read ({getattr(error, 'strerror', error)})."
    whole = sum(size for path, size in sizes.items() if path not in unreadable)
    return AudioLength(seconds * whole / read if read else 0.0, count, unreadable)


def seconds_of(path: Path) -> float:
    """Return how long a recording lasts, by its header.

    Raises:
        av.FFmpegError, OSError, ValueError: where that cannot be read.
    """
    if path.suffix.lower() == ".wav":
        found = _wav_seconds(path)
        if found is not None:
            return found
    with av.open(str(path)) as container:
        if not container.streams.audio:
            raise ValueError("it has no audio track")
        return container.duration / av.time_base if container.duration else 0.0


def _wav_seconds(path: Path) -> float | None:
    """The length of a plain RIFF file, without FFmpeg: 50 microseconds."""
    with path.open("rb") as handle:
        head = handle.read(4096)
    if len(head) < 44 or head[:4] != b"RIFF" or head[8:12] != b"WAVE":
        return None
    place, rate = 12, 0
    while place + 8 <= len(head):
        name, size = head[place : place + 4], int.from_bytes(head[place + 4 : place + 8], "little")
        if name == b"fmt " and place + 20 <= len(head):
            rate = int.from_bytes(head[place + 16 : place + 20], "little")
        if name == b"data":
            return size / rate if rate and 0 < size < 0x7FFFFFFF else None
        place += 8 + size + size % 2
    return None


def _spread(sizes: Mapping[Path, int]) -> Iterable[Path]:
    """The paths in an order in which the first ones stand for all: every 64th, then the next of each, and so on."""
    paths = list(sizes)
    for first in range(min(64, len(paths))):
        yield from paths[first::64]


def check_template(template: str) -> None:
    """Check a template of recordings.

    Raises:
        InputError: as `names.check_template`.
    """
    names.check_template(template, "--audio")
