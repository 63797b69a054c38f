"""Forced alignment: the times of each word and phoneme of a transcript, from the phoneme probabilities of the frames.

The best path (Viterbi, 1967) goes through the phonemes of the words in order, each for a frame at least. Between two
words it may rest in silence or in sounds that are no word of the transcript, and it may leap over words that are not
heard; both cost. Long recordings keep a bounded part of the table: a band of states around the best one, and half a
minute of past before what all ways that are still open have in common is settled.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from animcore.motion import Event
from animcore.speech.pronunciation import PHONEMES, SYLLABLE, VOWELS, pronunciations
from animcore.speech.transcript import Transcript, Word

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int64]

_FLOOR = 2e-3  # the least probability that is believed
_SILENCE = -2.0  # log of what silence costs a frame: the network takes faint ends of words for it
_OTHER = -5.0  # log of what sound that is no word costs a frame, over the likeliest phoneme
_PAUSE = -1.0  # log of what a pause between words costs
_LEAP = -3.5  # log cost of each phoneme of a word that is skipped
_DOUBT = -3.5  # mean fit below which a word is not believed to be there,
_SHORT = 3  # if it has more phonemes than this
_EARLY = 0.7  # seconds by which captions may come late or go early
_BAND = 4096  # states that are looked at in a frame
_SETTLE = 1500  # frames after which the path is settled up to half of them
_NEVER = np.float32(-1e9)
_CLASSES = len(PHONEMES)  # behind the phonemes stand: any consonant, any vowel, a gap between words
_GAP = _CLASSES + len(SYLLABLE)


@dataclass(frozen=True)
class Alignment:
    """The times of a transcript.

    Attributes:
        words: for each word of the transcript its Event of kind `word`, None where it was not found.
        phonemes: Events of kind `phoneme`, named as in `pronunciation.PHONEMES`, in order.
    """

    words: tuple[Event | None, ...]
    phonemes: tuple[Event, ...]

    @property
    def events(self) -> tuple[Event, ...]:
        """All words and phonemes in order of time."""
        heard = [word for word in self.words if word is not None]
        return tuple(sorted([*heard, *self.phonemes], key=lambda event: (event.start, event.kind != "word")))


@dataclass(frozen=True)
class _StateGraph:
    """The states that the path goes through: a gap, the first word in all its ways, a gap, the second word ...

    Attributes:
        kind: (S,) class of each state: a phoneme, a wildcard or the gap.
        word: (S,) place of its word; of a gap, that of the word behind it.
        way: (S,) which of the word's ways it belongs to, -1 for a gap.
        enters: (S,) whether a word's way or a gap begins here.
        leaves: (W + 1, V) the states from which each boundary is reached, the boundary's own gap first; S for none.
        leap: (W + 1,) what it costs to leap over all words up to each boundary.
        first, last: (S,) frames between which the state may be, for words with known times.
    """

    kind: IntArray
    word: IntArray
    way: IntArray
    enters: NDArray[np.bool_]
    leaves: IntArray
    leap: FloatArray
    first: IntArray
    last: IntArray


def align(transcript: Transcript, probabilities: FloatArray, fps: float) -> Alignment:
    """Find the words and phonemes of a transcript in a recording.

    Args:
        transcript: the text; words with exact times keep them.
        probabilities: (T, 40) of the phonemes of `pronunciation.PHONEMES`, frame i at i / fps seconds.
        fps: frame rate.
    """
    if not len(probabilities):
        return Alignment((None,) * len(transcript.words), transcript.phonemes)
    chain = _chain(transcript.words, fps, len(probabilities))
    scores = _scores(probabilities)
    path = _path(chain, scores)
    heard = _emission_scores(chain, path, scores, len(transcript.words))
    words: list[Event | None] = [None] * len(transcript.words)
    phonemes: list[Event] = []
    for state, begin, finish in _stays(chain, path, scores, fps):
        place, kind = int(chain.word[state]), int(chain.kind[state])
        if kind == _GAP or not heard[place]:
            continue
        if kind < _CLASSES:
            phonemes.append(Event("phoneme", PHONEMES[kind], begin, finish))
        before = words[place]
        words[place] = Event("word", transcript.words[place].label, begin if before is None else before.start, finish)
    for place, word in enumerate(transcript.words):
        if word.exact and word.start is not None and word.end is not None:
            words[place] = Event("word", word.label, word.start, word.end)
    return Alignment(tuple(words), transcript.phonemes or tuple(phonemes))


def _emission_scores(chain: _StateGraph, path: IntArray, scores: FloatArray, count: int) -> NDArray[np.bool_]:
    """(count,) whether each word fits where it lies; a long one that does not fit was skipped."""
    spoken = chain.way[path] >= 0
    fit = scores[np.arange(len(path)), chain.kind[path]]
    frames = np.bincount(chain.word[path][spoken], minlength=count)
    mean = np.bincount(chain.word[path][spoken], fit[spoken], minlength=count) / np.maximum(frames, 1)
    phonemes = np.diff(chain.leap) / _LEAP
    heard: NDArray[np.bool_] = (frames > 0) & ((mean > _DOUBT) | (phonemes <= _SHORT))
    return heard


def _chain(words: Sequence[Word], fps: float, count: int) -> _StateGraph:
    """Lay out the states of all words."""
    rows: list[tuple[int, int, int, bool, int, int]] = []  # class, word, way, enters, first and last frame
    leaves: list[list[int]] = [[0]]
    leap = [0.0]
    for place, word in enumerate(words):
        first, last = _span(word, fps, count)
        rows.append((_GAP, place, -1, True, 0, count))
        leaves.append([])
        spoken = pronunciations(word.label)
        leap.append(leap[-1] + _LEAP * len(spoken[0]))
        for way, names in enumerate(spoken):
            rows += [(_class(name), place, way, index == 0, first, last) for index, name in enumerate(names)]
            leaves[-1].append(len(rows) - 1)
    for states in leaves[1:]:
        states.insert(0, states[-1] + 1)  # the gap that follows the word
    rows.append((_GAP, len(words), -1, True, 0, count))
    widest = max(map(len, leaves))
    padded = [[*states, *[len(rows)] * (widest - len(states))] for states in leaves]
    kind, place_of, way_of, enters, first_of, last_of = (np.array(column) for column in zip(*rows, strict=True))
    return _StateGraph(kind, place_of, way_of, enters, np.array(padded), np.array(leap, np.float32), first_of, last_of)


def _span(word: Word, fps: float, count: int) -> tuple[int, int]:
    """The frames between which a word is looked for."""
    if word.start is None or word.end is None:
        return 0, count
    slack = 0.0 if word.exact else _EARLY
    first = int((word.start - slack) * fps)
    return max(first, 0), max(int(np.ceil((word.end + slack) * fps)), first + 1)


def _class(name: str) -> int:
    return _CLASSES + SYLLABLE.index(name) if name in SYLLABLE else PHONEMES.index(name)


def _scores(probabilities: FloatArray) -> FloatArray:
    """(T, 43) how well each class fits each frame, as log probabilities."""
    vowels = np.array([name in VOWELS for name in PHONEMES])
    consonants = ~vowels & (np.arange(_CLASSES) > 0)
    fit = np.log(np.maximum(probabilities, _FLOOR))
    fit[:, 0] += np.float32(_SILENCE)
    wild = [np.log(np.maximum(probabilities[:, those].sum(1), _FLOOR)) for those in (consonants, vowels)]
    gap = np.maximum(fit[:, 0], fit[:, 1:].max(1) + _OTHER)
    return np.column_stack([fit, *wild, gap]).astype(np.float32)


def _path(chain: _StateGraph, scores: FloatArray) -> IntArray:
    """(T,) the state of each frame on the best path."""
    count, states = len(scores), len(chain.kind)
    total = np.full(states + 1, _NEVER, np.float32)  # the last one stands for no state
    total[0] = 0.0
    settled = np.zeros(count, np.int64)
    origins: list[tuple[int, IntArray]] = []  # of each frame not yet settled: first state of the band, origins
    done = 0
    for frame in range(count):
        if frame % 50 == 0:
            low, boundaries = _band(chain, total)
        high = min(low + _BAND, states)
        origin = _step(chain, total, scores[frame], frame, low, high, boundaries)
        origins.append((low, origin))
        if len(origins) >= _SETTLE:
            ways_back = _back(origins, len(origins) // 2, np.arange(low, high))
            best = int(np.argmax(total[low:high]))
            total[low:high][ways_back != ways_back[best]] = _NEVER
            half = len(origins) // 2
            settled[done : done + half + 1] = _walk(origins[: half + 1], int(ways_back[best]))
            origins, done = origins[half + 1 :], done + half + 1
    ends = total[chain.leaves[-1]]
    best_end = int(chain.leaves[-1][int(np.argmax(ends))]) if ends.max() > _NEVER / 2 else int(np.argmax(total[:-1]))
    settled[done:] = _walk(origins, best_end)
    return settled


def _band(chain: _StateGraph, total: FloatArray) -> tuple[int, slice]:
    """First state of the band around the best state, and the boundaries between words that lie in it."""
    states = len(chain.kind)
    if states <= _BAND:
        return 0, slice(0, len(chain.leaves))
    low = int(np.clip(int(np.argmax(total[:-1])) - _BAND // 3, 0, states - _BAND))
    total[:low] = _NEVER
    total[low + _BAND : states] = _NEVER
    return low, slice(int(chain.word[low]), int(chain.word[low + _BAND - 1]) + 1)


def _step(
    chain: _StateGraph, total: FloatArray, fit: FloatArray, frame: int, low: int, high: int, boundaries: slice
) -> IntArray:
    """Go one frame on, in place, for the states low..high; return where each came from."""
    leaves = chain.leaves[boundaries]
    gone = total[leaves]
    choice = gone.argmax(1)
    number = np.arange(len(leaves))
    reached, source = gone[number, choice], leaves[number, choice]
    # a boundary is also reached by skipping words, from any boundary before it
    leap = chain.leap[boundaries] - chain.leap[boundaries.start]
    level = reached - leap
    highest = np.maximum.accumulate(level)
    source = source[np.maximum.accumulate(np.where(level >= highest, number, 0))]
    reached = highest + leap

    inside = slice(low, high)
    stay = total[inside]
    entering = chain.enters[inside]
    shifted = np.concatenate([[_NEVER if low == 0 else total[low - 1]], total[low : high - 1]])
    boundary = chain.word[inside] - boundaries.start
    came = np.where(entering, reached[boundary] + np.float32(_PAUSE) * (chain.way[inside] < 0), shifted)
    origin = np.where(entering, source[boundary], np.arange(low - 1, high - 1))
    if frame == 0:
        came = np.where(entering & (boundary >= 0), reached[boundary], _NEVER)
    moved = came > stay
    if frame == 0:
        moved[:] = True
    new = np.where(moved, came, stay) + fit[chain.kind[inside]]
    new[(frame < chain.first[inside]) | (frame > chain.last[inside])] = _NEVER
    total[inside] = np.maximum(new, _NEVER)
    total[-1] = _NEVER
    return np.where(moved, origin, np.arange(low, high)).astype(np.int32)


def _back(origins: Sequence[tuple[int, IntArray]], until: int, states: IntArray) -> IntArray:
    """Where the ways that end in `states` were at the frame `until` of those not yet settled."""
    for low, origin in reversed(origins[until + 1 :]):
        states = origin[np.clip(states - low, 0, len(origin) - 1)]
    return states


def _walk(origins: Sequence[tuple[int, IntArray]], state: int) -> IntArray:
    """The states of all these frames on the way that ends in `state`."""
    path = np.empty(len(origins), np.int64)
    for place in range(len(origins) - 1, -1, -1):
        path[place] = state
        low, origin = origins[place]
        state = int(origin[np.clip(state - low, 0, len(origin) - 1)])
    return path


def _stays(chain: _StateGraph, path: IntArray, scores: FloatArray, fps: float) -> Iterator[tuple[int, float, float]]:
    """The states that the path goes through, each with the seconds from which and to which it stays there."""
    edges = [0, *(np.flatnonzero(np.diff(path)) + 1).tolist(), len(path)]
    times = [_crossing(chain, path, scores, place) / fps for place in edges]
    for place, begin, finish in zip(edges, times[:-1], times[1:], strict=False):
        yield int(path[place]), begin, finish


def _crossing(chain: _StateGraph, path: IntArray, scores: FloatArray, place: int) -> float:
    """Where, in frames, one state gives way to the next: amid two frames, nearer to where both fit alike."""
    if place in (0, len(path)):
        return float(place)
    before, after = chain.kind[path[place - 1]], chain.kind[path[place]]
    old = float(scores[place - 1, before] - scores[place - 1, after])
    new = float(scores[place, after] - scores[place, before])
    if old <= 0 or new <= 0:
        return place - 0.5
    return place - 1 + old / (old + new)
