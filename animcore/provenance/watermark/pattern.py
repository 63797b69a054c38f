"""The pattern: a square that repeats over the picture, made of waves whose phases hold a key and an id.

Waves of the middle of the spectrum survive compression and scaling to one half. A third of them has phases that only
the key gives: they tell where the squares lie. Each of the others is turned by half a wave where its bit is 1.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from animcore.provenance.watermark import codeword

SQUARE = 126.0  # pixels of the repeated square in a picture of `SHORT`; no multiple of the blocks of codecs
SHORT = 540  # pixels of the shorter side up to which the square has that size; in larger pictures it grows with it
_LOW, _HIGH = 7.0, 19.0  # waves in a square's side, along any direction
_AXIS = 2  # waves along an axis or nearly so are left to the edges of real pictures
_KEY = 0x416E696D  # public: whoever has Animcore can find the mark, and imitate it


def _waves() -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Waves across (> 0) and down of a square."""
    most = int(_HIGH)
    down, across = np.mgrid[-most : most + 1, 1 : most + 1]
    length = np.hypot(down, across)
    kept = (length >= _LOW) & (length <= _HIGH) & (across >= _AXIS) & (abs(down) >= _AXIS)
    return across[kept], down[kept]


ACROSS, DOWN = _waves()
MOST = int(_HIGH)
_random = np.random.default_rng(_KEY)
PHASES = np.exp(2j * np.pi * _random.random(len(ACROSS))).astype(np.complex64)
_order = _random.permutation(len(ACROSS))
SYNC = np.sort(_order[: len(ACROSS) // 3])  # waves that tell where the squares lie
PAYLOAD = _order[len(ACROSS) // 3 :]
BIT_OF = np.arange(len(PAYLOAD)) % codeword.LENGTH  # of each wave of the payload, the bit that it holds


def square_size(height: int, width: int) -> float:
    """Return the side of the repeated square in pixels, in a picture as it is marked."""
    return SQUARE * max(1.0, min(height, width) / SHORT)


@lru_cache(maxsize=4)
def drawn(number: int, height: int, width: int) -> NDArray[np.float32]:
    """Return the pattern (height, width) of an id over a picture, with a standard deviation of 1."""
    values = np.zeros((2 * MOST + 1, MOST + 1), np.complex64)
    phases = PHASES.copy()
    phases[PAYLOAD] *= codeword.encoded(number)[BIT_OF]
    values[DOWN + MOST, ACROSS] = phases
    side = square_size(height, width)
    rows, columns = waves_along(height, side, -MOST), waves_along(width, side, 0)
    found = ((rows @ values) @ columns.T).real * np.float32(np.sqrt(2 / len(ACROSS)))
    found.setflags(write=False)
    return found


def waves_along(count: int, side: float, first: int) -> NDArray[np.complex64]:
    """Return the waves first .. MOST of a square of `side` pixels at `count` pixels, (count, waves)."""
    at = (np.arange(count)[:, None] + 0.5) * np.arange(first, MOST + 1)
    return np.asarray(np.exp(2j * np.pi / side * at), np.complex64)
