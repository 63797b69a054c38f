"""No file of unknown hands brings a reader to more than a sentence: 60 hostile ones of each kind, bombs and depths."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

READERS = Path(__file__).with_name("readers.py")


@pytest.mark.skipif(sys.platform != "linux", reason="the limits on memory are Linux'")
def test_every_reader_answers_every_hostile_file_in_a_sentence(tmp_path):
    command = [sys.executable, str(READERS), str(tmp_path), "60", "14"]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, cwd=READERS.parents[2], timeout=600)
    tries = [line for line in ran.stderr.splitlines() if line.startswith("TRY ")]
    assert ran.returncode == 0, f"ended with {ran.returncode} at {tries[-1:]}: {ran.stderr[-2000:]}"
    leaks = [line for line in ran.stdout.splitlines() if line.startswith("LEAK ")]
    assert not leaks, "\n".join(leaks)
    assert len(tries) > 3000
