"""What a text tells of a line: words that are not heard, how well they fit, and speech that no word accounts for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from animcore.evaluation.lines import limits
from animcore.evaluation.lines.findings import Finding, found
from animcore.evaluation.lines.listening import Heard, runs
from animcore.motion import Event, Motion
from animcore.speech import alignment
from animcore.speech.pronunciation import PHONEMES
from animcore.speech.transcript import Transcript

Array = NDArray[np.floating[Any]]
Values = dict[str, float]

_FLOOR = 2e-3  # the least probability that is believed, as in `alignment`
_NAMED = 4  # words that are named where they are not heard
_BESIDE = 0.12  # seconds around a word that belong to it
_SHORTEST = 0.15  # seconds of speech outside of words, below which it is breath or the alignment's doubt


@dataclass(frozen=True)
class Spoken:
    """A transcript on the clock of the audio.

    Attributes:
        labels: of all its words.
        words: where each of them is heard, None where it is not.
        phonemes: of the words that are heard.
    """

    labels: tuple[str, ...]
    words: tuple[Event | None, ...]
    phonemes: tuple[Event, ...]

    @property
    def events(self) -> tuple[Event, ...]:
        """Words and phonemes."""
        return (*(word for word in self.words if word is not None), *self.phonemes)


def follow(transcript: Transcript, motion: Motion, heard: Heard, offset: float = 0.0) -> Spoken:
    """Return where a transcript is said: as the motion has it from its own alignment, else newly aligned.

    Args:
        transcript: what is said.
        motion: the performance; where it was made with the transcript, its events have the words.
        heard: the audio.
        offset: seconds that the motion was ordered to be later than the audio.
    """
    labels = tuple(word.label for word in transcript.words)
    known = [one for one in motion.events if one.kind == "word"]
    if known and not any(word.exact for word in transcript.words):
        words = _matched(labels, known)
        if sum(word is not None for word in words) == len(known):
            moved = [_moved(one, offset) if one is not None else None for one in words]
            phonemes = [_moved(one, offset) for one in motion.events if one.kind == "phoneme"]
            return Spoken(labels, tuple(moved), tuple(phonemes))
    aligned = alignment.align(transcript, heard.phonemes.astype(np.float32), heard.fps)
    return Spoken(labels, aligned.words, aligned.phonemes)


def _matched(labels: Sequence[str], events: Sequence[Event]) -> list[Event | None]:
    """Lay the words that were heard, in their order, onto the labels; a label that is left out has none."""
    words: list[Event | None] = [None] * len(labels)
    place = len(labels) - 1
    for event in reversed(events):  # from behind: a line is cut at its end more often than at its start
        while place >= 0 and labels[place] != event.label:
            place -= 1
        if place < 0:
            break
        words[place] = event
        place -= 1
    return words


def _moved(event: Event, offset: float) -> Event:
    return Event(event.kind, event.label, event.start - offset, event.end - offset) if offset else event


def judge(spoken: Spoken, heard: Heard) -> tuple[Values, list[Finding]]:
    """Return the values and faults of a text in its audio."""
    letters = sum(len(label) for label in spoken.labels)
    values: Values = {"pace": float(heard.speaking.sum()) / heard.fps / letters}
    faults: list[Finding] = []
    for part in (_missing(spoken, heard), _fit(spoken, heard), _extra(spoken, heard)):
        values |= part[0]
        faults += part[1]
    return values, faults


def _missing(spoken: Spoken, heard: Heard) -> tuple[Values, list[Finding]]:
    """The share of words that are heard, each counted by its letters."""
    sizes = np.array([len(label) for label in spoken.labels], np.float64)
    gone = np.array([word is None for word in spoken.words])
    share = float(sizes[~gone].sum() / sizes.sum())
    limit, bad = limits.WORDS
    if share >= limit:
        return {"words": share}, []
    missed = [spoken.labels[place] for place in np.flatnonzero(gone)]
    named = " ".join(missed[:_NAMED]) + (" ..." if len(missed) > _NAMED else "")
    first, last = runs(gone)[0] if not gone.all() else (0, len(gone))
    start, end = _gap(spoken, heard, first, last)
    where = _where(first, last, len(gone))
    verb = "is" if len(missed) == 1 else "are"
    sentence = f'{len(missed)} of {len(gone)} words {verb} not heard{where}: "{named}".'
    return {"words": share}, [found("words", sentence, share, limit, bad, (start, end), (start + end) / 2)]


def _where(first: int, last: int, count: int) -> str:
    """Where the words lie that are missing, as a part of a sentence."""
    if last - first == count:
        return ", so this is another recording"
    if last == count:
        return " at the end, where the line may be cut"
    return " at the start, where the line may be cut" if first == 0 else ""


def _gap(spoken: Spoken, heard: Heard, first: int, last: int) -> tuple[float, float]:
    """Seconds between which the words from one place up to another should be."""
    before = [word.end for word in spoken.words[:first] if word is not None]
    after = [word.start for word in spoken.words[last:] if word is not None]
    start, end = before[-1] if before else 0.0, after[0] if after else heard.clip.duration
    return min(start, end), max(start, end)


def _fit(spoken: Spoken, heard: Heard) -> tuple[Values, list[Finding]]:
    """The geometric mean of the probability that the network gives the phonemes of the text where they lie."""
    count = len(heard.phonemes)
    logs = np.log(np.maximum(heard.phonemes, _FLOOR))
    sums: list[float] = []
    frames: list[int] = []
    for event in spoken.phonemes:
        if event.label not in PHONEMES:
            continue
        first = min(max(round(event.start * heard.fps), 0), count - 1)
        last = min(max(round(event.end * heard.fps), first + 1), count)
        sums.append(float(logs[first:last, PHONEMES.index(event.label)].sum()))
        frames.append(last - first)
    if not frames:
        return {}, []
    fit = float(np.exp(sum(sums) / sum(frames)))
    limit, bad = limits.FIT
    if fit >= limit:
        return {"fit": fit}, []
    place = int(np.argmin(np.array(sums) / np.array(frames)))
    event = [one for one in spoken.phonemes if one.label in PHONEMES][place]
    words = [word for word in spoken.words if word is not None]
    span = (words[0].start, words[-1].end) if words else (0.0, heard.clip.duration)
    sentence = f"The text hardly fits what is heard (alignment score {fit:.2f}): is something else said?"
    return {"fit": fit}, [found("fit", sentence, fit, limit, bad, span, (event.start + event.end) / 2)]


def _extra(spoken: Spoken, heard: Heard) -> tuple[Values, list[Finding]]:
    """Seconds of speech that belong to no word."""
    left = heard.speaking.copy()
    for word in spoken.words:
        if word is not None:
            left[max(0, int((word.start - _BESIDE) * heard.fps)) : int((word.end + _BESIDE) * heard.fps) + 2] = False
    spans = [(first, last) for first, last in runs(left) if last - first >= _SHORTEST * heard.fps]
    seconds = sum(last - first for first, last in spans) / heard.fps
    limit, bad = limits.EXTRA_SPEECH
    if seconds <= limit:
        return {"extra_speech": seconds}, []
    first, last = max(spans, key=lambda span: span[1] - span[0])
    start, end = first / heard.fps, last / heard.fps
    sentence = f"{seconds:.1f} s of speech are not in the text, from {start:.2f} s on: another take, or another text?"
    worst = start + float(np.argmax(heard.level[first:last])) / heard.fps
    return {"extra_speech": seconds}, [found("extra_speech", sentence, seconds, limit, bad, (start, end), worst)]
