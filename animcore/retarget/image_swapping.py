"""One image at a time: which mouth shows in which frame.

The whole line is decided at once, by dynamic programming (Viterbi): the images that together lie nearest to the lips,
where every change costs something and no image shows for less than a moment. So a mouth does not flicker between two
images that fit alike, and a closure that is shorter than a moment is made longer instead of being lost.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from animcore.retarget.source_tracks import SOURCES, region

FloatArray = NDArray[np.float64]

SHORTEST = 0.07  # seconds an image shows at least; about two frames of video
CHANGE = 0.015  # what a change costs, as a share of the largest distance between two images, for a second
_MOUTH = [index for index, name in enumerate(SOURCES) if region(name) in ("jaw", "lip", "tongue")]


def choose(gram: FloatArray, mix: FloatArray, face: FloatArray, fps: float, price: float = CHANGE) -> FloatArray:
    """Return (T, K) with 1 for the image that shows.

    Args:
        gram: (K, K) dot products of the images' mouths.
        mix: (K, S) dot products of the images' mouths and the tracks.
        face: (T, S) tracks.
        fps: frame rate.
        price: of a change, as `CHANGE`.
    """
    own = np.diag(gram)
    # the squared distance of a frame to each image, less the part that is equal for all
    cost = own - 2 * face[:, _MOUTH] @ mix[:, _MOUTH].T
    apart = own[:, None] + own - 2 * gram
    change = price * fps * float(apart.max(initial=0.0))
    shown = _cheapest(cost, change, max(1, round(SHORTEST * fps)))
    return np.eye(len(own))[shown]


def _cheapest(cost: FloatArray, change: float, shortest: int) -> NDArray[np.int64]:
    """(T,) the cheapest image of each frame for costs (T, K), where each shows `shortest` frames or longer."""
    frames, count = cost.shape
    shortest = min(shortest, max(frames, 1))
    summed = np.concatenate([np.zeros((1, count)), np.cumsum(cost, 0)])
    best = np.full((frames + 1, count), np.inf)  # of a line that ends here, its last image old enough to change
    started = np.zeros((frames + 1, count), np.int64)
    before = np.zeros(frames + 1, np.int64)  # the image that had best been there, at each frame that one may start
    for frame in range(shortest, frames + 1):
        first = frame - shortest
        entry = change + best[first].min() if first else 0.0
        before[first] = best[first].argmin()
        fresh = entry + summed[frame] - summed[first]
        longer = best[frame - 1] + cost[frame - 1]
        best[frame] = np.minimum(fresh, longer)
        started[frame] = np.where(fresh < longer, first, started[frame - 1])
    shown = np.zeros(frames, np.int64)
    end, image = frames, int(best[frames].argmin()) if frames else 0
    while end > 0:
        first = int(started[end, image])
        shown[first:end] = image
        end, image = first, int(before[first])
    return shown
