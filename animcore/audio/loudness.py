"""Loudness of a recording, and its silences."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]

ABSOLUTE_GATE = -70.0  # LUFS, ITU-R BS.1770-4
RELATIVE_GATE = -10.0  # LU below the mean of the blocks above the absolute gate
SILENCE_FLOOR = -60.0  # dB full scale, below which a frame is silent whatever the recording's level
SILENCE_BELOW_SPEECH = -35.0  # dB below the loud frames of the same recording
SILENCE_SHORTEST = 0.3  # seconds; shorter gaps belong to speech (stops last up to 0.15 s)
SILENCE_FRAME = 0.02  # seconds
_BATCH = 512


def integrated_loudness(samples: FloatArray, rate: int) -> float | None:
    """Integrated loudness in LUFS of mono samples (N,), or None where all blocks lie under the absolute gate.

    ITU-R BS.1770-4: blocks of 400 ms every 100 ms, K-weighted, gated at -70 LUFS and at 10 LU below the mean. The
    K-weighting is applied to each block's spectrum, which needs no filter state and equals the filter but for its
    ringing at the block's edges.
    """
    powers = np.concatenate(list(_block_powers(samples, rate)))
    loud = powers[_lufs(powers) > ABSOLUTE_GATE]
    if not loud.size:
        return None
    gate = _lufs(loud.mean()) + RELATIVE_GATE
    return float(_lufs(loud[_lufs(loud) > gate].mean()))


def silences(samples: FloatArray, rate: int) -> tuple[tuple[float, float], ...]:
    """Spans (start, end) in seconds of at least 0.3 s without sound, relative to the recording's own loud frames."""
    size = int(rate * SILENCE_FRAME)
    count = -(-len(samples) // size)
    power = np.zeros(count)
    whole = len(samples) // size
    power[:whole] = np.einsum("ij,ij->i", *[samples[: whole * size].reshape(whole, size)] * 2, dtype=np.float64) / size
    if count > whole:
        power[whole] = float(np.square(samples[whole * size :], dtype=np.float64).mean())
    level = 10 * np.log10(power + 1e-12)
    quiet = level < max(SILENCE_FLOOR, float(np.percentile(level, 95)) + SILENCE_BELOW_SPEECH) if count else level < 0
    edges = np.flatnonzero(np.diff(np.concatenate([[False], quiet, [False]]).astype(np.int8)))
    spans = edges.reshape(-1, 2) * SILENCE_FRAME
    end = len(samples) / rate
    return tuple((float(a), float(min(b, end))) for a, b in spans if b - a >= SILENCE_SHORTEST or b - a >= end)


def _lufs(power: NDArray[np.float64] | float) -> NDArray[np.float64]:
    result: NDArray[np.float64] = -0.691 + 10 * np.log10(np.maximum(power, 1e-15))
    return result


def _block_powers(samples: FloatArray, rate: int) -> Iterator[NDArray[np.float64]]:
    """K-weighted mean square of each 400 ms block, in batches; a shorter recording is one block."""
    size, step = int(0.4 * rate), int(0.1 * rate)
    if len(samples) < size:
        size = max(len(samples), 1)
        samples = samples if len(samples) else np.zeros(1, np.float32)
    weight = _k_weighting(np.fft.rfftfreq(size, 1 / rate))
    # Parseval for a real signal: every bin but the first and the last stands for two
    weight[1 : (size + 1) // 2] *= 2
    blocks = np.lib.stride_tricks.sliding_window_view(samples, size)[::step]
    for first in range(0, len(blocks), _BATCH):
        spectrum = np.fft.rfft(blocks[first : first + _BATCH], axis=1)
        yield (np.square(np.abs(spectrum)) @ weight) / size**2


def _k_weighting(frequency: NDArray[np.float64]) -> NDArray[np.float64]:
    """|H|^2 of the two filters of BS.1770-4 (tables 1 and 2, given there for 48 kHz) at frequencies in Hz."""
    z = np.exp(-2j * np.pi * frequency / 48_000)
    shelf = (1.53512485958697 - 2.69169618940638 * z + 1.19839281085285 * z**2) / (
        1 - 1.69065929318241 * z + 0.73248077421585 * z**2
    )
    high_pass = (1 - 2 * z + z**2) / (1 - 1.99004745483398 * z + 0.99007225036621 * z**2)
    weighting: NDArray[np.float64] = np.square(np.abs(shelf * high_pass))
    return weighting
