"""Training in two processes on the CPU, over gloo, as `torchrun` and `accelerate launch` start them."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="training needs the extra animcore[train]")
pytest.importorskip("accelerate")

ROOT = Path(__file__).resolve().parents[2]

RUN = """
import sys
from pathlib import Path
import torch
from animcore.training import loop

torch.set_num_threads(1)
batch, epochs, folder = int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])

class Line(loop.Stage):
    title, rate = "a line", 0.05
    def __init__(self):
        super().__init__()
        self.epochs, self.map = epochs, torch.nn.Linear(3, 1)
        self.register_buffer("seen", torch.zeros(1))
    def before(self, batch):
        with torch.no_grad():
            self.map.bias += torch.rand(1)  # by chance, as codes are put to use: all processes take the first one's
    def forward(self, batch):
        return {"loss": (self.map(batch["x"]) - batch["y"]).square().mean()}

class Rows:
    def batches(self, epoch, stage, part=0, parts=1):
        random = torch.Generator().manual_seed(epoch)
        x = torch.randn(32, 3, generator=random)
        y = x @ torch.tensor([[1.0], [-2.0], [0.5]])
        own = slice(part, None, parts)
        for xs, ys in zip(x[own].split(batch), y[own].split(batch)):
            yield {"x": xs, "y": ys}
    def count(self, epoch, stage, parts=1):
        return 32 // parts // batch

torch.manual_seed(0)
line = Line()
folder.mkdir(exist_ok=True)
stop = int(sys.argv[4])
def progress(share, stage):
    if stop and share * epochs > stop + 0.3:
        import os
        os._exit(9)
run = loop.Run(line, [line], Rows(), folder, {}, 0, progress)
run.train()
if run.machine.first:
    losses = torch.tensor([means["loss"] for means in run.history])
    torch.save({"weights": line.map.weight.data, "losses": losses}, folder / "end.pt")
"""


def train(folder: Path, batch: int, processes: int = 1, stop: int = 0) -> None:
    """Six epochs; a run that stops does so within the epoch after so many."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    common = {**os.environ, "ACCELERATE_USE_CPU": "true", "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    several = {"WORLD_SIZE": str(processes), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    started = []
    for rank in range(processes):
        own = {**several, "RANK": str(rank), "LOCAL_RANK": str(rank)} if processes > 1 else {}
        command = [sys.executable, "-c", RUN, str(batch), "6", str(folder), str(stop)]
        started.append(subprocess.Popen(command, env=common | own, stderr=subprocess.PIPE))
    for process in started:
        _, said = process.communicate(timeout=120)
        assert process.returncode == (9 if stop else 0), said.decode()[-2000:]


def test_two_processes_that_were_killed_end_as_one_with_twice_the_batch_that_was_not(tmp_path):
    train(tmp_path / "one", 8)
    train(tmp_path / "two", 4, processes=2, stop=3)
    assert torch.load(tmp_path / "two" / "checkpoint.pt", weights_only=True)["epoch"] == 3
    train(tmp_path / "two", 4, processes=2)
    one, two = (torch.load(tmp_path / name / "end.pt", weights_only=True) for name in ("one", "two"))
    torch.testing.assert_close(two["weights"], one["weights"], atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(two["losses"], one["losses"][3:], atol=1e-5, rtol=1e-4)
