"""The rig profiles of `rigs/*.toml`: naming conventions as data."""

from __future__ import annotations

import functools
import os
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from animcore.core.shipped import shipped
from animcore.errors import BROKEN_FILE
from animcore.retarget import name_normalization

RIGS = shipped("rigs")
USER_FOLDER = "ANIMCORE_RIGS"  # variable of the environment that names the folder of the user's own profiles
ROLES: tuple[str, ...] = ("head", "neck", "jaw", "left_eye", "right_eye")
BoneKind = Literal["turn", "move", "slide"]
AXES: tuple[str, ...] = ("left", "up", "forward")  # of the character


@dataclass(frozen=True)
class BoneChannel:
    """One thing that a bone of the face can do.

    Attributes:
        bone: its name.
        kind: `turn` about, or `move` along, an axis of the character; `slide` along an axis of the bone itself.
        axis: 0 the character's left, 1 up, 2 forward; of `slide` the bone's x, y, z.
        amount: radians, distances between the outer eye corners, or the bone's own units, that give the recipe.
        recipe: what it then does, in weights of our tracks.
        low: least value, in the same unit.
        high: greatest value.
    """

    bone: str
    kind: BoneKind
    axis: int
    amount: float
    recipe: Mapping[str, float]
    low: float
    high: float


@dataclass(frozen=True)
class RigProfile:
    """One naming convention; rigs/README.md describes the fields."""

    name: str
    order: int
    drives: bool = False
    kind: str = "shape"
    shapes: tuple[str, ...] = ()
    essential: tuple[str, ...] = ()
    recipes: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    direct: Mapping[str, str] = field(default_factory=dict)
    ranges: Mapping[str, tuple[float, float, float]] = field(default_factory=dict)
    aliases: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    prefixes: tuple[str, ...] = ()
    note: str = ""
    face_bones: tuple[BoneChannel, ...] = ()
    regions: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    bones: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def region(self, shape: str) -> str:
        """Return the group of the dope sheet that a shape belongs to."""
        matches = (region for region, starts in self.regions.items() if shape.lower().startswith(starts))
        return next(matches, "Face")


def user_folder() -> Path:
    """Return the folder of the user's own profiles; it need not be there.

    It is the one that the environment names, so that the processes of one program read the same.
    """
    named = os.environ.get(USER_FOLDER)
    return Path(named) if named else Path.home() / ".config" / "animcore" / "rigs"


@functools.cache
def profiles() -> tuple[RigProfile, ...]:
    """Read every profile, in the order in which they are tried; one of the user's that cannot be read is left out."""
    found = [_read(path) for path in RIGS.glob("*.toml")]
    found += [profile for path in sorted(user_folder().glob("*.toml")) if (profile := _read_users(path)) is not None]
    return tuple(sorted(found, key=lambda one: (one.order, one.name)))


def reload() -> None:
    """Forget what was read: a profile was written."""
    profiles.cache_clear()
    driving.cache_clear()


@functools.cache
def driving() -> RigProfile:
    """Return the convention that the engine speaks."""
    return next(profile for profile in profiles() if profile.drives)


def find_bones(names: Sequence[str]) -> tuple[str, dict[str, str]]:
    """Find the bones of the face by their names; returns the profile's name and bone names by role of `ROLES`."""
    by_profile = {
        profile.name: {
            role: bone
            for role in ROLES
            if (bone := name_normalization.first(profile.bones.get(role, ()), names)) is not None
        }
        for profile in profiles()
        if profile.bones
    }
    best = max(by_profile, key=lambda name: len(by_profile[name]))
    found = dict(by_profile[best])
    for role, bone in by_profile["common"].items():
        found.setdefault(role, bone)
    return best, found


def _read_users(path: Path) -> RigProfile | None:
    try:
        return _read(path)
    except BROKEN_FILE:
        return None


@functools.lru_cache(maxsize=128)
def parsed(path: Path, _changed: int) -> dict[str, Any]:
    """Return what a profile holds, parsed once for faces and skeletons; it is read again where it has changed."""
    return tomllib.loads(path.read_text(encoding="utf-8"))


def _read(path: Path) -> RigProfile:
    data = parsed(path, path.stat().st_mtime_ns)
    shapes = data.get("shapes", {})
    direct = data.get("direct", {})
    shared = Counter(direct.values())  # halves and quarters of a track do their part of it
    recipes = data.get("recipes", {}) | {name: {track: 1.0 / shared[track]} for name, track in direct.items()}
    return RigProfile(
        name=data["name"],
        order=data["order"],
        drives=shapes.get("drives", False),
        kind=shapes.get("kind", "shape"),
        shapes=tuple(shapes.get("names", recipes)),
        essential=tuple(shapes.get("essential", ())),
        recipes=MappingProxyType({name: MappingProxyType(recipe) for name, recipe in recipes.items()}),
        direct=MappingProxyType(direct),
        ranges=MappingProxyType({name: tuple(limits) for name, limits in data.get("ranges", {}).items()}),
        aliases=MappingProxyType({name: tuple(others) for name, others in data.get("aliases", {}).items()}),
        prefixes=tuple(shapes.get("prefixes", ())),
        note=shapes.get("note", ""),
        face_bones=tuple(_face_bones(data.get("face_bones", {}))),
        regions=MappingProxyType({name: tuple(starts) for name, starts in data.get("regions", {}).items()}),
        bones=MappingProxyType({role: tuple(names) for role, names in data.get("bones", {}).items()}),
    )


def _face_bones(table: Mapping[str, list[dict[str, Any]]]) -> Iterator[BoneChannel]:
    for bone, entries in table.items():
        for entry in entries:
            kind: BoneKind = "turn" if "turn" in entry else "move" if "move" in entry else "slide"
            axes, amount = ("xyz" if kind == "slide" else AXES), entry["amount"]
            low, high = entry.get("range", (min(0.0, amount), max(0.0, amount)))
            yield BoneChannel(bone, kind, axes.index(entry[kind]), amount, entry["recipe"], low, high)
