"""Gaussians drawn by gsplat (Ye et al., 2024; Apache-2.0) on NVIDIA GPUs.

Its rule is that of `projection`, but that one Gaussian covers at most 0.999 of a pixel instead of 0.99, so that what
lies behind a dense one may differ by more than a step of 8 bits.
"""

from __future__ import annotations

import torch
from gsplat import rasterization
from torch import Tensor

from animcore.errors import InputError
from animcore.gaussians.gaussians import DEGREES
from animcore.rendering.camera import Camera
from animcore.rendering.projection import BLUR, NEAR


def render(
    means: Tensor, rotations: Tensor, scales: Tensor, opacities: Tensor, colours: Tensor, camera: Camera,
    limit: Tensor | None = None, shifts: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """Draw; see `rasterize.rasterize_torch` for the arguments.

    Returns:
        (5, H, W): colour over black, depth times alpha, alpha.

    Raises:
        InputError: where there is no CUDA, or a limit is given, which gsplat has no place for.
    """
    if not means.is_cuda:
        raise InputError("gsplat draws on CUDA alone, and the Gaussians are elsewhere; take the rasterizer numba.")
    if limit is not None:
        raise InputError("gsplat cannot hide Gaussians behind a mesh; take the rasterizer numba or reference.")
    (across, down), (x, y) = camera.focal, camera.centre
    lens = torch.tensor([[across, 0, x], [0, down, y], [0, 0, 1]], dtype=means.dtype, device=means.device)
    pose = torch.as_tensor(camera.world_to_camera, dtype=means.dtype, device=means.device)
    degree = DEGREES[colours.shape[1]] if colours.ndim == 3 else None
    images, alphas, facts = rasterization(
        means, rotations, scales, opacities, colours, pose[None], lens[None], camera.width, camera.height,
        near_plane=NEAR, eps2d=BLUR, sh_degree=degree, packed=False, render_mode="RGB+D",
    )  # fmt: skip
    if shifts is not None and shifts.requires_grad:
        facts["means2d"].register_hook(lambda slope: _add(shifts, slope[0]))
    return torch.cat((images[0], alphas[0]), 2).permute(2, 0, 1)


def _add(shifts: Tensor, slope: Tensor) -> None:
    """Give the gradient of the centres in the image to the shifts, which gsplat has no argument for."""
    shifts.grad = slope.detach().clone() if shifts.grad is None else shifts.grad + slope.detach()
