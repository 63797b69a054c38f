"""Files of Gaussians inside a `.zip` or `.gz`, as they are downloaded: unpacked into a temporary folder, and read."""

from __future__ import annotations

import gzip
import shutil
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO

from animcore.errors import BROKEN_FILE, InputError

SUFFIXES = (".zip", ".gz")
META = "meta.json"  # of a SOG
_LARGEST = 4 * 1024**3  # bytes unpacked
_PIECE = 1 << 20


@contextmanager
def unpacked(path: Path, wanted: Sequence[str]) -> Iterator[Path]:
    """Give the one file in an archive that has a wanted suffix, in a folder that is gone afterwards.

    Raises:
        InputError: where the archive is broken, holds no such file or several, or unpacks to too much.
    """
    with tempfile.TemporaryDirectory(prefix="animcore-") as folder:
        try:
            yield _member(path, wanted, Path(folder)) if path.suffix.lower() == ".zip" else _stream(path, Path(folder))
        except BROKEN_FILE as error:
            if isinstance(error, InputError):
                raise
            raise InputError(f"{path.name} cannot be unpacked ({error}); unpack it yourself first.") from error


def _member(path: Path, wanted: Sequence[str], folder: Path) -> Path:
    with zipfile.ZipFile(path) as archive:
        found = [one for one in archive.infolist() if one.filename.lower().endswith(tuple(wanted)) and not _hidden(one)]
        if len(found) != 1:
            names = ", ".join(one.filename for one in found[:5]) or "none of a known kind"
            raise InputError(f"{path.name} must hold one file of Gaussians ({names} in it); unpack it and choose one.")
        target = folder / PurePosixPath(found[0].filename).name
        if target.name.lower() == META:  # a SOG whose images lie next to it
            return Path(shutil.copyfile(path, folder / f"{path.stem}.sog"))
        with archive.open(found[0]) as source:
            _copy(source, target, path)
    return target


def _hidden(one: zipfile.ZipInfo) -> bool:
    """Whether it is one of the files that macOS adds to each."""
    return one.filename.startswith("__MACOSX/") or PurePosixPath(one.filename).name.startswith("._")


def _stream(path: Path, folder: Path) -> Path:
    target = folder / path.stem
    with gzip.open(path) as source:
        _copy(source, target, path)
    return target


def _copy(source: IO[bytes] | gzip.GzipFile, target: Path, path: Path) -> None:
    size = 0
    with target.open("wb") as handle:
        while piece := source.read(_PIECE):
            size += len(piece)
            if size > min(_LARGEST, shutil.disk_usage(target.parent).free):
                raise InputError(f"{path.name} unpacks to more than {size / 1e9:.1f} GB; unpack it yourself first.")
            handle.write(piece)
