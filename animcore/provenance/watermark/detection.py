"""The mark is looked for: in sums over frames, at all sizes and offsets of the repeated square."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from animcore.provenance.watermark import codeword, pattern

_SIDES = np.geomspace(45, 240, 220)  # pixels of a square's side that are tried
_GRID = 128  # offsets along each direction
_FINER = np.linspace(-0.004, 0.004, 7)  # around the sides that were found
_COARSE, _CANDIDATES = 4, 12  # places that are looked at more closely, and that are read
_RADIUS = 10  # pixels over which a picture's own brightness and contrast are levelled
LEAST_SCORE, LEAST_AGREED = (
    5.6,
    8.2,
)  # least scores of place and of payload; docs/provenance.md says what they let through
_FLOOR = 1.0  # contrast below which a picture counts as even


@dataclass(frozen=True)
class Found:
    """What was found.

    Attributes:
        number: the id, or -1 where there is none.
        score: how far the best place stands out, in standard deviations of pictures without a mark.
        agreed: how far the bits that were read stand out in the same way; 0 where the checksum does not hold.
        side: pixels of the square in the picture as it was looked at.
    """

    number: int
    score: float
    agreed: float
    side: float


NOTHING = Found(-1, 0.0, 0.0, 0.0)


@dataclass(frozen=True)
class Place:
    """Where squares may lie: how far it stands out, a square's side in pixels, soft values of the codeword there."""

    score: float
    side: float
    soft: NDArray[np.float32]


def detect(frames: Iterable[NDArray[np.uint8]]) -> Found:
    """Look for a mark in images of one size, (H, W) luma or (H, W, 3) sRGB."""
    found = places(frames)
    if not found:
        return NOTHING
    numbers, holds, fits = codeword.decoded(np.stack([one.soft for one in found]))
    agreed = fits / np.sqrt(len(pattern.PAYLOAD) / 2) * holds
    for one, number, agrees in zip(found, numbers, agreed, strict=True):
        if one.score >= LEAST_SCORE and agrees >= LEAST_AGREED:
            return Found(int(number), one.score, float(agrees), one.side)
    return Found(-1, found[0].score, float(agreed.max()), found[0].side)


def places(frames: Iterable[NDArray[np.uint8]]) -> list[Place]:
    """Return where in images of one size the squares may lie, the likeliest first; none where they are too small."""
    total: NDArray[np.float32] | None = None
    for frame in frames:
        part = levelled(_luma(frame))
        total = part if total is None else total + part
    if total is None or min(total.shape) < _SIDES[0]:
        return []
    total = total * np.outer(_window(total.shape[0]), _window(total.shape[1]))
    coarse = sorted(((_sync(waves(total, side))[0], side) for side in _SIDES), reverse=True)[:_COARSE]
    finer = []
    for side in (one * near for _, one in coarse for near in 1 + _FINER):
        found = waves(total, side)
        score, offset = _sync(found)
        finer.append(Place(score, float(side), _bits(found, offset)))
    return sorted(finer, key=lambda one: -one.score)[:_CANDIDATES]


def levelled(luma: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return a picture without its own brightness and with equal contrast everywhere."""
    rest = luma - _mean(luma, _RADIUS)
    contrast = np.sqrt(np.maximum(_mean(rest * rest, _RADIUS), 0)) + np.float32(_FLOOR)
    rest /= contrast
    return np.clip(rest, -2, 2, out=rest)


def waves(picture: NDArray[np.float32], side: float) -> NDArray[np.complex64]:
    """Return the pattern's waves in a picture, for a square's side in pixels; of each only the phase."""
    height, width = picture.shape
    rows = pattern.waves_along(height, side, -pattern.MOST).conj()
    columns = pattern.waves_along(width, side, 0).conj()
    whole = rows.T @ (picture @ columns.view(np.float32)).view(np.complex64)  # twice as fast as with complex numbers
    found = whole[pattern.DOWN + pattern.MOST, pattern.ACROSS]
    return np.asarray(found / (np.abs(found) + 1e-12), np.complex64)


def _sync(found: NDArray[np.complex64]) -> tuple[float, tuple[int, int]]:
    """The best offset, in steps of the grid, and how far it stands out."""
    known = pattern.SYNC
    grid = np.zeros((_GRID, _GRID), np.complex64)
    grid[pattern.DOWN[known] % _GRID, pattern.ACROSS[known]] = found[known] * pattern.PHASES[known].conj()
    scores = np.fft.ifft2(grid).real
    at = int(scores.argmax())
    deviation = np.sqrt(len(known) / 2) / (_GRID * _GRID)
    return float(scores.flat[at] / deviation), divmod(at, _GRID)


def _bits(found: NDArray[np.complex64], place: tuple[int, int]) -> NDArray[np.float32]:
    """Soft values of the codeword at an offset."""
    turn = np.exp(2j * np.pi / _GRID * (pattern.DOWN * place[0] + pattern.ACROSS * place[1]))
    values = (found * turn * pattern.PHASES.conj()).real[pattern.PAYLOAD]
    return np.bincount(pattern.BIT_OF, values, codeword.LENGTH).astype(np.float32)


def _luma(frame: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Brightness, at half or a third of the size where the picture is large."""
    luma = frame.astype(np.float32) if frame.ndim == 2 else frame[..., :3] @ np.array([0.299, 0.587, 0.114], np.float32)
    step = max(1, min(luma.shape) // pattern.SHORT)
    height, width = (size // step for size in luma.shape)
    return np.asarray(luma[: height * step, : width * step].reshape(height, step, width, step).mean((1, 3)), np.float32)


def _mean(values: NDArray[np.float32], radius: int) -> NDArray[np.float32]:
    """The mean over a square around each pixel; beyond the edge its last pixel goes on."""
    for axis in (0, 1):
        pad = [(radius + 1, radius) if one == axis else (0, 0) for one in (0, 1)]
        sums = np.cumsum(np.pad(values, pad, mode="edge"), axis, dtype=np.float64)
        span, count = 2 * radius + 1, values.shape[axis]
        values = ((sums.take(range(span, span + count), axis) - sums.take(range(count), axis)) / span).astype(
            np.float32
        )
    return values


def _window(count: int) -> NDArray[np.float32]:
    """1 in the middle, and down to 0 over a tenth at each end."""
    edge = np.clip((np.arange(count) + 0.5) / (0.1 * count), 0, 1)
    return np.asarray(0.5 - 0.5 * np.cos(np.pi * np.minimum(edge, edge[::-1])), np.float32)
