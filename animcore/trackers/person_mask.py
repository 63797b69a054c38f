"""Where in an image a person is (MediaPipe's selfie segmentation, general model)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from animcore.trackers.networks import network
from animcore.trackers.regions import Image, Region, crop

Mask = NDArray[np.floating[Any]]

_ROWS = 32  # at a time: what is computed with stays in the processor's near memory


class PersonMask:
    """Gives masks of images.

    Args:
        threads: of the processor; 0 for as many as are useful.

    Raises:
        AnimcoreError: where the network is missing or broken.
    """

    def __init__(self, threads: int = 0) -> None:
        self._network = network("person_mask", threads)

    def __call__(self, image: Image) -> NDArray[np.float32]:
        """Return (H, W) 0..1, how surely each pixel of an image (H, W, 3) sRGB uint8 shows a person."""
        whole = crop(image, Region.of_image(image), self._network.size)
        return enlarged(self._network.run(whole)["mask"], image.shape[:2])


def enlarged(mask: Mask, size: tuple[int, ...]) -> NDArray[np.float32]:
    """Return a mask (h, w) at another size (H, W), interpolated between the middles of its pixels."""
    tall = _between(mask, size[0], 0)
    answer = np.empty(size[:2], np.float32)
    for start in range(0, size[0], _ROWS):
        answer[start : start + _ROWS] = _between(tall[start : start + _ROWS], size[1], 1)
    return answer


def _between(mask: Mask, side: int, axis: int) -> Mask:
    """A mask with another size along an axis."""
    place = np.clip((np.arange(side) + 0.5) * mask.shape[axis] / side - 0.5, 0, mask.shape[axis] - 1)
    low = np.minimum(place.astype(int), mask.shape[axis] - 2)
    share = np.expand_dims((place - low).astype(np.float32), 1 - axis)
    answer = mask.take(low, axis)
    answer += share * (mask.take(low + 1, axis) - answer)
    return answer
