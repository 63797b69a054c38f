"""Lines against the other lines of their speaker: what is clean for one voice and microphone is a fault for another.

A synthetic voice, a language whose spelling the alignment hardly knows, an old microphone: each has its own usual
figures. A line is told where it lies many spreads away from its speaker's median; the spread is 1.48 times the median
distance from the median, which for even errors is their standard deviation, and which faults do not move.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from animcore.evaluation.lines import limits
from animcore.evaluation.lines.findings import Finding, found

_FEWEST = 6  # lines that a speaker must have for a median to mean something
_SPREAD = 1.4826
Values = Mapping[str, float]


@dataclass(frozen=True)
class _Comparison:
    """A value in which a line may differ from its speaker's others.

    Attributes:
        name: of the value.
        kind: of the fault.
        floor: the least spread, in the value's unit or as a part where it is compared by ratio.
        sign: 1 where too much is wrong, -1 too little, 0 both.
        told: the sentence, from the value and the usual one.
        is_ratio: whether values are compared by their ratio.
    """

    name: str
    kind: str
    floor: float
    sign: int
    told: Callable[[float, float], str]
    is_ratio: bool = False


_COMPARED = (
    _Comparison(
        "fit", "fit", 0.15, -1,
        lambda value, usual: f"The text fits the audio {usual / max(value, 1e-3):.1f} times worse than this speaker's "
        f"others ({value:.2f} against {usual:.2f}): is something else said, or does somebody else speak too?",
        is_ratio=True,
    ),
    _Comparison(
        "pace", "pace", 0.08, 0,
        lambda value, usual: f"The recording takes {value / usual:.1f} times as long as this text takes this speaker: "
        + ("another take, or another text?" if value > usual else "is it cut, or another text?"),
        is_ratio=True,
    ),
    _Comparison(
        "words", "words", 0.05, -1,
        lambda value, usual: f"Only {100 * value:.0f} % of the words are heard (this speaker: {100 * usual:.0f} %).",
    ),
    _Comparison(
        "noise", "noise", 4.0, -1,
        lambda value, usual: f"The noise is {value:.0f} dB below the voice, in this speaker's others {usual:.0f} dB.",
    ),
    _Comparison(
        "second_voice", "second_voice", 0.03, 1,
        lambda value, usual: f"Two pitches are heard in {100 * value:.0f} % of the speech, in this speaker's others in "
        f"{100 * usual:.0f} %: does somebody else speak too?",
    ),
    _Comparison(
        "hum", "hum", 2.0, 1,
        lambda value, usual: f"Tones of the mains stand out by {value:.0f} dB, in this speaker's other lines by "
        f"{usual:.0f} dB.",
    ),
)  # fmt: skip


def against_speakers(lines: Sequence[tuple[str, Values]]) -> list[list[Finding]]:
    """Return for each line what sets it apart from its speaker's others.

    Args:
        lines: of each line a name for its speaker and language, and the values of its score.
    """
    by_speaker: dict[str, list[int]] = defaultdict(list)
    for place, (speaker, values) in enumerate(lines):
        if values:
            by_speaker[speaker].append(place)
    faults: list[list[Finding]] = [[] for _ in lines]
    for places in by_speaker.values():
        if len(places) < _FEWEST:
            continue
        own = [lines[place][1] for place in places]
        for wrong in (_level(own), _voice(own), *(_unlike(own, one) for one in _COMPARED)):
            for place, fault in zip(places, wrong, strict=True):
                if fault is not None:
                    faults[place].append(fault)
    return faults


def _level(lines: Sequence[Values]) -> list[Finding | None]:
    """Lines that are louder or softer than the median."""
    usual = _median(lines, "loudness")
    limit, bad = limits.LEVEL

    def told(values: Values) -> Finding | None:
        apart = values.get("loudness", usual) - usual
        if not abs(apart) > limit:
            return None
        way = "louder" if apart > 0 else "softer"
        sentence = f"This line is {abs(apart):.0f} dB {way} than the median of its speaker."
        return found("level", sentence, abs(apart), limit, bad, *_whole(values))

    return [told(values) for values in lines]


def _voice(lines: Sequence[Values]) -> list[Finding | None]:
    """Lines whose voice is higher or lower than the median."""
    usual = _median(lines, "pitch")
    limit, bad = limits.VOICE

    def told(values: Values) -> Finding | None:
        apart = 12 * float(np.log2(values.get("pitch", usual) / usual))
        if not abs(apart) > limit:
            return None
        way = "higher" if apart > 0 else "lower"
        sentence = (
            f"The voice is {abs(apart):.0f} semitones {way} than in this speaker's others: does somebody else speak?"
        )
        return found("voice", sentence, abs(apart), limit, bad, *_whole(values))

    return [told(values) for values in lines]


def _unlike(lines: Sequence[Values], one: _Comparison) -> list[Finding | None]:
    """Lines that lie many spreads away from the median of a value."""
    known = np.array([_scaled(values[one.name], one) for values in lines if one.name in values])
    if len(known) < _FEWEST:
        return [None] * len(lines)
    usual = float(np.median(known))
    spread = max(_SPREAD * float(np.median(np.abs(known - usual))), one.floor)
    limit, bad = limits.UNLIKE

    def told(values: Values) -> Finding | None:
        if one.name not in values:
            return None
        apart = (_scaled(values[one.name], one) - usual) / spread
        apart = abs(apart) if one.sign == 0 else one.sign * apart
        if apart <= limit:
            return None
        sentence = one.told(values[one.name], float(np.exp(usual)) if one.is_ratio else usual)
        return found(one.kind, sentence, apart, limit, bad, *_whole(values))

    return [told(values) for values in lines]


def _scaled(value: float, one: _Comparison) -> float:
    return float(np.log(max(value, 1e-6))) if one.is_ratio else value


def _median(lines: Sequence[Values], name: str) -> float:
    known = [values[name] for values in lines if values.get(name)]
    return float(np.median(known)) if len(known) >= _FEWEST else float("nan")


def _whole(values: Values) -> tuple[tuple[float, float], float]:
    """The whole line as a span, and its middle."""
    seconds = values.get("seconds", 0.0)
    return (0.0, seconds), seconds / 2
