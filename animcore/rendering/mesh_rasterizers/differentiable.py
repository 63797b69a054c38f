"""Differentiable rendering of a mesh: attributes, texture and silhouettes, with gradients to all of them.

Which triangle a pixel sees has no gradient; where on it, does: barycentrics are computed once more from the vertices.
A silhouette has one because neighbouring pixels are mixed by how far its edge reaches between them (after the
antialiasing of Laine et al., Modular Primitives for High-Performance Differentiable Rendering, 2020; own lines).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from animcore.rendering.camera import Camera
from animcore.rendering.mesh_rasterizers.rasterize import Fragments
from animcore.rendering.projection import NEAR

Array = NDArray[Any]


def projected(vertices: Tensor, camera: Camera) -> Tensor:
    """Return vertices (V, 3) in homogeneous pixels (V, 3): x times depth, y times depth, depth."""
    kind: dict[str, Any] = {"dtype": vertices.dtype, "device": vertices.device}
    pose = torch.as_tensor(camera.world_to_camera, **kind)
    points = vertices @ pose[:3, :3].T + pose[:3, 3]
    focal, centre = torch.as_tensor(camera.focal, **kind), torch.as_tensor(camera.centre, **kind)
    return torch.cat((points[:, :2] * focal + points[:, 2:] * centre, points[:, 2:]), 1)


def barycentrics(vertices: Tensor, faces: Tensor, fragments: Fragments, camera: Camera) -> tuple[Tensor, Tensor]:
    """Return the barycentrics (P, 3) and depths (P,) of the P pixels that see the mesh, with gradients to vertices.

    Pixels are those of `fragments.triangle >= 0`, row by row.
    """
    triangle = torch.as_tensor(fragments.triangle, device=vertices.device)
    row, column = torch.nonzero(triangle >= 0, as_tuple=True)
    corners = projected(vertices, camera)[faces[triangle[row, column].long()]]
    pixels = torch.stack((column + 0.5, row + 0.5, torch.ones_like(row)), 1).to(vertices)
    a, b, c = corners.unbind(1)
    opposite = torch.stack((torch.linalg.cross(b, c), torch.linalg.cross(c, a), torch.linalg.cross(a, b)), 1)
    over_depth = (opposite @ pixels[:, :, None])[..., 0] / (a * opposite[:, 0]).sum(1, keepdim=True)
    depths = 1 / over_depth.sum(1)
    return over_depth * depths[:, None], depths


def interpolated(attributes: Tensor, corners: Tensor, fragments: Fragments, weights: Tensor) -> Tensor:
    """Return attributes as each pixel sees them: (H, W, C), 0 where there is no mesh.

    Args:
        attributes: (A, C) of vertices, or of the corners of a texture's layout.
        corners: (F, 3) rows of the attributes at the corners of each face.
        fragments: of the mesh.
        weights: (P, 3) from `barycentrics`.
    """
    triangle = torch.as_tensor(fragments.triangle, device=attributes.device)
    seen = triangle >= 0
    mixed = (attributes[corners[triangle[seen].long()]] * weights[..., None]).sum(1)
    image = torch.zeros(*triangle.shape, attributes.shape[1], dtype=mixed.dtype, device=mixed.device)
    return image.masked_scatter(seen[..., None].expand_as(image), mixed)


def sampled(texture: Tensor, places: Tensor) -> Tensor:
    """Look up a texture (h, w, C) between its pixels: (..., C), with gradients to texture and places.

    Args:
        texture: its first row is the upper one.
        places: (..., 2) u to the right and v up, 0..1 from the left lower corner; what lies outside is the rim.
    """
    grid = torch.stack((2 * places[..., 0] - 1, 1 - 2 * places[..., 1]), -1).reshape(1, 1, -1, 2)
    found = functional.grid_sample(
        texture.permute(2, 0, 1)[None], grid, mode="bilinear", padding_mode="border", align_corners=False
    )
    return found[0, :, 0].T.reshape(*places.shape[:-1], texture.shape[2])


def neighbours(faces: Array) -> Array:
    """Return the face (F, 3) beyond each edge; edge i lies opposite corner i; -1 where there is none or several."""
    starts, ends = np.roll(faces, -1, 1), np.roll(faces, -2, 1)
    keys = np.sort(np.stack((starts, ends), -1).reshape(-1, 2), 1)
    _, edge, counts = np.unique(keys, axis=0, return_inverse=True, return_counts=True)
    edge = edge.reshape(-1)
    total = np.zeros(len(counts), np.int64)
    owners = np.repeat(np.arange(len(faces)), 3)
    np.add.at(total, edge, owners)
    return np.where(counts[edge] == 2, total[edge] - owners, -1).reshape(-1, 3)


def antialiased(
    image: Tensor, vertices: Tensor, faces: Tensor, beyond: Tensor, fragments: Fragments, camera: Camera
) -> Tensor:
    """Mix pixels across silhouettes by where the edge passes between them, which gives vertices a gradient there.

    Args:
        image: (H, W, C) colours, masks or both.
        vertices: (V, 3).
        faces: (F, 3).
        beyond: (F, 3) from `neighbours`.
        fragments: of the mesh.
        camera: of the image.

    Returns:
        (H, W, C).
    """
    points = projected(vertices, camera)
    edges = _outline(points.detach(), faces, beyond)
    seen = torch.as_tensor(fragments.triangle, device=image.device).reshape(-1) >= 0
    depth = torch.as_tensor(fragments.depth, device=image.device).reshape(-1)
    flat = image.reshape(len(seen), -1)
    result = flat
    for axis in range(2):
        near, far, reach, away = _crossings(points, edges, axis, (camera.width, camera.height))
        # the edge is visible where the mesh ends before the surface beyond it
        kept = seen[near] & (depth[far] > away)
        near, far, reach = near[kept], far[kept], reach[kept]
        over = (reach - 0.5).clamp(min=0)[:, None] * (flat[near] - flat[far])
        under = (0.5 - reach).clamp(min=0)[:, None] * (flat[far] - flat[near])
        result = result.index_add(0, far, over).index_add(0, near, under)
    return result.reshape(image.shape)


def _outline(points: Tensor, faces: Tensor, beyond: Tensor) -> Tensor:
    """Start, end and opposite corner (E, 3) of the edges beyond which there is no face, or one turned away."""
    places = points[:, :2] / points[:, 2:]
    a, b, c = places[faces].unbind(1)
    front = ((b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0]) > 0
    ahead = (points[:, 2] > NEAR)[faces].all(1)
    # an edge between two faces is taken once, from the one that is turned to the front
    ends = (beyond < 0) | (front[:, None] & ~front[beyond.clamp(min=0)])
    face, edge = torch.nonzero(ends & ahead[:, None], as_tuple=True)
    return torch.stack([faces[face, (edge + turn) % 3] for turn in (1, 2, 0)], 1)


def _crossings(
    points: Tensor, edges: Tensor, axis: int, size: tuple[int, int]
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Where edges pass between two neighbours of a row (axis 0) or a column (axis 1).

    Returns:
        Pixels on the side of the mesh, those beyond, how far the mesh reaches from one to the other (0..1, with
        gradients), and the depth of the edge.
    """
    start, end, opposite = ((points[:, :2] / points[:, 2:])[edges[:, corner]] for corner in range(3))
    rise, run = (end - start)[:, 1 - axis], (end - start)[:, axis]
    # steep edges pass between pixels of a row, flat ones between those of a column: none is counted twice
    steep = (rise.abs() > run.abs()) | ((rise.abs() == run.abs()) & (axis == 0) & (rise != 0))
    low, high = torch.minimum(start, end)[:, 1 - axis], torch.maximum(start, end)[:, 1 - axis]
    first = torch.ceil(low.detach() - 0.5).clamp(min=0).long()
    last = torch.floor(high.detach() - 0.5).clamp(max=size[1 - axis] - 1).long()
    count = torch.where(steep, (last - first + 1).clamp(min=0), 0)
    which = torch.repeat_interleave(count)
    line = torch.arange(len(which), device=points.device) - (torch.cumsum(count, 0) - count - first)[which]
    start, opposite, rise, run = start[which], opposite[which], rise[which], run[which]
    part = (line + 0.5 - start[:, 1 - axis]) / rise
    place = start[:, axis] + part * run
    before = torch.floor(place.detach() - 0.5).long()
    lower = opposite[:, axis] < start[:, axis] + (opposite - start)[:, 1 - axis] / rise * run
    near = torch.where(lower, before, before + 1)
    far = torch.where(lower, before + 1, before)
    reach = torch.where(lower, place - near - 0.5, near + 0.5 - place)
    closeness = 1 / points.detach()[edges[which], 2]
    away = 1 / (closeness[:, 0] + part.detach() * (closeness[:, 1] - closeness[:, 0]))
    kept = (before >= 0) & (before < size[axis] - 1)
    strides = (1, size[0]) if axis == 0 else (size[0], 1)
    near, far = near * strides[0] + line * strides[1], far * strides[0] + line * strides[1]
    return near[kept], far[kept], reach[kept], away[kept]
