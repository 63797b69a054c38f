"""The networks that assets/trackers carries, opened once a process."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from animcore.core.shipped import shipped
from animcore.errors import AnimcoreError

FOLDER = shipped("assets/trackers")
MOST_THREADS = 2  # they are small: more threads wait for each other

Image = NDArray[np.uint8]


class ImageNetwork:
    """A network that takes an image.

    Attributes:
        size: width and height of the image that it takes.
    """

    def __init__(self, path: Path, threads: int) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        try:
            self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
            _, height, width, _ = self._session.get_inputs()[0].shape
        except Exception as error:  # onnxruntime raises classes of its own that it does not export
            raise AnimcoreError(f"The network {path.name} cannot be loaded; install Animcore again. {error}") from error
        self.size = int(width), int(height)
        self._names = [output.name for output in self._session.get_outputs()]

    def run(self, image: Image) -> dict[str, NDArray[np.float32]]:
        """Return what the network gives for an image (height, width, 3) uint8, by name."""
        return dict(zip(self._names, self._session.run(None, {"image": image[None]}), strict=True))


@cache
def network(name: str, threads: int = 0) -> ImageNetwork:
    """Open a network of assets/trackers.

    Args:
        name: of its file, without the ending.
        threads: of the processor that it may use; 0 for as many as there are, at most 2.

    Raises:
        AnimcoreError: where the file is missing or broken.
    """
    return ImageNetwork(FOLDER / f"{name}.onnx", threads or min(MOST_THREADS, os.cpu_count() or 1))
