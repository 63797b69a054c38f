"""Training in two processes on the CPU, over gloo, as `torchrun` and `accelerate launch` start them."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="training needs the extra train")
pytest.importorskip("accelerate")

import line  # noqa: E402 (torch first)

from animcore.errors import InputError  # noqa: E402
from animcore.training.trainer import TrainingDevice  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]


def two(folder: Path, batch: int, stop: int = 0) -> None:
    """Learn the line in two processes."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    common = {"ACCELERATE_USE_CPU": "true", "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), "WORLD_SIZE": "2"}
    common |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    started = []
    for rank in "01":
        command = [sys.executable, line.__file__, str(batch), str(folder), str(stop)]
        own = {**os.environ, **common, "RANK": rank, "LOCAL_RANK": rank}
        started.append(subprocess.Popen(command, env=own, stderr=subprocess.PIPE))
    try:
        for process in started:
            _, said = process.communicate(timeout=180)
            assert process.returncode == (9 if stop else 0), said.decode()[-2000:]
    finally:
        for process in started:
            process.kill()


def test_two_processes_that_were_killed_end_as_one_with_twice_the_batch_that_was_not(tmp_path):
    line.learn(8, tmp_path / "one")
    two(tmp_path / "two", 4, stop=3)
    assert torch.load(tmp_path / "two" / "checkpoint.pt", weights_only=True)["epoch"] == 3
    two(tmp_path / "two", 4)
    one, several = (torch.load(tmp_path / name / "end.pt", weights_only=True) for name in ("one", "two"))
    torch.testing.assert_close(several["weights"], one["weights"], atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(several["losses"], one["losses"][3:], atol=1e-5, rtol=1e-4)


def test_several_processes_without_the_package_do_not_write_over_each_other(monkeypatch):
    monkeypatch.setitem(sys.modules, "accelerate", None)
    assert TrainingDevice.found().count == 1
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(InputError, match="pip install accelerate"):
        TrainingDevice.found()
