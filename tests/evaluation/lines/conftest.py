"""One spoken line, its text and its performance, solved once."""

from __future__ import annotations

import pytest
from scored_line import TEXT, VOICE, Case, solved

from animcore.audio import recording


@pytest.fixture(scope="session")
def line() -> Case:
    """The line of the demo."""
    clip = recording.load(VOICE)
    return Case(clip, solved(clip, TEXT), TEXT)
