"""One performance for several languages: head, eyes, brows and body of the source line, stretched to another length.

What two languages have in common in time is where the speaker pauses, and in between how far the line has got. Pauses
are matched in order, by their place in the line and their length; between matched moments time runs evenly, joined
without jumps of speed (Fritsch and Carlson, 1980). Lips, jaw and tongue are the language's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from animcore.core.vocabulary import ARKIT, ARKIT_INDEX, SMPLX_JOINTS
from animcore.motion import Event, Motion

Array = NDArray[np.float64]
Span = tuple[float, float]  # start and end in seconds

LONGEST, SHORTEST = 2.0, 0.5  # times as long as its source that a line may be and share its performance
_BREATH = 0.15  # seconds between two words from which on they are two phrases
_SKIP = 0.12  # cost of a pause that has no partner
_FAR = 0.25  # share of the line by which matched pauses may be apart
_LENGTH = 0.05  # cost of a pause that is e times as long
_OWN_JOINTS = [SMPLX_JOINTS.index("jaw")]
_SHARED = [ARKIT_INDEX[name] for name in ARKIT if name.startswith(("eye", "brow"))]
_LIDS = [ARKIT_INDEX["eyeBlinkLeft"], ARKIT_INDEX["eyeBlinkRight"]]
_SHUT = 0.35  # weight of a lid above which it blinks, or is kept shut
_BLINK = 0.6  # seconds that a blink lasts at most; eyes that are shut for longer are meant to be
_SHARED_TRACKS = ("neck_pose", "head_pose", "eye_pose", "body_pose", "translation")
_SHARED_EVENTS = ("beat", "emotion")


@dataclass(frozen=True)
class TimeMap:
    """Which second of the source a second of a line is.

    Attributes:
        own, source: (A,) seconds of the same moments in both, rising.
        slopes: (A,) seconds of the source a second there.
    """

    own: Array
    source: Array
    slopes: Array

    def __call__(self, seconds: Array | float) -> Array:
        """Return seconds of the source (T,) for seconds of the line (T,); before and after it, time runs evenly."""
        times = np.asarray(seconds, np.float64)
        index = np.clip(np.searchsorted(self.own, times, side="right") - 1, 0, len(self.own) - 2)
        width = self.own[index + 1] - self.own[index]
        place = np.clip((times - self.own[index]) / width, 0.0, 1.0)
        first, last = self.source[index], self.source[index + 1]
        square, cube = place * place, place * place * place
        inside = (
            (2 * cube - 3 * square + 1) * first
            + (3 * square - 2 * cube) * last
            + (cube - 2 * square + place) * width * self.slopes[index]
            + (cube - square) * width * self.slopes[index + 1]
        )
        beyond = np.minimum(times - self.own[0], 0.0) + np.maximum(times - self.own[-1], 0.0)
        result: Array = inside + beyond
        return result

    def inverse(self, seconds: float) -> float:
        """Return the second of the line at which the source is at a second."""
        span = self.own[-1] - self.own[0]
        times = np.linspace(self.own[0] - span, self.own[-1] + span, 3001)
        return float(np.interp(seconds, self(times), times))


def phrases_of(words: Sequence[Event]) -> list[Span]:
    """Return the phrases of words with their times: words that no breath parts."""
    found: list[Span] = []
    for word in sorted((one for one in words if one.kind == "word"), key=lambda one: one.start):
        if found and word.start - found[-1][1] < _BREATH:
            found[-1] = (found[-1][0], max(found[-1][1], word.end))
        else:
            found.append((word.start, word.end))
    return found


def fits(own: Sequence[Span], source: Sequence[Span]) -> bool:
    """Whether a line can be stretched onto its source: both speak, and neither is far longer."""
    if not own or not source:
        return False
    ratio = (own[-1][1] - own[0][0]) / max(source[-1][1] - source[0][0], 1e-6)
    return SHORTEST <= ratio <= LONGEST


def align(own: Sequence[Span], source: Sequence[Span]) -> TimeMap:
    """Return which second of the source each second of a line is.

    Args:
        own: phrases of the line, at least one.
        source: those of the source, at least one.
    """
    pairs = [(own[0][0], source[0][0])]
    for first, second in _matched(_pauses(own), _pauses(source)):
        pairs += [(own[first][1], source[second][1]), (own[first + 1][0], source[second + 1][0])]
    pairs.append((own[-1][1], source[-1][1]))
    return _smooth(_rising(pairs))


def share(own: Motion, source: Motion, times: TimeMap) -> Motion:
    """Return a motion with its own lips and what its source does with head, eyes, brows and body.

    Args:
        own: the line as its audio has it.
        source: the performance that is shared.
        times: which second of the source each second is.
    """
    position = (times(own.times) - source.start) * source.fps
    moved = source.sampled(position, own.rate, own.start)
    changed: dict[str, Any] = {
        name: values for name, values in moved.tracks().items() if name in _SHARED_TRACKS and name in own.tracks()
    }
    if "body_pose" in changed and own.body_pose is not None:
        changed["body_pose"] = changed["body_pose"].copy()
        changed["body_pose"][:, _OWN_JOINTS] = own.body_pose[:, _OWN_JOINTS]
    if own.arkit is not None and moved.arkit is not None:
        changed["arkit"] = own.arkit.copy()
        changed["arkit"][:, _SHARED] = moved.arkit[:, _SHARED]
        for lid in _LIDS:
            changed["arkit"][:, lid] = _blinking(source, lid, own.times, times)
    events = [event for event in own.events if event.kind not in _SHARED_EVENTS]
    events += [
        replace(event, start=times.inverse(event.start), end=times.inverse(event.end))
        for event in source.events
        if event.kind in _SHARED_EVENTS
    ]
    return replace(own, events=tuple(sorted(events, key=lambda event: event.start)), **changed)


def _blinking(source: Motion, lid: int, own: Array, times: TimeMap) -> NDArray[np.float32]:
    """(T,) a lid at seconds of the line: blinks are where the source has them, and as quick as they are there."""
    assert source.arkit is not None
    lids, seconds = source.arkit[:, lid].astype(np.float64), source.times
    between, blinks = lids.copy(), []
    for first, last in _closures(lids):
        if (last - first) / source.fps <= _BLINK:
            between[first : last + 1] = np.interp(np.arange(first, last + 1), [first, last], lids[[first, last]])
            blinks.append((first, last))
    found = np.interp(times(own), seconds, between)
    for first, last in blinks:
        part = slice(first, last + 1)
        middle = seconds[first + int(np.argmax(lids[part]))]
        near = own - times.inverse(float(middle)) + middle
        np.maximum(found, np.interp(near, seconds[part], lids[part], left=0.0, right=0.0), out=found)
    return found.astype(np.float32)


def _closures(lids: Array) -> list[tuple[int, int]]:
    """First and last frame of each time that a lid goes down and comes up again."""
    shut = np.flatnonzero(np.diff(np.concatenate([[False], lids > _SHUT, [False]]).astype(np.int8))).reshape(-1, 2)
    found = []
    for first, last in (shut - [0, 1]).tolist():
        while first > 0 and lids[first - 1] < lids[first]:
            first -= 1
        while last < len(lids) - 1 and lids[last + 1] < lids[last]:
            last += 1
        found.append((first, last))
    return found


@dataclass(frozen=True)
class _Pause:
    """Between phrase `index` and the next: where in the line, 0..1 of what is spoken, and how long in seconds."""

    index: int
    place: float
    length: float


def _pauses(phrases: Sequence[Span]) -> list[_Pause]:
    lengths = np.array([end - start for start, end in phrases])
    places = np.cumsum(lengths) / max(lengths.sum(), 1e-6)
    return [
        _Pause(index, float(places[index]), max(phrases[index + 1][0] - phrases[index][1], 1e-3))
        for index in range(len(phrases) - 1)
    ]


def _matched(own: Sequence[_Pause], source: Sequence[_Pause]) -> list[tuple[int, int]]:
    """Pairs of pauses that belong together, in order: the cheapest way through both (dynamic programming)."""
    cost = np.full((len(own) + 1, len(source) + 1), np.inf)
    cost[0, :], cost[:, 0] = np.arange(len(source) + 1) * _SKIP, np.arange(len(own) + 1) * _SKIP
    for i, one in enumerate(own, 1):
        for j, other in enumerate(source, 1):
            both = cost[i - 1, j - 1] + _apart(one, other)
            cost[i, j] = min(both, cost[i - 1, j] + _SKIP, cost[i, j - 1] + _SKIP)
    i, j, found = len(own), len(source), []
    while i and j:
        if cost[i, j] == cost[i - 1, j - 1] + _apart(own[i - 1], source[j - 1]):
            i, j = i - 1, j - 1
            found.append((own[i].index, source[j].index))
        elif cost[i, j] == cost[i - 1, j] + _SKIP:
            i -= 1
        else:
            j -= 1
    return found[::-1]


def _apart(one: _Pause, other: _Pause) -> float:
    far = abs(one.place - other.place)
    return float("inf") if far > _FAR else far + _LENGTH * abs(np.log(one.length / other.length))


def _rising(pairs: Sequence[tuple[float, float]]) -> NDArray[np.float64]:
    """(A, 2) pairs without those that are no later than the one before in either."""
    kept = [pairs[0]]
    for pair in pairs[1:]:
        if pair[0] > kept[-1][0] + 1e-3 and pair[1] > kept[-1][1] + 1e-3:
            kept.append(pair)
    if len(kept) == 1:
        kept.append((kept[0][0] + 1.0, kept[0][1] + 1.0))
    return np.array(kept, np.float64)


def _smooth(pairs: NDArray[np.float64]) -> TimeMap:
    """The monotone cubic through pairs; at its ends time runs at the speed of its first and last piece."""
    own, source = pairs.T
    speed = np.diff(source) / np.diff(own)
    slopes = np.empty(len(own))
    slopes[0], slopes[-1] = speed[0], speed[-1]
    slopes[1:-1] = 2 * speed[:-1] * speed[1:] / (speed[:-1] + speed[1:])  # harmonic mean: never overshoots
    return TimeMap(own, source, slopes)
