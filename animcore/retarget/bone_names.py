"""Which bones of a skeleton are which joints of SMPL-X, by the `[skeleton]` tables of `rigs/*.toml`."""

from __future__ import annotations

import functools
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from animcore.names import SMPLX_JOINTS
from animcore.retarget import matching
from animcore.retarget.profiles import RIGS

_SPINE = "spine"
_TWIST = "_twist"
_SIDES = ("left", "right")
_PREFIX = re.compile(r"^(?:mixamorig|bip|character)\d*[ _]?")  # of every bone of a character, with its number
_NUMBERED = re.compile(r"\.\d{3}$")
_FEWEST = 8  # joints; with fewer it is no body
# Joints whose absence is told, in words of the body.
_PARTS: dict[str, tuple[str, ...]] = {
    "hips": ("pelvis",),
    "arms": tuple(f"{side}_{joint}" for side in _SIDES for joint in ("shoulder", "elbow", "wrist")),
    "legs": tuple(f"{side}_{joint}" for side in _SIDES for joint in ("hip", "knee", "ankle")),
    "collar bones": ("left_collar", "right_collar"),
    "toes": ("left_foot", "right_foot"),
    "fingers": tuple(joint for joint in SMPLX_JOINTS if joint[-1].isdigit() and not joint.startswith("spine")),
    "neck": ("neck",),
    "head": ("head",),
}


@dataclass(frozen=True)
class BoneNames:
    """What was found.

    Attributes:
        profile: the convention, or empty where the skeleton follows none.
        chains: joint -> its bones, from the joint outwards; most joints have one.
        spine: the bones between the hips and the chest, from below; SMPL-X has three joints there.
        twists: joint -> bones beside it that take a part of its limb's roll.
        lacks: a sentence for the parts of a body that have no bones.
    """

    profile: str
    chains: Mapping[str, tuple[str, ...]]
    spine: tuple[str, ...] = ()
    twists: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    lacks: tuple[str, ...] = ()


@functools.cache
def _tables() -> tuple[tuple[str, Mapping[str, tuple[str, ...]]], ...]:
    """(profile, joint -> names) of every convention that has a skeleton, its sides spelled out."""
    found = []
    for path in sorted(RIGS.glob("*.toml")):
        data = tomllib.loads(path.read_text(encoding="utf-8"))
        for table in data.get("skeleton", []):
            found.append((" ".join(filter(None, (data["name"], table.pop("kind", "")))), _spelled(table)))
    return tuple(found)


def _spelled(table: dict[str, Any]) -> dict[str, tuple[str, ...]]:
    """The names of each joint, `{}` replaced by the word of its side."""
    words = dict(zip(_SIDES, table.pop("sides"), strict=True))
    spelled: dict[str, tuple[str, ...]] = {}
    for joint, names in table.items():
        many = (names,) if isinstance(names, str) else tuple(names)
        if "{}" not in many[0]:
            spelled[joint] = many
            continue
        for side, word in words.items():
            spelled[f"{side}_{joint}"] = tuple(name.replace("{}", word) for name in many)
    return spelled


def find(names: Sequence[str]) -> BoneNames:
    """Return which bones are which joints, by the convention that explains most of them."""
    return _find(tuple(names))


@functools.lru_cache(maxsize=16)  # the panel, a take and its export ask for the same skeleton
def _find(names: tuple[str, ...]) -> BoneNames:
    best = BoneNames("", {}, (), {}, ())
    for profile, table in _tables():
        found = _matched(profile, table, names)
        if len(found.chains) + len(found.spine) > len(best.chains) + len(best.spine):
            best = found
    if len(best.chains) < _FEWEST:
        return BoneNames("", {}, (), {}, ("The skeleton has no bones of a known body: its body is not moved.",))
    return best


def _matched(profile: str, table: Mapping[str, tuple[str, ...]], names: Sequence[str]) -> BoneNames:
    """What a convention explains; each bone stands for one joint alone."""
    exact = {_bare(name): name for name in reversed(names)}
    present: dict[str, tuple[str, ...]] = {}
    for joint, wanted in table.items():
        bones = [bone for one in wanted if (bone := _found(one, exact, names)) is not None]
        if bones:
            present[joint] = tuple(dict.fromkeys(bones))
    spine = present.pop(_SPINE, ())
    twists = {joint.removesuffix(_TWIST): bones for joint, bones in present.items() if joint.endswith(_TWIST)}
    chains = {joint: bones for joint, bones in present.items() if joint in SMPLX_JOINTS}
    return BoneNames(profile, chains, spine, twists, _lacks(chains, spine))


def _found(wanted: str, exact: Mapping[str, str], names: Sequence[str]) -> str | None:
    """A bone by its name, else by another way of writing it; numbers at the end tell bones of a row apart."""
    bone = exact.get(_bare(wanted))
    if bone is None and not _NUMBERED.search(wanted):
        bone = matching.first([wanted], [name for name in names if not _NUMBERED.search(name)])
    return bone


def _bare(name: str) -> str:
    """A name without its namespace (`mixamorig9:`), its character's prefix (`Bip001 `) and case."""
    return _PREFIX.sub("", name.rpartition(":")[2].lower()).replace(" ", "_")


def _lacks(chains: Mapping[str, tuple[str, ...]], spine: tuple[str, ...]) -> tuple[str, ...]:
    gone = [part for part, joints in _PARTS.items() if not any(joint in chains for joint in joints)]
    gone += [] if spine else ["spine"]
    return (f"The skeleton has no {', no '.join(gone)}: these joints are not moved.",) if gone else ()
