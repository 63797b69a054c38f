"""Hands: 21 points each, in the image and in metres, followed from image to image.

MediaPipe Hands (Zhang, Bazarevsky, Vakunov, Tkachenka, Sung, Chang, Grundmann 2020), both networks in their full size.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from animcore.trackers.detection import SURE, Detection, detect
from animcore.trackers.networks import network
from animcore.trackers.regions import Image, Region, crop, joined, turn_between

Array = NDArray[np.floating[Any]]

POINTS = 21  # the wrist, then four of each finger from the thumb on, from the palm to the tip
_ALIKE = 0.5  # overlap from which a detected hand is one that is followed
_WRIST, _INDEX, _MIDDLE, _RING = 0, 5, 9, 13  # the wrist, and where fingers begin
_PALM = (0, 1, 2, 3, 5, 6, 9, 10, 13, 14, 17, 18)  # points that tell where the hand will be
_FLAT = 0.4  # the network's depth is this share of its width


@dataclass(frozen=True)
class Hand:
    """A hand in an image.

    Attributes:
        points: (21, 3) X and Y in pixels, Y down; depth on about the same scale, smaller towards the camera.
        metres: (21, 3) places in metres around the middle of the hand, on the image's axes.
        right: 0..1, how surely it is the person's right hand.
        score: 0..1, how surely it is a hand.
    """

    points: Array
    metres: Array
    right: float
    score: float


class HandTracker:
    """Finds hands in images, and follows them where the images are those of a video.

    Args:
        hands: how many are looked for.
        still: whether images have nothing to do with one another.
        threads: of the processor; 0 for as many as are useful.

    Raises:
        AnimcoreError: where a network is missing or broken.
    """

    def __init__(self, hands: int = 2, still: bool = False, threads: int = 0) -> None:
        self.hands, self.still = hands, still
        self._detector, self._network = network("palm_detector", threads), network("hand", threads)
        self._followed: list[Region] = []

    def __call__(self, image: Image) -> list[Hand]:
        """Return the hands of an image (H, W, 3) sRGB uint8; those that were followed longest come last."""
        regions = [] if self.still else self._followed
        if len(regions) < self.hands:
            found = detect(self._detector, image)[: self.hands]
            regions = joined([_region_of(one) for one in found], regions, _ALIKE)
        hands = [hand for region in regions if (hand := self.at(image, region)) is not None]
        self._followed = [region_around(hand.points) for hand in hands]
        return hands

    def at(self, image: Image, region: Region) -> Hand | None:
        """Return the hand in a region of an image, None where it shows none."""
        found = self._network.run(crop(image, region, self._network.size))
        score = float(found["score"][0])
        if score < SURE:
            return None
        points = region.to_image(found["points"].astype(float) / self._network.size[0] / (1, 1, _FLAT))
        metres = found["metres"].astype(float)
        metres[:, :2] = metres[:, :2] @ region.axes()
        return Hand(points, metres, float(found["right"][0]), score)


def _region_of(detection: Detection) -> Region:
    """What the network is shown of a palm that was detected: the whole hand, fingers up."""
    turn = turn_between(detection.points[0], detection.points[2], np.pi / 2)
    return replace(detection.box, turn=turn).square(2.6, shift_y=-0.5)


def region_around(points: Array) -> Region:
    """What the network is shown next of a hand (21, 3)."""
    palm = points[list(_PALM), :2]
    fingers = (points[_INDEX, :2] + points[_RING, :2]) / 4 + points[_MIDDLE, :2] / 2
    turn = turn_between(points[_WRIST, :2], fingers, np.pi / 2)
    upright = Region.around(palm)
    turned = replace(upright, turn=turn)
    middle = np.array([upright.x, upright.y])
    own = Region.around((palm - middle) @ turned.axes().T)  # along the sides of the turned rectangle
    x, y = middle + np.array([own.x, own.y]) @ turned.axes()
    return Region(float(x), float(y), own.width, own.height, turn).square(2.0, shift_y=-0.1)
