"""What can go wrong, said in one sentence: what is wrong, where, and what to do."""

from __future__ import annotations


class AddonError(Exception):
    """A failure that the user can read and act on. The text is the whole message."""
