"""What a head is fitted to: photographs with their cameras, and what the head did at each moment."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from animcore.rendering.camera import Camera


@dataclass(frozen=True)
class TrainingView:
    """A photograph: `colour` (H, W, 3) times the mask, the `mask` (H, W), from where, and of which moment."""

    camera: Camera
    moment: int
    colour: Tensor
    mask: Tensor


@dataclass(frozen=True)
class HeadState:
    """What the head did: expression (E,), joints (5, 3), translation (3,)."""

    expression: NDArray[np.float32]
    joints: NDArray[np.float32]
    translation: NDArray[np.float32]
