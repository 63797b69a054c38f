"""When audio sets in: what EMAGE's beats are held against. numpy alone.

The onset detection of librosa 0.10 (`librosa.onset.onset_detect`, its defaults, at 16 kHz in steps of 512 samples),
written anew so that the judge needs no librosa: the rise of a mel spectrogram in decibels, and frames that stand out
from those around them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from animcore.audio.recording import AudioClip

Array = NDArray[np.floating[Any]]

_RATE, _STEP, _WINDOW, _BANDS = 16_000, 512, 2048, 128
_RANGE = 80.0  # decibels below the loudest that count
_BEFORE, _AFTER = 3, 4  # frames around, the later ones with the frame itself: 0.1 s
_STANDS_OUT = 0.07  # above the mean of those, where the largest rise of the clip is 1


def onsets(clip: AudioClip) -> Array:
    """Return (N,) seconds of the onsets in audio, in steps of 32 ms."""
    samples = clip.samples.astype(np.float64)
    if clip.rate != _RATE:
        times = np.arange(int(len(samples) * _RATE / clip.rate)) * (clip.rate / _RATE)
        samples = np.interp(times, np.arange(len(samples)), samples)
    if not len(samples) or not np.any(samples):
        return np.zeros(0)
    rise = _rise(samples)
    rise = (rise - rise.min()) / (np.ptp(rise) + np.finfo(np.float32).tiny)
    padded = np.pad(rise, (_BEFORE, _AFTER - 1), constant_values=np.nan)
    around = np.nanmean(np.lib.stride_tricks.sliding_window_view(padded, _BEFORE + _AFTER), axis=1)
    high = np.flatnonzero(rise >= around + _STANDS_OUT)
    return np.asarray(high[rise[high] > 0] * (_STEP / _RATE))


def _rise(samples: Array) -> Array:
    """(T,) how much louder the bands of each frame are than those of the frame before, in decibels."""
    padded = np.pad(samples, _WINDOW // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[::_STEP]
    window = np.hanning(_WINDOW + 1)[:-1]
    bank = _mel_bank().T
    power = np.concatenate(
        [np.abs(np.fft.rfft(frames[i : i + 512] * window, axis=1)) ** 2 @ bank for i in range(0, len(frames), 512)]
    )
    level = 10 * np.log10(np.maximum(power, 1e-10))
    level = np.maximum(level, level.max() - _RANGE)
    rise = np.maximum(np.diff(level, axis=0), 0.0).mean(1)
    # a rise belongs to the frame after it, and a frame to the middle of its window
    return np.pad(rise, (1 + _WINDOW // (2 * _STEP), 0))[: len(frames)]


def _mel_bank() -> Array:
    """(128, 1025) triangles of equal area, evenly spaced on the mel scale of Slaney's Auditory Toolbox."""
    hertz = np.fft.rfftfreq(_WINDOW, 1 / _RATE)
    top = 15.0 + 27.0 * np.log(_RATE / 2 / 1000.0) / np.log(6.4)  # mel: 15 at 1 kHz, straight below, logarithmic above
    mel = np.linspace(0.0, top, _BANDS + 2)
    edges = np.where(mel < 15.0, mel * 200.0 / 3, 1000.0 * np.exp((mel - 15.0) * np.log(6.4) / 27.0))
    rising = (hertz - edges[:-2, None]) / np.diff(edges)[:-1, None]
    falling = (edges[2:, None] - hertz) / np.diff(edges)[1:, None]
    bank: Array = np.maximum(0.0, np.minimum(rising, falling)) * (2.0 / (edges[2:] - edges[:-2]))[:, None]
    return bank
