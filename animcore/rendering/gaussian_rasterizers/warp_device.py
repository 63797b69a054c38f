"""What both rasterizers of Warp need: a device of it, on torch's stream, and tensors handed over where they lie."""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
import warp as wp
from torch import Tensor

from animcore.errors import InputError


def kernel(function: Callable[..., None]) -> Any:
    """Compile a function that one thread runs; gradients have kernels of their own."""
    return wp.kernel(function, enable_backward=False)


def inlined(function: Callable[..., Any]) -> Any:
    """Compile a function that kernels call."""
    return wp.func(function)


def struct(kind: type) -> Any:
    """Make a class something that kernels take."""
    return wp.struct(kind)


@contextmanager
def working(device: torch.device) -> Iterator[None]:
    """Let Warp work where torch works: each waits for what the other began.

    Raises:
        InputError: where Warp has no such device.
        MemoryError: where a GPU is full, as a full machine has it.
    """
    ready(device.type)
    try:
        if device.type == "cpu":
            yield
        else:
            with wp.ScopedStream(wp.stream_from_torch(device), sync_enter=False):
                yield
    except torch.OutOfMemoryError as error:
        raise MemoryError("The GPU has too little memory left for this image.") from error


def ready(kind: str) -> None:
    """Start Warp, quietly, for devices of a kind: cpu or cuda.

    Raises:
        InputError: where Warp has none of them.
    """
    wp.config.log_level = max(wp.config.log_level, wp.LOG_WARNING)
    try:
        wp.init()
    except OSError:  # where it would keep what it compiles, nothing can be written: each process compiles its own
        wp.config.kernel_cache_dir = _passing().name
        wp.init()
    if kind not in ("cpu", "cuda"):
        raise InputError(f"Warp draws on CPUs and on GPUs with CUDA, and not on {kind}; take numba.")
    if kind == "cuda" and not wp.is_cuda_available():
        raise InputError("Warp finds no NVIDIA GPU whose driver is new enough for its CUDA; update the driver, "
                         "or take the rasterizer numba.")  # fmt: skip


@functools.cache
def _passing() -> tempfile.TemporaryDirectory[str]:
    """A folder that lives as long as the process."""
    return tempfile.TemporaryDirectory(prefix="animcore-")


def launch(work: Any, threads: int | tuple[int, ...], given: list[Any], device: torch.device, block: int = 0) -> None:
    """Run a kernel; tensors among the arguments are taken as arrays of numbers. A block of 0 is Warp's own choice."""
    inputs = [array(value) if isinstance(value, Tensor) else value for value in given]
    wp.launch(work, dim=threads, inputs=inputs, device=wp.device_from_torch(device), block_dim=block)


def array(tensor: Tensor, kind: Any = None) -> Any:
    """Return a tensor as a kernel reads it, which keeps it alive; as vectors where a kind of them is given."""
    return wp.from_torch(
        tensor, dtype=kind, requires_grad=False, return_ctype=True
    )  # an array would take four times as long


def vectors(tensor: Tensor) -> Any:
    """Return a tensor (N, 2), (N, 3) or (N, 4) of float32 as vectors, in the same memory."""
    return array(tensor, {2: wp.vec2, 3: wp.vec3, 4: wp.vec4}[tensor.shape[1]])
