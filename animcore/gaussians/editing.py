"""Edits of Gaussians: which ones, other colours, cut out, hair from one head onto another.

Everything gives new Gaussians and leaves the old ones as they are; numpy alone, so that Blender edits with it too.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from animcore.errors import InputError
from animcore.gaussians.gaussians import HARMONIC_0, Gaussians
from animcore.gaussians.transforms import transformed
from animcore.geometry.surface_registration import similarity_between

Array = NDArray[Any]
Mask = NDArray[np.bool_]

_LUMINANCE = (0.2126, 0.7152, 0.0722)  # of red, green, blue (ITU-R BT.709)
_BLOCK = 1 << 23  # distances at once
_FEWEST = 12  # vertices that determine the pose of a scalp
_REACH = 0.02  # metres: hair nearer to the skin than this grows there


def in_box(points: Array, lower: Array, upper: Array) -> Mask:
    """Return (N,) which points (N, 3) lie in a box between two corners (3,), in any order."""
    low, high = np.minimum(lower, upper), np.maximum(lower, upper)
    return np.asarray(((points >= low) & (points <= high)).all(1))


def in_sphere(points: Array, centre: Array, radius: float) -> Mask:
    """Return (N,) which points (N, 3) lie within a radius of a centre (3,), in metres."""
    return np.asarray(((np.asarray(points) - centre) ** 2).sum(1) <= radius**2)


def nearest_triangles(points: Array, vertices: Array, faces: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return (N,) the triangles of a mesh whose middles are nearest: on what Gaussians without a binding stand."""
    middles = np.asarray(vertices, np.float32)[faces].mean(1)
    return _nearest(np.asarray(points, np.float32), middles)


def texture_coordinates(
    points: Array,
    triangles: NDArray[np.int64],
    vertices: Array,
    faces: NDArray[np.int64],
    uv: Array,
    uv_faces: NDArray[np.int64],
) -> Array:
    """Return (N, 2) where in the texture Gaussians stand: 0..1, the second upwards.

    Args:
        points: (N, 3) their centres, in the world of `vertices`.
        triangles: (N,) that carry them.
        vertices: (V, 3), metres.
        faces: (F, 3).
        uv: (U, 2).
        uv_faces: (F, 3).
    """
    a, b, c = (np.asarray(vertices, np.float64)[faces[triangles, corner]] for corner in range(3))
    along, across, way = b - a, c - a, np.asarray(points, np.float64) - a
    products = np.stack([(along * along).sum(1), (along * across).sum(1), (across * across).sum(1)])
    first, second = (way * along).sum(1), (way * across).sum(1)
    area = np.maximum(products[0] * products[2] - products[1] ** 2, 1e-30)
    shares = np.stack([products[2] * first - products[1] * second, products[0] * second - products[1] * first]) / area
    shares = np.maximum(shares, 0)  # of a point outside its triangle the nearest place on it
    shares /= np.maximum(shares.sum(0), 1)
    corners = np.asarray(uv, np.float64)[uv_faces[triangles]]
    weights = np.stack([1 - shares.sum(0), *shares], 1)
    return np.asarray(np.einsum("nc,ncx->nx", weights, corners))


def under_mask(places: Array, mask: Array) -> Mask:
    """Return (N,) what stands where an image over the texture is painted.

    Args:
        places: (N, 2) in the texture, 0..1, the second upwards.
        mask: (H, W) first row on top; painted where it is at least half of its greatest value.
    """
    height, width = mask.shape
    x = np.clip((places[:, 0] * width).astype(int), 0, width - 1)
    y = np.clip(((1 - places[:, 1]) * height).astype(int), 0, height - 1)
    greatest = float(np.max(mask, initial=0))
    return np.asarray((mask[y, x] >= greatest / 2) & (greatest > 0))


def recolour(
    splats: Gaussians, chosen: Mask, hue: float = 0.0, saturation: float = 1.0, lightness: float = 1.0
) -> Gaussians:
    """Return Gaussians of which some have other colours, from every side.

    Turning hues and mixing with grey are linear in red, green and blue, so each harmonic takes them as the whole does.

    Args:
        splats: of any kind.
        chosen: (N,) which ones change.
        hue: radians, around the axis of greys: a third of a turn makes red green.
        saturation: 0 is grey, 1 as it is.
        lightness: times as light.
    """
    mix = lightness * _saturating(saturation) @ _turning(hue)
    harmonics = np.array(splats.harmonics, np.float32)
    harmonics[chosen] = harmonics[chosen] @ mix.T.astype(np.float32)
    harmonics[chosen, 0] += np.float32(0.5 * (lightness - 1) / HARMONIC_0)  # colours are counted from the middle grey
    return Gaussians(splats.means, splats.rotations, splats.scales, splats.opacities, harmonics, splats.binding)


def cut(splats: Gaussians, chosen: Mask) -> Gaussians:
    """Return Gaussians without those chosen (N,); none may be left."""
    return splats.part(~np.asarray(chosen, bool))


def scalp(hair: Gaussians, vertices: Array) -> NDArray[np.int64]:
    """Return the vertices (V, 3) of a head that its hair grows on: the nearest ones of hair that is near the skin.

    Raises:
        InputError: where there are too few to determine it.
    """
    points = np.asarray(hair.means, np.float32)
    nearest = _nearest(points, np.asarray(vertices, np.float32))
    close = np.linalg.norm(points - np.asarray(vertices)[nearest], axis=1) < _REACH
    found: NDArray[np.int64] = np.unique(nearest[close])
    if len(found) < _FEWEST:
        raise InputError(
            f"Only {len(found)} places of the head have hair near them, too few to move it to another head."
        )
    return found


def transplant_hair(hair: Gaussians, vertices: Array, other: Array) -> Gaussians:
    """Return the hair of one head as it fits on another: moved, turned and resized as one scalp goes onto the other.

    Args:
        hair: in the world of `vertices`.
        vertices: (V, 3) the head it grows on.
        other: (V, 3) the head it shall grow on, with the same vertices in the same order.

    Raises:
        InputError: where the heads are of two models, or there is too little hair near the skin.
    """
    if vertices.shape != other.shape:
        raise InputError(
            f"The heads have {len(vertices)} and {len(other)} vertices: hair goes between heads of one model alone."
        )
    grown = scalp(hair, vertices)
    points = np.asarray(vertices, np.float64)[grown], np.asarray(other, np.float64)[grown]
    return transformed(hair, similarity_between(*points))


def _turning(angle: float) -> Array:
    """(3, 3) a turn about the axis of greys (Rodrigues)."""
    cross = np.array([[0.0, -1.0, 1.0], [1.0, 0.0, -1.0], [-1.0, 1.0, 0.0]]) / np.sqrt(3)
    return np.asarray(np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross)


def _saturating(amount: float) -> Array:
    """(3, 3) a mixture with the grey that is as light."""
    return np.asarray(amount * np.eye(3) + (1 - amount) * np.tile(_LUMINANCE, (3, 1)))


def _nearest(points: NDArray[np.float32], places: NDArray[np.float32]) -> NDArray[np.int64]:
    squares = (places**2).sum(1)
    step = max(1, _BLOCK // len(places))
    parts = [(squares - 2 * points[k : k + step] @ places.T).argmin(1) for k in range(0, len(points), step)]
    found: NDArray[np.int64] = np.concatenate(parts) if parts else np.zeros(0, np.int64)
    return found
