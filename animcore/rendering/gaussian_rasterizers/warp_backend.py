"""Gaussians drawn by Warp (NVIDIA, Apache-2.0): on any GPU with CUDA without a compiler, and on CPUs.

Its wheel compiles the kernels of `warp_kernels` on the machine. Gaussians are sorted by depth, written down once for
each tile that they cover, and sorted by tile, which leaves each tile's own nearest first (both sorts are stable); one
thread draws a pixel. Tensors are used where they lie, on the stream that torch uses. On CPUs it is the slower
one, `numba_backend` the faster; there it shows that the kernels are right.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
import warp as wp
from torch import Tensor

from animcore.rendering.camera import Camera
from animcore.rendering.gaussian_rasterizers import warp_kernels as kernels
from animcore.rendering.gaussian_rasterizers.autograd_function import RasterizerBackend, drawn_by
from animcore.rendering.gaussian_rasterizers.warp_device import array, launch, vectors, working
from animcore.rendering.projection import margins

_CROWD = 1 << 27  # pairs of a Gaussian and a tile that are sorted: 2 GB


class TiledGaussians(NamedTuple):
    """The Gaussians of an image put into its tiles; `warp_kernels` lists the columns.

    Attributes:
        view: the camera.
        places, forms, looks: (N, 4) of the visible Gaussians.
        counts: (N,) int32 tiles that each covers.
        pairs: (P,) int32 Gaussians, tile by tile, nearest first.
        bounds: (tiles, 2) int32 where the list of each tile begins and ends.
    """

    view: Any
    places: Tensor
    forms: Tensor
    looks: Tensor
    counts: Tensor
    pairs: Tensor
    bounds: Tensor


class SavedForBackward(NamedTuple):
    """What the gradients of an image need: its inputs (float32), their tiles, limit (0, 0 for none) and result."""

    values: Sequence[Tensor]
    tiled: TiledGaussians
    limit: Tensor
    drawn: Tensor


def render(
    means: Tensor, rotations: Tensor, scales: Tensor, opacities: Tensor, colours: Tensor, camera: Camera,
    limit: Tensor | None = None, shifts: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """Draw; see `rasterize.rasterize_torch` for the arguments.

    Returns:
        (5, H, W): colour over black, depth times alpha, alpha.

    Raises:
        InputError: where the tensors are on a GPU that Warp cannot use.
        MemoryError: where the Gaussians cover more tiles than can be sorted.
    """
    return drawn_by(RasterizerBackend(draw, trace), means, rotations, scales, opacities, colours, camera, limit, shifts)


def draw(values: Sequence[Tensor], limit: Tensor | None, camera: Camera) -> tuple[Tensor, SavedForBackward]:
    """Draw and keep what `trace` needs; see `autograd_function.RasterizerBackend`."""
    device = values[0].device
    covered = torch.zeros((0, 0), device=device) if limit is None else limit
    with working(device):
        tiled = _laid_out(values, camera)
        drawn = torch.zeros((5, camera.height, camera.width), device=device)
        launch(kernels.blend, tiled.view.tiles * kernels.PIXELS, [*_lists(tiled, covered), drawn], device)
    return drawn, SavedForBackward(values, tiled, covered, drawn.detach())


def trace(kept: SavedForBackward, given: Tensor) -> list[Tensor]:
    """Return the gradients of means, rotations, scales, opacities, colours and shifts."""
    means, rotations, scales, _, colours, _ = kept.values
    tiled, device = kept.tiled, means.device
    found = [torch.zeros_like(value) for value in kept.values]
    with working(device):
        total = torch.zeros((len(means), kernels.Sums._length_), device=device)
        lists = [*_lists(tiled, kept.limit), kept.drawn, given, array(total, kernels.Sums)]
        # a block is what adds up its sums, and no more threads than a GPU runs together anyway
        launch(kernels.trace, tiled.view.tiles * kernels.PIXELS, lists, device, kernels.BLOCK)
        to_means, to_rotations, to_scales, to_opacities, to_colours, to_shifts = found
        back = [
            tiled.view, vectors(means), vectors(rotations), vectors(scales), _shades(colours), int(colours.ndim == 2),
            vectors(tiled.forms), vectors(tiled.looks), tiled.counts, array(total, kernels.Sums), vectors(to_means),
            vectors(to_rotations), vectors(to_scales), to_opacities, _shades(to_colours), vectors(to_shifts),
        ]  # fmt: skip
        launch(kernels.unproject, len(means), back, device)
    return found


def _laid_out(values: Sequence[Tensor], camera: Camera) -> TiledGaussians:
    """Project the Gaussians and put them into tiles."""
    means, rotations, scales, opacities, colours, shifts = values
    count, device, view = len(means), means.device, viewed(camera)
    places, forms, looks = (torch.empty((count, 4), device=device) for _ in range(3))
    depths, order = torch.empty(2 * count, device=device), _numbers(2 * count, device)  # a half is room to sort
    counts = _numbers(count, device)
    given = [
        view, vectors(means), vectors(rotations), vectors(scales), opacities, _shades(colours), int(colours.ndim == 2),
        vectors(shifts), vectors(places), vectors(forms), vectors(looks), depths, order, counts,
    ]  # fmt: skip
    launch(kernels.project, count, given, device)
    wp.utils.radix_sort_pairs(wp.from_torch(depths), wp.from_torch(order), count)
    ends = torch.empty(count, dtype=torch.int64, device=device)
    launch(kernels.rank, count, [order, counts, ends], device)
    sums = wp.from_torch(ends)
    wp.utils.array_scan(sums, sums, inclusive=True)
    total = int(ends[-1])
    if total > _CROWD:
        raise MemoryError(f"{count:,} Gaussians cover {total:,} tiles of the image together, more than the "
                          f"{_CROWD:,} that are sorted; draw fewer or smaller ones, or a smaller image.")  # fmt: skip
    tiles, pairs = _numbers(2 * total, device), _numbers(2 * total, device)
    bounds = torch.zeros((view.tiles, 2), dtype=torch.int32, device=device)
    if total:
        lists = [view, vectors(places), vectors(forms), order, counts, ends, tiles, pairs]
        launch(kernels.fill, count, lists, device)
        bits = view.tiles.bit_length()
        wp.utils.radix_sort_pairs(wp.from_torch(tiles), wp.from_torch(pairs), total, end_bit=bits)
        launch(kernels.bound, total, [view, tiles, total, bounds], device)
    return TiledGaussians(view, places, forms, looks, counts, pairs[:total].clone(), bounds)


def viewed(camera: Camera) -> Any:
    """Return a camera as the kernels read it."""
    view = kernels.GaussianCamera()
    view.turn = wp.mat33(*camera.world_to_camera[:3, :3].ravel().tolist())
    view.shift, view.eye = wp.vec3(*camera.world_to_camera[:3, 3].tolist()), wp.vec3(*camera.position.tolist())
    view.focal, view.centre = wp.vec2(*map(float, camera.focal)), wp.vec2(*map(float, camera.centre))
    left, right, top, bottom = map(float, margins(camera))
    view.least, view.most = wp.vec2(left, top), wp.vec2(right, bottom)
    view.width, view.height = camera.width, camera.height
    view.across = -(-camera.width // kernels.TILE)
    view.tiles = view.across * -(-camera.height // kernels.TILE)
    return view


def _lists(tiled: TiledGaussians, limit: Tensor) -> tuple[Any, ...]:
    """The arguments that drawing and tracing begin with."""
    return (
        tiled.view, vectors(tiled.places), vectors(tiled.forms), vectors(tiled.looks), tiled.pairs, tiled.bounds,
        limit,
    )  # fmt: skip


def _numbers(count: int, device: torch.device) -> Tensor:
    return torch.empty(count, dtype=torch.int32, device=device)


def _shades(colours: Tensor) -> Any:
    """Colours (N, 3) or harmonics (N, K, 3) as vectors (N, K)."""
    return array(colours.reshape(len(colours), -1, 3), wp.vec3)
