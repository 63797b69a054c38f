"""How a voice is carried: where it speaks, how high, how phrases end, which syllables it stresses. numpy alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from animcore.audio.recording import AudioClip
from animcore.motion import Event
from animcore.speech import pitch as pitches

FloatArray = NDArray[np.float32]

FPS = 50
_WINDOW = 640  # samples: 40 ms hold two periods of a deep voice
_BAND = (200.0, 3800.0)  # Hz: where vowels carry their loudness; hiss and rumble lie outside
_BATCH = 2048  # frames

_FLOOR = -62.0  # dB full scale, below which there is no speech
_BELOW_LOUD = -28.0  # dB below the clip's loud frames, below which there is no speech
_PAUSE = 0.2  # seconds; shorter gaps belong to the phrase (the closure of a stop lasts up to 0.15 s)
_SHORTEST_PHRASE = 0.12  # seconds; a click is no phrase

_SYLLABLE = 0.05  # seconds, standard deviation of the smoothing that leaves one bump a syllable
_SURROUNDINGS = 0.6  # seconds, standard deviation of what a syllable is compared with
_ACCENT_APART = 0.28  # seconds
_ACCENT_LEAST = 0.1  # strength
_ACCENT_FULL = 10.0  # dB above the surroundings of an accent of strength 1
_ACCENT_HIGH = 6.5  # semitones above them of the same: wider is more prominent (Rietveld and Gussenhoven, 1985)
_ACCENT_NEAR = 0.1  # seconds between the loudest and the highest moment of a syllable (Ladd, 2008: peaks come late)

# Syllables are bumps of loudness with dips between them, voiced at the top (de Jong and Wempe, 2009, with
# a dip of 2 dB of all of the audio, where ours is of the band of vowels).
_NUCLEUS = 0.02  # seconds, standard deviation of the smoothing
_DIP = 1.5  # dB
_NUCLEUS_LOUD = 25.0  # dB below the loudest of the phrase, below which there is none

_CREDIBLE = 14.0  # semitones about the median of a phrase; what lies beyond is creak or an octave taken for another
_END_LOUD = 28.0  # dB below the loudest of the phrase, below which its last voice is over
_END, _BEFORE_END = 0.14, 0.45  # seconds of voice at the end of a phrase, and up to which its pitch is compared
_RISES, _FALLS = 1.5, -1.0  # semitones; a level end sinks a little too, by declination
_SENTENCE_PAUSE = 0.35  # seconds after a fall or rise that ends a sentence where no transcript is known
_SENTENCE_SIGNS = (".", "!", "?", "…", "。", "！", "？")
_AFTER_SIGNS = "\"')]}»”’」』"

EndKind = Literal["falling", "rising", "level"]


@dataclass(frozen=True)
class PhraseEnd:
    """How a phrase ends.

    Attributes:
        time: seconds.
        kind: contour of the pitch: falling (a statement), rising (a question, or it continues) or level.
        movement: semitones of the last 0.14 s of voice above those before it.
        pause: seconds until the next phrase, or the end of the audio.
    """

    time: float
    kind: EndKind
    movement: float
    pause: float


@dataclass(frozen=True)
class Prosody:
    """How a voice is carried, at 50 FPS; frame i is at i / 50 s.

    Attributes:
        level: (T,) float32, dB full scale of the band of vowels.
        speaking: (T,) float32, 1 within phrases and 0 outside.
        phrases: start and end of each phrase in seconds.
        accents: time in seconds and strength (0..1) of each stressed syllable: louder, higher, or both.
        pitch: (T,) float32, Hz; 0 where there is no speech or the audio is unvoiced.
        ends: how each phrase ends.
        syllables: seconds of the loudest moment of each syllable.
        sentence_ends: seconds; of the words that end a sentence where they are known, else of the phrases that fall or
            rise before a pause.
    """

    level: FloatArray
    speaking: FloatArray
    phrases: tuple[tuple[float, float], ...]
    accents: tuple[tuple[float, float], ...]
    pitch: FloatArray = field(default_factory=lambda: np.zeros(0, np.float32))
    ends: tuple[PhraseEnd, ...] = ()
    syllables: tuple[float, ...] = ()
    sentence_ends: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        """Take a voice without a known pitch for unvoiced."""
        if len(self.pitch) != len(self.level):
            object.__setattr__(self, "pitch", np.zeros(len(self.level), np.float32))

    @property
    def times(self) -> NDArray[np.float64]:
        """(T,) seconds of the frames."""
        return np.arange(len(self.level)) / FPS

    @property
    def syllable_rate(self) -> float:
        """Syllables a second of speech, pauses left out; 0 where there is no speech."""
        seconds = float(self.speaking.sum()) / FPS
        return len(self.syllables) / seconds if seconds else 0.0

    def turns(self, pause: float) -> list[tuple[float, float]]:
        """Return start and end in seconds of utterances: phrases with shorter pauses between them."""
        found: list[tuple[float, float]] = []
        for start, end in self.phrases:
            if found and start - found[-1][1] < pause:
                found[-1] = (found[-1][0], end)
            else:
                found.append((start, end))
        return found


def analyse(clip: AudioClip, count: int, mouth: FloatArray | None = None, spoken: Sequence[Event] = ()) -> Prosody:
    """Analyse a clip.

    Args:
        clip: the recording.
        count: frames wanted (T).
        mouth: (T,) how far the mouth is open, 0..1; where it stays shut for long, the audio is no speech of this
            face (music, noise) and makes no phrase.
        spoken: words with their times and punctuation, where a transcript is known; they mark the ends of sentences.
    """
    level = np.concatenate([np.zeros(0, np.float32), *_levels(clip.samples, clip.rate, count)])
    spans = [] if clip.facts.silent or not count else _phrases(level, mouth)
    speaking = np.zeros(count, np.float32)
    for first, last in spans:
        speaking[first:last] = 1.0
    pitch = pitches.track(clip.samples, clip.rate, clip.rate // FPS, count if spans else 0)
    pitch = pitch * speaking if spans else np.zeros(count, np.float32)
    phrases = tuple((first / FPS, last / FPS) for first, last in spans)
    ends = tuple(_ends(level, pitch, spans))
    return Prosody(
        level,
        speaking,
        phrases,
        accents=tuple(accent for span in spans for accent in _accents(level, pitch, *span)),
        pitch=pitch,
        ends=ends,
        syllables=tuple(time for span in spans for time in _syllables(level, pitch, *span)),
        sentence_ends=tuple(_sentence_ends(ends, spoken)),
    )


def smooth(values: FloatArray, seconds: float) -> FloatArray:
    """Return (T,) smoothed with a Gaussian of this standard deviation; the ends are held."""
    reach = max(1, round(3 * seconds * FPS))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / (seconds * FPS)) ** 2)
    padded = np.pad(values.astype(np.float64), reach, mode="edge")
    smoothed: FloatArray = np.convolve(padded, kernel / kernel.sum(), mode="valid").astype(np.float32)
    return smoothed


def _levels(samples: FloatArray, rate: int, count: int) -> Iterator[FloatArray]:
    """Level in dB of `count` frames in batches; frame i is centred at i / 50 s."""
    hop, half = rate // FPS, _WINDOW // 2
    frequency = np.fft.rfftfreq(_WINDOW, 1 / rate)
    band = (frequency >= _BAND[0]) & (frequency <= _BAND[1])
    window = np.hanning(_WINDOW).astype(np.float32)
    scale = 2 / (_WINDOW * np.square(window).sum())
    for first in range(0, count, _BATCH):
        frames = min(_BATCH, count - first)
        start, stop = first * hop - half, (first + frames - 1) * hop + half
        part = samples[max(start, 0) : max(min(stop, len(samples)), 0)]
        part = np.pad(part, (max(-start, 0), stop - start - max(-start, 0) - len(part)))
        views = np.lib.stride_tricks.sliding_window_view(part, _WINDOW)[::hop]
        power = np.square(np.abs(np.fft.rfft(views * window, axis=1)))[:, band].sum(1) * scale
        yield (10 * np.log10(power + 1e-12)).astype(np.float32)


def _phrases(level: FloatArray, mouth: FloatArray | None) -> list[tuple[int, int]]:
    """Spans of frames (first, one past the last) with speech."""
    heard = level > max(_FLOOR, float(np.percentile(level, 95)) + _BELOW_LOUD)
    if mouth is not None:
        heard &= smooth(mouth, 0.15) > 0.02
    edges = np.flatnonzero(np.diff(np.concatenate([[False], heard, [False]]).astype(np.int8))).reshape(-1, 2)
    spans: list[tuple[int, int]] = []
    for first, last in edges.tolist():
        if spans and first - spans[-1][1] < _PAUSE * FPS:
            spans[-1] = (spans[-1][0], last)
        else:
            spans.append((first, last))
    return [(first, last) for first, last in spans if last - first >= _SHORTEST_PHRASE * FPS]


def _accents(level: FloatArray, pitch: FloatArray, first: int, last: int) -> Iterator[tuple[float, float]]:
    """Stressed syllables of one phrase: those that stand out of their surroundings, the strongest first to be kept."""
    part = np.maximum(level[first:last], level[first:last].max() - 30)
    louder = smooth(part, _SYLLABLE) - _surroundings(part)
    higher = _highest_near(_higher(pitch[first:last]), _ACCENT_NEAR)
    # a syllable that is lower or softer than its surroundings still stands out by the other one
    strength = np.hypot(np.maximum(louder, 0) / _ACCENT_FULL, np.maximum(higher, 0) / _ACCENT_HIGH)
    peaks = np.flatnonzero((louder[1:-1] > louder[:-2]) & (louder[1:-1] >= louder[2:])) + 1
    peaks = peaks[strength[peaks] > _ACCENT_LEAST]
    kept: list[int] = []
    taken, apart = np.zeros(len(part), bool), round(_ACCENT_APART * FPS)
    for peak in peaks[np.argsort(-strength[peaks], kind="stable")].tolist():
        if not taken[peak]:
            kept.append(peak)
            taken[max(0, peak - apart + 1) : peak + apart] = True
    for peak in sorted(kept):
        yield (first + peak) / FPS, float(min(strength[peak], 1.0))


def _semitones(pitch: FloatArray) -> FloatArray:
    """(T,) semitones of a phrase about its median; nan where there is no voice, or none to be believed."""
    voiced = pitch > 0
    semitones = np.full(len(pitch), np.nan, np.float32)
    if voiced.any():
        semitones[voiced] = 12 * np.log2(pitch[voiced] / np.median(pitch[voiced]))
        semitones[np.abs(semitones) > _CREDIBLE] = np.nan
    return semitones


def _higher(pitch: FloatArray) -> FloatArray:
    """(T,) semitones of a phrase above its surroundings, so that its slow fall from start to end counts for nothing."""
    semitones = _semitones(pitch)
    known = np.flatnonzero(~np.isnan(semitones))
    if not len(known):
        return np.zeros(len(pitch), np.float32)
    joined = np.interp(np.arange(len(pitch)), known, semitones[known]).astype(np.float32)
    return smooth(joined, 0.5 * _SYLLABLE) - _surroundings(joined)


def _surroundings(values: FloatArray) -> FloatArray:
    """(T,) the mean around each frame of a phrase; its ends are extended."""
    reach = round(3 * _SURROUNDINGS * FPS)
    return smooth(np.pad(values, reach, mode="symmetric"), _SURROUNDINGS)[reach:-reach]


def _highest_near(values: FloatArray, seconds: float) -> FloatArray:
    """(T,) the highest of (T,) within so many seconds before and after."""
    reach = round(seconds * FPS)
    padded = np.pad(values, reach, mode="edge")
    highest: FloatArray = np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1).max(1)
    return highest


def _syllables(level: FloatArray, pitch: FloatArray, first: int, last: int) -> Iterator[float]:
    """Seconds of the syllables of one phrase."""
    bumps = smooth(level[first:last], _NUCLEUS)
    voiced = _highest_near(pitch[first:last], 0.03) > 0
    least = bumps.max() - _NUCLEUS_LOUD
    top, dip = 0, np.inf  # the highest frame since the last dip that was deep enough, and the lowest one after it
    for frame, height in enumerate(bumps.tolist()):
        if height > bumps[top] or top == frame:
            top, dip = frame, height
        elif height < dip:
            dip = height
        elif height > dip + _DIP and bumps[top] > dip + _DIP:
            if bumps[top] > least and voiced[top]:
                yield (first + top) / FPS
            top, dip = frame, height
    if bumps[top] > least and voiced[top]:
        yield (first + top) / FPS


def _ends(level: FloatArray, pitch: FloatArray, spans: list[tuple[int, int]]) -> Iterator[PhraseEnd]:
    """How each phrase ends."""
    for number, (first, last) in enumerate(spans):
        following = spans[number + 1][0] if number + 1 < len(spans) else len(pitch)
        loud = level[first:last] > level[first:last].max() - _END_LOUD
        movement = _last_movement(np.where(loud, pitch[first:last], 0))
        kind: EndKind = "rising" if movement > _RISES else "falling" if movement < _FALLS else "level"
        yield PhraseEnd(last / FPS, kind, movement, (following - last) / FPS)


def _last_movement(pitch: FloatArray) -> float:
    """Semitones of the last voice of a phrase above that before it; 0 where there is too little of it."""
    semitones = _semitones(pitch)
    known = np.flatnonzero(~np.isnan(semitones))
    if not len(known):
        return 0.0
    late = known > known[-1] - _END * FPS
    before = ~late & (known > known[-1] - _BEFORE_END * FPS)
    if not before.any():
        return 0.0
    # of the late part its own end alone: a fall that has arrived is as much of a fall
    return float(np.median(semitones[known[late][-4:]]) - np.median(semitones[known[before]]))


def _sentence_ends(ends: Sequence[PhraseEnd], spoken: Sequence[Event]) -> list[float]:
    words = [event for event in spoken if event.kind == "word"]
    marked = [word.end for word in words if word.label.rstrip(_AFTER_SIGNS).endswith(_SENTENCE_SIGNS)]
    if marked or not ends:
        return marked
    if words:
        return [words[-1].end]
    return [end.time for end in ends if end.kind != "level" and end.pause >= _SENTENCE_PAUSE]
