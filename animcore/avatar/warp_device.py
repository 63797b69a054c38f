"""Where Warp works: on a card with CUDA where it finds one, else on the processor."""

from __future__ import annotations

import warp as wp

from animcore.errors import InputError


def ready(kind: str) -> None:
    """Start Warp, quietly, for devices of a kind: cpu or cuda.

    Raises:
        InputError: where Warp has none of them.
    """
    wp.config.log_level = max(wp.config.log_level, wp.LOG_WARNING)
    wp.init()
    if kind not in ("cpu", "cuda"):
        raise InputError(f"Warp draws on processors and on cards with CUDA, and not on {kind}; take numba.")
    if kind == "cuda" and not wp.is_cuda_available():
        raise InputError("Warp finds no NVIDIA card whose driver is new enough for its CUDA; update the driver, "
                         "or take the rasterizer numba.")  # fmt: skip
