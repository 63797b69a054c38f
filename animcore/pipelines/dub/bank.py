"""The frames of a video that lend their appearance: crops of the lower face, and the points that they show."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from animcore.pipelines.dub.face_points import OVAL
from animcore.pipelines.dub.pixels import Box, Picture

Array = NDArray[Any]
FloatArray = NDArray[np.float64]

MOST_BYTES = 400 << 20  # of the crops of a person
MOST_FRAMES = 400
_MARGIN = 0.06  # of the width of the face, around its points


@dataclass
class Bank:
    """Crops of N frames of one person.

    Attributes:
        crops: each (h, w, 3), 0..1 as float16 or the format's own numbers; channels of the format.
        boxes: where each lies in its frame.
        points: (N, 468, 2) pixels of its frame.
        features: (N, F) of its mouth and pose.
        order: (N,) the frames' numbers in the video.
        model_features: (N, F) without what the landmarks say beyond the model.
        residual: (N, 468, 2) metres, what its landmarks say beyond the model.
    """

    points: FloatArray
    features: FloatArray
    order: NDArray[np.int64]
    model_features: FloatArray
    residual: FloatArray
    crops: list[Array] = field(default_factory=list)
    boxes: list[Box] = field(default_factory=list)

    def add(self, picture: Picture) -> None:
        """Take the crop of the next frame, in the order of `order`."""
        points = self.points[len(self.crops)]
        box = face_box(points, picture.size)
        kind = np.uint8 if picture.most == 255 else np.uint16
        self.crops.append(np.rint(picture.crop(box) * np.iinfo(kind).max).astype(kind))
        self.boxes.append(box)


def face_box(points: FloatArray, size: tuple[int, int]) -> Box:
    """Return the box of the lower face of points (468, 2), from the eyes to under the chin."""
    oval = points[list(OVAL)]
    width = float(np.ptp(oval[:, 0]))
    lower = points[[*OVAL, 4, 5]]
    lower = lower[lower[:, 1] > points[[33, 263], 1].mean()]
    return Box.around(lower, _MARGIN * width, size)


def most_frames(points: FloatArray, size: tuple[int, int]) -> int:
    """Return how many crops of this size are kept."""
    height, width = face_box(points, size).shape
    return int(np.clip(MOST_BYTES // (height * width * 3), 40, MOST_FRAMES))
