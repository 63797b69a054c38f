"""The user's corrections of rig detection: the shape of a track, and the bone of a role.

It is kept with the character in the file, and can be saved as a profile, so that the next character of its kind is read
right at once.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

import bpy
import numpy as np

from animcore.core.atomic_files import whole_file
from animcore.retarget import name_normalization, rig_profiles
from animcore.retarget.face_map import FaceMap, RigChannel, assemble
from animcore.retarget.rig_detection import DetectedChannel, DetectedRig
from animcore.retarget.rig_profiles import AXES, ROLES
from animcore.retarget.source_tracks import INDEX, SOURCES

from .. import id_properties
from ..errors import AddonError

PROPERTY = "animcore_corrections"  # custom property of what the character is chosen by
NOTHING = "-"  # instead of a shape: the track is to move nothing
TRACKS = tuple(name for name in SOURCES if not name.startswith("head"))
_OWN = "Your list"


@dataclass(frozen=True)
class Corrections:
    """The user's list: a shape by track, and a bone by role; `NOTHING` disables a track."""

    shapes: Mapping[str, str] = field(default_factory=dict)
    bones: Mapping[str, str] = field(default_factory=dict)


def of(root: bpy.types.ID) -> Corrections:
    """Return the corrections stored with a character; unreadable ones count as none."""
    try:
        found = id_properties.fields(root, PROPERTY)
        return Corrections(
            {str(track): str(shape) for track, shape in found.get("shapes", {}).items() if track in TRACKS},
            {str(role): str(bone) for role, bone in found.get("bones", {}).items() if role in ROLES},
        )
    except AttributeError:
        return Corrections()


def store(root: bpy.types.ID, corrections: Corrections) -> None:
    """Keep them with a character.

    Raises:
        AddonError: where the character is linked.
    """
    if not root.is_editable:
        raise AddonError(f"{root.name!r} is linked and cannot store corrections; make a library override first.")
    if not corrections.shapes and not corrections.bones:
        root.pop(PROPERTY, None)
        return
    whole = {"shapes": dict(corrections.shapes), "bones": dict(corrections.bones)}
    root[PROPERTY] = json.dumps(whole, sort_keys=True, ensure_ascii=False)


def applied(proposal: DetectedRig, known: Corrections, free: Collection[tuple[str, str]]) -> DetectedRig:
    """Return the mapping by names, corrected.

    Args:
        proposal: what the rig reader proposes.
        known: the user's corrections.
        free: (mesh, shape) of every shape that can be keyed.
    """
    if not known.shapes:
        return proposal
    chosen = set(known.shapes.values())
    entries = []
    for entry in proposal.entries:
        targets = tuple(target for target in entry.channel.targets if not target[0] or target[1] not in chosen)
        if targets and entry.direct not in known.shapes:
            entries.append(replace(entry, channel=replace(entry.channel, targets=targets)))
    names = {entry.channel.name for entry in entries}
    for track, shape in known.shapes.items():
        targets = tuple(target for target in sorted(free) if target[1] == shape)
        if targets:
            name = track if track not in names else f"{track} ({shape})"
            entries.append(DetectedChannel(RigChannel(name, "shape", targets), {track: 1.0}, track))
    named = proposal if proposal.profile else replace(proposal, profile=_OWN, confidence=1.0)
    return replace(named, entries=tuple(entries))


def applied_to_map(found: FaceMap, known: Corrections) -> FaceMap:
    """Return a map that was measured, corrected: channels of the chosen shapes take their tracks as they are."""
    if not known.shapes:
        return found
    direct = found.direct.copy()
    direct[:, [INDEX[track] for track in known.shapes]] = 0.0
    for index, channel in enumerate(found.channels):
        tracks = [track for track, shape in known.shapes.items() if any(name == shape for _, name in channel.targets)]
        if tracks:
            direct[index] = np.eye(len(SOURCES))[INDEX[tracks[0]]]
    return assemble(found.profile, found.channels, direct, found.gram, found.mix, found.alike)


def mirrored(track: str, shape: str, names: Collection[str]) -> tuple[str, str]:
    """Return the track of the other side and the shape that is its twin.

    Raises:
        AddonError: where there is no other side.
    """
    twins = {one: other for pair in name_normalization.side_pairs(TRACKS) for one, other in (pair, pair[::-1])}
    if track not in twins:
        raise AddonError(f"{track} has no counterpart on the other side; mirror a track of one side.")
    pairs = {one: other for pair in name_normalization.side_pairs(names) for one, other in (pair, pair[::-1])}
    if shape not in pairs:
        raise AddonError(f"The shape key {shape!r} has no counterpart on the other side; pick one by hand.")
    return twins[track], pairs[shape]


def as_profile(name: str, proposal: DetectedRig, bones: Mapping[str, str]) -> str:
    """Return a rig as the text of a profile (rigs/README.md), so that its like are known by their names.

    Raises:
        AddonError: where nothing is mapped.
    """
    if not proposal.entries:
        raise AddonError("The character has no mapped tracks yet; assign shape keys to some tracks first.")
    recipes: dict[str, Mapping[str, float]] = {}
    direct: dict[str, str] = {}
    turning: dict[str, list[str]] = {}
    for entry in proposal.entries:
        for mesh, target in entry.channel.targets:
            if not mesh:
                turning.setdefault(target, []).append(_bone(entry))
            elif entry.direct:
                direct[target] = entry.direct
            else:
                recipes[target] = entry.recipe
    lines = [f"name = {_quoted(name)}", "order = 0"]
    sections = {
        "direct": [f"{_quoted(shape)} = {_quoted(track)}" for shape, track in direct.items()],
        "recipes": [f"{_quoted(shape)} = {_table(recipe)}" for shape, recipe in recipes.items()],
        "face_bones": [f"{_quoted(bone)} = [{', '.join(entries)}]" for bone, entries in turning.items()],
        "bones": [f"{role} = [{_quoted(bone)}]" for role, bone in bones.items()],
    }
    for section, rows in sections.items():
        lines += ["", f"[{section}]", *rows] if rows else []
    return "\n".join(lines) + "\n"


def save_profile(name: str, proposal: DetectedRig, bones: Mapping[str, str]) -> str:
    """Write a profile into the user's folder, where the rig reader finds it; returns its path.

    Raises:
        AddonError: where the name has no letters or nothing is mapped.
    """
    stem = "_".join(name_normalization.words(name))
    if not stem:
        raise AddonError("The name of the profile has no letters; type another.")
    path = rig_profiles.user_folder() / f"{stem}.toml"
    text = as_profile(name, proposal, bones)
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
    rig_profiles.reload()
    return str(path)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _table(recipe: Mapping[str, float]) -> str:
    return "{ " + ", ".join(f"{track} = {weight:.6g}" for track, weight in recipe.items()) + " }" if recipe else "{}"


def _bone(entry: DetectedChannel) -> str:
    """A channel of a bone by what one unit of it does."""
    channel = entry.channel
    axes = "xyz" if channel.kind == "slide" else AXES
    span = f"[{channel.low:.6g}, {channel.high:.6g}]"
    return (
        f"{{ {channel.kind} = {_quoted(axes[channel.axis])}, amount = 1.0, range = {span}, "
        f"recipe = {_table(entry.recipe)} }}"
    )
