"""Faults of the audio of a line that make it sound wrong, or a face solved from it: seconds, decibels, shares."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from animcore.evaluation.lines import limits, voices
from animcore.evaluation.lines.findings import Finding, found
from animcore.evaluation.lines.listening import Heard, runs
from animcore.speech import music_and_speakers

Array = NDArray[np.floating[Any]]
Values = dict[str, float]
Part = tuple[Values, list[Finding]]

_FLAT = 0.97  # of the peak, above which samples stand at it
_EDGE = 0.04  # seconds at an end whose level tells whether somebody was speaking there
_TOO_SHORT = 0.2  # seconds of pauses, below which noise is measured by the quietest frames
_BESIDE = 0.06  # seconds beside speech that are no pause
_HUM_STEP = 16  # samples that become one: 1 kHz is enough for hum
_HUM_WINDOW = 512  # of these: bins of 2 Hz
_MAINS = (50.0, 60.0)  # Hz
_HARMONICS = 6
_HUM_HOP = 256


def judge(heard: Heard) -> tuple[Values, list[Finding]]:
    """Return the values and faults of the audio of a line."""
    values: Values = {}
    faults: list[Finding] = []
    for part in (_clipping, _noise, _hum, _music, _ends, _cut, voices.judge):
        more, wrong = part(heard)
        values |= more
        faults += wrong
    loudness = heard.clip.facts.loudness
    if loudness is not None:
        values["loudness"] = loudness
    return values, faults


def nothing(heard: Heard) -> Finding:
    """Return the fault of a line in which nothing is heard."""
    span = (0.0, heard.clip.duration)
    return found("silent", "Nothing is heard in this recording.", -100.0, -70.0, -100.0, span, 0.0)


def _clipping(heard: Heard) -> Part:
    """The share of samples that stand at full scale, or at the recording's own peak as clipping leaves them."""
    size = np.abs(heard.clip.samples)
    flat = size >= _FLAT * size.max(initial=1e-9)
    share = max(heard.clip.facts.clipped_fraction, float(flat.mean()) if flat.size else 0.0)
    limit, bad = limits.CLIPPING
    if share <= limit:
        return {"clipping": share}, []
    block = heard.clip.rate // 10
    count = max(len(flat) // block, 1)
    tops = np.resize(flat, count * block).reshape(count, block).sum(1)
    worst = (int(np.argmax(tops)) + 0.5) / 10
    places = np.flatnonzero(flat) / heard.clip.rate
    sentence = f"The audio is clipped: {100 * share:.1f} % of its samples stand at the peak, most at {worst:.1f} s."
    span = (float(places[0]), float(places[-1])) if len(places) else (0.0, heard.clip.duration)
    return {"clipping": share}, [found("clipping", sentence, share, limit, bad, span, worst)]


def _noise(heard: Heard) -> Part:
    """How far the loud frames are above the pauses, in dB; without a pause above the quietest frames."""
    pauses = ~heard.speaking
    reach = round(_BESIDE * heard.fps)
    for first, last in runs(heard.speaking):
        pauses[max(0, first - reach) : last + reach] = False
    if pauses.sum() >= _TOO_SHORT * heard.fps:
        below = float(np.median(heard.level[pauses]))
        worst = float(heard.times[pauses][int(np.argmax(heard.level[pauses]))])
        limit, bad = limits.NOISE
    else:
        below = float(np.percentile(heard.level, 5))
        worst = float(heard.times[int(np.argmin(heard.level))])
        limit, bad = limits.NOISE_WITHOUT_PAUSE
    apart = heard.loud - below
    if apart >= limit:
        return {"noise": apart}, []
    sentence = f"The noise is {apart:.0f} dB below the voice; clean recordings have {limit:.0f} dB and more."
    return {"noise": apart}, [found("noise", sentence, apart, limit, bad, (0.0, heard.clip.duration), worst)]


def _hum(heard: Heard) -> Part:
    """How far steady tones at multiples of 50 or 60 Hz stand out of what is around them, in dB."""
    level = _quiet_spectrum(heard)
    bins = heard.clip.rate / _HUM_STEP / _HUM_WINDOW
    best, mains = -100.0, 0.0
    for tone in _MAINS:
        heights = []
        for number in range(1, _HARMONICS + 1):
            place = round(number * tone / bins)
            around = np.concatenate([level[place - 8 : place - 3], level[place + 4 : place + 9]])
            heights.append(float(level[place - 1 : place + 2].max() - np.median(around)))
        height = float(np.mean(sorted(heights)[-2:]))  # mains hum has two strong ones at least
        if height > best:
            best, mains = height, tone
    limit, bad = limits.HUM
    if best <= limit:
        return {"hum": best}, []
    worst = float(heard.times[int(np.argmin(np.where(heard.speaking, np.inf, heard.level)))])
    sentence = f"Mains hum of {mains:.0f} Hz is heard, {best:.0f} dB above what is around it."
    return {"hum": best}, [found("hum", sentence, best, limit, bad, (0.0, heard.clip.duration), worst)]


def _quiet_spectrum(heard: Heard) -> Array:
    """(bins,) what each bin of 2 Hz never falls below for long, in dB."""
    count = len(heard.clip.samples) // _HUM_STEP
    samples = heard.clip.samples[: count * _HUM_STEP].reshape(count, _HUM_STEP).mean(1)
    padded = np.pad(samples, (0, max(0, _HUM_WINDOW - count)))
    views = np.lib.stride_tricks.sliding_window_view(padded, _HUM_WINDOW)[::_HUM_HOP]
    size = np.abs(np.fft.rfft(views * np.hanning(_HUM_WINDOW), axis=1))
    level: Array = 20 * np.log10(np.percentile(size, 20, axis=0) / (_HUM_WINDOW / 4) + 1e-6)
    return level


def _music(heard: Heard) -> Part:
    """Seconds in which music, or another steady tone, is heard."""
    spans = music_and_speakers.detect_music(heard.clip)
    seconds = sum(end - start for start, end in spans)
    limit, bad = limits.MUSIC
    if seconds <= limit:
        return {"music": seconds}, []
    start, end = max(spans, key=lambda span: span[1] - span[0])
    sentence = f"Music or another steady tone is heard for {seconds:.1f} s, from {start:.1f} s on."
    return {"music": seconds}, [found("music", sentence, seconds, limit, bad, (start, end), (start + end) / 2)]


def _ends(heard: Heard) -> Part:
    """The longer silence of both ends, in seconds."""
    spoken = np.flatnonzero(heard.speaking)
    if not len(spoken):
        return {}, []
    before, after = float(spoken[0] / heard.fps), max(0.0, heard.clip.duration - float(spoken[-1] + 1) / heard.fps)
    value = max(before, after)
    limit, bad = limits.SILENCE_ENDS
    if value <= limit:
        return {"silence_ends": value}, []
    at_start = before >= after
    where = "before the first word" if at_start else "after the last word"
    span = (0.0, before) if at_start else (heard.clip.duration - after, heard.clip.duration)
    sentence = f"{value:.1f} s of silence stand {where}."
    return {"silence_ends": value}, [found("silence_ends", sentence, value, limit, bad, span, sum(span) / 2)]


def _cut(heard: Heard) -> Part:
    """The level of the louder end, in dB against the loud frames: speech that is cut is as loud there as anywhere."""
    size = max(1, round(_EDGE * heard.fps))
    begin, end = (
        float(part.max(initial=-100.0)) - heard.loud for part in (heard.level[:size], heard.level[-size - 1 : -1])
    )
    value = max(begin, end)
    limit, bad = limits.CUT
    if value <= limit:
        return {"cut": value}, []
    where, worst = ("starts", 0.0) if begin >= end else ("ends", heard.clip.duration)
    sentence = f"The recording {where} amid speech: its {where[:-1]} is only {-value:.0f} dB below the loudest words."
    span = (max(0.0, worst - _EDGE), min(heard.clip.duration, worst + _EDGE))
    return {"cut": value}, [found("cut", sentence, value, limit, bad, span, worst)]
