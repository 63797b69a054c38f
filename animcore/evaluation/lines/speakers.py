"""Lines against the other lines of their speaker: too loud or too soft, and somebody else's voice."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np

from animcore.evaluation.lines import limits
from animcore.evaluation.lines.findings import Finding, found

_FEWEST = 5  # lines that a speaker must have for a median to mean something


def against_speakers(lines: Sequence[tuple[str, Mapping[str, float]]]) -> list[list[Finding]]:
    """Return for each line what sets it apart from its speaker's others.

    Args:
        lines: the speaker of each line and the values of its score.
    """
    by_speaker: dict[str, list[int]] = defaultdict(list)
    for place, (speaker, _) in enumerate(lines):
        by_speaker[speaker].append(place)
    faults: list[list[Finding]] = [[] for _ in lines]
    for places in by_speaker.values():
        usual = {name: _median([lines[place][1] for place in places], name) for name in ("loudness", "pitch")}
        for place in places:
            speaker, values = lines[place]
            faults[place] = [*_level(speaker, values, usual["loudness"]), *_voice(speaker, values, usual["pitch"])]
    return faults


def _median(values: Sequence[Mapping[str, float]], name: str) -> float | None:
    known = [one[name] for one in values if name in one]
    return float(np.median(known)) if len(known) >= _FEWEST else None


def _level(speaker: str, values: Mapping[str, float], usual: float | None) -> list[Finding]:
    if usual is None or "loudness" not in values:
        return []
    apart = values["loudness"] - usual
    limit, bad = limits.LEVEL
    if abs(apart) <= limit:
        return []
    way = "louder" if apart > 0 else "softer"
    sentence = f"This line is {abs(apart):.0f} dB {way} than {speaker or 'the speaker'}'s median."
    return [found("level", sentence, abs(apart), limit, bad, *_whole(values))]


def _voice(speaker: str, values: Mapping[str, float], usual: float | None) -> list[Finding]:
    if not usual or not values.get("pitch"):
        return []
    apart = 12 * float(np.log2(values["pitch"] / usual))
    limit, bad = limits.VOICE
    if abs(apart) <= limit:
        return []
    way = "higher" if apart > 0 else "lower"
    sentence = (
        f"The voice is {abs(apart):.0f} semitones {way} than in {speaker or 'the speaker'}'s other lines: does somebody "
        "else speak?"
    )
    return [found("voice", sentence, abs(apart), limit, bad, *_whole(values))]


def _whole(values: Mapping[str, float]) -> tuple[tuple[float, float], float]:
    """The whole line as a span, and its middle."""
    seconds = values.get("seconds", 0.0)
    return (0.0, seconds), seconds / 2
