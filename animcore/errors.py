"""Errors in words a user can act on: one sentence with what is wrong, where, and what to do."""

from __future__ import annotations

import csv
import pickle
import struct
import tokenize
import wave
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

# What broken bytes make of ordinary code: look-ups, arithmetic and numpy's, and the errors of libraries' own. All
# others that files raise are of these: JSON, TOML, Unicode and InputError are ValueErrors, XML and numpy's headers
# SyntaxErrors, recursion and NotImplementedError RuntimeErrors. `struct.error`, `zlib.error` and the like are
# plain Exceptions.
BROKEN_FILE = (
    ArithmeticError, AssertionError, AttributeError, BufferError, EOFError, LookupError, MemoryError, NameError,
    OSError, RuntimeError, StopIteration, SyntaxError, TypeError, ValueError,
    csv.Error, pickle.PickleError, struct.error, tokenize.TokenError, wave.Error, zipfile.BadZipFile, zlib.error,
)  # fmt: skip
_LONGEST_REASON = 160  # characters of a library's own words


class AnimcoreError(Exception):
    """Root of every error the house raises on purpose; its text is shown to the user as it is."""


class InputError(AnimcoreError, ValueError):
    """Something the user gave (a file, a setting) cannot be used as it is."""


class Cancelled(AnimcoreError):
    """The user asked for the work to stop. Raised out of a progress callback, never shown as a failure."""


@contextmanager
def readable(what: str, advice: str) -> Iterator[None]:
    """Turn whatever a broken file raises in the block into one sentence: `what` (why); `advice`.

    Args:
        what: the file and what it is not, such as "a.npz is not a readable motion file".
        advice: what to do, such as "make it again".

    Raises:
        InputError: where anything of `BROKEN_FILE` is raised; what the house raises itself goes through.
    """
    try:
        yield
    except AnimcoreError:
        raise
    except BROKEN_FILE as error:
        raise InputError(f"{what} ({reason(error)}); {advice}.") from error


def reason(error: BaseException) -> str:
    """Return the first line of an error's text, cut to a part of a sentence; its kind where it has none."""
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    line = next((line.strip() for line in text.splitlines() if line.strip()), type(error).__name__)
    return line if len(line) <= _LONGEST_REASON else f"{line[:_LONGEST_REASON]}..."
