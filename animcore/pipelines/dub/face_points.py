"""A person's face in a shot as 468 points of each frame: where they are, and where another mouth would bring them.

The points are those of the tracker's model of the person, moved by ARKit weights and turned and placed as tracked, plus
what the landmarks of the video say beyond the model, smoothed over time.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from animcore.body_models.face_landmarks import FACE, ModelLandmarks
from animcore.body_models.parametric_model import ParametricModel
from animcore.core.vocabulary import ARKIT
from animcore.geometry.rotations import from_matrix
from animcore.hybrid_head.tracking.face_tracker import HeadTrack

Array = NDArray[Any]
FloatArray = NDArray[np.float64]

# Landmarks of MediaPipe's face mesh.
OUTER_LIPS = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 409, 270, 269, 267, 0, 37, 39, 40, 185)
INNER_LIPS = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 415, 310, 311, 312, 13, 82, 81, 80, 191)
LIPS = (*OUTER_LIPS, *INNER_LIPS)
OVAL = (
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152, 148, 176, 149, 150,
    136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
)  # fmt: skip
UPPER_LIP, LOWER_LIP = 13, 14  # the middle of their inner rims
CORNERS = (61, 291)
EYE_CORNERS = (33, 263)  # the outer ones
CHIN = 152

MOUTH = tuple(name for name in ARKIT if name.startswith(("jaw", "mouth")) or name == "cheekPuff")
MOUTH_COLUMNS = [ARKIT.index(name) for name in MOUTH]
_GAPS = ((13, 14), (82, 87), (312, 317))  # of the inner rims of the lips, above each other
_GAP_SHARE = 0.6  # how much they count: an open mouth must not shine through closed lips
_STEADY = 0.03  # seconds over which what lies beyond the model is smoothed
_REACH = 0.012  # metres around the lips over which a residual belongs to the mouth


@dataclass(frozen=True)
class FacePoints:
    """A face in T frames of a shot.

    Attributes:
        times: (T,) seconds in the video.
        found: (T,) whether the face was found.
        size: width and height of the image.
        arkit: (T, 52) weights as tracked.
        turns: (T, 3, 3) and
        places: (T, 3) of the head before the camera, metres.
        focal: pixels.
        rest: (468, 3) the person's points at rest.
        shapes: (52, 468, 3) what the weights at 1 move.
        residual: (T, 468, 2) metres, right and up in the image: what the landmarks say beyond the model.
    """

    times: FloatArray
    found: NDArray[np.bool_]
    size: tuple[int, int]
    arkit: FloatArray
    turns: FloatArray
    places: FloatArray
    focal: float
    rest: FloatArray
    shapes: FloatArray
    residual: FloatArray

    @classmethod
    def of(cls, track: HeadTrack, landmarks: Array, model: ParametricModel) -> FacePoints:
        """Return the points of a track and the landmarks (T, 478, 3), in pixels, that it was found from."""
        marks = ModelLandmarks.on(model)
        own = np.einsum("lc,lcx->lx", marks.shares, track.offset[marks.corners])
        rest = marks.points + np.tensordot(track.people, marks.people[: len(track.people)], 1) + own
        nothing = np.zeros((len(track.times), FACE, 2))
        points = cls(
            track.times, track.found, (int(track.size[0]), int(track.size[1])), track.arkit, track.turns, track.places,
            track.focal, rest, marks.shapes, nothing,
        )  # fmt: skip
        there, depth = points._placed(rest + np.tensordot(track.arkit, marks.shapes, 1))
        beyond = (landmarks[:, :FACE, :2] - there) * (1, -1) * (depth / track.focal)[..., None]
        rate = 1 / max(float(np.median(np.diff(track.times))), 1e-3)
        steady = _steady(np.where(track.found[:, None, None], beyond, np.nan), _STEADY * rate)
        return replace(points, residual=steady)

    def part(self, rows: Array) -> FacePoints:
        """Return the face in some of the frames, in any order."""
        values = {name: getattr(self, name) for name in self.__dataclass_fields__}
        for name in ("times", "found", "arkit", "turns", "places", "residual"):
            values[name] = values[name][rows]
        return FacePoints(**values)

    @cached_property
    def pixels(self) -> FloatArray:
        """(T, 468, 2) columns and rows of the points as they are; the left upper corner of the image is 0."""
        return self.image_points(self.arkit, self.residual)

    @cached_property
    def near_lips(self) -> FloatArray:
        """(468,) 1 at the lips, 0 far from them: how much of a point's residual belongs to the mouth."""
        away = np.linalg.norm(self.rest[:, None] - self.rest[None, list(LIPS)], axis=2).min(1)
        return np.asarray(np.exp(-0.5 * (away / _REACH) ** 2))

    def image_points(self, arkit: FloatArray, residual: FloatArray) -> FloatArray:
        """(T, 468, 2) pixels of the points with these weights (T, 52) and residuals."""
        there, depth = self._placed(self.rest + np.tensordot(arkit, self.shapes, 1))
        return np.asarray(there + residual * (1, -1) * (self.focal / depth)[..., None])

    def width(self) -> float:
        """Pixels between the sides of the face, the median over the frames."""
        if not self.found.any():
            return 0.0
        return float(np.median(np.ptp(self.pixels[self.found][..., 0], axis=1)))

    def mouth_features(self, arkit: FloatArray, residual: FloatArray | None) -> FloatArray:
        """(T, F) what tells mouths and poses apart, in millimetres.

        Args:
            arkit: (T, 52) weights.
            residual: (T, 468, 2), or None for that of the model alone.
        """
        lips = list(LIPS)
        shape = np.tensordot(arkit, self.shapes[:, lips], 1)
        if residual is not None:
            flat = np.concatenate([residual[:, lips], np.zeros((len(residual), len(lips), 1))], 2)
            shape = shape + np.einsum("tyx,tly->tlx", self.turns, flat)
        chin = np.tensordot(arkit, self.shapes[:, [CHIN]], 1)
        mouth = shape.reshape(len(shape), -1) / np.sqrt(len(lips)) * 1000
        upper, lower = ([lips.index(pair[side]) for pair in _GAPS] for side in (0, 1))
        gaps = (shape[:, upper, 1] - shape[:, lower, 1]) * 1000
        return np.concatenate(
            [mouth, _GAP_SHARE * gaps, 0.5 * chin.reshape(len(chin), -1) * 1000, from_matrix(self.turns) * 15.0], 1
        )

    def _placed(self, points: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Pixels (T, 468, 2) and depths (T, 468) of points (T, 468, 3) in the axes of the head."""
        there = np.einsum("txy,tly->tlx", self.turns, points) + self.places[:, None]
        depth = np.maximum(-there[..., 2], 1e-3)
        flat = there[..., :2] * (1, -1) * (self.focal / depth)[..., None]
        return flat + np.array(self.size, float) / 2, depth


def opening(points: FloatArray) -> FloatArray:
    """(T,) distance of the inner lips over that of the outer eye corners, of points (T, 468, 2)."""
    return _apart(points, (UPPER_LIP, LOWER_LIP)) / _apart(points, EYE_CORNERS)


def width(points: FloatArray) -> FloatArray:
    """(T,) distance of the corners of the mouth over that of the outer eye corners, of points (T, 468, 2)."""
    return _apart(points, CORNERS) / _apart(points, EYE_CORNERS)


def _apart(points: FloatArray, pair: tuple[int, int]) -> FloatArray:
    return np.asarray(np.linalg.norm(points[:, pair[0], :2] - points[:, pair[1], :2], axis=1))


def _steady(values: FloatArray, frames: float) -> FloatArray:
    """(T, ...) smoothed over time by a Gaussian, where lost frames (NaN) take what is around them."""
    known = np.isfinite(values).reshape(len(values), -1).all(1)
    if not known.any():
        return np.zeros_like(values)
    reach = max(1, int(np.ceil(3 * frames)))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / max(frames, 1e-3)) ** 2)
    nearest = np.abs(np.arange(len(values))[:, None] - np.flatnonzero(known)[None]).argmin(1)
    whole = values[np.flatnonzero(known)[nearest]]
    padded = np.concatenate([np.repeat(whole[:1], reach, 0), whole, np.repeat(whole[-1:], reach, 0)])
    total = np.zeros_like(whole)
    for index, share in enumerate(kernel / kernel.sum()):
        total += share * padded[index : index + len(whole)]
    result: FloatArray = total
    return result
