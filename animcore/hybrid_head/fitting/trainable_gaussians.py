"""Gaussians while they are learned: tensors without bounds, their optimizer, and how they grow in number.

Growth after Kerbl et al., 3D Gaussian Splatting (SIGGRAPH 2023): where the image pulls at Gaussians most, small ones
are doubled and large ones split; faint ones are pruned. Here the number is given: each densification fills it up
further, so that two heads can be compared at the same number.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from animcore.gaussians.gaussians import HARMONIC_0, Gaussians

NAMES = ("means", "turns", "sizes", "opacities", "colours")
RATES = {"turns": 2e-3, "sizes": 8e-3, "opacities": 4e-2, "colours": 8e-3}
_SPLIT = 1.6  # a split Gaussian's halves are smaller by so much
_FAINT = 0.02  # opacity below which a Gaussian goes
_ENDS = 1e-3  # opacities start as far from 0 and 1, and
_SMALLEST = 1e-6  # sizes as far from 0: the ends have no logits and no logarithms, and files hold them


class TrainableGaussians:
    """N Gaussians that are learned.

    `values` holds the means (N, 3), quaternions (N, 4) of any length, logarithms of the sizes (N, 3), logits of the
    opacities (N,) and colours (N, 3); `binding` (N,) their triangles, or None for those that stand around the skull.
    """

    def __init__(self, values: dict[str, Tensor], binding: Tensor | None, rate: float) -> None:
        """Take the values and the learning rate of the means, in their units."""
        self.values = {name: value.detach().clone().requires_grad_() for name, value in values.items()}
        self.binding = binding
        self.rate = rate
        groups = [
            {"params": [self.values[name]], "name": name, "lr": rate if name == "means" else RATES[name]}
            for name in NAMES
        ]
        self.optimizer = torch.optim.Adam(groups, eps=1e-15)
        self._forget()

    @classmethod
    def started(
        cls,
        means: NDArray[Any],
        size: float | NDArray[Any],
        colours: NDArray[Any],
        binding: NDArray[Any] | None,
        rate: float,
        opacity: float | NDArray[Any] = 0.5,
        turns: NDArray[Any] | None = None,
    ) -> TrainableGaussians:
        """Gaussians at means (N, 3): a size or sizes (N, 3), colours (N, 3) 0..1, opacities (N,), turns (N, 4)."""
        count = len(means)
        sizes = np.maximum(np.broadcast_to(size, (count, 3)), _SMALLEST)
        dense = np.clip(np.broadcast_to(opacity, (count,)), _ENDS, 1 - _ENDS)
        still = np.tile(np.array([1, 0, 0, 0], np.float32), (count, 1))
        values = {
            "means": torch.as_tensor(means, dtype=torch.float32),
            "turns": torch.as_tensor(still if turns is None else turns, dtype=torch.float32),
            "sizes": torch.as_tensor(np.log(sizes), dtype=torch.float32),
            "opacities": torch.as_tensor(np.log(dense / (1 - dense)), dtype=torch.float32),
            "colours": torch.as_tensor(colours, dtype=torch.float32),
        }  # fmt: skip
        return cls(values, None if binding is None else torch.as_tensor(binding), rate)

    def __len__(self) -> int:
        """N."""
        return len(self.values["means"])

    def splats(self) -> Gaussians:
        """Return the Gaussians as tensors with their history."""
        values = self.values
        turns = values["turns"] / values["turns"].norm(dim=1, keepdim=True)
        return Gaussians(
            values["means"],
            turns,
            values["sizes"].exp(),
            values["opacities"].sigmoid(),
            (values["colours"] - 0.5)[:, None] / HARMONIC_0,
            None if self.binding is None else self.binding.cpu().numpy(),
        )

    def step(self, share: float) -> None:
        """Go one step down, at `share` 0..1 of the way: the means' rate falls to a hundredth."""
        for group in self.optimizer.param_groups:
            rate = self.rate if group["name"] == "means" else RATES[group["name"]]
            group["lr"] = rate * (0.01**share if group["name"] == "means" else 0.1 ** max(0.0, 2 * share - 1))
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)

    def felt(self, pull: Tensor) -> None:
        """Remember how far the image would move each Gaussian: gradients (N,)."""
        self.pull += pull
        self.seen += (pull > 0).float()

    def grow(self, count: int, large: float) -> None:
        """Drop the faint ones, then fill up to `count`: Gaussians larger than `large` (of their units) are split.

        Args:
            count: Gaussians afterwards, where there are that many to grow from.
            large: size from which a Gaussian is split instead of doubled.
        """
        with torch.no_grad():
            kept = torch.nonzero(self.values["opacities"].sigmoid() > _FAINT)[:, 0]
            wanted = (self.pull / self.seen.clamp(min=1))[kept]
            more = min(max(count - len(kept), 0), len(kept))
            chosen = kept[wanted.topk(more).indices]
            size = self.values["sizes"][chosen].exp()
            split = size.max(1).values > large
            news = {name: value[chosen].clone() for name, value in self.values.items()}
            shift = _around(news["turns"], size) * torch.where(split, 1.0, 0.2)[:, None]
            news["means"] += shift
            smaller = torch.where(split, float(np.log(_SPLIT)), 0.0)[:, None]
            news["sizes"] -= smaller
            self.values["sizes"][chosen] -= smaller
            self.values["means"][chosen] -= shift * split[:, None]
            self._rebuild(kept, news, chosen)

    def _rebuild(self, kept: Tensor, news: dict[str, Tensor], parents: Tensor) -> None:
        """Keep some Gaussians with their optimizer's memory, and add new ones without any."""
        for group in self.optimizer.param_groups:
            old, name = group["params"][0], group["name"]
            state = self.optimizer.state.pop(old, {})
            value = torch.cat([old.detach()[kept], news[name]]).requires_grad_()
            for key in ("exp_avg", "exp_avg_sq"):
                if key in state:
                    state[key] = torch.cat([state[key][kept], torch.zeros_like(news[name])])
            group["params"][0] = value
            self.values[name] = value
            if state:
                self.optimizer.state[value] = state
        if self.binding is not None:
            self.binding = torch.cat([self.binding[kept], self.binding[parents]])
        self._forget()

    def _forget(self) -> None:
        """Start anew to remember how the image pulls."""
        self.pull, self.seen = torch.zeros(2, len(self), device=self.values["means"].device)

    def to(self, device: torch.device) -> None:
        """Carry the values and the optimizer's memory to a device."""
        for group in self.optimizer.param_groups:
            old = group["params"][0]
            value = old.detach().to(device).requires_grad_()
            memory = self.optimizer.state.pop(old, None)
            if memory:  # Adam keeps the number of its steps on the CPU
                self.optimizer.state[value] = {
                    key: part if key == "step" else part.to(device) for key, part in memory.items()
                }
            group["params"][0] = self.values[group["name"]] = value
        self.binding = None if self.binding is None else self.binding.to(device)
        self.pull, self.seen = self.pull.to(device), self.seen.to(device)

    def state(self) -> dict[str, Any]:
        """Everything that a checkpoint needs."""
        return {
            "values": {name: value.detach() for name, value in self.values.items()},
            "binding": self.binding,
            "rate": self.rate,
            "optimizer": self.optimizer.state_dict(),
            "pull": self.pull,
            "seen": self.seen,
        }

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> TrainableGaussians:
        """Return the cloud of a checkpoint."""
        cloud = cls(state["values"], state["binding"], state["rate"])
        cloud.optimizer.load_state_dict(state["optimizer"])
        cloud.pull, cloud.seen = state["pull"], state["seen"]
        return cloud


def _around(turns: Tensor, size: Tensor) -> Tensor:
    """(N, 3) random steps within Gaussians."""
    w, x, y, z = (turns / turns.norm(dim=1, keepdim=True)).unbind(1)
    rows = (
        1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y),
        2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x),
        2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y),
    )  # fmt: skip
    rotation = torch.stack(rows, -1).reshape(-1, 3, 3)
    return (rotation @ (torch.randn_like(size) * size)[..., None])[..., 0]
