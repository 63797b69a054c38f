"""The mesh rasterizer for GPUs, by Warp: a depth buffer of whole numbers, so that threads need not wait.

A pixel's number holds the bits of the depth above the row of the face: the smallest is the nearest, and of equals the
first, as in the other rasterizers. Their rule is that of `rasterize`, in float64 too.
"""

from __future__ import annotations

from typing import Any

import torch
import warp as wp
from torch import Tensor

from animcore.rendering.camera import Camera
from animcore.rendering.gaussian_rasterizers.warp_device import array, inlined, kernel, launch, struct, working
from animcore.rendering.projection import NEAR

_SHARE = 32  # threads for each triangle: a large one must not be the work of one alone
_NOTHING = 0x7FFFFFFFFFFFFFFF
_CLOSEST = 1 / NEAR

wp.set_module_options({"fuse_fp": False})  # neighbours must round their common edge alike


@struct
class MeshCamera:
    """A camera in float64."""

    turn: wp.mat33d
    shift: wp.vec3d
    focal: wp.vec2d
    centre: wp.vec2d
    width: wp.int32
    height: wp.int32


def drawn(vertices: Tensor, faces: Tensor, camera: Camera) -> tuple[Tensor, Tensor, Tensor]:
    """Draw a mesh on the device where it is.

    Args:
        vertices: (V, 3).
        faces: (F, 3).
        camera: of the image.

    Returns:
        Triangles (H, W) int32, barycentrics (H, W, 3) and depths (H, W) float32; see `rasterize.Fragments`.
    """
    size, device, count = (camera.height, camera.width), vertices.device, len(faces)
    triangle = torch.empty(size, dtype=torch.int32, device=device)
    weights, depth = torch.empty((*size, 3), device=device), torch.empty(size, device=device)
    with working(device):
        places = vertices.detach().double().contiguous()
        points = array(torch.empty_like(places), wp.vec3d)
        corners = array(faces.int().contiguous(), wp.vec3i)
        nearest = torch.full(size, _NOTHING, dtype=torch.int64, device=device)
        view = _view(camera)
        launch(project, len(places), [view, array(places, wp.vec3d), points], device)
        if count:
            launch(cover, (count, _SHARE), [view, points, corners, nearest], device)
        seen = [points, corners, nearest, triangle, array(weights, wp.vec3), depth]
        launch(resolve, size, seen, device)
    return triangle, weights, depth


def _view(camera: Camera) -> Any:
    view = MeshCamera()
    view.turn = wp.mat33d(*camera.world_to_camera[:3, :3].ravel().tolist())
    view.shift = wp.vec3d(*camera.world_to_camera[:3, 3].tolist())
    view.focal, view.centre = wp.vec2d(*map(float, camera.focal)), wp.vec2d(*map(float, camera.centre))
    view.width, view.height = camera.width, camera.height
    return view


@kernel
def project(view: MeshCamera, places: wp.array[wp.vec3d], points: wp.array[wp.vec3d]) -> None:
    """Vertices in homogeneous pixels: x times depth, y times depth, depth."""
    one = wp.tid()
    point = view.turn * places[one] + view.shift
    points[one] = wp.vec3d(
        point[0] * view.focal[0] + point[2] * view.centre[0],
        point[1] * view.focal[1] + point[2] * view.centre[1],
        point[2],
    )


@inlined
def box(view: MeshCamera, a: wp.vec3d, b: wp.vec3d, c: wp.vec3d) -> wp.vec4i:
    """Left, top, right and bottom pixel that a triangle can cover; all of them where it reaches behind the camera."""
    near = wp.float64(NEAR)
    if a[2] <= near and b[2] <= near and c[2] <= near:
        return wp.vec4i(0, 0, -1, -1)
    if a[2] <= near or b[2] <= near or c[2] <= near:
        return wp.vec4i(0, 0, view.width - 1, view.height - 1)
    low = wp.min(wp.min(a / a[2], b / b[2]), c / c[2])
    high = wp.max(wp.max(a / a[2], b / b[2]), c / c[2])
    half, none = wp.float64(0.5), wp.float64(0.0)
    return wp.vec4i(
        wp.int32(wp.ceil(wp.clamp(low[0] - half, none, wp.float64(view.width)))),
        wp.int32(wp.ceil(wp.clamp(low[1] - half, none, wp.float64(view.height)))),
        wp.int32(wp.floor(wp.clamp(high[0] - half, wp.float64(-1.0), wp.float64(view.width - 1)))),
        wp.int32(wp.floor(wp.clamp(high[1] - half, wp.float64(-1.0), wp.float64(view.height - 1)))),
    )


@inlined
def over_depth(a: wp.vec3d, b: wp.vec3d, c: wp.vec3d, column: wp.int32, row: wp.int32) -> wp.vec3d:
    """Barycentrics over depth at a pixel; they add up to one over the depth."""
    place = wp.vec3d(wp.float64(column) + wp.float64(0.5), wp.float64(row) + wp.float64(0.5), wp.float64(1.0))
    opposite = wp.cross(b, c)
    found = wp.vec3d(wp.dot(opposite, place), wp.dot(wp.cross(c, a), place), wp.dot(wp.cross(a, b), place))
    return found / wp.dot(a, opposite)


@kernel
def cover(
    view: MeshCamera, points: wp.array[wp.vec3d], corners: wp.array[wp.vec3i], nearest: wp.array2d[wp.int64]
) -> None:
    """Offer a triangle to the pixels that it covers, every 32nd of its box each thread."""
    face, first = wp.tid()
    ring = corners[face]
    a, b, c = points[ring[0]], points[ring[1]], points[ring[2]]
    around = box(view, a, b, c)
    wide, high = around[2] - around[0] + 1, around[3] - around[1] + 1
    none = wp.float64(0.0)
    if wide > 0 and high > 0 and wp.dot(a, wp.cross(b, c)) != none:
        for at in range(first, wide * high, _SHARE):
            column, row = around[0] + at % wide, around[1] + at // wide
            found = over_depth(a, b, c, column, row)
            closeness = found[0] + found[1] + found[2]
            inside = found[0] >= none and found[1] >= none and found[2] >= none
            if inside and closeness > none and closeness < wp.float64(_CLOSEST):
                depth = wp.float32(wp.float64(1.0) / closeness)
                number = wp.int64(wp.cast(depth, wp.int32)) << wp.int64(32) | wp.int64(face)
                wp.atomic_min(nearest, row, column, number)


@kernel
def resolve(
    points: wp.array[wp.vec3d], corners: wp.array[wp.vec3i], nearest: wp.array2d[wp.int64],
    triangle: wp.array2d[wp.int32], weights: wp.array2d[wp.vec3], depths: wp.array2d[wp.float32],
) -> None:  # fmt: skip
    """Write down what each pixel sees."""
    row, column = wp.tid()
    number = nearest[row, column]
    triangle[row, column] = -1
    weights[row, column] = wp.vec3(0.0, 0.0, 0.0)
    depths[row, column] = wp.inf
    if number != wp.int64(_NOTHING):
        face = wp.int32(number & wp.int64(0x7FFFFFFF))
        ring = corners[face]
        found = over_depth(points[ring[0]], points[ring[1]], points[ring[2]], column, row)
        depth = wp.float64(1.0) / (found[0] + found[1] + found[2])
        triangle[row, column] = face
        weights[row, column] = wp.vec3(depth * found)
        depths[row, column] = wp.float32(depth)
