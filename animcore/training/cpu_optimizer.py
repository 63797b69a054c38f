"""Steps down a loss, each thread with examples of its own: small networks on a CPU's cores."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from animcore.core.atomic_files import whole_file
from animcore.errors import BROKEN_FILE, reason

LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class OptimizerSettings:
    """How a network is trained.

    Attributes:
        name: of what learns.
        steps: number of them.
        parts: into which a step is divided; as long as a part's loss depends on nothing but its number and the weights,
            what a step does does not depend on the threads.
        rate: of learning at its highest.
        decay: of the weights.
        memory: of the running mean of the weights, which is the result.
        every: steps from one checkpoint to the next.
    """

    name: str
    steps: int
    parts: int
    rate: float
    decay: float
    memory: float
    every: int


def minimize(
    module: nn.Module,
    course: OptimizerSettings,
    loss_of: Callable[[int, int], Tensor],
    checkpoint: Path,
    threads: int = 1,
) -> None:
    """Train what of a module requires gradients; a killed run goes on from the checkpoint.

    A run of another number of steps goes on from it too: lengthened, the learning rate takes up the longer course;
    shortened, it ends where the checkpoint is.

    Args:
        module: in place; ends with the running mean of its weights.
        course: how.
        loss_of: a step's and a part's number -> loss.
        checkpoint: file.
        threads: on which the parts of a step are worked out.
    """
    weights = [weight for weight in module.parameters() if weight.requires_grad]
    mean = torch.optim.swa_utils.get_ema_multi_avg_fn(course.memory)
    average = torch.optim.swa_utils.AveragedModel(module, multi_avg_fn=mean)
    optimizer = torch.optim.AdamW(weights, course.rate, weight_decay=course.decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, course.rate, total_steps=course.steps, pct_start=0.1)
    kept: dict[str, Any] = {"module": module, "average": average, "optimizer": optimizer, "schedule": schedule}
    first = 0
    if (saved := _saved(checkpoint)) is not None:
        for name in ("module", "average", "optimizer"):
            kept[name].load_state_dict(saved[name])
        first = saved["step"]
        schedule.last_epoch = min(first, course.steps)  # the rest of it follows from the number of steps

    def learned(place: tuple[int, int]) -> tuple[float, Sequence[Tensor]]:
        loss = loss_of(*place)
        return float(loss.detach()), torch.autograd.grad(loss, weights)

    module.train()
    with ThreadPoolExecutor(threads) as pool:
        for step in range(first, course.steps):
            found = list(pool.map(learned, [(step, part) for part in range(course.parts)]))
            for weight, *gradients in zip(weights, *(one[1] for one in found), strict=True):
                weight.grad = torch.stack(gradients).mean(0)
            torch.nn.utils.clip_grad_norm_(weights, 1.0)
            optimizer.step()
            schedule.step()
            average.update_parameters(module)
            if (step + 1) % course.every == 0 or step + 1 == course.steps:
                loss = np.mean([one[0] for one in found])
                LOG.info("%s: step %d of %d: loss %.3f", course.name, step + 1, course.steps, loss)
                checkpoint.parent.mkdir(parents=True, exist_ok=True)
                with whole_file(checkpoint) as temporary:
                    saved = {name: one.state_dict() for name, one in kept.items()} | {"step": step + 1}
                    torch.save(saved, temporary)
    module.load_state_dict(average.module.state_dict())
    module.eval()


def _saved(checkpoint: Path) -> dict[str, Any] | None:
    """What a run left that was stopped; None where there is nothing, or it cannot be read: it begins anew."""
    if not checkpoint.exists():
        return None
    try:
        found: dict[str, Any] = torch.load(checkpoint, weights_only=True)
    except BROKEN_FILE as error:
        LOG.warning("%s cannot be read (%s): the run begins anew", checkpoint, reason(error))
        return None
    return found
