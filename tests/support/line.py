"""Fit a line with `trainer.TrainingRun`, in this process or in one of several: `python line.py BATCH FOLDER STOP`."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import torch

from animcore.training import trainer

EPOCHS, ROWS = 6, 32


class Line(trainer.Stage):
    title, epochs, rate = "a line", EPOCHS, 0.05

    def __init__(self) -> None:
        super().__init__()
        self.map = torch.nn.Linear(3, 1)

    def before(self, batch: trainer.Batch) -> None:
        """By chance, as codes are put to use: all processes take the first one's."""
        with torch.no_grad():
            self.map.bias += torch.rand(1)

    def forward(self, batch: trainer.Batch) -> dict[str, torch.Tensor]:
        return {"loss": (self.map(batch["x"]) - batch["y"]).square().mean()}


class Rows:
    def __init__(self, batch: int) -> None:
        self.batch = batch

    def batches(self, epoch: int, stage: int, part: int = 0, parts: int = 1) -> Iterator[trainer.Batch]:
        x = torch.randn(ROWS, 3, generator=torch.Generator().manual_seed(epoch))[part::parts]
        for some in x.split(self.batch):
            yield {"x": some, "y": some @ torch.tensor([[1.0], [-2.0], [0.5]])}

    def count(self, epoch: int, stage: int, parts: int = 1) -> int:
        return ROWS // parts // self.batch


def learn(batch: int, folder: Path, stop: int = 0) -> None:
    """Learn for six epochs; a run that stops dies within the epoch after so many."""
    torch.manual_seed(0)
    line = Line()
    folder.mkdir(exist_ok=True)

    def progress(share: float, _stage: str) -> None:
        if stop and share * EPOCHS > stop + 0.3:
            os._exit(9)

    run = trainer.TrainingRun(line, [line], Rows(batch), folder, {}, 0, progress)
    run.train()
    if run.machine.first:
        losses = torch.tensor([means["loss"] for means in run.history])
        torch.save({"weights": line.map.weight.data.cpu(), "losses": losses}, folder / "end.pt")


if __name__ == "__main__":
    torch.set_num_threads(1)
    learn(int(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
