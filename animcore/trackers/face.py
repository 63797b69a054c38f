"""Faces: 468 points of the skin and 10 of the irises, followed from image to image.

MediaPipe Face Mesh with attention (Kartynnik et al. 2019; Grishchenko et al. 2020), behind BlazeFace (Bazarevsky et al.
2019), which is asked only while fewer faces are followed than are looked for.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from animcore.trackers.detection import SURE, Detection, detect
from animcore.trackers.networks import network
from animcore.trackers.regions import Image, Region, crop, joined, turn_between

Array = NDArray[np.floating[Any]]

POINTS = 478
_LARGER = 1.5  # times the face: what the network is shown
_ALIKE = 0.5  # overlap from which a detected face is one that is followed
_CORNERS = 33, 263  # outer corners of the eyes


class FaceTracker:
    """Finds faces in images, and follows them where the images are those of a video.

    Args:
        faces: how many are looked for.
        still: whether images have nothing to do with one another.
        threads: of the processor; 0 for as many as are useful.

    Raises:
        AnimcoreError: where a network is missing or broken.
    """

    def __init__(self, faces: int = 1, still: bool = False, threads: int = 0) -> None:
        self.faces, self.still = faces, still
        self._detector, self._mesh = network("face_detector", threads), network("face_mesh", threads)
        self._followed: list[Region] = []

    def __call__(self, image: Image) -> list[Array]:
        """Return the points (478, 3) of each face of an image (H, W, 3) sRGB uint8.

        X and Y in pixels, Y down; depth on the scale of X, smaller towards the camera, 0 at about the middle of the
        head. Faces that were followed longest come last.
        """
        regions = [] if self.still else self._followed
        if len(regions) < self.faces:
            found = detect(self._detector, image)[: self.faces]
            regions = joined([_region_of(one) for one in found], regions, _ALIKE)
        faces = [points for region in regions if (points := self._points(image, region)) is not None]
        self._followed = [region_around(points) for points in faces]
        return faces

    def _points(self, image: Image, region: Region) -> Array | None:
        """The points of the face in a region; None where there is none any more."""
        found = self._mesh.run(crop(image, region, self._mesh.size))
        if found["score"][0] < SURE:
            return None
        return region.to_image(found["points"].astype(float) / self._mesh.size[0])


def _region_of(detection: Detection) -> Region:
    """What the network is shown of a face that was detected: its eyes level."""
    turn = turn_between(detection.points[0], detection.points[1])
    return replace(detection.box, turn=turn).square(_LARGER)


def region_around(points: Array) -> Region:
    """What the network is shown next of a face (478, 3)."""
    turn = turn_between(points[_CORNERS[0], :2], points[_CORNERS[1], :2])
    return replace(Region.around(points), turn=turn).square(_LARGER)
