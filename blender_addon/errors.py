"""Errors of the extension, as one sentence: what is wrong, where, and what to do."""

from __future__ import annotations

from animcore.errors import AnimcoreError


class AddonError(AnimcoreError):
    """A failure that the user can read and act on. The text is the whole message."""
