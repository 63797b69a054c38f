"""Audio features of recordings, cached in a folder: another take of the same voice need not compute them again.

The folder is the one that the environment names; without it nothing is kept. Files that are broken count as none, and
the oldest go where there are too many. The network's output is stored exactly: takes stay equal.

Within `in_memory` the last answers are at hand without a folder: the alignment of a transcript, the solver and the
score of one line ask for the same.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from animcore.core import reading
from animcore.core.atomic_files import whole_file
from animcore.core.vocabulary import CACHE_FOLDER
from animcore.errors import BROKEN_FILE, InputError

FloatArray = NDArray[np.float32]

LIMIT = 512 * 2**20  # bytes of the folder
SUFFIX = ".heard.npz"
_RECENT = 2  # answers in memory, of a minute of audio each at most (1.4 MB)

_recent: dict[str, list[FloatArray]] | None = None  # the latest last; None outside of `in_memory`


@contextlib.contextmanager
def in_memory() -> Iterator[None]:
    """Keep the last answers in memory for as long as the block runs."""
    global _recent
    before, _recent = _recent, {} if _recent is None else _recent
    try:
        yield
    finally:
        _recent = before


def folder() -> Path | None:
    """Return the folder, where one is named."""
    named = os.environ.get(CACHE_FOLDER)
    return Path(named) if named else None


def key(network: str, samples: FloatArray, outputs: Sequence[str]) -> str:
    """Return the key of a piece of audio for a network."""
    digest = hashlib.sha256(f"{network} {' '.join(outputs)} {samples.dtype} {samples.shape}".encode())
    digest.update(np.ascontiguousarray(samples).tobytes())
    return digest.hexdigest()


def read(name: str) -> list[FloatArray] | None:
    """Return the entry of a key, from memory or the folder; None where there is none."""
    if _recent is not None and name in _recent:
        return list(_recent[name])
    if (place := folder()) is None:
        return None
    path = place / f"{name}{SUFFIX}"
    try:
        contents = reading.arrays(path)
        found = [contents[f"arr_{index}"] for index in range(len(contents))]
        os.utime(path)  # the oldest go first
    except BROKEN_FILE:
        return None
    return found


def write(name: str, values: Sequence[FloatArray]) -> None:
    """Keep values under a key; a folder that cannot be written is left alone."""
    if _recent is not None:
        _recent[name] = list(values)
        for old in list(_recent)[:-_RECENT]:
            del _recent[old]
    if (place := folder()) is None:
        return
    with contextlib.suppress(OSError, InputError):
        place.mkdir(parents=True, exist_ok=True)
        with whole_file(place / f"{name}{SUFFIX}") as temporary, temporary.open("wb") as handle:
            np.savez(handle, *values)
        _forget(place)


def _forget(place: Path) -> None:
    """Remove the oldest files until the folder is small enough."""
    files = sorted((path.stat().st_mtime, path.stat().st_size, path) for path in place.glob(f"*{SUFFIX}"))
    size = sum(one for _, one, _ in files)
    for _, one, path in files:
        if size <= LIMIT:
            return
        path.unlink(missing_ok=True)
        size -= one
