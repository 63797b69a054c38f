"""Which triangle of a mesh each pixel sees, where on it, and how far, by one of three rasterizers that agree.

numba draws on CPUs, Warp where tensors are on a GPU, and NumPy alone wherever there is nothing else.

Triangles are drawn in homogeneous coordinates (Olano and Greer, Triangle Scan Conversion Using 2D Homogeneous
Coordinates, 1997): none needs to be clipped, also where the mesh reaches behind the camera. Two triangles with an edge
in common evaluate the same three products there, so that no crack opens between them. Both sides are drawn.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from animcore.core.array_namespace import namespace
from animcore.errors import InputError
from animcore.rendering.camera import Camera
from animcore.rendering.gaussian_rasterizers.rasterize import installed
from animcore.rendering.projection import NEAR

Array = NDArray[Any]
Tensor = Any  # torch.Tensor; torch is no package of the engine

_NEEDS: dict[str, tuple[str, ...]] = {"numba": ("numba",), "warp": ("warp", "torch"), "numpy": ()}  # packages
_AT_A_TIME = 1 << 20  # pixels of triangles looked at together, with NumPy


@dataclass(frozen=True)
class Fragments:
    """What each pixel sees of a mesh; tensors on their device where tensors were drawn.

    Attributes:
        triangle: (H, W) int32 row of the faces, -1 where there is none.
        barycentric: (H, W, 3) float32 weights of its corners, in perspective; 0 where there is none.
        depth: (H, W) float32 metres along the camera's axis, infinite where there is none: the `limit` of `draw`.
    """

    triangle: Array | Tensor
    barycentric: Array | Tensor
    depth: Array | Tensor


def draw_mesh(vertices: Array | Tensor, faces: Array | Tensor, camera: Camera, *, backend: str = "auto") -> Fragments:
    """Draw a mesh, of arrays or of tensors; `differentiable` has its gradients.

    Args:
        vertices: (V, 3) metres, in the world.
        faces: (F, 3) corners of triangles.
        camera: of the image.
        backend: auto, numba, warp or numpy.

    Raises:
        InputError: where vertices are no numbers, faces name others than there are, or the backend is not at hand.
    """
    if namespace(vertices).__name__ == "torch":
        return _of_tensors(vertices, faces, camera, backend)
    name = _chosen(backend)
    vertices, faces = np.asarray(vertices, np.float64), np.asarray(faces)
    _checked(vertices, faces)
    if name == "warp":
        return _by_warp(vertices, faces, camera)
    corners, size = _corners(vertices, faces, camera), (camera.height, camera.width)
    boxes = _boxes(corners, size)
    kernels = importlib.import_module("animcore.rendering.mesh_rasterizers.numba_kernels") if name == "numba" else None
    triangle, weights = kernels.drawn(corners, boxes, size) if kernels else _drawn(corners, boxes, size)
    with np.errstate(divide="ignore"):
        depth = 1 / weights.sum(-1)
    seen = triangle >= 0
    barycentric = np.where(seen[..., None], weights * np.where(seen, depth, 0)[..., None], 0)
    return Fragments(triangle, barycentric.astype(np.float32), depth.astype(np.float32))


def _of_tensors(vertices: Tensor, faces: Tensor, camera: Camera, backend: str) -> Fragments:
    """Draw tensors: where they are, or carried to the CPU and back."""
    import torch

    device = vertices.device
    faces = torch.as_tensor(faces, device=device)
    if _chosen(backend, on_cuda=vertices.is_cuda) == "warp":
        _checked(vertices, faces)
        from animcore.rendering.mesh_rasterizers import warp_backend

        return Fragments(*warp_backend.drawn(vertices, faces, camera))
    found = draw_mesh(vertices.detach().cpu().numpy(), faces.cpu().numpy(), camera, backend=backend)
    return Fragments(*(torch.as_tensor(part, device=device) for part in vars(found).values()))


def _by_warp(vertices: Array, faces: Array, camera: Camera) -> Fragments:
    """Draw arrays by Warp: on a GPU where there is one."""
    import torch

    from animcore.rendering.mesh_rasterizers import warp_backend

    device = "cuda" if torch.cuda.is_available() else "cpu"
    found = warp_backend.drawn(torch.as_tensor(vertices, device=device), torch.as_tensor(faces, device=device), camera)
    return Fragments(*(part.cpu().numpy() for part in found))


def _chosen(backend: str, on_cuda: bool = False) -> str:
    """Return the name of the rasterizer that draws.

    Raises:
        InputError: where there is none of that name, or what it needs is not installed.
    """
    if backend == "auto":
        if on_cuda and installed("warp"):
            return "warp"
        return "numba" if installed("numba") else "numpy"
    if backend not in _NEEDS:
        raise InputError(f"There is no mesh rasterizer {backend!r}; there are auto, {', '.join(_NEEDS)}.")
    for package in _NEEDS[backend]:
        if not installed(package):
            raise InputError(f"The mesh rasterizer {backend} needs the package {package}: "
                             'pip install ".[avatar]" in the source folder of Animcore.')  # fmt: skip
    return backend


def _checked(vertices: Array | Tensor, faces: Array | Tensor) -> None:
    """Look at a mesh of arrays or tensors."""
    if vertices.ndim != 2 or vertices.shape[1] != 3 or faces.ndim != 2 or faces.shape[1] != 3:
        shapes = tuple(vertices.shape), tuple(faces.shape)
        raise InputError(f"A mesh is vertices (V, 3) and triangles (F, 3), not {shapes[0]} and {shapes[1]}.")
    if not bool(namespace(vertices).isfinite(vertices).all()):
        raise InputError("The mesh to draw has vertices that are not numbers (NaN or infinite).")
    if len(faces) and (int(faces.min()) < 0 or int(faces.max()) >= len(vertices)):
        raise InputError(f"The mesh to draw has {len(vertices)} vertices; a triangle names another.")


def _corners(vertices: Array, faces: Array, camera: Camera) -> Array:
    """The corners (F, 3, 3) in homogeneous pixels: x times depth, y times depth, depth."""
    pose = np.asarray(camera.world_to_camera, np.float64)
    points = vertices @ pose[:3, :3].T + pose[:3, 3]
    points[:, :2] = points[:, :2] * camera.focal + points[:, 2:] * camera.centre
    return np.ascontiguousarray(points[faces])


def _boxes(corners: Array, size: tuple[int, int]) -> Array:
    """First and last pixel (F, 4) that a triangle can cover: left, top, right, bottom; right < left where none."""
    depths = corners[..., 2]
    ahead = (depths > NEAR).all(1)
    places = corners[..., :2] / np.where(ahead[:, None], depths, 1.0)[..., None]
    most = np.array(size[::-1], float) - 1
    first = np.where(ahead[:, None], np.ceil(np.clip(places.min(1) - 0.5, 0, most + 1)), 0)
    last = np.where(ahead[:, None], np.floor(np.clip(places.max(1) - 0.5, -1, most)), most)
    boxes: Array = np.concatenate((first, last), 1).astype(np.int64)
    boxes[(depths <= NEAR).all(1), 2:] = -1
    boxes[(boxes[:, 2:] < boxes[:, :2]).any(1), 2:] = -1
    return boxes


def _drawn(corners: Array, boxes: Array, size: tuple[int, int]) -> tuple[Array, Array]:
    """Triangles (H, W) and barycentrics over depth (H, W, 3), with NumPy."""
    height, width = size
    nearest, triangle = np.zeros(height * width), np.full(height * width, -1, np.int32)
    weights = np.zeros((height * width, 3))
    order = np.nonzero(boxes[:, 2] >= 0)[0]
    wide = boxes[order, 2] - boxes[order, 0] + 1
    ends = np.cumsum(wide * (boxes[order, 3] - boxes[order, 1] + 1))
    first = 0
    while first < len(order):
        done = ends[first - 1] if first else 0
        last = max(first + 1, int(np.searchsorted(ends, done + _AT_A_TIME, side="right")))
        which = np.repeat(np.arange(first, last), np.diff(ends[first:last], prepend=done))
        inner = np.arange(len(which)) - (ends[which] - np.diff(ends, prepend=0)[which] - done)
        x, y = boxes[order[which], 0] + inner % wide[which], boxes[order[which], 1] + inner // wide[which]
        found, inside = _over_depth(corners[order[which]], x + 0.5, y + 0.5)
        pixel, faces, found = (y * width + x)[inside], order[which][inside], found[inside]
        closeness = found.sum(1)
        np.maximum.at(nearest, pixel, closeness)
        won = np.nonzero((closeness == nearest[pixel]) & (closeness > 0))[0][::-1]  # of equals the first remains
        triangle[pixel[won]], weights[pixel[won]] = faces[won], found[won]
        first = last
    return triangle.reshape(size), weights.reshape(height, width, 3)


def _over_depth(corners: Array, x: Array, y: Array) -> tuple[Array, Array]:
    """Barycentrics over depth (P, 3) at pixels in triangles (P, 3, 3), and whether they lie inside (P,)."""
    values = []
    for one in range(3):
        a, b = corners[:, (one + 1) % 3], corners[:, (one + 2) % 3]
        values.append(
            (a[:, 1] * b[:, 2] - a[:, 2] * b[:, 1]) * x + (a[:, 2] * b[:, 0] - a[:, 0] * b[:, 2]) * y
            + (a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0])
        )  # fmt: skip
    a, b, c = corners[:, 0], corners[:, 1], corners[:, 2]
    volume = a[:, 0] * (b[:, 1] * c[:, 2] - b[:, 2] * c[:, 1]) + a[:, 1] * (b[:, 2] * c[:, 0] - b[:, 0] * c[:, 2])
    volume = volume + a[:, 2] * (b[:, 0] * c[:, 1] - b[:, 1] * c[:, 0])
    found = np.stack(values, 1) / np.where(volume == 0, np.inf, volume)[:, None]
    return found, (found >= 0).all(1) & (found.sum(1) > 0) & (found.sum(1) < 1 / NEAR)
