"""The compiled rasterizer for CPUs on tensors, with gradients to everything it draws."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from animcore.rendering.camera import Camera
from animcore.rendering.gaussian_rasterizers import numba_backward as kernels
from animcore.rendering.gaussian_rasterizers.autograd_function import RasterizerBackend, drawn_by
from animcore.rendering.gaussian_rasterizers.numba_backend import (
    TURNS,
    TiledGaussians,
    WorkerThreads,
    bin_gaussians,
    blend_tiles,
    camera_array,
    hidden,
    tile_batches,
    workers,
)

Array = NDArray[Any]


def render(
    means: Tensor, rotations: Tensor, scales: Tensor, opacities: Tensor, colours: Tensor, camera: Camera,
    limit: Tensor | None = None, shifts: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """Draw; see `rasterize.rasterize_torch` for the arguments.

    Returns:
        (5, H, W): colour over black, depth times alpha, alpha.
    """
    engine = RasterizerBackend(_drawn, _gradients)
    return drawn_by(engine, means, rotations, scales, opacities, colours, camera, limit, shifts)


def _drawn(values: Sequence[Tensor], limit: Tensor | None, camera: Camera) -> tuple[Tensor, Any]:
    arrays = [_array(value) for value in values]
    means, rotations, scales, opacities, colours, shifts = arrays
    covered = hidden(None if limit is None else _array(limit))
    with workers(len(means)) as team:
        tiled = bin_gaussians(means, rotations, scales, opacities, colours, camera, shifts, team)
        drawn = blend_tiles(tiled, covered, team)
    return torch.from_numpy(drawn), (arrays, covered, camera, tiled, drawn)


def _gradients(kept: Any, given: Tensor) -> list[Tensor]:
    arrays, covered, camera, tiled, drawn = kept
    with workers(len(arrays[0])) as team:
        sums = _traced(tiled, covered, drawn, _array(given), team)
        return [torch.from_numpy(gradient) for gradient in _unprojected(tiled, sums, arrays, camera, team)]


def _array(tensor: Tensor) -> Array:
    array: Array = tensor.cpu().numpy()
    return array


def _traced(tiled: TiledGaussians, covered: Array, drawn: Array, given: Array, team: WorkerThreads) -> Array:
    """Return the sums of each thread: (threads, N, 10)."""
    sums = np.zeros((team.count, len(tiled.records), kernels.SUMS), np.float32)
    free = list(sums)
    lock = threading.Lock()
    for first, last, starts, pairs in tile_batches(tiled, team):

        def trace(begin: int, end: int, first: int = first, starts: Array = starts, pairs: Array = pairs) -> None:
            with lock:
                mine = free.pop()
            kernels.trace(first + begin, first + end, first, starts, pairs, tiled.records, covered, drawn, given, mine)
            with lock:
                free.append(mine)

        team.share(trace, last - first, TURNS)
    return sums


def _unprojected(
    tiled: TiledGaussians, sums: Array, arrays: list[Array], camera: Camera, team: WorkerThreads
) -> list[Array]:
    """Return the gradients of means, rotations, scales, opacities, colours and shifts."""
    means, rotations, scales, _, colours, _ = arrays
    found = [np.zeros(array.shape, np.float32) for array in arrays]
    shape = len(means), -1, 3
    shades, to_shades, plain, view = (
        colours.reshape(shape),
        found[4].reshape(shape),
        colours.ndim == 2,
        camera_array(camera),
    )

    def unproject(first: int, last: int) -> None:
        kernels.unproject(
            first, last, tiled.records, sums, means, rotations, scales, shades, plain, view, found[0],
            found[1], found[2], found[3], to_shades, found[5],
        )  # fmt: skip

    team.share(unproject, len(means))
    return found
