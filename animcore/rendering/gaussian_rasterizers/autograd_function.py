"""A rasterizer with gradients of its own as a function of torch: what those for CPUs and for GPUs share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from animcore.rendering.camera import Camera


class RasterizerBackend(NamedTuple):
    """The two halves of a rasterizer.

    Attributes:
        draw: takes float32 tensors without gradients (means, rotations, scales, opacities, colours, shifts), the limit
            or None, and the camera; returns the image (5, H, W) and whatever `trace` needs.
        trace: takes that and the gradient of the image; returns the gradients of the six tensors.
    """

    draw: Callable[[Sequence[Tensor], Tensor | None, Camera], tuple[Tensor, Any]]
    trace: Callable[[Any, Tensor], Sequence[Tensor]]


def drawn_by(
    engine: RasterizerBackend, means: Tensor, rotations: Tensor, scales: Tensor, opacities: Tensor, colours: Tensor,
    camera: Camera, limit: Tensor | None, shifts: Tensor | None,
) -> Tensor:  # fmt: skip
    """Draw; see `rasterize.rasterize_torch` for the arguments.

    Returns:
        (5, H, W): colour over black, depth times alpha, alpha.
    """
    moved = torch.zeros_like(means[:, :2]) if shifts is None else shifts
    given = means, rotations, scales, opacities, colours, moved
    drawn: Tensor = _RasterizeFunction.apply(engine, *given, limit, camera)  # type: ignore[no-untyped-call]
    return drawn


class _RasterizeFunction(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, engine: RasterizerBackend, *given: Any) -> Tensor:
        *tensors, limit, camera = given
        values = [tensor.detach().float().contiguous() for tensor in tensors]
        drawn, kept = engine.draw(values, None if limit is None else limit.float().contiguous(), camera)
        ctx.engine, ctx.kept = engine, kept
        return drawn.to(tensors[0])

    @staticmethod
    def backward(ctx: Any, *given: Tensor) -> tuple[Tensor | None, ...]:
        found = ctx.engine.trace(ctx.kept, given[0].float().contiguous())
        return None, *(gradient.to(given[0]) for gradient in found), None, None
