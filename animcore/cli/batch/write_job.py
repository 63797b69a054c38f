"""`animcore batch write-job`: a batch as a job of a render farm."""

from __future__ import annotations

from typing import Any


def register(commands: Any) -> None:
    """Add the command."""
