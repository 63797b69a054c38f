"""How a person's mouth looks as a function of its shape and the head's pose, learned from this video's frames alone.

The references are warped onto one face (the mean of their points) and freed of their light. The texture of any mouth is
then interpolated from those of the nearest frames by ordinary kriging (Matheron, 1963; Gaussian process regression with
an unknown mean): the inside of the mouth, the lips and the skin around them. How far a frame's say reaches and how much
noise is expected is found by leaving blocks of frames out; where no frame is near, it reaches farther.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from animcore.pipelines.dub import warp
from animcore.pipelines.dub.face_points import OVAL
from animcore.pipelines.dub.pixels import Box
from animcore.pipelines.dub.references import Bank, face_box, squares
from animcore.pipelines.dub.sampling import sampled

Array = NDArray[Any]
FloatArray = NDArray[np.float64]
FloatImage = NDArray[np.float32]

LARGEST = 384.0  # pixels between the sides of the face that the textures are made for
_FINER = 1.6  # times as many pixels along a side as the video has, of small faces: they are sampled twice
_REACHES = (2.0, 4.0, 8.0)  # millimetres
_NOISES = (0.05, 0.15, 0.5)  # of the textures' variance
_NEAREST = 24  # frames that a texture is made of
_RIM = 0.08  # of the width of the face: what is kept around what is needed
_ONE = 16384.0
_BLOCKS = 5
_TRIED = 1500  # samples of the textures that the two are chosen by
_MOST_BYTES = 320 << 20


@dataclass(frozen=True)
class Appearance:
    """Predicts textures.

    Attributes:
        points: (468, 2) of the mean face, pixels of the texture.
        box: of the texture.
        known: (h, w) which pixels it has.
        textures: (N, P, 3) int16 of the frames, `_ONE` for 1: half of float32, and quicker to unpack than float16.
        features: (N, F) of the frames.
        reach: millimetres.
        noise: of the textures' variance.
    """

    points: FloatArray
    box: Box
    known: NDArray[np.bool_]
    textures: NDArray[np.int16]
    features: FloatArray
    reach: float
    noise: float

    def predict(self, features: FloatArray) -> FloatImage:
        """(h, w, 3) texture for features (F,)."""
        rows, weights = nearest_weights(features[None], self.features, self.reach, self.noise)
        texture = np.zeros((*self.known.shape, 3), np.float32)
        near = self.textures[rows[0]].astype(np.float32).reshape(len(rows[0]), -1)
        texture[self.known] = ((weights[0] / _ONE).astype(np.float32) @ near).reshape(-1, 3)
        return texture


def nearest_weights(
    wanted: FloatArray, offered: FloatArray, reach: float, noise: float
) -> tuple[NDArray[np.int64], FloatArray]:
    """Return rows (T, M) of the nearest frames and their weights (T, M), whose sum is 1.

    Args:
        wanted: (T, F) features of what is asked.
        offered: (N, F) of what there is.
        reach: millimetres over which textures are alike, at least.
        noise: of the textures' variance.
    """
    apart = squares(wanted, offered)
    count = min(_NEAREST, len(offered))
    rows = np.argsort(apart, 1)[:, :count]
    far = np.take_along_axis(apart, rows, 1)
    scale = 2 * (reach * reach + far[:, :1])
    near = offered[rows]
    between = ((near[:, :, None] - near[:, None]) ** 2).sum(3)
    system = np.ones((len(wanted), count + 1, count + 1))
    system[:, :count, :count] = np.exp(-between / scale[..., None]) + noise * np.eye(count)
    system[:, count, count] = 0.0
    right = np.concatenate([np.exp(-far / scale), np.ones((len(wanted), 1))], 1)
    return rows, np.linalg.solve(system, right[..., None])[:, :count, 0]


def learn(bank: Bank, controls: Array, regions: Any, face_width: float) -> Appearance:
    """Learn from the frames of a bank.

    Args:
        bank: with its crops.
        controls: rows of the points that the flow is made from.
        regions: gives the parts of a box for points (468, 2): `Renderer.regions`.
        face_width: pixels.
    """
    scale = min(_FINER, LARGEST / face_width)
    centred = bank.points - bank.points[:, list(OVAL)].mean(1, keepdims=True)
    points = centred.mean(0) * scale
    points = points - points.min(0) + 0.2 * face_width * scale
    box = face_box(points, (1 << 20, 1 << 20))
    parts = regions(points, box, scale)
    known = warp.grown(parts.wanted, _RIM * face_width * scale)
    flow = warp.Flow(points[controls], box, face_width * scale)
    rows = np.arange(len(bank.crops))
    most = max(8, _MOST_BYTES // (int(known.sum()) * 6))
    if len(rows) > most:
        rows = np.unique(np.linspace(0, len(rows) - 1, most).round().astype(int))
    textures = np.empty((len(rows), int(known.sum()), 3), np.int16)
    light = _Light(parts.ring[known], known)
    for index, row in enumerate(rows):
        nodes = flow.sources(bank.points[row][controls] - points[controls])
        local = (nodes - (bank.boxes[row].left + 0.5, bank.boxes[row].top + 0.5)).astype(np.float32)
        crop = bank.crops[row]
        found = sampled(crop, local, flow.step, known)[known] / np.float32(np.iinfo(crop.dtype).max)
        textures[index] = np.rint(_ONE * light.evened(found)).clip(-32768, 32767)
    features = bank.features[rows]
    reach, noise = _chosen(textures[:, parts.mask[known]], features)
    return Appearance(points, box, known, textures, features, reach, noise)


class _Light:
    """Takes from textures the plane of colour by which their ring of skin differs from that of the first."""

    def __init__(self, ring: NDArray[np.bool_], known: NDArray[np.bool_]) -> None:
        rows, columns = np.nonzero(known)
        height, width = known.shape
        self.ring = ring
        self.terms = np.stack([np.ones(len(rows)), rows / height - 0.5, columns / width - 0.5], 1)
        own = self.terms[ring]
        self.solve = np.linalg.inv(own.T @ own + np.diag([1e-6, 0.02, 0.02]) * len(own)) @ own.T
        self.target: FloatImage | None = None

    def evened(self, texture: FloatImage) -> FloatImage:
        """(P, 3) in the light of the first."""
        if self.target is None:
            self.target = texture[self.ring]
        return np.asarray(texture - self.terms @ (self.solve @ (texture[self.ring] - self.target)), np.float32)


def _chosen(textures: NDArray[np.int16], features: FloatArray) -> tuple[float, float]:
    """Reach and noise that predict left-out blocks of frames best."""
    if len(features) < 2 * _BLOCKS:
        return _REACHES[1], _NOISES[1]
    flat = textures.reshape(len(textures), -1)
    values = flat[:, :: max(1, flat.shape[1] // _TRIED)].astype(np.float64)
    blocks = np.array_split(np.arange(len(features)), _BLOCKS)
    best = (np.inf, _REACHES[1], _NOISES[1])
    for reach in _REACHES:
        for noise in _NOISES:
            error = 0.0
            for block in blocks:
                others = np.setdiff1d(np.arange(len(features)), block)
                rows, weights = nearest_weights(features[block], features[others], reach, noise)
                found = np.einsum("tm,tmp->tp", weights, values[others][rows])
                error += float(((found - values[block]) ** 2).sum())
            best = min(best, (error, reach, noise))
    return best[1], best[2]
