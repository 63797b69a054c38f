"""Recordings of a fraction of a second, and tables of them."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import soundfile


@pytest.fixture
def voices(tmp_path: Path):
    """Write short recordings of these names; returns their folder."""

    def write(*names: str) -> Path:
        folder = tmp_path / "voices"
        for index, name in enumerate(names):
            path = folder / f"{name}.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(path, np.full(1600 + index, 0.1, np.float32), 16_000)
        return folder

    return write


@pytest.fixture
def table(tmp_path: Path):
    """Write a table: a header and rows."""

    def write(header: list[str], *rows: list[str], name: str = "lines.csv", separator: str = ",") -> Path:
        path = tmp_path / name
        with path.open("w", newline="", encoding="utf-8") as handle:
            csv.writer(handle, delimiter=separator).writerows([header, *rows])
        return path

    return write
