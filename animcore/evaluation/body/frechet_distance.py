"""What the Fréchet gesture distance compares: windows of a body as points of a trained encoder (`animcore train fgd`).

The distance itself is that of two sets of such points. Points of two encoders cannot be compared.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from animcore.errors import InputError
from animcore.solvers.gesture_networks import motion_features

Array = NDArray[np.floating[Any]]

_BATCH = 256


class MotionFeatureEncoder:
    """A trained encoder of movement."""

    def __init__(self, folder: Path) -> None:
        """Load the encoder; nothing in its files is run.

        Raises:
            InputError: without PyTorch, or where the folder holds no such encoder, or a damaged one.
        """
        try:
            from animcore.training.gestures import fgd_encoder
        except ImportError as error:
            raise InputError("FGD needs PyTorch: pip install '.[train]' in the source folder of Animcore.") from error
        self._network = fgd_encoder.load(folder)

    def features(self, pose: Array, rate: float) -> Array:
        """Return (N, K) points of the windows of a body, which overlap by half; none where it is shorter than a window.

        Args:
            pose: (T, 55, 3) axis-angle.
            rate: frame rate.
        """
        import torch

        way = np.zeros((len(pose), 3), np.float32)
        if len(pose):
            pose, way = motion_features.resampled(pose, way, rate, motion_features.FPS)
        length = self._network.sizes["window"]
        if len(pose) < length:
            return np.zeros((0, self._network.sizes["length"]))
        frames = motion_features.encode(pose, way)[:, : motion_features.ROTATIONS]
        windows = np.lib.stride_tricks.sliding_window_view(frames, length, axis=0)[:: length // 2]
        points = []
        with torch.inference_mode():
            for first in range(0, len(windows), _BATCH):
                piece = np.ascontiguousarray(windows[first : first + _BATCH].transpose(0, 2, 1))
                points.append(self._network(torch.from_numpy(piece)).numpy())
        return np.concatenate(points)
