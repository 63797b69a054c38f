"""Reads a skeleton by the words of its bones' names, for rigs of no known convention.

`L_armUpper0001_bind_JNT` is an upper arm of the left, `pelvis_Armature` a pelvis: numbers and the words that most bones
share carry no meaning. Only names that consist of such words alone count, so that `HairBall_L` or `thighTwist_l` is
nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from animcore.retarget import affixes, name_normalization

_SIDES = {"l": "left", "left": "left", "lft": "left", "r": "right", "right": "right", "rgt": "right", "rt": "right"}
_COMMON = 0.6  # share of the bones with a word from which it carries no meaning
_NOTHING = {
    "bind", "jnt", "joint", "bone", "def", "b", "j", "bn", "sk", "skin", "armature", "c", "m", "mid", "center",
    "centre", "rig", "deform", "org", "base", "main",
}  # fmt: skip
# Joints of SMPL-X by the words that mean them; the words of a name are compared as a set, joined words as one.
_WORDS: dict[str, tuple[str, ...]] = {
    "pelvis": ("pelvis", "hips", "hip", "cog", "waist"),
    "spine": (
        "spine", "chest", "tummy", "torso", "abdomen", "belly", "upper chest", "spine upper", "spine lower", "trunk",
        "stomach", "spine mid", "lower spine", "upper spine", "upper body", "upper torso", "lower torso", "back",
    ),
    "neck": ("neck", "neck lower", "neck upper"),
    "head": ("head", "skull"),
    "jaw": ("jaw", "jaw lower", "lower jaw", "mandible"),
    "eye": ("eye", "eyeball", "eye ball"),
    "collar": ("clavicle", "collar", "collarbone", "shoulder", "arm clavicle", "scapula"),
    "shoulder": ("upper arm", "arm upper", "upperarm", "up arm", "arm up", "arm", "bicep", "humerus"),
    "elbow": ("lower arm", "arm lower", "lowerarm", "forearm", "fore arm", "elbow", "arm fore", "low arm", "arm low"),
    "wrist": ("hand", "wrist", "palm", "arm hand"),
    "hip": ("thigh", "upper leg", "leg upper", "upperleg", "up leg", "leg up", "upleg", "leg thigh", "femur"),
    "knee": ("shin", "calf", "lower leg", "leg lower", "lowerleg", "knee", "low leg", "leg low", "leg", "leg shin"),
    "ankle": ("foot", "ankle", "leg foot", "leg ankle"),
    "foot": ("toe", "toes", "ball", "toe base", "toebase", "foot toe", "foot ball", "foot toes", "leg toe"),
}  # fmt: skip
_FINGERS = {"thumb": "thumb", "index": "index", "middle": "middle", "ring": "ring", "pinky": "pinky", "little": "pinky"}
_MIDDLE = {"pelvis", "spine", "neck", "head", "jaw"}
_MEANT = {frozenset(one.split()): joint for joint, many in _WORDS.items() for one in many}


def find(names: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Return the bones of each joint of SMPL-X that their words mean, and those of `spine`, in the order given.

    Sides are spelled in front: `left_elbow`. Where only one of two words for an arm or a leg is there, it is the upper
    one: `leg` alone is the thigh.
    """
    found: dict[str, list[str]] = {}
    for name, words in _words(names).items():
        sides = {_SIDES[word] for word in words if word in _SIDES}
        rest = [word for word in words if word not in _SIDES]
        joint = _joint(rest)
        if joint is None or len(sides) > 1 or (joint in _MIDDLE) == bool(sides):
            continue
        found.setdefault(f"{next(iter(sides))}_{joint}" if sides else joint, []).append(name)
    for side in ("left", "right"):
        if f"{side}_hip" not in found and f"{side}_knee" in found:
            found[f"{side}_hip"] = found.pop(f"{side}_knee")
        if f"{side}_shoulder" not in found and f"{side}_collar" in found and f"{side}_elbow" in found:
            found[f"{side}_shoulder"] = found.pop(f"{side}_collar")
        for finger in set(_FINGERS.values()):  # bones of a finger from its root outwards; a fourth is in the palm
            row = found.pop(f"{side}_{finger}", [])
            row = row[-3:] if finger != "thumb" else row[:3]
            found |= {f"{side}_{finger}{part + 1}": [bone] for part, bone in enumerate(row)}
    return {joint: tuple(bones) for joint, bones in found.items()}


def _words(names: Sequence[str]) -> dict[str, list[str]]:
    """The words of each name that carry meaning."""
    bare = affixes.stripped(names)
    split = {name: [word for word in name_normalization.words(bare[name]) if not word.isdigit()] for name in names}
    counted = Counter(word for words in split.values() for word in set(words))
    shared = {word for word, count in counted.items() if count > _COMMON * len(names) and len(names) > len(_SIDES)}
    dull = (shared | _NOTHING) - set(_SIDES)
    return {name: [word for word in words if word not in dull] for name, words in split.items()}


def _joint(words: Sequence[str]) -> str | None:
    """What some words mean without their side; None where they mean more than a joint, or nothing."""
    fingers = [_FINGERS[word] for word in words if word in _FINGERS]
    if len(fingers) == 1 and set(words) - set(_FINGERS) <= {"finger", "fingers", "f", "hand", "a", "b", "c", "d"}:
        return fingers[0]
    return _MEANT.get(frozenset(words))
