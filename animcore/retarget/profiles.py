"""The rig profiles of `rigs/*.toml`: naming conventions as data."""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from animcore.retarget import matching

_PACKAGE = Path(__file__).resolve().parents[1]
_INSTALLED = _PACKAGE / "rigs"  # inside the package; in a checkout beside it
RIGS = _INSTALLED if _INSTALLED.is_dir() else _PACKAGE.parent / "rigs"
ROLES: tuple[str, ...] = ("head", "neck", "jaw", "left_eye", "right_eye")
_ENOUGH = 3  # shapes of a convention that make it likely


@dataclass(frozen=True)
class Profile:
    """One naming convention; rigs/README.md describes the fields."""

    name: str
    order: int
    drives: bool = False
    shapes: tuple[str, ...] = ()
    essential: tuple[str, ...] = ()
    regions: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    bones: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def region(self, shape: str) -> str:
        """Return the group of the dope sheet that a shape belongs to."""
        matches = (region for region, starts in self.regions.items() if shape.lower().startswith(starts))
        return next(matches, "Face")


@functools.cache
def profiles() -> tuple[Profile, ...]:
    """Read every profile, in the order in which they are tried."""
    return tuple(sorted((_read(path) for path in RIGS.glob("*.toml")), key=lambda one: (one.order, one.name)))


@functools.cache
def driving() -> Profile:
    """Return the convention that the engine speaks."""
    return next(profile for profile in profiles() if profile.drives)


def likely_convention(names: Sequence[str]) -> str | None:
    """Say which convention, other than the engine's own, the names of shapes look like; None where none."""
    present = set(map(matching.canonical, names))
    score = {
        profile.name: len(present & set(map(matching.canonical, profile.shapes)))
        for profile in profiles()
        if not profile.drives
    }
    best = max(score, key=lambda name: score[name])
    return best if score[best] >= _ENOUGH else None


def find_bones(names: Sequence[str]) -> tuple[str, dict[str, str]]:
    """Find the bones of the face by their names; returns the profile's name and bone names by role of `ROLES`."""
    by_profile = {
        profile.name: {
            role: bone for role in ROLES if (bone := matching.first(profile.bones.get(role, ()), names)) is not None
        }
        for profile in profiles()
        if profile.bones
    }
    best = max(by_profile, key=lambda name: len(by_profile[name]))
    found = dict(by_profile[best])
    for role, bone in by_profile["common"].items():
        found.setdefault(role, bone)
    return best, found


def _read(path: Path) -> Profile:
    data = tomllib.loads(path.read_text(encoding="utf-8"))
    shapes = data.get("shapes", {})
    return Profile(
        name=data["name"],
        order=data["order"],
        drives=shapes.get("drives", False),
        shapes=tuple(shapes.get("names", ())),
        essential=tuple(shapes.get("essential", ())),
        regions=MappingProxyType({name: tuple(starts) for name, starts in data.get("regions", {}).items()}),
        bones=MappingProxyType({role: tuple(names) for role, names in data.get("bones", {}).items()}),
    )
