"""Direction: the settings of a performance (seed, emotions, strengths, style), apart from the voice itself."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from numbers import Integral, Real
from types import MappingProxyType
from typing import Any

from animcore.core.vocabulary import EMOTIONS, REGIONS, STYLES, TRANSITIONS, VARIANTS
from animcore.errors import InputError, readable

STRENGTH_MAX = 2.0
NEAREST_TARGET = 0.1  # metres in front of the eyes, which would cross for nearer targets
_EMOTION_TEXT = re.compile(r"(?:(?P<start>[\d.]+)-(?P<end>[\d.]*):)?(?P<emotion>[a-z]+)=(?P<intensity>[\d.]+)")


@dataclass(frozen=True)
class EmotionSpan:
    """An emotion from `start` to `end` (seconds of the sound); onset and offset take the time that they take in people.

    Attributes:
        emotion: of `vocabulary.EMOTIONS`; neutral calms the others.
        intensity: 0..1.
        start: 0 for a face that is in it before the first word.
        end: None for the rest of the line.
    """

    emotion: str
    intensity: float
    start: float = 0.0
    end: float | None = None

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            InputError: where one of them is wrong.
        """
        _check_emotion(self.emotion, self.intensity)
        _check_seconds(self.start)
        if self.end is not None:
            _check_seconds(self.end)
            if self.end <= self.start:
                raise InputError(f"An emotion must end after it starts, not at {self.end:g} s of {self.start:g} s.")

    @classmethod
    def from_text(cls, text: str) -> EmotionSpan:
        """Read `joy=0.7` (the whole line), `1.2-3.0:surprise=0.6` or `1.2-:fear=1` (to its end).

        Raises:
            InputError: when it is none of these.
        """
        found = _EMOTION_TEXT.fullmatch(text.strip().lower())
        try:
            if found is None:
                raise ValueError
            start, end = float(found["start"] or 0), float(found["end"]) if found["end"] else None
            intensity = float(found["intensity"])
        except ValueError as error:
            raise InputError(f"An emotion is written joy=0.7 or 1.2-3.0:surprise=0.6, not {text!r}.") from error
        return cls(found["emotion"], intensity, start, end)


@dataclass(frozen=True)
class EmotionKey:
    """How strong an emotion is at one moment; between two keys of an emotion it goes evenly from one to the other.

    Attributes:
        emotion: of `vocabulary.EMOTIONS`.
        intensity: 0..1; the first key of an emotion holds before it, the last one after it.
        time: seconds of the sound.
    """

    emotion: str
    intensity: float
    time: float

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            InputError: where one of them is wrong.
        """
        _check_emotion(self.emotion, self.intensity)
        _check_seconds(self.time)


@dataclass(frozen=True)
class Direction:
    """Settings of one take. Equal directions and equal audio give equal takes.

    Attributes:
        seed: chooses among equally good takes (blinks, glances, head movement); any non-negative integer.
        intensity: scales the whole face, 0..2; 1 is as performed.
        strengths: factor per region of `REGIONS`, 0 (off) .. 2; a region that is not named stands at 1.
        emotions: spans and keys of emotions, in any order; those that meet in time blend.
        style: gesture style, of `vocabulary.STYLES`.
        variant: of the speech solver, of `vocabulary.VARIANTS`: with all of the recording, or as live.
        target: what the eyes are on, metres in the axes of a motion (X to the character's left, Y up, Z forward) from
            the middle between the eyes of the head at rest; None is a viewer far ahead.
        transition: what an emotion of a tag in the transcript does until the next tag, of `vocabulary.TRANSITIONS`.

    Examples:
        >>> happy = ac.Direction(seed=3, emotions=[ac.EmotionSpan("joy", 0.7)], strengths={"brows": 1.5})
        >>> happy.strength("brows")
        1.5
        >>> ac.Direction(style="loud")
        Traceback (most recent call last):
            ...
        animcore.errors.InputError: There is no style 'loud'; the styles are calm, lively, shy, presenter.
    """

    seed: int = 0
    intensity: float = 1.0
    strengths: Mapping[str, float] = field(default_factory=dict)
    emotions: Sequence[EmotionSpan | EmotionKey] = ()
    style: str = STYLES[0]
    variant: str = VARIANTS[0]
    target: tuple[float, float, float] | None = None
    transition: str = TRANSITIONS[0]

    def __post_init__(self) -> None:
        """Check every value, so that no solver needs to.

        Raises:
            InputError: for an unknown region or a value out of range.
        """
        if not isinstance(self.seed, Integral) or isinstance(self.seed, bool) or self.seed < 0:
            raise InputError(f"The seed must be a whole number from 0 up, not {self.seed!r}.")
        unknown = sorted(set(self.strengths) - set(REGIONS))
        if unknown:
            raise InputError(f"There is no region {unknown[0]!r}; the regions are {', '.join(REGIONS)}.")
        if self.style not in STYLES:
            raise InputError(f"There is no style {self.style!r}; the styles are {', '.join(STYLES)}.")
        if self.variant not in VARIANTS:
            raise InputError(f"There is no variant {self.variant!r}; the variants are {', '.join(VARIANTS)}.")
        if self.transition not in TRANSITIONS:
            raise InputError(f"There is no transition {self.transition!r}; there are {', '.join(TRANSITIONS)}.")
        for name, value in {"intensity": self.intensity, **self.strengths}.items():
            if not isinstance(value, Real) or not 0.0 <= value <= STRENGTH_MAX:
                raise InputError(f"The strength of {name} must lie between 0 and {STRENGTH_MAX:g}, not {value!r}.")
        if self.target is not None:
            object.__setattr__(self, "target", _target(self.target))
        if strange := [one for one in self.emotions if not isinstance(one, EmotionSpan | EmotionKey)]:
            raise InputError(f"An emotion is an EmotionSpan or an EmotionKey, not {strange[0]!r}.")
        object.__setattr__(self, "seed", int(self.seed))
        object.__setattr__(self, "intensity", float(self.intensity))
        object.__setattr__(self, "strengths", MappingProxyType({k: float(v) for k, v in self.strengths.items()}))
        object.__setattr__(self, "emotions", tuple(self.emotions))

    def __reduce__(self) -> tuple[Any, ...]:  # views of mappings cannot be pickled; workers get copies
        given = (getattr(self, part.name) for part in fields(self))
        return type(self), tuple(dict(value) if isinstance(value, Mapping) else value for value in given)

    def strength(self, region: str) -> float:
        """Return the factor of a region of `REGIONS`, 0..2, without the intensity of the whole face."""
        return self.strengths.get(region, 1.0)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON; `from_dict` reads them back."""
        return {
            "seed": self.seed,
            "intensity": self.intensity,
            "strengths": dict(self.strengths),
            "emotions": [asdict(emotion) for emotion in self.emotions],
            "style": self.style,
            "variant": self.variant,
            "target": self.target,
            "transition": self.transition,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Direction:
        """Build from the values of `to_dict`, any of which may be absent.

        Raises:
            InputError: for an unknown name or a value out of range.
        """
        unknown = sorted(set(values) - {part.name for part in fields(cls)})
        if unknown:
            raise InputError(
                f"A direction has no setting {unknown[0]!r}; it has {', '.join(part.name for part in fields(cls))}."
            )
        with readable("The direction has a value of the wrong kind", "docs/developers/service.md lists them"):
            return cls(**{**values, "emotions": [_emotion(part) for part in values.get("emotions", ())]})


def directed(
    base: Sequence[EmotionSpan], cues: Mapping[float, Mapping[str, float]], transition: str
) -> list[EmotionSpan | EmotionKey]:
    """Return the emotions of a line that changes its emotion at some times.

    Args:
        base: emotions of the whole line, until the first of those times.
        cues: seconds -> all emotions there, emotion -> intensity; one that is not named ends.
        transition: `hold`: an emotion holds until the next one, which then sets in as in people;
            `blend`: it goes evenly over into that of the next one. Before the first moment it is as at the first one,
            or goes over from the base, where there is one.
    """
    if not cues:
        return list(base)
    times = sorted(cues)
    if transition == "hold":
        ends = [*times[1:], None]
        held = (replace(one, end=times[0]) for one in base if one.start < times[0])
        spans = zip(times, ends, strict=True)
        return [*held, *(EmotionSpan(name, much, *span) for span in spans for name, much in cues[span[0]].items())]
    moments = {0.0: {one.emotion: one.intensity for one in base}} if base and times[0] > 0 else {}
    moments |= {time: dict(cues[time]) for time in times}
    names = dict.fromkeys(name for felt in moments.values() for name in felt)
    return [EmotionKey(name, felt.get(name, 0.0), time) for name in names for time, felt in moments.items()]


def _emotion(values: Mapping[str, Any]) -> EmotionSpan | EmotionKey:
    """A key where there is a time, else a span."""
    try:
        return EmotionKey(**values) if "time" in values else EmotionSpan(**values)
    except TypeError as error:
        raise InputError(
            f"An emotion has a name, an intensity, and start and end or a time; {dict(values)!r} has not."
        ) from error


def _check_emotion(name: str, intensity: float) -> None:
    if name not in EMOTIONS:
        raise InputError(f"There is no emotion {name!r}; the emotions are {', '.join(EMOTIONS)}.")
    if not isinstance(intensity, Real) or not 0.0 <= intensity <= 1.0:
        raise InputError(f"The intensity of {name} must lie between 0 and 1, not {intensity!r}.")


def _target(target: Iterable[float]) -> tuple[float, ...]:
    """A point (3,), as a list or an array, as numbers of Python."""
    values = tuple(target) if isinstance(target, Iterable) else ()
    point = len(values) == 3 and all(isinstance(value, Real) and math.isfinite(value) for value in values)
    if not point or values[2] < NEAREST_TARGET:
        raise InputError(
            "The gaze target is LEFT, UP, FORWARD in metres, at least "
            f"{NEAREST_TARGET:g} in front of them, not {target!r}."
        )
    return tuple(float(value) for value in values)


def _check_seconds(value: float) -> None:
    if not isinstance(value, Real) or not math.isfinite(value) or value < 0:
        raise InputError(f"The time of an emotion is in seconds from the start of the audio, not {value!r}.")
