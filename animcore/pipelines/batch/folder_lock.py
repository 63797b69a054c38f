"""One run at a time in a folder: a lock that the system takes back when the process ends, however it ends."""

from __future__ import annotations

import contextlib
import errno
import os
import platform
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from animcore.errors import InputError

NAME = ".batch.lock"


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the lock of a folder. Where a drive has no locks, none is held: equal work gives equal files anyway.

    Raises:
        InputError: where another run holds it, or the folder cannot be written to.
    """
    path = folder / NAME
    try:
        handle = path.open("a+")
    except OSError as error:
        raise InputError(f"{folder} cannot be written to ({error.strerror}); choose another folder (--out).") from error
    with handle:
        if not _lock(handle):
            handle.seek(0)
            owner = handle.read().strip() or "somebody"
            raise InputError(f"{folder} is being worked on by {owner}; wait for it, or end it.")
        with contextlib.suppress(OSError):
            handle.truncate(0)
            handle.write(f"process {os.getpid()} on {platform.node() or 'this computer'}")
            handle.flush()
        yield


def _lock(handle: IO[str]) -> bool:
    try:
        if sys.platform == "win32":
            import msvcrt

            handle.seek(1 << 20)  # bytes that are locked cannot be read by others: one far behind the text
            msvcrt.locking(handle.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno not in (errno.EWOULDBLOCK, errno.EACCES, errno.EDEADLK)
    return True
