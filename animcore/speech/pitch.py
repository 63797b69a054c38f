"""Pitch of a voice in hertz. numpy alone.

The method is Boersma's (Proceedings of the Institute of Phonetic Sciences 17, 1993), which Praat made known: the
autocorrelation of a windowed frame divided by that of the window, its highest peaks as candidates, and the best path
through them (Viterbi), where jumps of pitch and changes between voiced and unvoiced cost. The costs are his.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]

LOWEST, HIGHEST = 65.0, 600.0  # Hz: a deep man, and a child or a shouting adult

_PERIODS = 3  # of the lowest voice that a window holds
_BATCH = 1024  # frames
_CANDIDATES = 4  # a frame, and unvoiced

_SILENCE = 0.03  # of the loudest frame's peak, below which there is no speech
_VOICED = 0.45  # periodicity below which audio of full loudness is unvoiced
_OCTAVE = 0.01  # for each octave that a candidate lies below the highest voice: of equals the higher one is right
_JUMP = 0.35  # for each octave between neighbouring frames, at a step of 0.01 s
_CHANGE = 0.14  # between voiced and unvoiced, at a step of 0.01 s
_STEP = 0.01  # seconds that these costs are for


@dataclass(frozen=True)
class _Candidates:
    """What each frame may be: the first column is unvoiced (0 Hz).

    Attributes:
        pitch: (T, 1 + candidates) Hz.
        worth: the same shape, the higher the likelier; -inf where there is no candidate.
    """

    pitch: FloatArray
    worth: FloatArray


def track(samples: FloatArray, rate: int, hop: int, count: int) -> FloatArray:
    """Return the pitch of each frame: (count,) Hz, 0 where it is unvoiced; frame i is centred at sample i * hop.

    Memory grows by 40 bytes a frame; ten minutes at 16 kHz take a few seconds of one core.

    Args:
        samples: (N,) mono.
        rate: samples a second.
        hop: samples between frames.
        count: frames wanted; those behind the end are unvoiced.
    """
    loudest = max(float(samples.max(initial=0.0)), -float(samples.min(initial=0.0)))  # without a copy of hours
    if not count or not loudest:
        return np.zeros(count, np.float32)
    found = _Candidates(*(np.empty((count, 1 + _CANDIDATES), np.float32) for _ in range(2)))
    for first in range(0, count, _BATCH):
        here = _candidates(samples, rate, hop, first, min(_BATCH, count - first), loudest)
        found.pitch[first : first + _BATCH], found.worth[first : first + _BATCH] = here.pitch, here.worth
    pitch: FloatArray = found.pitch[np.arange(count), _best_path(found, hop / rate)]
    return pitch


def _candidates(samples: FloatArray, rate: int, hop: int, first: int, frames: int, loudest: float) -> _Candidates:
    """Candidates of `frames` frames from `first` on."""
    width = 2 * round(_PERIODS * rate / LOWEST / 2)
    start, stop = first * hop - width // 2, (first + frames - 1) * hop + width // 2
    part = samples[max(start, 0) : max(min(stop, len(samples)), 0)]
    part = np.pad(part, (max(-start, 0), stop - start - max(-start, 0) - len(part)))
    views = np.lib.stride_tricks.sliding_window_view(part, width)[::hop]
    views = views - views.mean(1, keepdims=True)
    shortest, longest = int(rate / HIGHEST), int(np.ceil(rate / LOWEST))
    alike = _autocorrelation(views, longest + 2)[:, shortest - 1 :]  # from one lag before the shortest
    peaks, lags = _peaks(alike)
    pitch = np.where(lags > 0, rate / np.maximum(lags + shortest - 1, 1), 0)
    worth = np.where(lags > 0, peaks - _OCTAVE * np.log2(HIGHEST / np.maximum(pitch, LOWEST / 2)), -np.inf)
    loudness = np.abs(views[:, width // 4 : -width // 4]).max(1) / loudest
    quiet = np.maximum(0, 2 - loudness / (_SILENCE / (1 + _VOICED)))
    return _Candidates(
        np.pad(pitch, ((0, 0), (1, 0))).astype(np.float32),
        np.concatenate([(_VOICED + quiet)[:, None], worth], 1).astype(np.float32),
    )


def _autocorrelation(frames: FloatArray, lags: int) -> FloatArray:
    """(B, lags) of (B, width), 1 at lag 0, as if the window were not there."""
    width = frames.shape[1]
    size = 1 << (width + lags - 1).bit_length()
    window = np.hanning(width + 2)[1:-1].astype(np.float32)
    own = np.fft.irfft(np.square(np.abs(np.fft.rfft(window, size))))[:lags]
    power = np.square(np.abs(np.fft.rfft(frames * window, size, axis=1)))
    alike = np.fft.irfft(power, axis=1)[:, :lags]
    scaled: FloatArray = (alike / np.maximum(alike[:, :1], 1e-12) * (own[0] / own)).astype(np.float32)
    return scaled


def _peaks(alike: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Height and place (B, candidates) of the highest peaks of (B, lags); the place is 0 where there are no more."""
    before, here, after = alike[:, :-2], alike[:, 1:-1], alike[:, 2:]
    height = np.where((here > before) & (here >= after) & (here > 0.5 * _VOICED), here, 0)
    slope = _OCTAVE * np.log2(np.arange(1, height.shape[1] + 1, dtype=np.float32))
    index = np.argpartition(slope - height, _CANDIDATES, axis=1)[:, :_CANDIDATES]
    left, top, right = (np.take_along_axis(part, index, 1) for part in (before, here, after))
    bend = np.minimum(left - 2 * top + right, -1e-9)  # of the parabola through the peak and its neighbours
    aside = np.clip(0.5 * (left - right) / bend, -0.5, 0.5)
    peaks = np.minimum(top - 0.25 * (left - right) * aside, 1)
    found = np.take_along_axis(height, index, 1) > 0
    return np.where(found, peaks, 0), np.where(found, index + 1 + aside, 0)


def _best_path(found: _Candidates, step: float) -> NDArray[np.int64]:
    """(T,) the candidate of each frame on the path whose worth less its costs is highest."""
    count, choices = found.pitch.shape
    came = np.zeros((count, choices), np.int8)
    total = found.worth[0].astype(np.float64)
    for first in range(1, count, _BATCH):
        costs = _costs(found.pitch[first - 1 : first + _BATCH]) * (_STEP / step)
        for frame, cost in enumerate(costs, first):
            reached = total[:, None] - cost
            came[frame] = reached.argmax(0)
            total = reached.max(0) + found.worth[frame]
    path = np.zeros(count, np.int64)
    path[-1] = int(total.argmax())
    for frame in range(count - 1, 0, -1):
        path[frame - 1] = came[frame, path[frame]]
    return path


def _costs(pitch: FloatArray) -> FloatArray:
    """(B - 1, candidates, candidates) cost of going from each candidate of (B, candidates) Hz to each of the next."""
    voiced = pitch > 0
    octaves = np.log2(np.where(voiced, pitch, 1))
    jump = _JUMP * np.abs(octaves[:-1, :, None] - octaves[1:, None])
    both = voiced[:-1, :, None] & voiced[1:, None]
    costs: FloatArray = np.where(both, jump, _CHANGE * (voiced[:-1, :, None] != voiced[1:, None]))
    return costs
