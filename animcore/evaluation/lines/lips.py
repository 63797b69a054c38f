"""Where lips are not where the sounds are made: p, b, m not closed, f, v not at the teeth, open while nobody speaks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from animcore.evaluation.lines import limits
from animcore.evaluation.lines.findings import Finding, found
from animcore.evaluation.lines.listening import Heard, longest, runs
from animcore.evaluation.lines.mouth import Mouth
from animcore.motion import Event

Array = NDArray[np.floating[Any]]
Values = dict[str, float]

NEAR = 0.04  # seconds before and after a sound within which its closure has to be
BILABIAL, LABIODENTAL = "pbm", "fv"
_SURE = 0.5  # probability from which a sound counts as heard where no text has it,
_PEAK, _LEAST = 0.9, 2  # where it reaches this at least, and lasts for so many frames
_EVIDENCE = 0.15  # probability from which a sound of the text counts as heard: letters may be silent
_QUIET = -35.0  # dB below the loud frames, below which a frame is silent
_AWAY = 0.2  # seconds from speech; lips open for it in advance, and close after it


@dataclass(frozen=True)
class Sound:
    """A sound that the lips make: between which seconds, and the word that it belongs to, where that is known."""

    start: float
    end: float
    label: str
    word: str = ""


@dataclass(frozen=True)
class _Rule:
    """What holds of one group of sounds: names of values and kinds, and how their sentences are put."""

    kind: str
    names: str
    told: str
    missed: str
    limit: float
    bad: float


_CLOSURES = _Rule("closures", BILABIAL, "p, b, m", "the lips stay {:.1f} mm apart", *limits.CLOSURES)
_TEETH = _Rule("teeth", LABIODENTAL, "f, v", "the lower lip stays {:.1f} mm below the teeth", *limits.TEETH)


def judge(mouth: Mouth, heard: Heard, events: Sequence[Event]) -> tuple[Values, list[Finding]]:
    """Return the values and faults of the lips.

    Args:
        mouth: of the motion.
        heard: the audio.
        events: phonemes and words of a transcript on the clock of the audio, where there is one.
    """
    values: Values = {}
    faults: list[Finding] = []
    for rule, curve, least in (
        (_CLOSURES, mouth.opening, mouth.closed_below),
        (_TEETH, mouth.below_teeth, limits.AT_TEETH),
    ):
        sounds = sounds_of(heard, events, rule.names, (float(mouth.times[0]), float(mouth.times[-1])))
        if sounds:
            values[rule.kind], more = _made(rule, sounds, mouth, curve, least)
            faults += more
    seconds, more = _open_in_silence(mouth, heard)
    values["open_silence"] = seconds
    return values, faults + more


def sounds_of(heard: Heard, events: Sequence[Event], names: str, span: tuple[float, float]) -> list[Sound]:
    """Return when sounds of these one-letter phonemes are made: those that are heard, and those that a text has.

    A sound of the text counts where the audio bears it out, as letters may be silent and texts wrong.

    Args:
        heard: the audio.
        events: of the transcript.
        names: the phonemes.
        span: seconds between which sounds are wanted.
    """
    chance = heard.said(names)
    sounds = list(_heard(heard, chance, names, events))
    for event in events:
        if event.kind != "phoneme" or event.label not in names:
            continue
        part = chance[max(0, int(event.start * heard.fps) - 1) : int(np.ceil(event.end * heard.fps)) + 2]
        is_new = all(event.end < one.start - NEAR or event.start > one.end + NEAR for one in sounds)
        if is_new and part.max(initial=0.0) >= _EVIDENCE:
            sounds.append(Sound(event.start, event.end, event.label, _word_at(events, event.start, event.end)))
    inside = [one for one in sounds if one.start >= span[0] and one.end <= span[1]]
    return sorted(inside, key=lambda one: one.start)


def _heard(heard: Heard, chance: Array, names: str, events: Sequence[Event]) -> Iterator[Sound]:
    """Sounds that are heard with certainty."""
    each = np.stack([heard.said(name) for name in names], 1)
    for first, last in runs(chance >= _SURE):
        if last - first < _LEAST or chance[first:last].max() < _PEAK:
            continue
        start, end = (first - 0.5) / heard.fps, (last - 0.5) / heard.fps
        label = names[int(each[first:last].sum(0).argmax())]
        yield Sound(max(start, 0.0), end, label, _word_at(events, start, end))


def _word_at(events: Sequence[Event], start: float, end: float) -> str:
    """The word that is said amid two seconds; empty where none is known."""
    middle = (start + end) / 2
    return next((one.label for one in events if one.kind == "word" and one.start <= middle <= one.end), "")


def _made(
    rule: _Rule, sounds: Sequence[Sound], mouth: Mouth, curve: Array, least: float
) -> tuple[float, list[Finding]]:
    """The share of sounds at which a curve (T,) goes below `least` within 40 ms, and the fault of those that do not."""
    missed: list[tuple[float, float, Sound]] = []  # how far off, the second, the sound
    for sound in sounds:
        frames = mouth.between(sound.start - NEAR, sound.end + NEAR)
        place = frames.start + int(np.argmin(curve[frames]))
        if curve[place] > least:
            missed.append((float(curve[place]), float(mouth.times[place]), sound))
    share = 1.0 - len(missed) / len(sounds)
    if share >= rule.limit:
        return share, []
    far, second, sound = max(missed, key=lambda one: one[0])
    where = f'in "{sound.word}"' if sound.word else f"({sound.label})"
    count = f"{len(missed)} of {len(sounds)} {rule.told} {'is' if len(missed) == 1 else 'are'} not made"
    sentence = f"{count}; at {second:.2f} s {where} {rule.missed.format(far)}."
    span = (missed[0][2].start, missed[-1][2].end)
    fault = found(rule.kind, sentence, share, rule.limit, rule.bad, span, second)
    return share, [replace(fault, severity=fault.severity * len(missed) / (len(missed) + 1))]  # one alone may be chance


def _open_in_silence(mouth: Mouth, heard: Heard) -> tuple[float, list[Finding]]:
    """The longest time that the mouth stands open while nobody speaks, in seconds, and the fault where it is long."""
    still = ~heard.speaking & (heard.level < heard.loud + _QUIET)
    reach = round(_AWAY * heard.fps)
    for first, last in runs(~still):
        still[max(0, first - reach) : last + reach] = False
    silent = np.interp(mouth.times, heard.times, still.astype(np.float64), left=0.0, right=0.0) > 0.5
    first, last = longest(silent & (mouth.opening > limits.OPEN))
    seconds = (last - first) / mouth.fps
    limit, bad = limits.OPEN_SILENCE
    if seconds <= limit:
        return seconds, []
    place = first + int(np.argmax(mouth.opening[first:last]))
    start, end, worst = (float(mouth.times[frame]) for frame in (first, last - 1, place))
    sentence = (
        f"The mouth is open for {seconds:.1f} s while nobody speaks, {mouth.opening[place]:.0f} mm at {worst:.1f} s."
    )
    return seconds, [found("open_silence", sentence, seconds, limit, bad, (start, end), worst)]
