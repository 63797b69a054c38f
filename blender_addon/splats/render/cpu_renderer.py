"""The same render without a GPU: the engine's rasterizers of meshes and of Gaussians."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import bpy
import numpy as np
from numpy.typing import NDArray

from animcore.gaussians import triangle_binding
from animcore.gaussians.gaussians import HARMONIC_0, Gaussians
from animcore.rendering import projection
from animcore.rendering.camera import Camera
from animcore.rendering.gaussian_rasterizers import rasterize
from animcore.rendering.mesh_rasterizers import rasterize as mesh_raster

from ..scene.camera_view import View
from ..scene.placement import Placed, slack
from . import gpu_shaders
from .color_transform import FARTHEST, Shot, decoded, encoded
from .scene_meshes import Surface, light_from

Floats = NDArray[np.float32]

_STIFF = 1e-3  # how far a frame may be from a turn and one size, as a share of that size


def shot(placed: Sequence[Placed], surfaces: Sequence[Surface], view: View) -> Shot:
    """Return the render of a view, computed on the CPU."""
    camera, back = view.pinhole(_middle(placed, surfaces, view))
    colour, depth = _meshes(surfaces, view, camera)
    if placed:
        drawn = rasterize.draw(_world(placed, view, camera), camera, limit=depth + np.float32(slack(placed)))
        behind = (1 - drawn.alpha)[..., None]
        colour = np.concatenate((drawn.colour, drawn.alpha[..., None]), 2) + behind * colour
        depth = np.where(drawn.alpha >= 0.5, drawn.depth, depth)
    metres = np.where(np.isfinite(depth), depth - back, FARTHEST)
    return Shot(np.ascontiguousarray(colour[::-1], np.float32), metres[::-1].astype(np.float32))


def _middle(placed: Sequence[Placed], surfaces: Sequence[Surface], view: View) -> float:
    """Metres along the view's axis to the middle of what is there."""
    places = [one.frames[:, :, 3] for one in placed] + [one.corners.reshape(-1, 3) for one in surfaces]
    if not places:
        return 0.0
    away = view.to_view[2, :3]
    depths = np.concatenate([-(part @ away + view.to_view[2, 3]) for part in places])
    return float((depths.min() + depths.max()) / 2)


def _meshes(surfaces: Sequence[Surface], view: View, camera: Camera) -> tuple[Floats, Floats]:
    """Encoded colours (H, W, 4) and depths (H, W) of meshes; infinite where there is none."""
    colour = np.zeros((view.height, view.width, 4), np.float32)
    if not surfaces:
        return colour, np.full(colour.shape[:2], np.inf, np.float32)
    corners = np.concatenate([one.corners for one in surfaces]).astype(np.float64)
    seen = mesh_raster.draw_mesh(corners.reshape(-1, 3), np.arange(corners.size // 3).reshape(-1, 3), camera)
    covered = seen.triangle >= 0
    triangle, weights = seen.triangle[covered], seen.barycentric[covered].astype(np.float32)
    normals = np.einsum("pk,pkc->pc", weights, np.concatenate([one.normals for one in surfaces])[triangle])
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-9)
    bright = gpu_shaders.AMBIENT + gpu_shaders.DIFFUSE * np.abs(normals @ light_from(view))
    colour[covered, :3] = encoded(_light(surfaces, triangle, weights, bright.astype(np.float32)))
    colour[covered, 3] = 1
    return colour, np.where(covered, seen.depth, np.inf).astype(np.float32)


def _light(surfaces: Sequence[Surface], triangle: NDArray[np.int64], weights: Floats, bright: Floats) -> Floats:
    """The light (P, 3) that comes from surfaces where pixels see their triangles.

    Args:
        surfaces: whose triangles are numbered one after the other.
        triangle: (P,) which one is seen.
        weights: (P, 3) where in it.
        bright: (P,) how much light falls there.
    """
    light = np.empty((len(triangle), 3), np.float32)
    start = 0
    for one in surfaces:
        mine = (triangle >= start) & (triangle < start + len(one.corners))
        base = np.array(one.look.colour[:3], np.float32)
        if one.look.image is not None:
            places = np.einsum("pk,pkc->pc", weights[mine], one.uv[triangle[mine] - start])
            base = _texels(one.look.image, places)
            if one.look.change is not None:
                base = decoded(encoded(base) + _between(one.look.change, places))
        light[mine] = base * (np.float32(1) if one.look.glows else bright[mine, None])
        start += len(one.corners)
    return light


def _texels(image: bpy.types.Image, uv: Floats) -> Floats:
    """Light (P, 3) of an image between its pixels; it repeats beyond its edges."""
    width, height = image.size
    values = np.empty(width * height * image.channels, np.float32)
    image.pixels.foreach_get(values)
    pixels = values.reshape(height, width, -1)[..., :3]
    if pixels.shape[2] < 3:
        pixels = np.repeat(pixels[..., :1], 3, 2)
    if not image.is_float and image.colorspace_settings.name != "Non-Color":
        pixels = decoded(pixels)
    return _between(pixels, uv)


def _between(pixels: Floats, uv: Floats) -> Floats:
    """Values (P, 3) of pixels (H, W, 3), the lowest row first, between their middles; they repeat beyond the edges."""
    height, width = pixels.shape[:2]
    place = uv * (width, height) - 0.5
    low = np.floor(place).astype(np.int64)
    share = (place - low)[:, :, None].astype(np.float32)
    x, y = low[:, 0], low[:, 1]

    def at(across: int, up: int) -> Floats:
        return np.asarray(pixels[(y + up) % height, (x + across) % width])

    lower = at(0, 0) * (1 - share[:, 0]) + at(1, 0) * share[:, 0]
    upper = at(0, 1) * (1 - share[:, 0]) + at(1, 1) * share[:, 0]
    return np.asarray(lower * (1 - share[:, 1]) + upper * share[:, 1])


def _world(placed: Sequence[Placed], view: View, camera: Camera) -> Gaussians:
    """All Gaussians in Blender's world, with the colours that are seen from the camera."""
    parts = [_seen(one, view, camera) for one in placed]
    names = ("means", "rotations", "scales", "opacities", "harmonics")
    return Gaussians(*(np.concatenate([getattr(part, name) for part in parts]).astype(np.float32) for name in names))


def _seen(one: Placed, view: View, camera: Camera) -> Gaussians:
    splats = in_world(one)
    flat = np.broadcast_to(-view.to_view[2, :3], splats.means.shape)
    aims = flat if view.is_flat else splats.means - camera.position
    aims = aims / np.maximum(np.linalg.norm(aims, axis=1, keepdims=True), 1e-9) @ one.turn.T
    return replace(splats, harmonics=_flat_colours(splats, aims))


def in_world(one: Placed) -> Gaussians:
    """Return the Gaussians of a cloud where they are in Blender's world; the harmonics are those of the file."""
    splats, frame_of = one.cloud.splats, one.cloud.frame_of
    axes = one.frames[:, :, :3]
    own = axes[frame_of]
    means = np.einsum("nij,nj->ni", own, splats.means) + one.frames[frame_of, :, 3]
    sizes = np.cbrt(np.linalg.det(axes))
    turns = axes / np.where(sizes == 0, 1, sizes)[:, None, None]
    if (sizes > 0).all() and np.abs(turns @ turns.swapaxes(1, 2) - np.eye(3)).max() < _STIFF:
        rotations = triangle_binding.multiplied(triangle_binding.quaternions(turns)[frame_of], splats.rotations)
        scales = splats.scales * sizes[frame_of, None]
    else:
        rotations, scales = _stretched(own, splats)
    return Gaussians(means, rotations, scales, splats.opacities, splats.harmonics)


def _stretched(axes: NDArray[np.float64], splats: Gaussians) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Turns and sizes of Gaussians in frames that stretch: what their covariances have become."""
    root = axes @ (projection.rotation_matrices(splats.rotations.astype(np.float64)) * splats.scales[:, None, :])
    variances, turns = np.linalg.eigh(root @ root.swapaxes(1, 2))
    turns[:, :, 0] *= np.linalg.det(turns)[:, None]
    return triangle_binding.quaternions(turns), np.sqrt(np.maximum(variances, 1e-18))


def _flat_colours(splats: Gaussians, aims: NDArray[np.float64]) -> NDArray[np.float64]:
    """The colours that are seen in directions (N, 3), as harmonics of degree 0 (N, 1, 3)."""
    colours = 0.5 + HARMONIC_0 * splats.harmonics[:, 0]
    if splats.degree:
        values = projection.harmonics(aims, splats.degree)
        colours = colours + np.einsum("nk,nkc->nc", values, splats.harmonics[:, 1:])
    result: NDArray[np.float64] = ((np.maximum(colours, 0) - 0.5) / HARMONIC_0)[:, None]
    return result
