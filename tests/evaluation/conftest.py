"""A short performance that several tests of the judges share, and where the shared data lies."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from animcore.core.vocabulary import ARKIT, ARKIT_INDEX
from animcore.motion import Motion

SHARED = Path(__file__).resolve().parents[3] / "shared"


def mouth(rate: Fraction = Fraction(30), seconds: float = 4.0, late: float = 0.0, seed: int = 0) -> Motion:
    """Return a mouth that opens, closes and widens, the same at any frame rate; brows go up now and then."""
    times = np.arange(round(seconds * rate)) / float(rate) - late
    weights = np.zeros((len(times), len(ARKIT)), np.float32)
    jaw = np.sin(8 * times) + 0.6 * np.sin(19 * times + 1 + seed)
    weights[:, ARKIT_INDEX["jawOpen"]] = np.clip(0.35 * jaw, 0, 1)
    for side in ("Left", "Right"):
        weights[:, ARKIT_INDEX[f"mouthStretch{side}"]] = 0.2 + 0.2 * np.sin(5 * times)
        weights[:, ARKIT_INDEX[f"browOuterUp{side}"]] = np.clip(np.sin(2 * times), 0, 1)
    return Motion(rate, arkit=weights)


@pytest.fixture(scope="session")
def speaking() -> Callable[..., Motion]:
    """Return the maker of a mouth that speaks, at a rate, for some seconds, late, of a seed."""
    return mouth


@pytest.fixture(scope="session")
def performance() -> Motion:
    """Return four seconds at 30 frames a second."""
    return mouth()


@pytest.fixture
def shared() -> Path:
    """Return the folder with real data and the scoring tool; skips where it is not at hand."""
    if not (SHARED / "tools" / "lip_sync_score.py").is_file():
        pytest.skip("the shared data is not at hand")
    return SHARED
