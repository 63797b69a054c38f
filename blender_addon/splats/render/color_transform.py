"""The color transform of a render: from encoded colours, in which Gaussians are fitted and blended, to linear light."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

FARTHEST = 1e10  # metres where nothing is, as Blender's own depth has it


@dataclass(frozen=True, eq=False)
class Shot:
    """What a view shows, the lowest row first.

    Attributes:
        colour: (H, W, 4) encoded (sRGB) red, green and blue times alpha, and alpha.
        depth: (H, W) metres along the view's axis; of what covers at least half of a pixel, else `FARTHEST`.
    """

    colour: Floats
    depth: Floats

    def over(self, backdrop: tuple[float, float, float] | None) -> Floats:
        """Return it (H, W, 4) as light times alpha, over a colour of light, or over nothing."""
        shown = self.colour
        if backdrop is not None:
            behind = np.append(encoded(np.array(backdrop, np.float32)), np.float32(1))
            shown = shown + (1 - shown[..., 3:]) * behind
        alpha = np.clip(shown[..., 3:], 0, 1)
        light = decoded(shown[..., :3] / np.maximum(alpha, 1e-6)) * alpha
        result: Floats = np.concatenate((light, alpha), 2).astype(np.float32)
        return result


def encoded(light: NDArray[np.float32]) -> NDArray[np.float32]:
    """Light to sRGB."""
    bright = np.maximum(light, 0)
    return np.where(bright <= 0.0031308, 12.92 * bright, 1.055 * bright ** (1 / 2.4) - 0.055)


def decoded(shown: NDArray[np.float32]) -> NDArray[np.float32]:
    """The colour sRGB to light."""
    bright = np.maximum(shown, 0)
    return np.where(bright <= 0.04045, bright / 12.92, ((bright + 0.055) / 1.055) ** 2.4)
