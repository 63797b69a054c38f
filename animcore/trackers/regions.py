"""Regions of an image, which may be turned, and what an image shows in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]
Image = NDArray[np.uint8]

_STEPS = 32  # a pixel: as fine as OpenCV's tables tell places between pixels, by which the networks were trained
_SHIFT = 5
_BLOCK = 6144  # pixels at a time: what is computed with stays in the processor's near memory


@dataclass(frozen=True)
class Region:
    """A rectangle in an image: pixels, X to the right, Y down; turned by radians from X towards Y.

    Attributes:
        x: of its middle.
        y: of its middle.
        width: along its own horizontal side.
        height: along its own vertical side.
        turn: radians, positive clockwise as it is seen.
    """

    x: float
    y: float
    width: float
    height: float
    turn: float = 0.0

    @classmethod
    def around(cls, points: Array) -> Region:
        """The upright rectangle around points (N, 2 or more)."""
        low, high = points[:, :2].min(0), points[:, :2].max(0)
        (x, y), (width, height) = (low + high) / 2, high - low
        return cls(float(x), float(y), float(width), float(height))

    @classmethod
    def of_image(cls, image: Image, square: bool = False) -> Region:
        """The whole of an image, or the square around it."""
        height, width = image.shape[:2]
        sides = (max(width, height),) * 2 if square else (width, height)
        return cls(width / 2, height / 2, float(sides[0]), float(sides[1]))

    def axes(self) -> Array:
        """(2, 2) directions in the image of the rectangle's own X and Y, as rows."""
        cosine, sine = np.cos(self.turn), np.sin(self.turn)
        return np.array([[cosine, sine], [-sine, cosine]])

    def square(self, scale: float, shift_y: float = 0.0) -> Region:
        """The square over its longer side, scaled; before, the middle moves down by a share of the height."""
        x, y = np.array([self.x, self.y]) + self.axes()[1] * self.height * shift_y
        side = scale * max(self.width, self.height)
        return replace(self, x=float(x), y=float(y), width=side, height=side)

    def to_image(self, points: Array) -> Array:
        """Where points lie in the image that are told in shares of the rectangle, (N, 2) or (N, 3).

        A depth is in shares of the rectangle's width.
        """
        flat = (points[:, :2] - 0.5) * (self.width, self.height) @ self.axes() + (self.x, self.y)
        return np.concatenate([flat, points[:, 2:3] * self.width], 1) if points.shape[1] > 2 else flat

    def overlap(self, other: Region) -> float:
        """How much of two upright rectangles is in both (intersection over union)."""
        shared = 1.0
        for middle, side in (("x", "width"), ("y", "height")):
            ends = [(getattr(one, middle), getattr(one, side) / 2) for one in (self, other)]
            shared *= max(0.0, min(at + half for at, half in ends) - max(at - half for at, half in ends))
        return shared / max(self.width * self.height + other.width * other.height - shared, 1e-12)


def turn_between(start: Array, end: Array, target: float = 0.0) -> float:
    """How far a rectangle must turn for the way from one point to another to have an angle in it.

    Args:
        start: (2,) pixels.
        end: (2,) pixels.
        target: radians, counterclockwise from its X axis as it is seen: 0 to the right, a quarter upwards.
    """
    way = end - start
    turn = target - np.arctan2(-way[1], way[0])
    return float(turn - 2 * np.pi * np.floor((turn + np.pi) / (2 * np.pi)))


def joined(found: Sequence[Region], followed: Sequence[Region], alike: float) -> list[Region]:
    """Regions that were found anew and those that are followed, of each that overlap only the last: it is followed."""
    kept: list[Region] = []
    for region in (*found, *followed):
        kept = [other for other in kept if region.overlap(other) <= alike]
        kept.append(region)
    return kept


def crop(image: Image, region: Region, size: tuple[int, int], beyond: bool = True) -> Image:
    """Return what a region of an image shows, (height, width, 3) uint8, interpolated between pixels.

    Places are rounded to 32nds of a pixel, as OpenCV's warpPerspective does, and values are exact from there on.

    Args:
        image: (H, W, 3) sRGB.
        region: of it; may reach beyond it.
        size: width and height of what is returned.
        beyond: whether the image goes on beyond its edges as it is at them; else it is black there.
    """
    across, down = region.axes() * np.array([[region.width / size[0]], [region.height / size[1]]])
    first = np.array([region.x, region.y]) - (across * size[0] + down * size[1]) / 2
    answer = np.empty((size[1], size[0], 3), np.uint8)
    step = max(1, _BLOCK // size[0])
    for start in range(0, size[1], step):
        rows = np.arange(start, min(start + step, size[1]))[:, None]
        places = _STEPS * (
            first[:, None, None] + down[:, None, None] * rows + across[:, None, None] * np.arange(size[0])
        )
        found = _sampled(image, np.rint(places).astype(np.int32).reshape(2, -1), beyond)
        answer[start : start + step] = found.reshape(len(rows), size[0], 3)
    return answer


def _sampled(image: Image, places: NDArray[np.int32], beyond: bool) -> NDArray[np.int32]:
    """Colours (3 N,) of an image at places (2, N) in 32nds of a pixel, X and Y."""
    height, width = image.shape[:2]
    (left, right), across = _neighbours(places[0], width, beyond, np.uint16)
    rows, down = _neighbours(places[1], height, beyond, np.int32)
    pixels = image.reshape(-1, 3)
    answer = np.full(3 * places.shape[1], _STEPS**2 // 2, np.int32)
    for row, weight in zip(rows, down, strict=True):
        row *= width
        blended = pixels.take(row + left, 0).ravel() * across[0]  # at most 32 times 255: 16 bits are enough
        blended += pixels.take(row + right, 0).ravel() * across[1]
        answer += blended * weight
    answer >>= 2 * _SHIFT
    return answer


def _neighbours(
    place: NDArray[np.int32], side: int, beyond: bool, kind: Any
) -> tuple[list[NDArray[np.int32]], list[NDArray[Any]]]:
    """Numbers (N,) along an axis of the two pixels that places lie between, and weights (3 N,) of them, of 32."""
    low = place >> _SHIFT
    numbers = [low, low + 1]
    shares = _of_three((place & (_STEPS - 1)).astype(kind))
    weights = [_STEPS - shares, shares]
    if not beyond:
        within = [_of_three((one >= 0) & (one < side)) for one in numbers]
        weights = [weight * there for weight, there in zip(weights, within, strict=True)]
    return [np.clip(one, 0, side - 1) for one in numbers], weights


def _of_three(values: NDArray[Any]) -> NDArray[Any]:
    """Each value three times, for the colours of a pixel; faster than numpy's repeat."""
    spread = np.empty((len(values), 3), values.dtype)
    for colour in range(3):
        spread[:, colour] = values
    return spread.ravel()
