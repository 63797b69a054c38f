"""Gaussians to images: one function, several rasterizers behind it.

`draw` takes and gives numpy arrays; `rasterize_torch` takes and gives tensors, with gradients to every one of them.

| backend | needs | gradients | what it is for |
|---|---|---|---|
| numba | numba | yes | processors: the fast one |
| gsplat | gsplat and CUDA | yes | NVIDIA GPUs, where it is built |
| warp | warp-lang and torch | yes | NVIDIA GPUs without a compiler, and behind a mesh; CPUs, slowly |
| numpy | nothing | no | wherever nothing else is installed; Blender in background mode |
| reference | torch | yes, by autograd | the oracle that the others are measured against |

All follow one rule, that of 3DGS; its numbers stand in `projection`.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from animcore.errors import InputError
from animcore.gaussians.gaussians import DEGREES, Gaussians, validated
from animcore.rendering.camera import Camera

Array = NDArray[Any]
Tensor = Any  # torch.Tensor; torch is no package of the engine

MODULES = {
    "numba": "numba_backend", "gsplat": "gsplat_backend", "warp": "warp_backend", "numpy": "reference",
    "reference": "reference",
}  # fmt: skip
_FOR_TENSORS = {**MODULES, "numba": "numba_autograd"}
_ARRAYS = ("numpy", "numba")  # draw numpy arrays themselves
_NEEDS = {"numba": ("numba",), "gsplat": ("gsplat",), "warp": ("warp", "torch"), "reference": ("torch",)}  # packages
BLACK = (0.0, 0.0, 0.0)
MOST_PIXELS = 1 << 26  # of an image: 1.3 GB while it is drawn


@dataclass(frozen=True)
class RenderedImage:
    """What a camera sees of a set of Gaussians.

    Attributes:
        colour: (H, W, 3) float32 from 0 on, over the background; bright harmonics may pass 1.
        depth: (H, W) float32, metres along the camera's axis: the alpha-weighted mean; infinite where nothing is drawn.
        alpha: (H, W) float32, 0..1.
    """

    colour: Array
    depth: Array
    alpha: Array


def draw(
    splats: Gaussians,
    camera: Camera,
    *,
    background: Sequence[float] | Array = BLACK,
    limit: Array | None = None,
    backend: str = "auto",
) -> RenderedImage:
    """Draw a set of Gaussians.

    With the depth of a mesh for `limit` and black for a background, `colour + (1 - alpha) * mesh` is the mesh with
    the Gaussians before it.

    Args:
        splats: N Gaussians that stand in the world.
        camera: of the image.
        background: (3,) or (H, W, 3).
        limit: (H, W) metres along the camera's axis; Gaussians with their centres behind it are not drawn there.
        backend: auto, numba, gsplat, warp, numpy or reference.

    Raises:
        InputError: where Gaussians, limit or background cannot be drawn, or the backend is not at hand.
    """
    splats = _drawable(splats)
    size = _size(camera)
    limit = None if limit is None else _limit(limit, size)
    name = select_backend(backend)
    module = module_of(name)
    values = splats.means, splats.rotations, splats.scales, splats.opacities, splats.harmonics
    try:
        drawn = module.render(*values, camera, limit) if name in _ARRAYS else _by_torch(name, values, camera, limit)
    except MemoryError as error:
        raise InputError(f"{splats.count:,} Gaussians at {camera.width} x {camera.height} need more memory than there "
                         "is; draw fewer of them, or a smaller image.") from error  # fmt: skip
    colour, depth, alpha = np.moveaxis(drawn[:3], 0, -1), drawn[3], drawn[4]
    behind = _background(background, size)
    with np.errstate(divide="ignore", invalid="ignore"):
        depth = np.where(alpha > 0, depth / alpha, np.float32(np.inf))
    if behind is not None:
        colour = colour + (1 - alpha)[..., None] * behind
    return RenderedImage(np.ascontiguousarray(colour), depth, np.ascontiguousarray(alpha))


def rasterize_torch(
    means: Tensor, rotations: Tensor, scales: Tensor, opacities: Tensor, colours: Tensor, camera: Camera, *,
    limit: Tensor | None = None, background: Tensor | Sequence[float] | None = None, shifts: Tensor | None = None,
    backend: str = "auto",
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    """Draw tensors, with gradients to the first five, to the background and to the shifts.

    Args:
        means: (N, 3) metres, in the world.
        rotations: (N, 4) quaternions w, x, y, z of any length but zero.
        scales: (N, 3) standard deviations in metres.
        opacities: (N,) 0..1.
        colours: (N, 3), or spherical harmonics (N, K, 3) of K = 1, 4, 9 or 16.
        camera: of the image.
        limit: (H, W) metres: Gaussians behind it are not drawn in that pixel; has no gradient.
        background: (3,) or (H, W, 3); black where not given.
        shifts: (N, 2) zeros, pixels added to the centres in the image: their gradient shows densification where
            the image asks for more Gaussians.
        backend: auto, numba, gsplat, warp or reference.

    Returns:
        (H, W, 3) colour over the background; (H, W) depth in metres, the alpha-weighted mean, 0 where nothing is drawn;
        (H, W) alpha.

    Raises:
        InputError: where shapes do not fit or the backend is not at hand.
    """
    import torch

    size = _size(camera)
    _fits(means, rotations, scales, opacities, colours)
    name = select_backend(backend, on_cuda=means.is_cuda, hidden=limit is not None, gradients=True)
    if limit is not None:
        limit = torch.as_tensor(limit, dtype=means.dtype, device=means.device).detach()
        _same(tuple(limit.shape), size, "The limit")
    render = module_of(name, _FOR_TENSORS).render
    drawn = render(means, rotations, scales, opacities, colours, camera, limit, shifts)
    colour, depth, alpha = drawn[:3].permute(1, 2, 0), drawn[3], drawn[4]
    depth = depth / torch.where(alpha > 0, alpha, torch.ones_like(alpha))
    if background is not None:
        behind = torch.as_tensor(background, dtype=means.dtype, device=means.device)
        colour = colour + (1 - alpha)[..., None] * behind
    return colour, depth, alpha


def select_backend(backend: str, *, on_cuda: bool = False, hidden: bool = False, gradients: bool = False) -> str:
    """Return the name of the backend that draws; auto is the fastest that is installed.

    Args:
        backend: its name, or auto.
        on_cuda: whether the Gaussians are on an NVIDIA GPU.
        hidden: whether a mesh hides some, which gsplat cannot draw.
        gradients: whether they are asked for.

    Raises:
        InputError: where there is none of that name, or it has no gradients.
    """
    if backend == "auto":
        if on_cuda and installed("gsplat") and not hidden:
            return "gsplat"
        if on_cuda and installed("warp"):
            return "warp"
        # on a GPU too: numba carries tensors to the CPU and back
        return "numba" if installed("numba") else "reference" if gradients else "numpy"
    if backend not in MODULES:
        raise InputError(f"There is no rasterizer {backend!r}; there are auto, {', '.join(MODULES)}.")
    if gradients and backend == "numpy":
        raise InputError("The rasterizer numpy has no gradients; take auto, numba, gsplat, warp or reference.")
    return backend


def module_of(backend: str, modules: Mapping[str, str] = MODULES) -> ModuleType:
    """Return the module of a backend.

    Raises:
        InputError: where its package is not installed.
    """
    for package in _NEEDS.get(backend, ()):
        if installed(package):
            continue
        how = (
            "pip install gsplat" if package == "gsplat" else 'pip install ".[avatar]" in the source folder of Animcore'
        )
        raise InputError(f"The rasterizer {backend} needs the package {package}: {how}.")
    return importlib.import_module(f"{__package__}.{modules[backend]}")


@functools.cache  # looked for anew, it would take a tenth of an image on a GPU
def installed(package: str) -> bool:
    """Whether a package can be imported."""
    found = importlib.util.find_spec(package)
    return found is not None and found.origin is not None  # a mere folder of that name has none


def _by_torch(name: str, values: tuple[Array, ...], camera: Camera, limit: Array | None) -> Array:
    import torch

    card = torch.cuda.is_available()
    device = "cuda" if card and name != "reference" else "cpu"
    if name == "gsplat" and not card:
        raise InputError("The rasterizer gsplat needs an NVIDIA GPU with CUDA, and PyTorch finds none; take numba.")
    tensors = [torch.as_tensor(value, device=device) for value in values]
    render = module_of(name, _FOR_TENSORS).render
    with torch.no_grad():
        drawn = render(*tensors, camera, None if limit is None else torch.as_tensor(limit, device=device))
    return np.asarray(drawn.cpu().numpy())


def _drawable(splats: Gaussians) -> Gaussians:
    if splats.binding is not None:
        raise InputError("These Gaussians are bound to triangles; put them into the world before they are drawn.")
    return validated(splats, "the cloud to draw")


def _size(camera: Camera) -> tuple[int, int]:
    """Height and width of an image that can be drawn."""
    if camera.width < 1 or camera.height < 1 or camera.width * camera.height > MOST_PIXELS:
        most = round(MOST_PIXELS**0.5)
        raise InputError(f"An image of {camera.width} x {camera.height} pixels cannot be drawn; "
                         f"take at least 1 x 1 and at most as many as {most} x {most} have.")  # fmt: skip
    if not np.isfinite(camera.world_to_camera).all() or not np.isfinite((*camera.focal, *camera.centre)).all():
        raise InputError("The camera holds values that are not numbers (NaN or infinite).")
    return camera.height, camera.width


def _limit(limit: Array, size: tuple[int, int]) -> Array:
    limit = np.asarray(limit, np.float32)
    _same(limit.shape, size, "The limit")
    if np.isnan(limit).any():
        raise InputError("The limit holds values that are not numbers (NaN); infinite is where there is no mesh.")
    return limit


def _background(background: Sequence[float] | Array, size: tuple[int, int]) -> Array | None:
    behind = np.asarray(background, np.float32)
    if behind.shape not in ((3,), (*size, 3)):
        raise InputError(f"A background is 3 numbers or {(*size, 3)}, not {behind.shape}.")
    return behind if behind.any() else None


def _same(shape: tuple[int, ...], wanted: tuple[int, ...], what: str) -> None:
    if shape != wanted:
        raise InputError(f"{what} is {shape} numbers instead of {wanted}.")


def _fits(means: Tensor, rotations: Tensor, scales: Tensor, opacities: Tensor, colours: Tensor) -> None:
    """Check the shapes alone: a fit cannot wait for a check of each number."""
    count = len(means)
    if not count:
        raise InputError("There are no Gaussians to draw.")
    shapes = {"means": (means, (3,)), "rotations": (rotations, (4,)), "scales": (scales, (3,)),
              "opacities": (opacities, ())}  # fmt: skip
    for name, (values, rest) in shapes.items():
        _same(tuple(values.shape), (count, *rest), f"The tensor {name}")
    known = colours.ndim == 2 or (colours.ndim == 3 and colours.shape[1] in DEGREES)
    if not known or len(colours) != count or colours.shape[-1] != 3:
        raise InputError(f"The colours are {tuple(colours.shape)} numbers instead of {(count, 3)}, or {count} times "
                         "1, 4, 9 or 16 spherical harmonics of 3.")  # fmt: skip
