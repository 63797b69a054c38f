"""Mel filters: the power of a spectrum gathered into bands that are evenly spaced in pitch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


def mel_filters(bands: int, window: int, rate: int, lowest: float, highest: float) -> NDArray[np.float64]:
    """Return (window // 2 + 1, bands) triangles, evenly spaced on the mel scale, each with the sum 1.

    Args:
        bands: number of triangles.
        window: samples of a spectrum.
        rate: samples per second.
        lowest: Hz at which the first triangle begins.
        highest: Hz at which the last one ends.

    The scale is that of O'Shaughnessy, Speech Communication, 1987: 2595 log10(1 + f / 700).
    """
    low, high = (2595 * np.log10(1 + edge / 700) for edge in (lowest, highest))
    edges = 700 * (10 ** (np.linspace(low, high, bands + 2) / 2595) - 1)
    frequency = np.fft.rfftfreq(window, 1 / rate)[:, None]
    rising = (frequency - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - frequency) / (edges[2:] - edges[1:-1])
    triangles = np.maximum(0.0, np.minimum(rising, falling))
    filters: NDArray[np.float64] = triangles / np.maximum(triangles.sum(0), 1e-9)
    return filters


@dataclass(frozen=True)
class MelFeatures:
    """How a mel spectrogram is made, for the files of networks that were trained on it.

    Attributes:
        window: samples of a spectrum, under a Hann window.
        hop: samples from one spectrum to the next.
        bands: number of triangles.
        lowest: Hz at which the first triangle begins.
        highest: Hz at which the last one ends.
        log: how the power of a band becomes a number.
        normalization: what follows.
    """

    window: int
    hop: int
    bands: int
    lowest: float
    highest: float
    log: str
    normalization: str

    def metadata(self) -> dict[str, str]:
        """Return the entries for the metadata of an ONNX file."""
        written = {name: f"{value:g}" if isinstance(value, float) else str(value) for name, value in vars(self).items()}
        return {f"mel_{name}": value for name, value in written.items()}
