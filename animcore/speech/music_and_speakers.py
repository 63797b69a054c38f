"""Detection of music, and of a second speaker. numpy alone.

Music is detected by partials that stay where they are: tones of instruments hold a frequency, harmonics of a voice do
not for long (as in the continuous frequency activation of Seyerlehner, Pohle, Schedl and Widmer, DAFx 2007). Mains hum
and beeps count as music too; drums alone and most singing are not.

Speakers who take turns are separated by the colour and the height of their voices: stretches of speech fall into two
groups that explain much of what differs between them, and that alternate less often than chance. Two who speak at the
same time are not separated. `benchmarks/company.py` has the rates of error.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from animcore.audio.recording import AudioClip
from animcore.speech.prosody import FPS, Prosody

FloatArray = NDArray[np.float32]
Array = NDArray[np.float64]
Span = tuple[float, float]

_WINDOW, _HOP = 2048, 512  # samples: bins of 8 Hz every 32 ms
_BAND = (300.0, 4000.0)  # Hz; below, harmonics of a voice move less than a bin
_AROUND = 8  # bins to each side that a partial must stand out of
_STANDS_OUT = 6.0  # dB above them
_SOFT = -40.0  # dB below the loud frames from which a partial counts
_HELD = 10  # frames (0.32 s) that a partial must hold its bin
_PARTIALS = 2  # that must be held at once
_SECOND = 80  # frames (2.6 s) of a block
_SHARE = 0.15  # of a block's time with held partials from which it is music
_AT_ONCE = 1500  # frames worked on at a time

_STRETCH = 1.5  # seconds of speech in which one speaker is looked for, about
_VOICED = 25  # frames with a pitch that a stretch must have
_FEWEST = 6  # stretches, below which no second speaker is reported
_EXPLAINS = 0.45  # share of the differences between stretches that two groups must explain
_STARTS = 32  # of the search for the groups
_ROUNDS = 20
_CEPSTRA, _MELS = 16, 26
# Spread within one speaker, of each cepstrum and of the pitch in half octaves (median of the clips of data/speech).
_SPREAD = np.array([0.451, 0.36, 0.388, 0.263, 0.222, 0.209, 0.159, 0.141, 0.142, 0.136, 0.134, 0.107, 0.11, 0.108,
                    0.107, 0.107, 0.437])  # fmt: skip


@dataclass(frozen=True)
class SpeakerTurn:
    """Speech of one of two speakers: start and end in seconds, and which one, 1 or 2 in the order of appearance."""

    start: float
    end: float
    speaker: int


def detect_music(clip: AudioClip) -> tuple[Span, ...]:
    """Return spans in seconds with music, or another steady tone."""
    held = _held(clip)
    spans: list[Span] = []
    step = _HOP / clip.rate
    for first in range(0, max(1, len(held) - _SECOND // 2), _SECOND // 2):
        if held[first : first + _SECOND].mean() < _SHARE:
            continue
        start, end = first * step, min((first + _SECOND) * step, clip.duration)
        if spans and start <= spans[-1][1]:
            spans[-1] = (spans[-1][0], end)
        else:
            spans.append((start, end))
    return tuple(spans)


def _held(clip: AudioClip) -> NDArray[np.bool_]:
    """(N,) whether several partials are in the middle of holding their frequency."""
    frequency = np.fft.rfftfreq(_WINDOW, 1 / clip.rate)
    inside = (frequency >= _BAND[0]) & (frequency <= _BAND[1])
    first, last = np.flatnonzero(inside)[[0, -1]]
    near = slice(max(0, int(first) - _AROUND - 2), int(last) + _AROUND + 3)  # what a bin of the band is compared with
    own = slice(int(first) - near.start, int(last) + 1 - near.start)
    is_short = len(clip.samples) <= _AT_ONCE * _HOP
    levels = list(_levels(clip.samples, near)) if is_short else None  # of hours they would take half a gigabyte
    loud = np.concatenate([level[:, own].max(1) for level in levels or _levels(clip.samples, near)])
    floor = float(np.percentile(loud, 95)) + _SOFT
    peaks = np.concatenate([_partials(level, floor)[:, own] for level in levels or _levels(clip.samples, near)])
    edges = np.diff(np.pad(peaks.astype(np.int8), ((1, 1), (0, 0))), axis=0).T
    count = np.zeros(len(peaks) + 1, np.int64)
    begins, ends = np.argwhere(edges == 1)[:, 1], np.argwhere(edges == -1)[:, 1]
    lasts = ends - begins >= _HELD
    np.add.at(count, begins[lasts], 1)
    np.add.at(count, ends[lasts], -1)
    found: NDArray[np.bool_] = np.cumsum(count)[:-1] >= _PARTIALS
    return found


def _levels(samples: FloatArray, wanted: slice) -> Iterator[FloatArray]:
    """Level in dB of some of the 1025 bins (n, B), frames after frames; a pure tone of full scale has about 0."""
    padded = np.pad(samples, (0, max(0, _WINDOW - len(samples))))
    views = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[::_HOP]
    window = np.hanning(_WINDOW).astype(np.float32)
    for first in range(0, len(views), _AT_ONCE):
        size = np.abs(np.fft.rfft(views[first : first + _AT_ONCE] * window, axis=1)[:, wanted]) / (_WINDOW / 4)
        yield (20 * np.log10(size + 1e-9)).astype(np.float32)


def _partials(level: FloatArray, floor: float) -> NDArray[np.bool_]:
    """(n, bins) which bins are peaks above their surroundings and above a level."""
    peaks = np.zeros(level.shape, bool)
    peaks[:, 1:-1] = (level[:, 1:-1] >= level[:, :-2]) & (level[:, 1:-1] > level[:, 2:])
    padded = np.pad(level.astype(np.float64), ((0, 0), (_AROUND + 1, _AROUND)), mode="edge").cumsum(1)
    width = 2 * _AROUND + 1
    around = (padded[:, width:] - padded[:, :-width]) / width
    found: NDArray[np.bool_] = peaks & (level - around > _STANDS_OUT) & (level > floor)
    return found


def detect_speakers(clip: AudioClip, prosody: Prosody) -> tuple[SpeakerTurn, ...]:
    """Return who speaks when, where two speakers take turns; nothing where one speaks, or where it is uncertain.

    Args:
        clip: the recording.
        prosody: of it, over its whole length.
    """
    where, voices = _stretches(clip, prosody)
    if len(voices) < _FEWEST:
        return ()
    explained, group = _two_groups(voices)
    share = float(group.mean())
    by_chance = 2 * share * (1 - share) * (len(group) - 1)
    changes = int(np.abs(np.diff(group)).sum())
    if explained < _EXPLAINS or min(group.sum(), len(group) - group.sum()) < 2 or changes >= by_chance:
        return ()
    turns: list[SpeakerTurn] = []
    for (start, end), one in zip(where, (group != group[0]).tolist(), strict=True):
        if turns and turns[-1].speaker == 1 + one:
            turns[-1] = SpeakerTurn(turns[-1].start, end, 1 + one)
        else:
            turns.append(SpeakerTurn(start, end, 1 + one))
    return tuple(turns)


def _stretches(clip: AudioClip, prosody: Prosody) -> tuple[list[Span], Array]:
    """Return spans of speech, and timbre and pitch in each (S, 17), in standard deviations of one speaker."""
    spans: list[Span] = []
    voices = []
    for start, end in prosody.phrases:
        count = max(1, round((end - start) / _STRETCH))
        for piece in range(count):
            first, last = (round(FPS * (start + (end - start) * (piece + side) / count)) for side in (0, 1))
            pitch = prosody.pitch[first:last]
            if (pitch > 0).sum() < _VOICED:
                continue
            cepstra = _cepstra(clip, first, last)[: len(pitch)][pitch[: last - first] > 0]
            height = 2 * np.log2(np.median(pitch[pitch > 0]) / 100)
            spans.append((first / FPS, last / FPS))
            voices.append([*cepstra.mean(0), height])
    return spans, np.array(voices, np.float64).reshape(len(spans), len(_SPREAD)) / _SPREAD


def _cepstra(clip: AudioClip, first: int, last: int) -> Array:
    """(n, 16) mel cepstra of frames of 20 ms."""
    hop, size = clip.rate // FPS, 512
    samples = clip.samples[first * hop : last * hop + size]
    padded = np.pad(samples, (0, max(0, (last - first - 1) * hop + size - len(samples))))
    views = np.lib.stride_tricks.sliding_window_view(padded, size)[::hop][: last - first]
    power = np.square(np.abs(np.fft.rfft(views * np.hanning(size), axis=1)))
    turned = np.cos(np.pi / _MELS * (np.arange(_MELS) + 0.5) * np.arange(1, _CEPSTRA + 1)[:, None])
    found: Array = np.log(power @ _filters(clip.rate, size).T + 1e-8) @ turned.T * (2 / _MELS)
    return found


def _filters(rate: int, size: int) -> Array:
    """(26, bins) triangles on the mel scale from 80 to 7600 Hz."""
    low, high = (2595 * np.log10(1 + hertz / 700) for hertz in (80.0, 7600.0))
    edges = 700 * (10 ** (np.linspace(low, high, _MELS + 2) / 2595) - 1)
    frequency = np.fft.rfftfreq(size, 1 / rate)
    rise = (frequency - edges[:-2, None]) / np.diff(edges)[:-1, None]
    fall = (edges[2:, None] - frequency) / np.diff(edges)[1:, None]
    found: Array = np.maximum(0, np.minimum(rise, fall))
    return found


def _two_groups(voices: Array) -> tuple[float, NDArray[np.int64]]:
    """The share of all differences between (S, F) that the best two groups explain, and the group of each (k-means)."""
    whole = np.square(voices - voices.mean(0)).sum()
    best, found = np.inf, np.zeros(len(voices), np.int64)
    for start in np.unique(np.linspace(0, len(voices) - 1, _STARTS).astype(int)).tolist():
        away = np.square(voices - voices[start]).sum(1).argmax()
        middle = voices[[start, away]]
        for _ in range(_ROUNDS):
            group = np.square(voices[:, None] - middle).sum(2).argmin(1)
            if group.min() == group.max():
                break
            middle = np.stack([voices[group == one].mean(0) for one in (0, 1)])
        left = np.square(voices - middle[group]).sum()
        if left < best and group.min() != group.max():
            best, found = left, group
    return (float(1 - best / whole) if whole > 0 and np.isfinite(best) else 0.0), found
