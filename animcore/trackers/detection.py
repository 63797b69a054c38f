"""Detectors: where in an image faces, palms or persons are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from animcore.trackers.networks import ImageNetwork
from animcore.trackers.regions import Image, Region, crop

Array = NDArray[np.floating[Any]]

SURE = 0.5  # of a detection, from which it counts
_SAME = 0.3  # overlap from which two boxes mean the same thing


@dataclass(frozen=True)
class Detection:
    """What was found at a place.

    Attributes:
        box: upright, in pixels of the image.
        points: (K, 2) pixels of the image, such as the eyes of a face.
        score: 0..1.
    """

    box: Region
    points: Array
    score: float


def detect(network: ImageNetwork, image: Image) -> list[Detection]:
    """Return what a detector finds in an image (H, W, 3), the surest first."""
    whole = Region.of_image(image, square=True)
    found = network.run(crop(image, whole, network.size, beyond=False))
    boxes, scores = found["boxes"], found["scores"]
    chosen = (scores >= SURE) & (boxes[:, 2:4] >= 0).all(1)
    return [
        Detection(
            Region(*whole.to_image(box[None, :2])[0], *(float(side) * whole.width for side in box[2:4])),
            whole.to_image(box[4:].reshape(-1, 2)), score,
        )
        for box, score in merged(boxes[chosen].astype(float), scores[chosen].astype(float))
    ]  # fmt: skip


def merged(boxes: Array, scores: Array) -> list[tuple[Array, float]]:
    """Boxes that overlap become one, the mean by their scores (the blending of BlazeFace; Bazarevsky et al. 2019).

    Args:
        boxes: (N, 4 + 2 K) middle, width and height, and further points.
        scores: (N,) 0..1.

    Returns:
        Each box with the score of its surest part, the surest first.
    """
    order = np.argsort(-scores, kind="stable")
    answer = []
    while len(order):
        first = Region(*boxes[order[0], :4])
        same = np.array([Region(*box[:4]).overlap(first) > _SAME for box in boxes[order]])
        if not same.any():  # a box without an area
            break
        answer.append((np.average(boxes[order[same]], axis=0, weights=scores[order[same]]), float(scores[order[0]])))
        order = order[~same]
    return answer
