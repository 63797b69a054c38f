"""What is seen of a body and its hands in a video: landmarks of every image, gaps filled, jitter gone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from animcore.errors import InputError
from animcore.postprocess.filters import smoothed
from animcore.trackers.body import NAMES, Body
from animcore.trackers.hands import POINTS as HAND_POINTS
from animcore.trackers.hands import Hand

Array = NDArray[np.float64]

MARK: dict[str, int] = {name: index for index, name in enumerate(NAMES)}
SIDES = ("left", "right")
SEEN = 0.5  # visibility from which a landmark counts
_FEWEST = 5  # images with a body
_STEADY = 0.045  # seconds of smoothing
_TO_WORLD = (1.0, -1.0, -1.0)  # from an image's axes to X right, Y up, Z towards the camera


@dataclass(frozen=True)
class BodyLandmarks:
    """A body over T images. Axes: X to the right of the image, Y up, Z towards the camera; metres.

    Attributes:
        times: (T,) seconds.
        size: width and height of the image.
        pixels: (T, 33, 2) where the landmarks are in the image, Y down.
        metres: (T, 33, 3) around the middle of the hips.
        visible: (33,) share of the images in which a landmark is seen.
        hands: (2, T, 21, 3) of the left and the right hand, around its own middle.
        hands_found: (2, T) whether the hand was found; elsewhere it is filled in.
        found: (T,) whether the body was found; elsewhere it is filled in.
    """

    times: Array
    size: tuple[int, int]
    pixels: Array
    metres: Array
    visible: Array
    hands: Array
    hands_found: NDArray[np.bool_]
    found: NDArray[np.bool_]

    @classmethod
    def of(
        cls, times: Sequence[float], size: tuple[int, int], bodies: Sequence[Body | None],
        hands: Sequence[Sequence[Hand | None]],
    ) -> BodyLandmarks:  # fmt: skip
        """Gather what was found image by image; the hands are the left and the right one of each.

        Raises:
            InputError: where fewer than five images show a body.
        """
        found = np.array([body is not None for body in bodies])
        if found.sum() < _FEWEST:
            raise InputError(
                f"{found.sum()} images show a body, and at least {_FEWEST} are needed; the person must be seen from "
                "the head to the hips at least."
            )
        seen = [body for body in bodies if body is not None]
        at = np.asarray(times, np.float64)
        pixels = _filled(at, found, np.array([body.points[:, :2] for body in seen]))
        metres = _filled(at, found, np.array([body.metres for body in seen])) * _TO_WORLD
        both, there = [], []
        for side in range(len(SIDES)):
            known = np.array([pair[side] is not None for pair in hands])
            places = np.array([hand.metres for pair in hands if (hand := pair[side]) is not None])
            both.append(_filled(at, known, places) * _TO_WORLD if known.any() else np.zeros((len(at), HAND_POINTS, 3)))
            there.append(known)
        frames = _STEADY / max(float(np.median(np.diff(at))), 1e-3)
        return cls(
            at, size, smoothed(pixels, frames), smoothed(metres, frames),
            np.mean([body.visible > SEEN for body in seen], 0),
            np.array([smoothed(hand, frames) for hand in both]), np.array(there), found,
        )  # fmt: skip

    def mark(self, name: str) -> Array:
        """(T, 3) metres of a landmark."""
        return self.metres[:, MARK[name]]

    def sees(self, *names: str) -> bool:
        """Whether landmarks are seen in most images."""
        return bool(self.visible[[MARK[name] for name in names]].min() > SEEN)

    @property
    def rate(self) -> float:
        """Images a second."""
        return 1 / max(float(np.median(np.diff(self.times))), 1e-3)

    @property
    def scale(self) -> Array:
        """(T,) pixels of a metre at the body: what fits the landmarks in the image to those in metres."""
        chosen = [number for number in range(11, len(NAMES)) if self.visible[number] > SEEN]
        flat, places = self.pixels[:, chosen] * (1, -1), self.metres[:, chosen, :2]
        flat = flat - flat.mean(1, keepdims=True)
        places = places - places.mean(1, keepdims=True)
        return np.asarray((flat * places).sum((1, 2)) / np.maximum((places**2).sum((1, 2)), 1e-9))


def _filled(times: Array, known: NDArray[np.bool_], values: NDArray[Any]) -> Array:
    """(T, ...) values at all times, of those at known ones."""
    flat = values.reshape(len(values), -1)
    columns = [np.interp(times, times[known], column) for column in flat.T]
    return np.stack(columns, 1).reshape(len(times), *values.shape[1:])
