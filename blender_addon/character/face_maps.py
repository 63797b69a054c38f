"""Face maps: the measured deformation of a character's shapes and bones, stored with it in the file.

Also turns the values of a map into channels to be keyed.
"""

from __future__ import annotations

import base64
import tempfile
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import bpy
import numpy as np
from numpy.typing import NDArray

from animcore.errors import InputError
from animcore.retarget import face_map
from animcore.retarget.face_map import FaceMap
from animcore.retarget.source_tracks import SOURCES

_BETWEEN = "|"  # bone, kind and axis in the name of a channel that was measured
PROPERTY = "animcore_face_map"  # custom property of the object or collection that the character is chosen by


def store(root: bpy.types.ID, measured: FaceMap) -> None:
    """Keep a map with a character."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "map.npz"
        measured.save(path)
        root[PROPERTY] = base64.b64encode(path.read_bytes()).decode()


def stored(root: bpy.types.ID) -> FaceMap | None:
    """Return the map stored with a character; an unreadable one counts as none."""
    text = root.get(PROPERTY)
    return _decoded(text) if isinstance(text, str) else None


def fits(measured: FaceMap, free: Collection[tuple[str, str]]) -> bool:
    """Whether the shapes that a map was measured on are still there."""
    return all(target in free for channel in measured.channels for target in channel.targets if target[0])


_seen: dict[str, FaceMap | None] = {}


def _decoded(text: str) -> FaceMap | None:
    """Read the map once: the panel asks for it whenever it is drawn."""
    if text not in _seen:
        _seen.clear()
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "map.npz"
            try:
                path.write_bytes(base64.b64decode(text, validate=True))
                _seen[text] = FaceMap.load(path)
            except (InputError, ValueError):
                _seen[text] = None
    return _seen[text]


def shapes_of(found: FaceMap, mesh: str) -> list[tuple[int, str]]:
    """Return (channel, shape) of everything that a map keys on a mesh."""
    pairs = ((index, target) for index, channel in enumerate(found.channels) for target in channel.targets)
    return [(index, name) for index, (owner, name) in pairs if owner == mesh]


def track_of(found: FaceMap, index: int) -> str:
    """Return the engine's track that a channel has most to do with."""
    own = found.direct[index] if found.direct[index].any() else np.abs(found.mix[index])
    return SOURCES[int(np.argmax(own))]


def measured_name(bone: str, kind: str, axis: int) -> str:
    """Return the name of a channel that was measured: what a bone does about or along one of its own axes."""
    return _BETWEEN.join((bone, kind, str(axis)))


@dataclass
class BoneMotion:
    """What the channels of a map make one bone do, added up over its channels.

    Attributes:
        turn: (T, 3) axis-angle about the character's axes, radians.
        move: (T, 3) along the character's axes, in distances between the outer eye corners.
        own_turn: (T, 3) axis-angle about the bone's own axes.
        own_move: (T, 3) along the bone's own axes, in the units of its location.
    """

    turn: NDArray[np.float64]
    move: NDArray[np.float64]
    own_turn: NDArray[np.float64]
    own_move: NDArray[np.float64]


def bone_motions(found: FaceMap, values: NDArray[np.float64]) -> dict[str, BoneMotion]:
    """Return what each bone of a map does for the values (T, K) of its channels."""
    motions: dict[str, BoneMotion] = {}
    for index, channel in enumerate(found.channels):
        part, axis = _part(channel)
        for owner, bone in channel.targets if part else ():
            if not owner:
                whole = motions.setdefault(bone, BoneMotion(*(np.zeros((len(values), 3)) for _ in range(4))))
                getattr(whole, part)[:, axis] += values[:, index]
    return motions


def share_of(channel: face_map.RigChannel, what: str, axis: int, turned: NDArray[np.float64], unit: float) -> float:
    """How far a channel is raised by a unit of a bone's own rotation about, or location along, one of its axes.

    Args:
        channel: of a map; one that does not move the bone in this way is not raised.
        what: the bone's property, `location` or one of its rotations.
        axis: 0..2, of the bone.
        turned: (3, 3) whose columns are the character's axes in the bone's.
        unit: distance between the outer eye corners in the units of the location.
    """
    part, own = _part(channel)
    if part.endswith("move") != (what == "location"):
        return 0.0
    if part.startswith("own"):
        return float(own == axis)
    return float(turned[axis, own]) / (unit if part == "move" else 1.0) if part else 0.0


def _part(channel: face_map.RigChannel) -> tuple[str, int]:
    """Which attribute of `BoneMotion` a channel adds to, and its axis."""
    if channel.kind == "bone":
        _, kind, axis = channel.name.rsplit(_BETWEEN, 2)
        return {"rotation": "own_turn", "location": "own_move"}[kind], int(axis)
    return {"turn": "turn", "move": "move", "slide": "own_move"}.get(channel.kind, ""), channel.axis
