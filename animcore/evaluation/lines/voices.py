"""Whether a second voice speaks at the same time, and how high the voice is.

After de Cheveigné ("Separation of concurrent harmonic sounds", J. Acoust. Soc. Am., 1993): the period of the stronger
voice is cancelled by subtracting the audio of one period before; where what is left is periodic too, and at no simple
ratio to the first, somebody else speaks.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from animcore.evaluation.lines import limits
from animcore.evaluation.lines.findings import Finding, found
from animcore.evaluation.lines.listening import Heard
from animcore.speech.pitch import HIGHEST, LOWEST

Array = NDArray[np.floating[Any]]

_RATE = 4000.0  # samples a second: the first harmonics are enough
_WINDOW = 0.06  # seconds
_HOP = 0.05  # seconds
_VOICED = 0.6  # periodicity from which a frame has a pitch
_SECOND = 0.6  # periodicity of what is left from which it has one too
_LEFT = -16.0  # dB of what is left below the frame, under which it is nobody
_RATIOS = np.array([1 / 4, 1 / 3, 1 / 2, 2 / 3, 1, 3 / 2, 2, 3, 4])
_ALIKE = 0.07  # of a ratio within which two periods belong to one voice
_BELOW = -20.0  # dB below the loud frames that are still looked at
_FEWEST = 8  # voiced frames, below which nothing is said


def judge(heard: Heard) -> tuple[dict[str, float], list[Finding]]:
    """Return the share of voiced frames in which two pitches are heard, the median pitch, and the fault."""
    times, pitch, other = pitches(heard)
    voiced = pitch > 0
    if voiced.sum() < _FEWEST:
        return {}, []
    both = other > 0
    share = float(both.sum() / voiced.sum())
    values = {"second_voice": share, "pitch": float(np.median(pitch[voiced]))}
    limit, bad = limits.SECOND_VOICE
    if share <= limit:
        return values, []
    places = times[both]
    worst = float(np.median(places))
    sentence = (
        f"A second voice is heard in {100 * share:.0f} % of the speech, about {np.median(other[both]):.0f} Hz beside "
        f"{np.median(pitch[both]):.0f} Hz at {worst:.1f} s."
    )
    span = (float(places[0]), float(places[-1]))
    return values, [found("second_voice", sentence, share, limit, bad, span, worst)]


def pitches(heard: Heard) -> tuple[Array, Array, Array]:
    """Return seconds of frames (F,), the pitch of each in Hz, and that of a second voice; 0 for none."""
    samples, rate = _low(heard.clip.samples, heard.clip.rate)
    size, hop = round(_WINDOW * rate), round(_HOP * rate)
    longest = int(rate / LOWEST) + 1
    if len(samples) < size + longest:
        return np.zeros(0), np.zeros(0), np.zeros(0)
    views = np.lib.stride_tricks.sliding_window_view(samples, size + longest)[::hop]
    frames = views[:, longest:]
    times = (np.arange(len(frames)) * hop + longest + size / 2) / rate
    power = np.square(frames).mean(1)
    loud = power > np.percentile(power, 95) * 10 ** (_BELOW / 10)
    period, height = _period(frames, rate)
    pitch = np.where((height > _VOICED) & loud, rate / period, 0.0)
    before = np.take_along_axis(views, (longest - np.rint(period).astype(np.int64))[:, None] + np.arange(size), 1)
    gain = np.clip((frames * before).sum(1) / (np.square(before).sum(1) + 1e-12), 0.0, 1.2)
    left = frames - gain[:, None] * before
    strong = np.square(left).mean(1) > power * 10 ** (_LEFT / 10)
    second, height = _period(left, rate)
    ratio = second[:, None] / period[:, None] / _RATIOS
    apart = (np.abs(np.log(ratio)) > _ALIKE).all(1)
    other = np.where((pitch > 0) & strong & apart & (height > _SECOND), rate / second, 0.0)
    return times, pitch, other


def _low(samples: Array, rate: int) -> tuple[Array, float]:
    """The samples at 4 kHz, by their mean over as many as one of them stands for, twice as wide."""
    step = max(1, round(rate / _RATE))
    kernel = np.hanning(2 * step + 1)
    smooth = np.convolve(samples, kernel / kernel.sum(), mode="same")
    return smooth[::step].astype(np.float32), rate / step


def _period(frames: Array, rate: float) -> tuple[Array, Array]:
    """The period of each frame (F, N) in samples, and how periodic it is, 0..1: the first peak that is nearly best."""
    size = frames.shape[1]
    window = np.hanning(size).astype(np.float32)
    length = 1 << (2 * size - 1).bit_length()
    own = np.fft.irfft(np.square(np.abs(np.fft.rfft(window, length))))
    power = np.square(np.abs(np.fft.rfft((frames - frames.mean(1, keepdims=True)) * window, length, axis=1)))
    alike = np.fft.irfft(power, axis=1)
    low, high = int(rate / HIGHEST), int(rate / LOWEST) + 1
    scaled = alike[:, low - 1 : high + 1] / (alike[:, :1] + 1e-12) * (own[0] / own[low - 1 : high + 1])
    inner = scaled[:, 1:-1]
    peak = np.where((inner >= scaled[:, :-2]) & (inner > scaled[:, 2:]), inner, -1.0)
    first = (peak >= 0.92 * peak.max(1, keepdims=True)).argmax(1)
    return first + float(low), np.take_along_axis(peak, first[:, None], 1)[:, 0]
