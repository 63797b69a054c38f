"""A body: 33 points in the image and in metres, followed from image to image.

MediaPipe Pose in its full size (BlazePose; Bazarevsky, Grishchenko, Raveendran, Zhu, Zhang, Grundmann 2020). One person
is followed; the detector is asked where none is.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from animcore.trackers.detection import SURE, detect
from animcore.trackers.networks import network
from animcore.trackers.regions import Image, Region, crop, turn_between
from animcore.trackers.smoothing import OneEuroFilter

Array = NDArray[np.floating[Any]]

NAMES = (
    "nose", "left_eye_inner", "left_eye", "left_eye_outer", "right_eye_inner", "right_eye", "right_eye_outer",
    "left_ear", "right_ear", "mouth_left", "mouth_right", "left_shoulder", "right_shoulder", "left_elbow",
    "right_elbow", "left_wrist", "right_wrist", "left_pinky", "right_pinky", "left_index", "right_index", "left_thumb",
    "right_thumb", "left_hip", "right_hip", "left_knee", "right_knee", "left_ankle", "right_ankle", "left_heel",
    "right_heel", "left_foot_index", "right_foot_index",
)  # fmt: skip
POINTS = len(NAMES)
_LARGER = 1.25  # times the circle around the person: what the network is shown
_REACH = 3  # cells of a heat map around a point in which its place is looked for
_CLEAR = 0.5  # value of a heat map from which it knows better
_RATE = 30.0  # images a second where no times are given


@dataclass(frozen=True)
class Body:
    """A body in an image.

    Attributes:
        points: (33, 3) X and Y in pixels, Y down; depth on about the same scale, smaller towards the camera, 0 at the
            hips.
        metres: (33, 3) places in metres around the middle of the hips, on the image's axes.
        visible: (33,) 0..1, how surely each point is within the image and not hidden.
        present: (33,) 0..1, how surely each point is within the image.
        score: 0..1, how surely it is a person.
    """

    points: Array
    metres: Array
    visible: Array
    present: Array
    score: float


class BodyTracker:
    """Finds a person in images, and follows it where the images are those of a video.

    Args:
        still: whether images have nothing to do with one another.
        threads: of the processor; 0 for as many as are useful.

    Raises:
        AnimcoreError: where a network is missing or broken.
    """

    def __init__(self, still: bool = False, threads: int = 0) -> None:
        self.still = still
        self._detector, self._network = network("body_detector", threads), network("body", threads)
        self._followed: Region | None = None
        self._steady = OneEuroFilter(0.01, 10.0)  # of the region alone; points are given as they are found
        self._time = 0.0

    def __call__(self, image: Image, time: float | None = None) -> Body | None:
        """Return the body of an image (H, W, 3) sRGB uint8, None where none is found.

        Args:
            image: of the video.
            time: seconds of the image; without it, 30 images a second.
        """
        self._time = self._time + 1 / _RATE if time is None else time
        region = None if self.still else self._followed
        if region is None:
            found = detect(self._detector, image)
            region = _aligned(found[0].points[:2]).square(_LARGER) if found else None
        seen = None if region is None else self._body(image, region)
        if seen is None:
            self._followed = None
            self._steady = OneEuroFilter(0.01, 10.0)
            return None
        body, circle = seen
        circle = self._steady(circle, self._time, _aligned(circle).width)
        self._followed = _aligned(circle).square(_LARGER)
        return body

    def _body(self, image: Image, region: Region) -> tuple[Body, Array] | None:
        """The body in a region, and two points (2, 2): the middle of the circle around it, and one on it."""
        found = self._network.run(crop(image, region, self._network.size))
        score = float(found["score"][0])
        if score < SURE:
            return None
        shares = found["points"][:, :3].astype(float) / self._network.size[0]
        points = region.to_image(refined(shares, found["heat"]))
        metres = found["metres"][:POINTS].astype(float)
        metres[:, :2] = metres[:, :2] @ region.axes()
        visible, present = found["points"][:POINTS, 3:].astype(float).T
        return Body(points[:POINTS], metres, visible, present, score), points[POINTS : POINTS + 2, :2]


def _aligned(circle: Array) -> Region:
    """The square around a circle, turned so that the person in it stands upright.

    Args:
        circle: (2, 2) its middle, and the point on it that lies above the person's head.
    """
    side = 2 * float(np.linalg.norm(circle[1] - circle[0]))
    upright = Region(float(circle[0, 0]), float(circle[0, 1]), side, side)
    return replace(upright, turn=turn_between(circle[0], circle[1], np.pi / 2))


def refined(points: Array, heat: Array) -> Array:
    """Points (N, 3) in shares of the crop, moved to the middle of what their heat maps (N, H, W) show around them."""
    answer = points.copy()
    height, width = heat.shape[1:]
    for number, (x, y, _) in enumerate(points):
        column, row = int(x * width), int(y * height)
        if not (0 <= column < width and 0 <= row < height):
            continue
        left, top = max(0, column - _REACH), max(0, row - _REACH)
        around = heat[number, top : row + _REACH + 1, left : column + _REACH + 1].astype(float)
        if around.max() >= _CLEAR:
            total = around.sum()
            answer[number, 0] = (around.sum(0) @ (left + np.arange(around.shape[1]))) / total / width
            answer[number, 1] = (around.sum(1) @ (top + np.arange(around.shape[0]))) / total / height
    return answer
