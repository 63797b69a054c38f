"""The one loop that trains every solver: stages of epochs, a checkpoint after each, a log, all GPUs there are.

A killed run goes on from the checkpoint of its last whole epoch, with optimizer and random numbers as they were. More
or fewer epochs than it began with lengthen or shorten it.
"""

from __future__ import annotations

import csv
import logging
import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from animcore.core.atomic_files import whole_file
from animcore.core.progress import Progress, silent
from animcore.errors import InputError
from animcore.solvers import checkpoints

LOG = logging.getLogger(__name__)

CHECKPOINT = "checkpoint.pt"
_CLIP = 1.0  # largest norm of a gradient

Batch = dict[str, Tensor]


class Stage(nn.Module):
    """One stage of training: its parameters change; frozen modules are hidden in lists.

    Attributes:
        title: in progress and logs.
        epochs: passes over all windows.
        rate: learning rate, reached within the first epoch and brought down to 0 by a cosine.
    """

    title: str
    epochs: int
    rate: float

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """Return the losses of a batch by name; `loss` among them is brought down."""
        raise NotImplementedError

    def before(self, batch: Batch) -> None:
        """Look at the first batch of an epoch before it is learned from."""


class BatchSource(Protocol):
    """Where batches come from."""

    def batches(self, epoch: int, stage: int, part: int = 0, parts: int = 1) -> Iterator[Batch]:
        """Yield the batches of an epoch for one of several processes."""
        ...

    def count(self, epoch: int, stage: int, parts: int = 1) -> int:
        """Return how many these are."""
        ...


@dataclass
class TrainingRun:
    """A training run in a folder.

    Attributes:
        model: everything that is trained, for checkpoints.
        stages: in their order; each holds parts of the model.
        source: of batches.
        folder: of checkpoint and log.
        facts: what must be equal for a run to go on: solver, sizes, speakers; not how many epochs.
        seed: of the weights and of dropout.
        progress: called with the fraction done; whatever it raises ends the run, the last whole epoch is kept.
        machine: what it is trained on.
        keep: called after each whole epoch of the last stage, when the model can be used.
    """

    model: nn.Module
    stages: Sequence[Stage]
    source: BatchSource
    folder: Path
    facts: Mapping[str, Any]
    seed: int = 0
    progress: Progress = silent
    machine: TrainingDevice = field(default_factory=lambda: TrainingDevice.found())
    keep: Callable[[], None] = lambda: None
    history: list[dict[str, float]] = field(default_factory=list)

    def train(self) -> None:
        """Train all stages, from the checkpoint on where there is one.

        Raises:
            InputError: where memory runs out, the loss is no number any more, the folder holds another run's
                checkpoint, or it cannot be written.
        """
        try:
            self._train()
        except (MemoryError, RuntimeError) as error:
            if checkpoints.memory_ran_out(error):
                raise InputError(
                    "Memory ran out; lower `batch` in the configuration and start the same command again: it goes on "
                    "from the last whole epoch."
                ) from error
            raise

    def _train(self) -> None:
        torch.manual_seed(self.seed)
        self.model.to(self.machine.device)
        saved = self._saved()
        log = LossLog.open(self.folder) if self.machine.first else None
        before = 0
        for number, stage in enumerate(self.stages):
            if saved is None or saved["stage"] <= number:
                self._stage(number, before, saved, log)
                saved = None
            before += stage.epochs
        if log is not None:
            log.close()

    def _stage(self, number: int, before: int, saved: dict[str, Any] | None, log: LossLog | None) -> None:
        """Train one stage, from where a checkpoint left it; `before` epochs of others went before."""
        machine = self.machine
        stage, total = self.stages[number], sum(stage.epochs for stage in self.stages)
        stage.to(machine.device)  # modules of its losses, which are not the model's
        optimizer: Any = torch.optim.AdamW(stage.parameters(), stage.rate, weight_decay=0.01)
        first = 0
        if saved is not None and saved["stage"] == number:
            optimizer.load_state_dict(saved["optimizer"])
            first = saved["epoch"]
        ready, optimizer = machine.prepared(stage, optimizer)
        for epoch in range(first, stage.epochs):
            for group in optimizer.param_groups:
                group["lr"] = stage.rate * 0.5 * (1 + math.cos(math.pi * epoch / stage.epochs))

            def told(share: float, done: int = before + epoch) -> None:
                self.progress((done + share) / total, f"Learning {stage.title}")

            means = self._epoch(number, epoch, ready, optimizer, told)
            self.history.append({"stage": number, "epoch": epoch + 1, **means})
            if log is not None:
                log.write(stage.title, before + epoch + 1, means)
                self._save(number, epoch + 1, optimizer)
                if number == len(self.stages) - 1:
                    self.keep()

    def _epoch(
        self, number: int, epoch: int, ready: Any, optimizer: Any, told: Callable[[float], None]
    ) -> dict[str, float]:
        """Learn from every batch once; the means of its losses, of all processes."""
        stage, machine = self.stages[number], self.machine
        ready.train()
        sums: dict[str, float] = {}
        count = self.source.count(epoch, number, machine.count)
        for index, batch in enumerate(self.source.batches(epoch, number, machine.rank, machine.count)):
            batch = {name: values.to(machine.device) for name, values in batch.items()}
            if index == 0:
                stage.before(batch)
                machine.align(stage)
            losses = ready(batch)
            if not bool(torch.isfinite(losses["loss"])):
                raise InputError(
                    f"The loss of {stage.title} became infinite in epoch {epoch + 1}; lower `learning_rate`."
                )
            optimizer.zero_grad()
            machine.backward(losses["loss"])
            torch.nn.utils.clip_grad_norm_(stage.parameters(), _CLIP)
            optimizer.step()
            for name, value in losses.items():
                sums[name] = sums.get(name, 0.0) + float(value.detach())
            told((index + 1) / count)
        return machine.means({name: value / count for name, value in sums.items()})

    def _save(self, stage: int, epoch: int, optimizer: Any) -> None:
        random = {"cpu": torch.get_rng_state()}
        if torch.cuda.is_available():
            random["cuda"] = torch.cuda.get_rng_state()
        content = {
            "facts": dict(self.facts),
            "stage": stage,
            "epoch": epoch,
            "model": self.model.state_dict(),
            "optimizer": getattr(optimizer, "optimizer", optimizer).state_dict(),
            "random": random,
        }
        with whole_file(self.folder / CHECKPOINT) as temporary:
            torch.save(content, temporary)

    def _saved(self) -> dict[str, Any] | None:
        """The folder's checkpoint, put into the model; None where the run is new."""
        path = self.folder / CHECKPOINT
        if not path.exists():
            return None
        saved = checkpoints.pickled(path, advice="delete it, and the run begins anew")
        if any(saved["facts"].get(name) != value for name, value in self.facts.items()):
            raise InputError(
                f"{self.folder} holds a run with another solver, configuration or speakers; choose another --out, or "
                f"delete {path}."
            )
        try:
            self.model.load_state_dict(saved["model"])
        except RuntimeError as error:
            raise InputError(
                f"{path} is of another version of Animcore; delete it, or choose another --out."
            ) from error
        torch.set_rng_state(saved["random"]["cpu"])
        if "cuda" in saved["random"] and self.machine.device.type == "cuda":
            torch.cuda.set_rng_state(saved["random"]["cuda"])
        LOG.info("going on after epoch %d of stage %d", saved["epoch"], saved["stage"] + 1)
        return saved


@dataclass
class TrainingDevice:
    """The device of training: a CPU or a GPU, with those of other processes where several were started.

    Attributes:
        device: of this process.
        accelerator: of the package accelerate, where it is installed.
    """

    device: torch.device
    accelerator: Any = None

    @classmethod
    def found(cls) -> TrainingDevice:
        """Look for GPUs and for the package accelerate.

        Raises:
            InputError: where it is missing and several processes were started.
        """
        try:
            import accelerate
        except ImportError as error:
            if int(os.environ.get("WORLD_SIZE", "1")) > 1:  # else each would learn alone and write over the others
                raise InputError("Training in several processes needs a package: pip install accelerate.") from error
            return cls(torch.device("cuda" if torch.cuda.is_available() else "cpu"))
        accelerator = accelerate.Accelerator()
        return cls(accelerator.device, accelerator)

    @property
    def count(self) -> int:
        """Processes."""
        return 1 if self.accelerator is None else int(self.accelerator.num_processes)

    @property
    def rank(self) -> int:
        """Which of them this is."""
        return 0 if self.accelerator is None else int(self.accelerator.process_index)

    @property
    def first(self) -> bool:
        """Whether this process writes."""
        return self.rank == 0

    @contextmanager
    def in_turn(self) -> Iterator[None]:
        """Let the first process do something before the others, which find what it wrote."""
        if self.accelerator is None:
            yield
            return
        with self.accelerator.main_process_first():
            yield

    def means(self, values: Mapping[str, float]) -> dict[str, float]:
        """Return the means of values over the processes."""
        if self.count == 1:
            return dict(values)
        summed = torch.tensor(list(values.values()), dtype=torch.float64, device=self.device)
        torch.distributed.all_reduce(summed)
        return dict(zip(values, (summed / self.count).tolist(), strict=True))

    def prepared(self, stage: Stage, optimizer: Any) -> tuple[Any, Any]:
        """Spread a stage and its optimizer over the processes."""
        return (stage, optimizer) if self.accelerator is None else tuple(self.accelerator.prepare(stage, optimizer))

    def align(self, stage: Stage) -> None:
        """Give every process the first one's parameters, after they were changed by hand."""
        if self.count > 1:
            for parameter in stage.parameters():
                torch.distributed.broadcast(parameter.data, 0)

    def backward(self, loss: Tensor) -> None:
        """Find the gradients."""
        if self.accelerator is None:
            loss.backward()
        else:
            self.accelerator.backward(loss)


class LossLog:
    """Losses by epoch: for TensorBoard where it is installed, else `losses.csv`."""

    def __init__(self, folder: Path, writer: Any = None) -> None:
        self._path, self._writer = folder / "losses.csv", writer

    @classmethod
    def open(cls, folder: Path) -> LossLog:
        """Open the log, and print where."""
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            LOG.info(
                "losses go into %s (for TensorBoard: pip install '.[train]' in the source folder of Animcore)",
                folder / "losses.csv",
            )
            return cls(folder)
        LOG.info("losses: tensorboard --logdir %s", folder)
        return cls(folder, SummaryWriter(str(folder)))

    def write(self, title: str, epoch: int, means: Mapping[str, float]) -> None:
        """Write the means of an epoch."""
        line = ", ".join(f"{name} {value:.4f}" for name, value in means.items())
        LOG.info("epoch %d, %s: %s", epoch, title, line)
        if self._writer is not None:
            for name, value in means.items():
                self._writer.add_scalar(f"{title}/{name}", value, epoch)
            return
        with self._path.open("a", newline="", encoding="utf-8") as handle:
            csv.writer(handle).writerows([epoch, title, name, f"{value:.6f}"] for name, value in means.items())

    def close(self) -> None:
        """Flush and close."""
        if self._writer is not None:
            self._writer.close()
