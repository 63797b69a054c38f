"""Fixtures that several rooms share: recordings made by the tests, good and bad."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import numpy as np
import pytest
import soundfile

ROOT = Path(__file__).resolve().parent.parent
# The tests, and the processes that they start, sign with a key of their own, never with the user's.
os.environ["ANIMCORE_PROVENANCE"] = tempfile.mkdtemp(prefix="animcore-test-keys-")


@pytest.fixture
def spoken_line() -> Path:
    """A real voice line: the one that the demo speaks."""
    return ROOT / "assets" / "voices" / "line.flac"


@pytest.fixture
def noise() -> np.ndarray:
    """Two seconds of noise at 48 kHz: loud enough to be heard, the same each time."""
    return (np.random.default_rng(0).normal(size=96_000) * 0.1).astype(np.float32)


@pytest.fixture
def sound(tmp_path: Path):
    """Write samples (N,) or (N, channels) to a file of a name and return its path."""

    def write(name: str, samples: np.ndarray, rate: int = 48_000, **options: str) -> Path:
        path = tmp_path / name
        soundfile.write(path, samples, rate, **options)
        return path

    return write


@pytest.fixture(scope="session")
def example_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what examples of docs and docstrings read: `line.wav`, `line.txt` and `take.npz`, made of it."""
    import animcore as ac

    folder = tmp_path_factory.mktemp("examples")
    samples, rate = soundfile.read(ROOT / "assets" / "voices" / "line.flac", frames=24_000)
    soundfile.write(folder / "line.wav", samples, rate)
    (folder / "line.txt").write_text("Hello there.", encoding="utf-8")
    ac.generate(folder / "line.wav").save(folder / "take.npz")
    return folder


@pytest.fixture
def in_examples(example_files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of that folder, which is the current one while the test runs."""
    shutil.copytree(example_files, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path
