"""The nine mouth shapes of Rhubarb: weights into shapes by what the lips look like (rigs/rhubarb.toml), and back."""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray

from animcore.core.vocabulary import ARKIT, TONGUE
from animcore.motion import Motion
from animcore.retarget import image_swapping, named_rigs
from animcore.retarget.source_tracks import rows

FloatArray = NDArray[np.float32]

MOUTHS = "ABCDEFGHX"
# What Preston Blair's sheet, Papagayo and Moho call them.
PRESTON_BLAIR = dict(zip(MOUTHS, ("MBP", "etc", "E", "AI", "O", "U", "FV", "L", "rest"), strict=True))

_PROFILE = "Rhubarb"
_CLOSED, _REST = MOUTHS.index("A"), MOUTHS.index("X")
_LONGEST_CLOSURE = 0.25  # seconds; lips that stay closed longer rest
_PRICE = 0.001  # of a change, as in `retarget.images`: 4 to 6 cues a second of speech, as Rhubarb itself gives
_BLEND = 0.06  # seconds from one shape to the next when cues become movement


def nearest(motion: Motion) -> NDArray[np.int64]:
    """Return (T,) indices into `MOUTHS` for the frames of a motion with ARKit weights.

    The shapes nearest to the lips are chosen as for images of a 2D character (`retarget.images`). Of closed lips those
    are A that are closed for a p, b or m: no longer than 0.25 s, and with speech on both sides; the others rest, X.
    """
    face_map = named_rigs.map_of(_PROFILE)
    order = np.array([MOUTHS.index(channel.name) for channel in face_map.channels])
    shown = image_swapping.choose(face_map.gram, face_map.mix, rows(motion), motion.fps, _PRICE)
    path: NDArray[np.int64] = order[shown.argmax(1)]
    path[path == _REST] = _CLOSED
    edges = np.flatnonzero(np.diff(path)) + 1
    for start, end in zip((0, *edges), (*edges, len(path)), strict=True):
        at_rest = end - start > _LONGEST_CLOSURE * motion.rate or start == 0 or end == len(path)
        if path[start] == _CLOSED and at_rest:
            path[start:end] = _REST
    return path


def weights(mouths: NDArray[np.int64], rate: float) -> tuple[FloatArray, FloatArray]:
    """Return ARKit (T, 52) and tongue (T, 16) weights of shapes (T,); from one to the next they move straight."""
    width = max(1, round(_BLEND * rate)) | 1
    padded = np.pad(_table()[mouths], ((width // 2 + 1, width // 2), (0, 0)), "edge")
    total = np.cumsum(padded, 0)
    smooth = ((total[width:] - total[:-width]) / width).clip(0.0, 1.0).astype(np.float32)
    return smooth[:, : len(ARKIT)], smooth[:, len(ARKIT) :]


@functools.cache
def _table() -> NDArray[np.float64]:
    """(9, 68) ARKit and tongue weights of the shapes."""
    names, recipes = (*ARKIT, *TONGUE), named_rigs.profile_of(_PROFILE).recipes
    return np.array([[recipes[mouth].get(name, 0.0) for name in names] for mouth in MOUTHS])
