"""Whole files or none: written beside their place and renamed into it."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from animcore.errors import InputError


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path`: it takes the place of `path` when the block ends well, else it goes.

    The temporary name keeps the suffix, for writers that choose a format by it.

    Raises:
        InputError: when the disk is full, the folder is missing or may not be written to.
    """
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.part{path.suffix}")
    try:
        yield temporary
        os.replace(temporary, path)
    except OSError as error:
        raise InputError(write_failure(path, error)) from error
    finally:
        temporary.unlink(missing_ok=True)


def make_folder(folder: Path) -> None:
    """Make a folder and those that it lies in, where they are missing.

    Raises:
        InputError: where it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"The folder {folder} cannot be made ({error.strerror}); choose another.") from error


def write_failure(path: Path, error: OSError) -> str:
    """Return the sentence for a file that could not be written."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"The disk is full, so {path.name} was not written; free some space in {path.parent} and try again."
    if isinstance(error, FileNotFoundError):
        return f"{path.name} was not written because there is no folder {path.parent}; create it or choose another."
    return f"{path.name} was not written to {path.parent}: {error.strerror or error}; choose a folder you may write to."
