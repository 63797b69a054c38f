"""What is found in a line: kinds of faults, one fault with its worst instant, and the score of the line."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

QUALITY = "quality"  # the value that lines are sorted by, 1 where nothing was found and 0 for the worst


@dataclass(frozen=True)
class Kind:
    """A kind of fault.

    Attributes:
        label: for filters and tables, two or three words.
        unit: of its values; empty for a share.
        weight: how much of the quality the strongest fault of this kind takes away, 0..1.
    """

    label: str
    unit: str
    weight: float


# In the order in which filters list them. The weights say what makes a line useless (another recording), what is seen
# or heard by everybody (a mouth that does not close), and what a sound editor puts right in a minute (a level).
KINDS: dict[str, Kind] = {
    "words": Kind("Words missing", "", 1.0),
    "fit": Kind("Another text", "", 0.9),
    "extra_speech": Kind("Extra speech", "s", 0.9),
    "pace": Kind("Length of its text", "", 0.9),
    "cut": Kind("Cut line", "dB", 0.8),
    "silent": Kind("Nothing heard", "LUFS", 1.0),
    "closures": Kind("Lips not closed", "", 0.9),
    "teeth": Kind("Lip not at teeth", "", 0.5),
    "open_silence": Kind("Open in silence", "s", 0.6),
    "agreement": Kind("Other curves", "", 0.9),
    "lag": Kind("Out of sync", "ms", 0.9),
    "jerk": Kind("Jerky", "mm/s³", 0.7),
    "limit": Kind("At its limit", "s", 0.4),
    "clipping": Kind("Clipping", "", 0.8),
    "noise": Kind("Noise", "dB", 0.7),
    "hum": Kind("Hum", "dB", 0.7),
    "music": Kind("Music", "s", 0.8),
    "second_voice": Kind("Second voice", "", 0.8),
    "silence_ends": Kind("Silence at an end", "s", 0.5),
    "level": Kind("Level", "dB", 0.5),
    "voice": Kind("Another voice", "semitones", 0.6),
    "format": Kind("Format cannot hold", "", 0.3),
}
JUST_OVER = 0.15  # share of a kind's weight that a fault at its limit counts


@dataclass(frozen=True)
class Finding:
    """One fault of a line.

    Attributes:
        kind: of `KINDS`.
        sentence: what is wrong, for whoever decides.
        value: what was measured, in the unit of the kind.
        limit: what clean speech stays within.
        severity: what it takes away from the quality, 0..1.
        start, end: seconds of the audio between which it is.
        worst: the second at which it is worst: what a render shows.
    """

    kind: str
    sentence: str
    value: float
    limit: float
    severity: float
    start: float
    end: float
    worst: float

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {name: round(value, 4) if isinstance(value, float) else value for name, value in asdict(self).items()}

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Finding:
        """Return what `to_dict` gave; fields that a newer Animcore added are left out."""
        return cls(**{name: values[name] for name in cls.__dataclass_fields__})


@dataclass(frozen=True)
class LineScore:
    """What was measured of a line, and what is wrong with it.

    Attributes:
        values: figures by name, all in plain units; a figure that cannot be had (no text, no p, b or m) is absent.
        findings: the faults, the gravest first.
    """

    values: Mapping[str, float] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()

    @property
    def quality(self) -> float:
        """1 where nothing is wrong, towards 0 the more and the graver the faults are."""
        return quality(self.findings)

    @property
    def reason(self) -> str:
        """The sentence of the gravest fault; empty where there is none."""
        return self.findings[0].sentence if self.findings else ""

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON: `scores` and `findings`, as a batch keeps them of a line."""
        return {
            "scores": {name: round(float(value), 4) for name, value in self.values.items() if math.isfinite(value)},
            "findings": [finding.to_dict() for finding in self.findings],
        }


def quality(findings: Sequence[Finding]) -> float:
    """Return what faults leave of a line's quality, 0..1: each kind, by its gravest, a share of what others leave."""
    worst: dict[str, float] = {}
    for finding in findings:
        worst[finding.kind] = max(worst.get(finding.kind, 0.0), min(max(finding.severity, 0.0), 1.0))
    return math.prod(1.0 - severity for severity in worst.values())


def found(
    kind: str, sentence: str, value: float, limit: float, bad: float, span: tuple[float, float], worst: float
) -> Finding:
    """Return a fault; how grave it is goes by how far its value is from the limit, on the way to a bad one.

    Args:
        kind: of `KINDS`.
        sentence: what is wrong.
        value: what was measured.
        limit: what clean speech stays within.
        bad: a value that is as bad as it gets, beyond the limit.
        span: seconds between which it is.
        worst: the second at which it is worst.
    """
    over = min(max((value - limit) / (bad - limit), 0.0), 1.0)
    severity = KINDS[kind].weight * (JUST_OVER + (1.0 - JUST_OVER) * over)
    return Finding(kind, sentence, float(value), float(limit), severity, float(span[0]), float(span[1]), float(worst))
