"""What weights do to the lips of the shipped face, differentiable, and how that is compared with people."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from animcore.core import reading
from animcore.core.shipped import shipped
from animcore.core.vocabulary import ARKIT

BASIS = shipped("assets/character/face_basis.npz")
CLOSED = 0.15  # the lips count as closed under this share of the opening's 95th percentile
TYPICAL_OPENING = 0.05  # spread of the opening of people who talk, over the distance of their outer eye corners


class DifferentiableLips(nn.Module):
    """The lips of the shipped face: opening, width and vertices as functions of the weights."""

    probes: Tensor
    probe_deltas: Tensor
    lip_deltas: Tensor

    def __init__(self, path: Path = BASIS) -> None:
        super().__init__()
        basis = reading.arrays(path)
        names = [str(name) for name in basis["names"]]
        order = [names.index(name) for name in ARKIT]
        self.register_buffer("probes", torch.from_numpy(basis["probe_rest"]))
        self.register_buffer("probe_deltas", torch.from_numpy(basis["probe_delta"][order]))
        self.register_buffer("lip_deltas", torch.from_numpy(basis["lip_delta"][order][:, ::4]))
        self.eyes = float(basis["eye_distance"])
        self.rest = float((self.probes[0] - self.probes[1]).norm())

    def measures(self, weights: Tensor) -> tuple[Tensor, Tensor]:
        """(..., 52) -> opening and width (...), over the distance of the outer eye corners; crossed lips go below 0."""
        probes = self.probes + torch.einsum("...k,kpc->...pc", weights, self.probe_deltas)
        between = probes[..., 0, :] - probes[..., 1, :]
        distance = (between.square().sum(-1) + 1e-10).sqrt()
        opening = torch.where(between[..., 1] < 0, -distance, distance - self.rest)
        width = (probes[..., 2, :] - probes[..., 3, :]).norm(dim=-1)
        return functional.leaky_relu(opening, 0.05) / self.eyes, width / self.eyes

    def tracked_loss(
        self, weights: Tensor, closed_logit: Tensor, target: Tensor, valid: Tensor, high: Tensor
    ) -> Tensor:
        """Compare with tracked faces, each to its own scale.

        Args:
            weights: (B, T, 52).
            closed_logit: (B, T) whether the lips are closed.
            target: (B, T, 2) tracked opening and width.
            valid: (B, T) bool, frames that count.
            high: (B,) the 95th percentile of each face's opening.
        """
        opening, width = self.measures(weights)
        count = valid.float().sum()
        closed = (target[..., 0] < CLOSED * high[:, None]).float() * valid
        entropy = functional.binary_cross_entropy_with_logits(closed_logit, closed, reduction="none")
        size = functional.smooth_l1_loss(opening / TYPICAL_OPENING, target[..., 0] / TYPICAL_OPENING, reduction="none")
        steps = valid[:, 1:] & valid[:, :-1]
        return (
            (1 - correlation(opening, target[..., 0], valid)).mean()
            + 0.7 * (1 - correlation(width, target[..., 1], valid)).mean()
            + 0.15 * (1 - correlation(opening.diff(dim=1), target[..., 0].diff(dim=1), steps)).mean()
            + 0.4 * (entropy * valid).sum() / count
            + 0.15 * (size * valid).sum() / count
            + 0.3 * soft_f1_loss(opening, closed, valid)
        )

    def performed_loss(self, weights: Tensor, target: Tensor, valid: Tensor) -> Tensor:
        """Compare (B, T, 52) with an animator's weights: as numbers, and as lip vertices in millimetres."""
        error = weights - target
        distance = torch.einsum("btk,kpc->btpc", error, self.lip_deltas).norm(dim=-1) * 1000
        count = valid.float().sum()
        per_frame = 3 * error.square().mean(-1) + 0.3 * distance.mean(-1) + 0.15 * distance.amax(-1)
        result: Tensor = (per_frame * valid).sum() / count
        return result

    def rest_loss(self, weights: Tensor, closed_logit: Tensor, valid: Tensor) -> Tensor:
        """How far the mouth of (B, T, 52) is from rest: open lips, closure (B, T) in doubt, shapes that are raised."""
        opening, _ = self.measures(weights)
        doubt = functional.binary_cross_entropy_with_logits(
            closed_logit, torch.ones_like(closed_logit), reduction="none"
        )
        raised = weights.square().mean(-1)
        return (((opening / TYPICAL_OPENING).abs() + 0.3 * doubt + 20 * raised) * valid).sum() / valid.sum()


def correlation(a: Tensor, b: Tensor, valid: Tensor) -> Tensor:
    """(B,) Pearson correlation over the valid frames of (B, T) curves; 0 where a curve is flat."""
    weight = valid.float()
    count = weight.sum(1, keepdim=True).clamp(min=1)
    a = (a - (a * weight).sum(1, keepdim=True) / count) * weight
    b = (b - (b * weight).sum(1, keepdim=True) / count) * weight
    # the constant keeps the gradient of a flat curve finite
    spread = ((a * a).sum(1) * (b * b).sum(1) + 1e-9 * count[:, 0] ** 2).sqrt()
    return (a * b).sum(1) / spread


def soft_f1_loss(opening: Tensor, closed: Tensor, valid: Tensor) -> Tensor:
    """1 - F1 of the closed frames, with a soft threshold at 15 % of each curve's own 95th percentile."""
    high = torch.quantile(opening.detach(), 0.95, dim=1, keepdim=True).clamp(min=0.02)
    guess = torch.sigmoid((CLOSED * high - opening) / (0.04 * high)) * valid
    return 1 - 2 * (guess * closed).sum() / (guess.sum() + closed.sum() + 1e-3)
