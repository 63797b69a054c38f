"""Whole files or none: written next to their target, flushed to the disk, and renamed onto it."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import itertools
import os
import platform
import re
import shutil
import stat
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from animcore.errors import AnimcoreError, InputError

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_NO_ROOM = re.compile(r"no space left|disk quota|os error 28\b|code: 28\b", re.IGNORECASE)
_LITTLE = 1 << 20  # bytes free below which a writer that failed without a reason met the end of the disk
_LONGEST_SUFFIX, _LONGEST_STEM = 32, 100  # bytes of them that a temporary name keeps, of the 255 that a disk takes
_OLD = 24 * 3600.0  # seconds after which a temporary file is an orphan, whichever computer of a shared folder made it
_EFFORT = 100  # a folder is looked through for orphans again when this many times the time of the last look has passed

_HOST = hashlib.sha256(platform.node().encode()).hexdigest()[:8]
_OURS = re.compile(r"\.(.*)\.animcore-([0-9a-f]{8})-(\d+)-\d+\.part(\..*)?", re.DOTALL)
_number = itertools.count()
_next_look: dict[Path, float] = {}


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Give a temporary path next to `path`: it replaces `path` when the block ends well, else it is removed.

    The temporary name keeps the suffix, for writers that choose a format by it. A symbolic link stays one, and what it
    points to is replaced; an existing file keeps its mode. What processes left that were killed here is removed.

    Raises:
        InputError: when the disk is full, the folder is missing or may not be written to, the name is too long.
    """
    temporary: Path | None = None
    try:
        target, mode = _target(path)
        _remove_orphans(target.parent)
        temporary = _beside(target)
        if mode is not None:  # a private file is private while it is written, too
            os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        yield temporary
        _flush(temporary)
        if mode is not None:
            temporary.chmod(mode)
        os.replace(temporary, target)
        _flush_folder(target.parent)
    except AnimcoreError:
        raise
    except Exception as error:
        cause = error if isinstance(error, OSError) else _disk_error(error, path.parent)
        if cause is None:
            raise
        raise InputError(write_failure(path, cause)) from error
    finally:
        if temporary is not None:
            with contextlib.suppress(OSError):  # the user is told of the first error
                temporary.unlink()


def stem(path: Path) -> str:
    """Return the stem that a file will have: that of the path, or of the one that a temporary path stands for."""
    found = _OURS.fullmatch(path.name)
    return found[1] if found is not None else path.stem


def _own_name(path: Path) -> str:
    """The name that a file will have."""
    found = _OURS.fullmatch(path.name)
    return path.name if found is None else found[1] + (found[4] or "")


def make_folder(folder: Path) -> None:
    """Make a folder and those that it lies in, where they are missing.

    Raises:
        InputError: where it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"The folder {folder} cannot be made ({error.strerror}); choose another.") from error


def check_target(path: Path) -> None:
    """Check before long work that a file can be written afterwards.

    Raises:
        InputError: where its folder is missing or may not be written to, or the name cannot be a file's.
    """
    with contextlib.suppress(_WritableProbe), whole_file(path) as temporary:
        temporary.touch()
        raise _WritableProbe


class _WritableProbe(Exception):
    """The temporary file could be made, which is all that was asked."""


def write_failure(path: Path, error: OSError) -> str:
    """Return the sentence for a file that could not be written; a temporary path stands for the one that it becomes."""
    path = path.with_name(_own_name(path))
    if error.errno in _FULL:
        return f"The disk is full, so {path.name} was not written; free some space in {path.parent} and try again."
    if error.errno == errno.ENAMETOOLONG:
        return f"{path.name[:40]}... was not written because its name is too long; give it a shorter one."
    if isinstance(error, FileNotFoundError):
        return f"{path.name} was not written because there is no folder {path.parent}; create it or choose another."
    if isinstance(error, IsADirectoryError):
        return f"{path.name} was not written because {path} is a folder; give the name of a file in it."
    return f"{path.name} was not written to {path.parent}: {error.strerror or error}; choose a folder you may write to."


def _target(path: Path) -> tuple[Path, int | None]:
    """Where a path leads to in the end, and the mode of the file that is there."""
    target = Path(os.path.realpath(path))
    try:
        kind = os.stat(target).st_mode
    except FileNotFoundError:
        os.stat(target.parent)
        return target, None
    if stat.S_ISDIR(kind):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not stat.S_ISREG(kind):
        raise InputError(f"{path} is a pipe or a device and no file; give the name of a file.")
    return target, stat.S_IMODE(kind)


def _beside(target: Path) -> Path:
    """A name in the same folder that no other process uses and that is short enough for every disk."""
    suffix = target.suffix if len(os.fsencode(target.suffix)) <= _LONGEST_SUFFIX else ""
    stem = os.fsencode(target.stem)[:_LONGEST_STEM].decode(errors="ignore")
    return target.with_name(f".{stem}.animcore-{_HOST}-{os.getpid()}-{next(_number)}.part{suffix}")


def _flush(path: Path) -> None:
    """Have the disk hold what was written, before a name leads to it."""
    handle = os.open(path, os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _flush_folder(folder: Path) -> None:
    """The same for the names of a folder, where a system has that."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def remove_orphans(folder: Path) -> None:
    """Remove the temporary files of processes of this computer that are no more, now."""
    _next_look.pop(folder, None)
    _remove_orphans(folder)


def _remove_orphans(folder: Path) -> None:
    """Remove the temporary files of processes that are no more, unless that was done a moment ago."""
    begin = time.monotonic()
    if begin < _next_look.get(folder, 0.0):
        return
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            found = _OURS.fullmatch(entry.name)
            if found is not None and _is_orphan(entry, found[2], int(found[3])):
                with contextlib.suppress(OSError):
                    os.unlink(entry.path)
    end = time.monotonic()
    _next_look[folder] = end + _EFFORT * (end - begin)


def _is_orphan(entry: os.DirEntry[str], host: str, process: int) -> bool:
    if time.time() - entry.stat().st_mtime > _OLD:
        return True
    return host == _HOST and process != os.getpid() and not _is_alive(process)


def _is_alive(process: int) -> bool:
    """Whether a process of this computer runs; where that cannot be asked without harm, yes."""
    if sys.platform == "win32":  # there, signal 0 ends a process
        return True
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        return True
    return True


def _disk_error(error: BaseException, folder: Path) -> OSError | None:
    """The full disk behind an error that a library raised in its place, such as "seek of closed file"."""
    chain: BaseException | None = error
    while chain is not None:
        if isinstance(chain, OSError) and chain.errno in (*_FULL, errno.EROFS, errno.EIO):
            return chain
        if _NO_ROOM.search(str(chain)):
            return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        chain = chain.__cause__ or chain.__context__
    with contextlib.suppress(OSError):
        if shutil.disk_usage(folder).free < _LITTLE:
            return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    return None
