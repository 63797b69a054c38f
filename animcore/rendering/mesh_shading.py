"""A mesh as a plain image: smooth shading from a few lights, a distant camera, drawn by the mesh rasterizers.

For comparing takes without Blender: shapes and motion are clear; it is not made for beauty.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from animcore.geometry.surface_registration import TriangleMesh
from animcore.rendering.camera import Camera
from animcore.rendering.mesh_rasterizers.rasterize import draw_mesh

Array = NDArray[np.floating[Any]]
Image = NDArray[np.uint8]
Light = tuple[tuple[float, float, float], float]  # where it stands, and how bright it is

_FAR = 1000.0  # metres from the mesh to the camera: perspective is below a thousandth
_GAMMA = 2.2


def shade(
    points: Array, triangles: NDArray[np.int64], colours: Array, lights: Sequence[Light], ambient: float
) -> Array:
    """Return (V, 3) linear colours of vertices, lit after Lambert; normals are the mean of the faces around each.

    Args:
        points: (V, 3) in the axes of the camera: X to the right, Y up, Z to the viewer.
        triangles: (F, 3) counter-clockwise from outside.
        colours: (V, 3) linear, of the surface.
        lights: directions in the same axes.
        ambient: light that comes from everywhere.
    """
    normals = TriangleMesh(np.asarray(points, np.float64), triangles).normals()
    light = np.full(len(points), ambient)
    for place, strength in lights:
        light += strength * np.maximum(normals @ (np.array(place) / np.linalg.norm(place)), 0)
    lit: Array = (colours * light[:, None]).astype(np.float32)
    return lit


def draw(
    points: Array, triangles: NDArray[np.int64], colours: Array, scale: float, origin: tuple[float, float],
    background: Array,
) -> Array:  # fmt: skip
    """Return the image (H, W, 3), linear, of the triangles that face the viewer.

    Args:
        points: (V, 3) metres in the axes of the camera: X to the right, Y up, Z to the viewer.
        triangles: (F, 3) counter-clockwise from outside.
        colours: (V, 3) linear.
        scale: pixels to the metre.
        origin: column and row of the pixel whose middle shows the point (0, 0, 0).
        background: (H, W, 3) linear.
    """
    height, width = background.shape[:2]
    pose = np.diag([1.0, -1.0, -1.0, 1.0])
    pose[2, 3] = _FAR
    camera = Camera(width, height, (scale * _FAR, scale * _FAR), (origin[0] + 0.5, origin[1] + 0.5), pose)
    a, b, c = points[triangles, :2].transpose(1, 0, 2)
    front = triangles[(b - a)[:, 0] * (c - a)[:, 1] > (b - a)[:, 1] * (c - a)[:, 0]]
    found = draw_mesh(points, front, camera)
    image: Array = background.astype(np.float32)
    seen = found.triangle >= 0
    image[seen] = (colours[front[found.triangle[seen]]] * found.barycentric[seen][..., None]).sum(1)
    return image


def to_srgb(image: Array, finer: int = 1) -> Image:
    """Return a linear image (H * finer, W * finer, 3) as (H, W, 3) sRGB, each pixel the mean of those drawn for it."""
    height, width = image.shape[0] // finer, image.shape[1] // finer
    linear = image.reshape(height, finer, width, finer, 3).mean((1, 3))
    return np.asarray((np.clip(linear, 0, 1) ** (1 / _GAMMA) * 255).round(), np.uint8)


def linear(colour: tuple[float, float, float]) -> Array:
    """Return (3,) the linear colour of an sRGB one, 0..1."""
    found: Array = np.array(colour) ** _GAMMA
    return found
