"""Direction: what the user asks of a performance, apart from the voice itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from animcore.errors import InputError

REGIONS: tuple[str, ...] = ("lips", "jaw", "brows", "cheeks", "blinks", "gaze", "head")
STRENGTH_MAX = 2.0


@dataclass(frozen=True)
class Direction:
    """Settings of one take. Equal directions and equal audio give equal takes.

    Attributes:
        seed: chooses among equally good takes (blinks, glances, head movement); any non-negative integer.
        intensity: scales the whole face, 0..2; 1 is as performed.
        strengths: factor per region of `REGIONS`, 0 (off) .. 2; a region that is not named stands at 1.
    """

    seed: int = 0
    intensity: float = 1.0
    strengths: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check every value, so that no solver needs to.

        Raises:
            InputError: for an unknown region or a value out of range.
        """
        if not isinstance(self.seed, int) or isinstance(self.seed, bool) or self.seed < 0:
            raise InputError(f"The seed must be a whole number from 0 up, not {self.seed!r}.")
        unknown = sorted(set(self.strengths) - set(REGIONS))
        if unknown:
            raise InputError(f"There is no region {unknown[0]!r}; the regions are {', '.join(REGIONS)}.")
        for name, value in {"intensity": self.intensity, **self.strengths}.items():
            if not isinstance(value, int | float) or not 0.0 <= value <= STRENGTH_MAX:
                raise InputError(f"The strength of {name} must lie between 0 and {STRENGTH_MAX:g}, not {value!r}.")
        object.__setattr__(self, "strengths", MappingProxyType({k: float(v) for k, v in self.strengths.items()}))

    def strength(self, region: str) -> float:
        """Return the factor of a region of `REGIONS`, 0..2, without the intensity of the whole face."""
        return self.strengths.get(region, 1.0)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON; `from_dict` reads them back."""
        return {"seed": self.seed, "intensity": self.intensity, "strengths": dict(self.strengths)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Direction:
        """Build from the values of `to_dict`, any of which may be absent.

        Raises:
            InputError: for an unknown name or a value out of range.
        """
        unknown = sorted(set(values) - {"seed", "intensity", "strengths"})
        if unknown:
            raise InputError(f"A direction has no setting {unknown[0]!r}; it has seed, intensity and strengths.")
        return cls(**values)
