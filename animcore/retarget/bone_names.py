"""Which bones of a skeleton are which joints of SMPL-X, by the `[skeleton]` tables of `rigs/*.toml`."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from animcore.core.vocabulary import SMPLX_JOINTS
from animcore.retarget import affixes, bone_words, name_normalization
from animcore.retarget.rig_profiles import RIGS, ROLES, find_bones, parsed

_SPINE = "spine"
_TWIST = "_twist"
_SIDES = ("left", "right")
_PREFIX = re.compile(r"^(?:mixamorig|bip|character)\d*[ _]?")  # of every bone of a character, with its number
_NUMBERED = re.compile(r"\.\d{3}$")
_MORE = 1.25  # times as many joints that words have to find as the best convention does
_FEWEST = 8  # joints; with fewer it is no body
# The thumbs of VRM 0 by their names in VRM 1.
_THUMBS = {
    f"{side}Thumb{old}": f"{side}Thumb{new}"
    for side in _SIDES
    for old, new in (("Proximal", "Metacarpal"), ("Intermediate", "Proximal"))
}
_DECLARED_ROLES = {"head": "head", "neck": "neck", "jaw": "jaw", "left_eye": "leftEye", "right_eye": "rightEye"}
# Joints whose absence is reported, in words of the body.
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
        twists: joint -> twist bones that take a part of its limb's roll.
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
        data = parsed(path, path.stat().st_mtime_ns)
        for one in data.get("skeleton", []):
            table = dict(one)
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


def find(names: Sequence[str], declared: Mapping[str, str] | None = None) -> BoneNames:
    """Return which bones are which joints, by the convention that explains most of them.

    Args:
        names: the bones.
        declared: by the file itself: the bones by their names in VRM's humanoid (`leftUpperArm`).
    """
    return _find(tuple(names), tuple((declared or {}).items()))


@functools.lru_cache(maxsize=32)
def _find(names: tuple[str, ...], declared: tuple[tuple[str, str], ...]) -> BoneNames:
    found = _found_declared(dict(declared))
    if len(found.chains) < _FEWEST:
        found, worded = max(_plain(names), _stripped(names), key=_size), _by_words(names)
        found = worded if _size(worded) > _MORE * _size(found) else found
    if len(found.chains) < _FEWEST:
        return BoneNames("", {}, (), {}, ("The skeleton has no bones of a known body: its body is not moved.",))
    return found


def roles(names: Sequence[str], declared: Mapping[str, str] | None = None) -> tuple[str, dict[str, str]]:
    """Return the convention of the bones of head, neck, jaw and eyes, and these bones by role.

    They are found by the file's declaration, else by their own names or by the rest of the skeleton.
    """
    profile, found = _roles(tuple(names), tuple((declared or {}).items()))
    return profile, dict(found)


@functools.lru_cache(maxsize=32)
def _roles(names: tuple[str, ...], known: tuple[tuple[str, str], ...]) -> tuple[str, dict[str, str]]:
    declared = dict(known)
    said = {role: bone for role, name in _DECLARED_ROLES.items() if (bone := declared.get(name)) is not None}
    bare = affixes.stripped(names)
    own = {text: name for name, text in reversed(bare.items())}
    profile, found = max((find_bones(names), find_bones(list(own))), key=lambda one: len(one[1]))
    found = {role: bone if bone in bare else own[bone] for role, bone in found.items()}
    joints = _words_of(names) | dict(find(names, declared).chains)
    behind = {role: joints[role][-1 if role == "head" else 0] for role in ROLES if role in joints}
    return profile, behind | found | said


def _size(found: BoneNames) -> int:
    return len(found.chains) + min(len(found.spine), 3)


def _plain(names: Sequence[str]) -> BoneNames:
    """The bones of the convention that finds most; the earliest of equal ones."""
    return max((_matched(profile, table, names) for profile, table in _tables()), key=_size)


def _stripped(names: Sequence[str]) -> BoneNames:
    """The same without the endings and beginnings that most bones share."""
    own = {bare: name for name, bare in reversed(affixes.stripped(names).items())}
    return _renamed(_plain(list(own)), own)


def _found_declared(declared: Mapping[str, str]) -> BoneNames:
    """The bones of a file's humanoid, its thumbs in either version's names."""
    own = {_THUMBS.get(name, name): bone for name, bone in declared.items()}
    old = any("ThumbIntermediate" in name for name in declared)
    own = own if old else dict(declared)
    return _renamed(_plain(list(own)), own) if own else BoneNames("", {}, (), {}, ())


def _renamed(found: BoneNames, own: Mapping[str, str]) -> BoneNames:
    """The same bones under other names."""
    chains = {joint: tuple(own[one] for one in bones) for joint, bones in found.chains.items()}
    twists = {joint: tuple(own[one] for one in bones) for joint, bones in found.twists.items()}
    return replace(found, chains=chains, twists=twists, spine=tuple(own[one] for one in found.spine))


def _by_words(names: Sequence[str]) -> BoneNames:
    """What the words of the names mean, for skeletons of no convention."""
    table = _words_of(tuple(names))
    chains = {joint: bones for joint, bones in table.items() if joint in SMPLX_JOINTS and joint not in ROLES[2:]}
    spine = table.get(_SPINE, ())
    return BoneNames("words", chains, spine, {}, _lacks(chains, spine))


@functools.lru_cache(maxsize=32)
def _words_of(names: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    return bone_words.find(names)


def _matched(profile: str, table: Mapping[str, tuple[str, ...]], names: Sequence[str]) -> BoneNames:
    """What a convention explains; each bone stands for one joint alone."""
    exact = {_bare(name): name for name in reversed(names)}
    plain = tuple(name for name in names if not _NUMBERED.search(name))
    present: dict[str, tuple[str, ...]] = {}
    taken: set[str] = set()
    for joint, wanted in table.items():
        bones = [bone for one in wanted if (bone := _found(one, exact, plain)) is not None and bone not in taken]
        if bones:
            present[joint] = tuple(dict.fromkeys(bones))
            taken.update(bones)
    spine = present.pop(_SPINE, ())
    twists = {joint.removesuffix(_TWIST): bones for joint, bones in present.items() if joint.endswith(_TWIST)}
    chains = {joint: bones for joint, bones in present.items() if joint in SMPLX_JOINTS}
    if "head" not in chains and len(chains.get("neck", ())) > 1:  # the last of a row of neck bones carries the head
        chains["neck"], chains["head"] = chains["neck"][:-1], chains["neck"][-1:]
    return BoneNames(profile, chains, spine, twists, _lacks(chains, spine))


def _found(wanted: str, exact: Mapping[str, str], plain: Sequence[str]) -> str | None:
    """A bone by its name, else by another way of writing it; numbers at the end distinguish bones of a row."""
    bone = exact.get(_bare(wanted))
    return bone if bone is not None or _NUMBERED.search(wanted) else name_normalization.first([wanted], plain)


@functools.lru_cache(maxsize=4096)
def _bare(name: str) -> str:
    """A name without its namespace (`mixamorig9:`), its character's prefix (`Bip001 `) and case."""
    return _PREFIX.sub("", name_normalization.one_width(name.rpartition(":")[2]).lower()).replace(" ", "_")


def _lacks(chains: Mapping[str, tuple[str, ...]], spine: tuple[str, ...]) -> tuple[str, ...]:
    gone = [part for part, joints in _PARTS.items() if not any(joint in chains for joint in joints)]
    gone += [] if spine else ["spine"]
    return (f"The skeleton has no {', no '.join(gone)}: these joints are not moved.",) if gone else ()
