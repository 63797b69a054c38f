"""The humanoid and the expressions that a character's file declares, as the VRM add-on stores them with an armature.

They are read by the names that the add-on's own properties have; where the add-on is not installed, from the custom
properties that it left in the file.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import bpy

from animcore.retarget.face_map import RigChannel
from animcore.retarget.rig_detection import DetectedChannel
from animcore.retarget.rig_profiles import profiles

from .. import object_data

_EXTENSION = "vrm_addon_extension"
_NAMELESS = re.compile(r"target_\d+")  # what glTF's importer calls shapes whose names it does not find
# Presets of expressions by the names of the profiles VRM 0 and VRM; those of feelings are the animator's.
_PRESETS = {
    "a": "A", "i": "I", "u": "U", "e": "E", "o": "O", "blink": "Blink", "blink_l": "Blink_L", "blink_r": "Blink_R",
    "lookup": "LookUp", "lookdown": "LookDown", "lookleft": "LookLeft", "lookright": "LookRight",
}  # fmt: skip
_NUMBERS = (
    "unknown", "neutral", "a", "i", "u", "e", "o", "blink", "joy", "angry", "sorrow", "fun", "lookup", "lookdown",
    "lookleft", "lookright", "blink_l", "blink_r",
)  # fmt: skip
_EXPRESSIONS = (
    "aa", "ih", "ou", "ee", "oh", "blinkLeft", "blinkRight", "blink", "lookUp", "lookDown", "lookLeft", "lookRight",
)  # fmt: skip


@dataclass(frozen=True)
class Expression:
    """One expression: its name in the profiles, and (mesh, shape, weight) of all shapes that it raises."""

    name: str
    binds: tuple[tuple[str, str, float], ...]


def humanoid(armature: bpy.types.Object) -> dict[str, str]:
    """Return the bones of an armature by their names in VRM's humanoid; empty where nothing is declared."""
    extension = _get(armature.data, _EXTENSION)
    if extension is None:
        return {}
    marks = {bone.name: _get(_get(bone, _EXTENSION), "uuid") for bone in object_data.bones(armature)}
    by_mark = {mark: name for name, mark in marks.items() if mark}
    found: dict[str, str] = {}
    for name, node in (*_bones_of_1(extension), *_bones_of_0(extension)):
        bone = _get(node, "bone_name") or by_mark.get(_get(node, "bone_uuid")) or _get(node, "value")
        if isinstance(bone, str) and bone in object_data.bones(armature):
            found.setdefault(name, bone)
    return found


def expressions(armature: bpy.types.Object) -> tuple[Expression, ...]:
    """Return the expressions of speech, lids and gaze that are declared with an armature, those of VRM 1 first."""
    extension = _get(armature.data, _EXTENSION)
    return tuple(one for one in (*_of_1(extension), *_of_0(extension)) if one.binds)


def entries(armature: bpy.types.Object | None, free: set[tuple[str, str]]) -> tuple[str, tuple[DetectedChannel, ...]]:
    """Return the profile and the channels that declared expressions give; each shape belongs to one of them.

    Args:
        armature: of the character.
        free: (mesh, shape) that can be keyed and do something.
    """
    found: dict[str, list[DetectedChannel]] = {}
    taken: set[tuple[str, str]] = set()
    for one in expressions(armature) if armature is not None else ():
        profile = next(each for each in profiles() if each.name in ("VRM", "VRM 0") and one.name in each.recipes)
        targets = tuple((mesh, shape) for mesh, shape, _ in one.binds if (mesh, shape) in free - taken)
        if not targets or any(entry.channel.name == one.name for many in found.values() for entry in many):
            continue
        weight = max(weight for mesh, shape, weight in one.binds if (mesh, shape) in targets)
        recipe = {track: share / weight for track, share in profile.recipes[one.name].items()}
        direct = next(iter(recipe)) if list(recipe.values()) == [1.0] else ""
        found.setdefault(profile.name, []).append(
            DetectedChannel(RigChannel(one.name, "shape", targets), recipe, direct)
        )
        taken.update(targets)
    best = max(found, key=lambda name: len(found[name]), default="")
    return best, tuple(found.get(best, ()))


def hint(names: Iterable[str]) -> str:
    """Return what to do where an importer lost the names of shapes; empty where it did not."""
    if not any(_NAMELESS.fullmatch(name) for name in names):
        return ""
    return (
        "The names of the shapes were lost at the import (target_0 ...); this looks like VRM 0: import it with the VRM "
        "add-on, or press Match by Shape to measure the shapes."
    )


def _bones_of_0(extension: Any) -> Iterator[tuple[str, Any]]:
    for bone in _each(_path(extension, "vrm0", "humanoid", "human_bones")):
        yield str(_get(bone, "bone")), _get(bone, "node")


def _bones_of_1(extension: Any) -> Iterator[tuple[str, Any]]:
    bones = _path(extension, "vrm1", "humanoid", "human_bones")
    for key in _keys(bones):
        node = _get(_get(bones, key), "node")
        if node is not None:
            yield _camel(key), node


def _of_0(extension: Any) -> Iterator[Expression]:
    groups = [
        (_preset(group), group) for group in _each(_path(extension, "vrm0", "blend_shape_master", "blend_shape_groups"))
    ]
    for preset, group in sorted(groups, key=lambda one: one[0] == "blink"):  # both lids only where there is none alone
        if preset in _PRESETS:
            yield Expression(_PRESETS[preset], tuple(_binds(_get(group, "binds"), "mesh")))


def _preset(group: Any) -> str:
    """The preset of a group: a word, or the number that Blender stores for it."""
    found = _get(group, "preset_name")
    if isinstance(found, int):
        found = _NUMBERS[found] if 0 <= found < len(_NUMBERS) else "unknown"
    return str(found or "").lower()


def _of_1(extension: Any) -> Iterator[Expression]:
    preset = _path(extension, "vrm1", "expressions", "preset")
    for name in _EXPRESSIONS:
        group = _get(preset, _snake(name))
        if group is not None:
            yield Expression(name, tuple(_binds(_get(group, "morph_target_binds"), "node")))


def _binds(binds: Any, key: str) -> Iterator[tuple[str, str, float]]:
    for bind in _each(binds):
        mesh = _get(bind, key)
        thing = _get(mesh, "bpy_object")
        name = _get(mesh, "mesh_object_name") or (thing.name if thing is not None else _get(mesh, "value"))
        weight = _get(bind, "weight")
        if name and (weight is None or weight > 0.0):
            yield str(name), str(_get(bind, "index")), 1.0 if weight is None else float(weight)


def _path(thing: Any, *names: str) -> Any:
    for name in names:
        thing = _get(thing, name)
    return thing


def _get(thing: Any, name: str) -> Any:
    """A property by its name: the add-on's own, else a custom one; None where there is none."""
    if thing is None:
        return None
    if isinstance(thing, Mapping):
        return thing.get(name)
    found = getattr(thing, name, None)
    if found is not None and not callable(found):
        return found
    try:
        return thing.get(name)
    except (AttributeError, TypeError, KeyError):
        return None


def _keys(thing: Any) -> list[str]:
    """The names of what a group holds."""
    if thing is None:
        return []
    if isinstance(thing, bpy.types.PropertyGroup):
        return [one.identifier for one in thing.bl_rna.properties if one.identifier not in ("rna_type", "name")]
    return list(map(str, thing.keys())) if hasattr(thing, "keys") else []


def _each(thing: Any) -> list[Any]:
    try:
        return list(thing) if thing is not None else []
    except TypeError:
        return []


def _camel(name: str) -> str:
    return re.sub(r"_(\w)", lambda found: found[1].upper(), name)


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z])([A-Z])", lambda found: f"_{found[1].lower()}", name)
