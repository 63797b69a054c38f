"""What can go wrong, in words a user can act on: one sentence that says what is wrong, where, and what to do."""

from __future__ import annotations

import zipfile
import zlib

BROKEN_ARCHIVE = (  # what zipfile and numpy raise on bytes that are none of theirs
    OSError, ValueError, EOFError, KeyError, MemoryError, AttributeError, TypeError, OverflowError, RuntimeError,
    zipfile.BadZipFile, zlib.error,
)  # fmt: skip


class AnimcoreError(Exception):
    """Root of every error the house raises on purpose; its text is shown to the user as it is."""


class InputError(AnimcoreError, ValueError):
    """Something the user gave (a file, a setting) cannot be used as it is."""


class Cancelled(AnimcoreError):
    """The user asked for the work to stop. Raised out of a progress callback, never shown as a failure."""
