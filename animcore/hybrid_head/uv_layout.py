"""The texture layout of a head's mesh: one square for skin, eyes, teeth and tongue, whatever the model leaves out.

An island of the model's own layout stays as it is, and is packed with the others so that a square metre of the
head gets about the same share of the square everywhere. Parts that have no layout are unrolled around the axis that
runs upward through their middle.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from animcore.body_models.parametric_model import ParametricModel

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int64]

_GAP = 0.006  # of the square, between the pieces
_ROUNDS = 400  # of spreading names along a mesh; more than any path through a piece needs


def layout(model: ParametricModel) -> tuple[FloatArray, IntArray]:
    """Return texture places (U, 2) in 0..1, the second upwards, and the places (F, 3) of the model's faces."""
    template = np.asarray(model.template)
    uv, faces = _own(model, template)
    piece = _pieces(faces, len(uv))[faces[:, 0]]
    corners, places = template[model.faces], uv[faces]
    area = 0.5 * np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    names = np.unique(piece)
    boxes = []
    for name in names:
        mine = piece == name
        used = places[mine].reshape(-1, 2)
        low, size = used.min(0), np.maximum(np.ptp(used, axis=0), 1e-6)
        inside = _area(places[mine]).sum()
        scale = np.sqrt(area[mine].sum() / max(float(inside), 1e-9))
        boxes.append((low, size, scale))
    sizes = np.array([size * scale for _low, size, scale in boxes])
    spots, share = _packed(sizes)
    answer, moved = np.zeros((len(faces) * 3, 2), np.float32), np.arange(len(faces) * 3).reshape(-1, 3)
    for name, (low, _size, scale), spot in zip(names, boxes, spots, strict=True):
        mine = moved[piece == name].ravel()
        answer[mine] = (places.reshape(-1, 2)[mine] - low) * scale * share + spot
    few, index = np.unique(np.round(answer, 6), axis=0, return_inverse=True)
    return few.astype(np.float32), index.reshape(-1, 3)


def _own(model: ParametricModel, template: FloatArray) -> tuple[FloatArray, IntArray]:
    """The model's own places, with unrolled ones for the pieces of the mesh that have none."""
    extras: Any = model.extras
    if "vt" in extras and "ft" in extras:
        uv, faces = extras["vt"].astype(np.float64), extras["ft"].astype(np.int64)
    else:
        uv, faces = np.zeros((1, 2)), np.zeros(model.faces.shape, np.int64)
    bare = np.flatnonzero(_area(uv[faces]) < 1e-12)
    lacking = _pieces(model.faces, len(template))[model.faces[:, 0]]
    wholly = np.isin(lacking, np.setdiff1d(lacking[bare], np.delete(lacking, bare)))
    chosen = np.flatnonzero(wholly)
    if not len(chosen):
        return uv, faces
    unrolled = np.zeros((len(template), 2))
    for name in np.unique(lacking[chosen]):
        used = np.unique(model.faces[lacking == name])
        points = template[used]
        away = points - points.mean(0)
        radius = float(np.linalg.norm(away[:, [0, 2]], axis=1).mean())
        unrolled[used] = np.stack([np.arctan2(away[:, 0], away[:, 2]) * radius, away[:, 1]], 1)
    faces = faces.copy()
    faces[chosen] = model.faces[chosen] + len(uv)
    return np.concatenate([uv, unrolled]), faces


def _pieces(faces: IntArray, count: int) -> IntArray:
    """(count,) the smallest vertex that each vertex hangs together with."""
    name = np.arange(count)
    for _ in range(_ROUNDS):
        least = name[faces].min(1)
        before = name.copy()
        for corner in range(3):
            np.minimum.at(name, faces[:, corner], least)
        name = name[name]
        if (name == before).all():
            break
    return name


def _area(places: NDArray[Any]) -> NDArray[Any]:
    first, second = places[:, 1] - places[:, 0], places[:, 2] - places[:, 0]
    return np.asarray(0.5 * np.abs(first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0]))


def _packed(sizes: NDArray[Any]) -> tuple[NDArray[Any], float]:
    """Put boxes (B, 2) in rows, the highest first; their lower corners (B, 2) in the square and the scale found."""
    order = np.argsort(-sizes[:, 1])
    low, high = 0.0, 1 / float(sizes.max())
    best = np.zeros_like(sizes)
    for _ in range(30):
        middle = (low + high) / 2
        spots = _rows(sizes * middle + _GAP, order)
        if spots is None:
            high = middle
        else:
            low, best = middle, spots
    return best + _GAP / 2, low


def _rows(sizes: NDArray[Any], order: IntArray) -> NDArray[Any] | None:
    spots = np.zeros_like(sizes)
    across = up = row = 0.0
    for box in order:
        width, height = sizes[box]
        if across + width > 1:
            across, up, row = 0.0, up + row, 0.0
        if across + width > 1 or up + height > 1:
            return None
        spots[box] = across, up
        across, row = across + width, max(row, height)
    return spots
