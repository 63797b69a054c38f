"""How far a drawn image is from the photographed one: for fitting, and as figures. Images are (H, W, 3) tensors."""

from __future__ import annotations

import math

import torch
from torch import Tensor

_WINDOW, _SIGMA = 11, 1.5  # of SSIM: Wang et al. 2004
_C1, _C2 = 0.01**2, 0.03**2


def ssim(first: Tensor, second: Tensor) -> Tensor:
    """The structural similarity of two images 0..1, mean over pixels and colours (Wang et al. 2004)."""
    both = torch.stack((first, second, first * first, second * second, first * second)).movedim(-1, 1)
    # products with banded matrices: on a CPU some five times as fast as convolutions of one channel
    down, across = (_blur(size, first) for size in first.shape[:2])
    a, b, aa, bb, ab = down @ both @ across.T
    covariance, spread = ab - a * b, (aa - a * a) + (bb - b * b)
    result: Tensor = (((2 * a * b + _C1) * (2 * covariance + _C2)) / ((a * a + b * b + _C1) * (spread + _C2))).mean()
    return result


def _blur(size: int, like: Tensor) -> Tensor:
    """(size, size) that averages with the bell of SSIM; beyond the edge is black."""
    at = torch.arange(size, dtype=like.dtype, device=like.device)
    apart = (at[:, None] - at[None]).abs()
    bell = torch.exp(-(apart**2) / (2 * _SIGMA**2)) * (apart <= _WINDOW // 2)
    return bell / bell[size // 2].sum()


def psnr(first: Tensor, second: Tensor) -> float:
    """The peak signal-to-noise ratio of images 0..1, in decibels."""
    return -10 * math.log10(max(float(((first - second) ** 2).mean()), 1e-12))
