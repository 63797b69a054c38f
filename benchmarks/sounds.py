"""Ways in which a voice may reach a solver: in noise, over music, by phone, whispered, shouted, sung, by a child, late.

And what is no voice: music, breath, noise.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from io import BytesIO

import av
import numpy as np
from numpy.typing import NDArray
from scipy import linalg, signal

from animcore.audio import loudness
from animcore.audio.recording import RATE, AudioClip
from animcore.training.lip_sync import synthetic_noise

FloatArray = NDArray[np.float64]
_ORDER = 18  # of the linear prediction that parts a voice into throat and mouth
_HOP = 160
CHILD = 1.25  # by which a child's voice and formants stand higher
LATE = 0.025  # seconds
NEVER_TRAINED = 99  # seed of sounds that are no voice
_WANDERS = 2.0  # times a second that the clock of a bad line turns
_NARROW = 8000  # samples a second of a mobile phone
_BITS = 8000  # a second, of its codec


def heard(clip: AudioClip, samples: FloatArray) -> AudioClip:
    """Return the clip with other samples (N,)."""
    kept = samples.astype(np.float32)
    return replace(clip, samples=kept, facts=replace(clip.facts, loudness=loudness.integrated_loudness(kept, RATE)))


def noisy(samples: FloatArray, below: float) -> FloatArray:
    """White noise so many dB below the voice."""
    noise = np.random.default_rng(0).normal(size=len(samples))
    return samples + noise * np.sqrt(np.square(samples).mean()) * 10 ** (-below / 20)


def by_phone(samples: FloatArray) -> FloatArray:
    """300 to 3400 Hz and coarse steps, as of a telephone."""
    band = signal.sosfilt(signal.butter(6, [300, 3400], "band", fs=RATE, output="sos"), samples)
    loud = np.abs(band).max() + 1e-9
    coded = np.sign(band) * np.log1p(255 * np.abs(band) / loud) / np.log(256)
    coded = np.round(coded * 127) / 127
    return np.sign(coded) * (np.expm1(np.abs(coded) * np.log(256)) / 255) * loud


def whispered(samples: FloatArray) -> FloatArray:
    """The mouth as it is, breath for a throat."""
    return _spoken_again(samples, np.random.default_rng(0).normal(size=len(samples)))


def sung(samples: FloatArray) -> FloatArray:
    """The mouth as it is, the throat on notes of half a second with vibrato."""
    times = np.arange(len(samples)) / RATE
    notes = np.array([0, 4, 7, 5, 2, 0])[(times * 2).astype(int) % 6]
    pitch = 220 * 2 ** ((notes + 0.4 * np.sin(2 * np.pi * 5.5 * times)) / 12)
    phase = np.cumsum(pitch / RATE)
    return _spoken_again(samples, np.diff(np.floor(phase), prepend=0.0) * 8)


def shouted(samples: FloatArray) -> FloatArray:
    """Strained, clipped, and brighter by 6 dB an octave above 500 Hz."""
    bright = signal.sosfilt(signal.butter(1, 500, "high", fs=RATE, output="sos"), samples) * 3 + 0.3 * samples
    level = 3 * np.sqrt(np.square(bright).mean()) + 1e-9
    return np.tanh(2 * bright / level) * 0.5


def childlike(samples: FloatArray) -> FloatArray:
    """Higher in pitch and formants; it is over sooner by the same factor."""
    return signal.resample(samples, round(len(samples) / CHILD))


def late(samples: FloatArray) -> FloatArray:
    """25 ms later: the frames fall elsewhere in the sound."""
    return np.concatenate([np.zeros(round(LATE * RATE)), samples])


def jittered(samples: FloatArray) -> FloatArray:
    """The sound comes now earlier, now later, by up to 25 ms."""
    turns = int(len(samples) / RATE * _WANDERS) + 2
    offsets = np.random.default_rng(0).uniform(-LATE, LATE, turns)
    places = np.arange(len(samples)) / RATE
    wander = np.interp(places, np.arange(turns) / _WANDERS, offsets)
    return np.interp(places + wander, places, samples)


def over_music(samples: FloatArray) -> FloatArray:
    """Plucked and held notes, 10 dB below the voice."""
    music = next(sound for sound in kinds("music", 1)).astype(np.float64)
    music = np.resize(music, len(samples))
    return samples + music * np.sqrt(np.square(samples).mean() / np.square(music).mean() / 10)


def by_mobile(samples: FloatArray) -> FloatArray:
    """Through Opus at 8 kbit/s and 8 kHz, as speech is sent over a bad connection."""
    narrow = signal.resample_poly(samples, _NARROW, RATE)
    peak = np.abs(narrow).max() + 1e-9
    stored = BytesIO()
    with av.open(stored, "w", "ogg") as container:
        stream = container.add_stream("libopus", rate=_NARROW, layout="mono", options={"b": str(_BITS)})
        frame = av.AudioFrame.from_ndarray((narrow / peak * 20000).astype(np.int16)[None], "s16", "mono")
        frame.sample_rate, frame.time_base, frame.pts = _NARROW, Fraction(1, _NARROW), 0
        container.mux([*stream.encode(frame), *stream.encode(None)])
    stored.seek(0)
    resampler = av.AudioResampler("flt", "mono", RATE)
    with av.open(stored) as container:
        found = [part for one in container.decode(audio=0) for part in resampler.resample(one)]
        found += resampler.resample(None)
    heard = np.concatenate([part.to_ndarray()[0] for part in found]).astype(np.float64)
    return np.pad(heard, (0, max(0, len(samples) - len(heard))))[: len(samples)] * peak


def kinds(kind: str, count: int) -> list[NDArray[np.float32]]:
    """So many sounds that are no voice and that never trained, of 7 s: `music`, `breath`, `noise`, `drums` or `hum`."""
    order = ("noise", "breath", "music", "drums", "hum", "music", "breath")  # as nonspeech makes them in turn
    made = enumerate(synthetic_noise.sounds(len(order) * count, seed=NEVER_TRAINED))
    return [sound for index, sound in made if order[index % len(order)] == kind][:count]


WAYS: dict[str, Callable[[FloatArray], FloatArray]] = {
    "25 ms late": late,
    "25 ms of jitter": jittered,
    "noise 20 dB below": lambda samples: noisy(samples, 20),
    "noise 10 dB below": lambda samples: noisy(samples, 10),
    "music 10 dB below": over_music,
    "telephone": by_phone,
    "mobile phone": by_mobile,
    "whispered": whispered,
    "shouted": shouted,
    "sung": sung,
    "a child's": childlike,
}


def _spoken_again(samples: FloatArray, source: FloatArray) -> FloatArray:
    """Say something with another throat: linear prediction (Makhoul, 1975) every 10 ms, `source` in its place."""
    window = signal.windows.hann(4 * _HOP, sym=False)
    result = np.zeros(len(samples) + 4 * _HOP)
    padded = np.pad(samples, (2 * _HOP, 4 * _HOP))
    sources = np.pad(source, (2 * _HOP, 4 * _HOP))
    for start in range(0, len(samples), _HOP):
        part = padded[start : start + 4 * _HOP] * window
        lags = np.correlate(part, part, "full")[len(part) - 1 : len(part) + _ORDER]
        lags[0] += 1e-6 + 1e-4 * lags[0]
        mouth = linalg.solve_toeplitz(lags[:-1], lags[1:])
        power = max(lags[0] - mouth @ lags[1:], 0.0) / len(part)
        throat = sources[start : start + 4 * _HOP]
        throat = throat / (np.sqrt(np.square(throat).mean()) + 1e-9) * np.sqrt(power)
        made = signal.lfilter([1.0], np.concatenate([[1.0], -mouth]), throat)
        result[start : start + 4 * _HOP] += made * window
    return result[2 * _HOP :][: len(samples)]
