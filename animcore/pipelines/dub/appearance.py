"""How a person's mouth looks as a function of its shape and the head's pose, learned from this video's frames alone.

The references are warped onto one face (the mean of their points) and freed of their light; kernel ridge regression
(Saunders, Gammerman and Vovk, 1998) from mouth and pose to these textures then predicts the texture of any mouth:
the inside of the mouth, the lips and the skin around them, smooth in time because it is smooth in the mouth's shape.
How far a frame's say reaches and how much noise is expected is found by leaving blocks of frames out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from animcore.pipelines.dub import warp
from animcore.pipelines.dub.bank import Bank, face_box
from animcore.pipelines.dub.face_points import OVAL
from animcore.pipelines.dub.pixels import Box
from animcore.pipelines.dub.sampling import sampled

Array = NDArray[Any]
FloatArray = NDArray[np.float64]
FloatImage = NDArray[np.float32]

LARGEST = 384.0  # pixels between the sides of the face that the textures are made for
_REACHES = (2.0, 3.0, 4.5, 7.0, 11.0)  # millimetres
_NOISES = (0.05, 0.15, 0.4)  # of the textures' variance
_BLOCKS = 5
_TRIED = 2000  # samples of the textures that the two are chosen by
_MOST_BYTES = 320 << 20


@dataclass(frozen=True)
class Appearance:
    """Predicts textures.

    Attributes:
        points: (468, 2) of the mean face, pixels of the texture.
        box: of the texture.
        known: (h, w) which pixels it has.
        mean: (P, 3) and
        shares: (N, P, 3) what each frame adds, float32.
        features: (N, F) of the frames.
        reach: millimetres.
    """

    points: FloatArray
    box: Box
    known: NDArray[np.bool_]
    mean: FloatImage
    shares: FloatImage
    features: FloatArray
    reach: float

    def predict(self, features: FloatArray) -> FloatImage:
        """(h, w, 3) texture for features (F,)."""
        weights = _kernel(features[None], self.features, self.reach)[0].astype(np.float32)
        texture = np.zeros((*self.known.shape, 3), np.float32)
        texture[self.known] = self.mean + (weights @ self.shares.reshape(len(weights), -1)).reshape(-1, 3)
        return texture


def learn(bank: Bank, controls: Array, regions: Any, face_width: float) -> Appearance:
    """Learn from the frames of a bank.

    Args:
        bank: with its crops.
        controls: rows of the points that the flow is made from.
        regions: gives the parts of a box for points (468, 2): `Renderer.regions`.
        face_width: pixels.
    """
    scale = min(1.0, LARGEST / face_width)
    centred = bank.points - bank.points[:, list(OVAL)].mean(1, keepdims=True)
    points = centred.mean(0) * scale
    points = points - points.min(0) + 0.2 * face_width * scale
    box = face_box(points, (1 << 20, 1 << 20))
    parts = regions(points, box, scale)
    flow = warp.Flow(points[controls], box, face_width * scale)
    count = max(8, _MOST_BYTES // (int(parts.wanted.sum()) * 12))
    rows = np.arange(len(bank.crops))
    if len(rows) > count:
        rows = np.unique(np.linspace(0, len(rows) - 1, count).round().astype(int))
    textures = np.empty((len(rows), int(parts.wanted.sum()), 3), np.float32)
    for index, row in enumerate(rows):
        nodes = flow.sources(bank.points[row][controls] - points[controls])
        local = (nodes - (bank.boxes[row].left + 0.5, bank.boxes[row].top + 0.5)).astype(np.float32)
        crop = bank.crops[row]
        textures[index] = sampled(crop, local, flow.step, parts.wanted)[parts.wanted] / np.iinfo(crop.dtype).max
    _without_light(textures, parts.ring[parts.wanted], parts.wanted)
    return _fitted(textures, bank.features[rows], points, box, parts.wanted)


def _fitted(
    textures: FloatImage, features: FloatArray, points: FloatArray, box: Box, known: NDArray[np.bool_]
) -> Appearance:
    mean = textures.mean(0)
    textures -= mean
    reach, noise = _chosen(textures, features)
    inverse = np.linalg.inv(_kernel(features, features, reach) + noise * np.eye(len(features))).astype(np.float32)
    flat = textures.reshape(len(textures), -1)
    for first in range(0, flat.shape[1], 1 << 16):
        flat[:, first : first + (1 << 16)] = inverse @ flat[:, first : first + (1 << 16)]
    return Appearance(points, box, known, mean, textures, features, reach)


def _chosen(textures: FloatImage, features: FloatArray) -> tuple[float, float]:
    """Reach and noise that predict left-out blocks of frames best."""
    if len(features) < 2 * _BLOCKS:
        return _REACHES[2], _NOISES[2]
    flat = textures.reshape(len(textures), -1)
    values = flat[:, :: max(1, flat.shape[1] // _TRIED)].astype(np.float64)
    blocks = np.array_split(np.arange(len(features)), _BLOCKS)
    best = (np.inf, _REACHES[2], _NOISES[2])
    for reach in _REACHES:
        whole = _kernel(features, features, reach)
        for noise in _NOISES:
            error = 0.0
            for block in blocks:
                others = np.setdiff1d(np.arange(len(features)), block)
                system = whole[np.ix_(others, others)] + noise * np.eye(len(others))
                found = whole[np.ix_(block, others)] @ np.linalg.solve(system, values[others])
                error += float(((found - values[block]) ** 2).sum())
            best = min(best, (error, reach, noise))
    return best[1], best[2]


def _without_light(textures: FloatImage, ring: NDArray[np.bool_], known: NDArray[np.bool_]) -> None:
    """Take from each texture the plane of colour by which its ring of skin differs from that of all."""
    rows, columns = np.nonzero(known)
    height, width = known.shape
    terms = np.stack([np.ones(len(rows)), rows / height - 0.5, columns / width - 0.5], 1)
    own = terms[ring]
    solve = np.linalg.inv(own.T @ own + np.diag([1e-6, 0.02, 0.02]) * len(own)) @ own.T
    target = textures[:, ring].mean(0)
    for texture in textures:
        texture -= (terms @ (solve @ (texture[ring] - target))).astype(np.float32)


def _kernel(one: FloatArray, other: FloatArray, reach: float) -> FloatArray:
    squares = (one**2).sum(1)[:, None] + (other**2).sum(1)[None] - 2 * one @ other.T
    return np.asarray(np.exp(-np.maximum(squares, 0) / (2 * reach * reach)))
