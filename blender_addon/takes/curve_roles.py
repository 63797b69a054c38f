"""What each curve of a take is: its region, its rest and range, and what it does in tracks of the engine."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import cast

import bpy
import numpy as np
from numpy.typing import NDArray

from animcore.motion import Motion
from animcore.retarget import name_normalization
from animcore.retarget.face_map import FaceMap
from animcore.retarget.reference_head import reference
from animcore.retarget.rig_profiles import driving
from animcore.retarget.source_tracks import SOURCES

from .. import object_data
from ..character import face_maps, head_bones, rig_reader
from ..scene.fcurves import Channel
from .record import Curve

# how names of tracks begin -> the region of the performance
_REGIONS = {
    "jaw": "jaw", "mouth": "lips", "tongue": "tongue", "brow": "brows", "cheek": "cheeks", "nose": "cheeks",
    "eyeLook": "gaze", "eye": "blinks", "head": "head",
}  # fmt: skip
_ROLES = {"head": "head", "neck": "head", "jaw": "jaw", "left_eye": "gaze", "right_eye": "gaze"}
_FINGERS = re.compile(r"thumb|index|middle|ring|pinky|little|finger|f_", re.IGNORECASE)
_BONE = re.compile(r'pose\.bones\["(.*)"\]\.(\w+)')
_SHAPE = re.compile(r'key_blocks\["(.*)"\]\.value')
_LEAST = 0.02  # least weight of a track that is stored


def region_of(track: str) -> str:
    """Return the region of the performance that a track belongs to."""
    return next(region for start, region in _REGIONS.items() if track.startswith(start))


def curves(
    character: rig_reader.Character, owner: bpy.types.ID, channels: Iterable[Channel], motion: Motion | None
) -> tuple[Curve, ...]:
    """Describe what is keyed on a data-block of a character.

    Args:
        character: as `rig_reader.read` found it.
        owner: the data-block: shapes of a mesh, or the armature.
        channels: what is keyed on it.
        motion: the performance; without one a jaw bone is taken to do nothing to the lips.
    """
    does = _does(character)
    face = next((one for one in character.faces if one.key == owner), None)
    if face is not None:
        return tuple(_shape(character, face, does, channels))
    return tuple(_bones(character, cast("bpy.types.Object", owner), does, channels, motion))


def by_name(path: str, index: int) -> Curve:
    """Describe a curve by nothing but its name: one of a take that was made before more was kept with it."""
    bone, what = bone_of(path)
    if bone:
        region = "hands" if _FINGERS.search(bone) else "head"
        return Curve(path, index, region, _rest(what, index))
    name = shape_of(path)
    track = next(iter(name_normalization.match(driving().shapes, (name,))), "")
    return Curve(path, index, region_of(track) if track else "lips", 0.0, 0.0, 1.0, {track: 1.0} if track else {})


def shape_of(path: str) -> str:
    """Return the shape of a data path; the path itself where it is of something else."""
    found = _SHAPE.fullmatch(path)
    return bpy.utils.unescape_identifier(found[1]) if found else path


def bone_of(path: str) -> tuple[str, str]:
    """Return (bone, property) of a data path, or two empty texts."""
    found = _BONE.fullmatch(path)
    return (bpy.utils.unescape_identifier(found[1]), found[2]) if found else ("", "")


def effects(found: FaceMap) -> NDArray[np.float64]:
    """Return (K, S) what a unit of each channel of a map does, in the tracks nearest to it on the reference head."""
    if not found.channels:
        return np.zeros((0, len(SOURCES)))
    does: NDArray[np.float64] = np.linalg.solve(reference().meaning, found.mix.T).T
    return does


_last: tuple[FaceMap, list[dict[str, float]]] | None = None  # the meshes of a character share its map


def _does(character: rig_reader.Character) -> list[dict[str, float]]:
    global _last
    if _last is None or _last[0] is not character.map:
        found = [_sparse(dict(zip(SOURCES, row, strict=True))) for row in effects(character.map)]
        _last = (character.map, found)
    return _last[1]


def _sparse(tracks: Mapping[str, float]) -> dict[str, float]:
    return {name: round(float(weight), 4) for name, weight in tracks.items() if abs(weight) > _LEAST}


def _shape(
    character: rig_reader.Character, face: rig_reader.Face, does: list[dict[str, float]], channels: Iterable[Channel]
) -> Iterable[Curve]:
    known = {
        rig_reader.shape_path(name): (index, name) for index, name in face_maps.shapes_of(character.map, face.mesh.name)
    }
    for channel in channels:
        index, name = known[channel.path]
        block, way = face.key.key_blocks[name], character.map.channels[index]
        low = float(min(block.slider_min, way.low, channel.values.min(initial=0.0)))
        high = float(max(block.slider_max, way.high, channel.values.max(initial=0.0)))
        region = region_of(face_maps.track_of(character.map, index))
        yield Curve(channel.path, channel.index, region, way.rest, low, high, does[index])


def _bones(
    character: rig_reader.Character,
    owner: bpy.types.Object,
    does: list[dict[str, float]],
    channels: Iterable[Channel],
    motion: Motion | None,
) -> Iterable[Curve]:
    roles = {bone: role for role, bone in character.bones.items()}
    axes, unit, opened = head_bones.character_axes(owner), head_bones.eye_distance(owner), _opened_by(motion)
    for channel in channels:
        name, what = bone_of(channel.path)
        own = [index for index, one in enumerate(character.map.channels) if ("", name) in one.targets]
        turned = np.array(object_data.pose_bones(owner)[name].bone.matrix_local.to_3x3()).T @ axes
        part, scale = _part(what, channel.index)
        tracks: dict[str, float] = {}
        for index in own if part >= 0 else ():
            share = scale * face_maps.share_of(character.map.channels[index], what, part, turned, unit)
            for track, weight in does[index].items():
                tracks[track] = tracks.get(track, 0.0) + share * weight
        if roles.get(name) == "jaw" and part >= 0:
            tracks["jawOpen"] = scale * float(turned[part, 0]) * opened
        region = _ROLES.get(roles.get(name, ""), "hands" if _FINGERS.search(name) else "body")
        if own:
            region = region_of(face_maps.track_of(character.map, own[0]))
        yield Curve(channel.path, channel.index, region, _rest(what, channel.index), None, None, _sparse(tracks))


def _part(what: str, index: int) -> tuple[int, float]:
    """Which axis of the bone a curve turns about or moves along, and by how much per unit; -1 for none."""
    if what == "rotation_quaternion":
        return index - 1, 2.0
    return (-1, 0.0) if what == "rotation_axis_angle" else (index, 1.0)


def _rest(what: str, index: int) -> float | None:
    """The value of a bone's curve at rest; a part of an axis has none."""
    if what == "rotation_axis_angle":
        return 0.0 if index == 0 else None
    return 1.0 if what == "rotation_quaternion" and index == 0 else 0.0


def _opened_by(motion: Motion | None) -> float:
    """How much of `jawOpen` a radian of the jaw is in a performance."""
    if motion is None or motion.jaw_pose is None or motion.arkit is None:
        return 0.0
    turned = float(np.abs(motion.jaw_pose[:, 0]).max(initial=0.0))
    return float(motion.arkit[:, SOURCES.index("jawOpen")].max(initial=0.0)) / turned if turned > 0 else 0.0
