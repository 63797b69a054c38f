"""The lips of the shipped face, made recordings and made talks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from animcore.audio import recording
from animcore.audio.recording import AudioClip
from animcore.core.vocabulary import ARKIT
from animcore.speech.prosody import FPS, Prosody

ROOT = Path(__file__).resolve().parents[2]


class Lips:
    """Opening of the inner lips of the shipped face in millimetres; below 0 where they would cross."""

    def __init__(self) -> None:
        with np.load(ROOT / "assets" / "character" / "face_basis.npz") as basis:
            order = [list(basis["names"]).index(name) for name in ARKIT]
            self.rest, self.deltas = basis["probe_rest"], basis["probe_delta"][order]

    def gap(self, weights: np.ndarray) -> np.ndarray:
        """(T, 52) -> (T,)."""
        probes = self.rest + np.einsum("tk,kpc->tpc", weights, self.deltas)
        between = probes[:, 0] - probes[:, 1]
        distance = np.linalg.norm(between, axis=1)
        rest = np.linalg.norm(self.rest[0] - self.rest[1])
        return 1000 * np.where(between[:, 1] < 0, -distance, distance - rest)


@pytest.fixture(scope="session")
def lips() -> Lips:
    return Lips()


@pytest.fixture
def heard(sound: Callable[..., Path]) -> Callable[[np.ndarray], AudioClip]:
    """Samples at 16 kHz as a clip."""
    return lambda samples: recording.load(sound("heard.wav", samples.astype(np.float32), 16_000, subtype="FLOAT"))


@pytest.fixture(scope="session")
def talk() -> Callable[..., Prosody]:
    """The prosody of a talk of so many minutes."""
    return made_talk


@pytest.fixture(scope="session")
def hush() -> Callable[[float], Prosody]:
    """The prosody of so many seconds of silence."""
    return made_hush


def made_talk(minutes: float, seed: int = 0) -> Prosody:
    """A long talk: phrases of 1 to 4 s, pauses of 0.4 to 1 s, an accent every half second."""
    generator = np.random.default_rng(seed)
    count = int(minutes * 60 * FPS)
    phrases, accents, time = [], [], 0.5
    while time < minutes * 60 - 5:
        end = time + generator.uniform(1, 4)
        phrases.append((time, end))
        accents += [(t, generator.uniform(0.1, 1)) for t in np.arange(time + 0.2, end, 0.5)]
        time = end + generator.uniform(0.4, 1)
    speaking = np.zeros(count, np.float32)
    for start, end in phrases:
        speaking[round(start * FPS) : round(end * FPS)] = 1
    return Prosody(np.where(speaking, -20, -80).astype(np.float32), speaking, tuple(phrases), tuple(accents))


def made_hush(seconds: float) -> Prosody:
    count = int(seconds * FPS)
    return Prosody(np.full(count, -100, np.float32), np.zeros(count, np.float32), (), ())
