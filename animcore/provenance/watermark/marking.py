"""The pattern is added to luma: weakly where a picture is even, more where its own detail hides it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from animcore.provenance.watermark import pattern

_BLOCK = 8  # pixels in which the picture's own detail is measured
_LEAST, _MOST = 0.8, 5.0  # strength of the pattern, standard deviation in steps of 8 bits
_SHARE = 0.25  # of the picture's own contrast
_MEAN = 1.9  # the root mean square of the whole picture is at most that: 42.5 dB


class Marker:
    """Adds a mark to the frames of one video.

    Args:
        number: the id, 0 .. 2**32 - 1.
    """

    def __init__(self, number: int) -> None:
        self.number = number
        self._strength: NDArray[np.float32] | None = None
        self._grain: NDArray[np.float32] | None = None

    def image(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return sRGB (H, W, 3 or 4) with the mark: all three channels change alike, opacity not at all."""
        change = self._change(pixels[..., 1].astype(np.float32), 255.0)  # green is most of luma
        marked = pixels.copy()
        colours = pixels[..., :3].astype(np.int16)
        colours += change.astype(np.int16)[..., None]
        marked[..., :3] = np.clip(colours, 0, 255, out=colours)
        return marked

    def planes(self, planes: Sequence[NDArray[np.unsignedinteger[Any]]], most: float, *, is_rgb: bool = False) -> None:
        """Change the planes of a frame in place: luma alone, or all three of red, green and blue alike.

        Args:
            planes: luma first, or green, blue and red; (H, W) each.
            most: the largest sample value.
            is_rgb: which of the two.
        """
        if not is_rgb:
            planes[0][...] = self.plane(planes[0], most)
            return
        change = self._change(np.mean(planes[:3], 0, np.float32) * np.float32(255 / most), most)
        for plane in planes[:3]:
            plane[...] = np.clip(change + plane, 0, most)

    def plane(self, luma: NDArray[np.unsignedinteger[Any]], most: float) -> NDArray[np.unsignedinteger[Any]]:
        """Return the luma of a frame (H, W), 0 .. `most`, with the mark."""
        change = self._change(luma.astype(np.float32) * np.float32(255 / most), most)
        change += luma
        return np.clip(change, 0, most, out=change).astype(luma.dtype)

    def _change(self, luma: NDArray[np.float32], most: float) -> NDArray[np.float32]:
        """What is added, in steps of 1 / most, with a fixed grain that keeps fractions of a step."""
        wave = pattern.drawn(self.number, *luma.shape)
        if self._grain is None or self._grain.shape != luma.shape:
            self._grain = np.random.default_rng(0).random(luma.shape, np.float32)
        change = _enlarged(self._strengths(luma) * np.float32(most / 255), luma.shape)
        change *= wave
        change += self._grain
        return np.floor(change, out=change)

    def _strengths(self, luma: NDArray[np.float32]) -> NDArray[np.float32]:
        """Of each block; it follows the picture slowly, so that the mark does not flicker."""
        detail = _detail(luma)
        found = np.clip(_SHARE * detail, _LEAST, _MOST)
        found *= min(1.0, _MEAN / float(np.sqrt(np.square(found).mean())))
        if self._strength is None or self._strength.shape != found.shape:
            self._strength = found
        self._strength += np.float32(0.3) * (found - self._strength)
        return self._strength


def _detail(luma: NDArray[np.float32]) -> NDArray[np.float32]:
    """The contrast (standard deviation) of each block, or of the quietest of its neighbours: edges hide only inside."""
    height, width = (max(1, size // _BLOCK) for size in luma.shape)
    half = luma[: height * _BLOCK : 2, : width * _BLOCK : 2]
    blocks = half.reshape(height, _BLOCK // 2, width, _BLOCK // 2)
    mean = blocks.mean((1, 3))
    spread = np.sqrt(np.maximum(np.einsum("abcd,abcd->ac", blocks, blocks) / (_BLOCK * _BLOCK / 4) - mean * mean, 0))
    padded = np.pad(spread, 1, mode="edge")
    across = np.stack([padded[:, at : at + width] for at in range(3)])
    around = np.stack([across.mean(0)[at : at + height] for at in range(3)]).mean(0)
    return np.asarray(np.minimum(spread, around), np.float32)


def _enlarged(values: NDArray[np.float32], shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Block values at the size of the picture, linear between the middles of blocks."""
    rows, columns = (_linear(size, count) for size, count in zip(shape, values.shape, strict=True))
    (low, share), (left, part) = rows, columns
    wide = values[:, left] * (1 - part) + values[:, np.minimum(left + 1, values.shape[1] - 1)] * part
    upper = np.minimum(low + 1, len(values) - 1)
    found: NDArray[np.float32] = wide[low]
    found *= (1 - share)[:, None]
    other = wide[upper]
    other *= share[:, None]
    found += other
    return found


def _linear(size: int, count: int) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    at = np.clip((np.arange(size) + 0.5) / _BLOCK - 0.5, 0, count - 1)
    low = at.astype(np.intp)
    return low, (at - low).astype(np.float32)
