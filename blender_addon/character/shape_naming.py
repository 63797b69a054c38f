"""The mapping of a character's shapes by their names and its file's declarations, corrected by measurement."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from dataclasses import replace
from typing import Protocol

import bpy
import numpy as np

from animcore.retarget import name_normalization, shape_measurement
from animcore.retarget.face_map import coverage
from animcore.retarget.rig_detection import DetectedRig, from_profile, propose
from animcore.retarget.rig_profiles import driving

from . import declared_humanoid, head_bones, measured_shapes

FEWEST = 3  # channels; fewer are not enough for speech


class Shapes(Protocol):
    """A mesh with the names of its shapes: those that can be keyed, and those that a driver or a lock holds."""

    @property
    def mesh(self) -> bpy.types.Object:
        """The object."""

    @property
    def names(self) -> tuple[str, ...]:
        """The shapes that can be keyed."""

    @property
    def driven(self) -> tuple[str, ...]:
        """Those that a driver holds."""

    @property
    def locked(self) -> tuple[str, ...]:
        """Those that a lock holds."""


def proposal_of(faces: Iterable[Shapes], armature: bpy.types.Object | None) -> tuple[DetectedRig, tuple[str, ...]]:
    """Return the mapping that a file declares, else that of its names, corrected by measurement; and notes on it."""
    faces = tuple(faces)
    seen = measured_shapes.moves((face.mesh, face.names) for face in faces)
    still = shape_measurement.dead(seen)
    live = {face.mesh.name: tuple(name for name in face.names if (face.mesh.name, name) not in still) for face in faces}
    held = {face.mesh.name: (*live[face.mesh.name], *face.driven, *face.locked) for face in faces}
    said = _declared(live, held, armature) or _named(held, armature)
    axes = head_bones.BLENDER
    if armature is not None:
        axes = np.array(armature.matrix_world.to_3x3().normalized()) @ head_bones.character_axes(armature)
    entries, told = shape_measurement.corrected(said.entries, seen, axes, armature is not None)
    moving = {name for names in held.values() for name in names}
    gone = of_speech(tuple(dict.fromkeys(name for _, name in sorted(still) if name not in moving)))
    if gone:
        gone.sort(key=lambda name: "open" not in name.lower())  # shapes that open the mouth come first
        told = (f"{len(gone)} shapes have no effect ({few(gone)}): others replace them where they can.", *told)
    return replace(said, entries=entries), told


def _declared(
    live: dict[str, tuple[str, ...]], held: dict[str, tuple[str, ...]], armature: bpy.types.Object | None
) -> DetectedRig | None:
    """The expressions that the file declares; None where there are none, or where the names say more."""
    free = {(mesh, name) for mesh, names in live.items() for name in names}
    profile, entries = declared_humanoid.entries(armature, free)
    if len(entries) < FEWEST:
        return None
    named = _named(held, armature)
    found = replace(named, profile=f"{profile} of the file", confidence=1.0, entries=entries)
    says = [coverage(from_profile(one).explained) if one.entries else 0.0 for one in (found, named)]
    return found if says[0] >= says[1] or named.profile in ("VRM", "VRM 0") else None


def _named(held: dict[str, tuple[str, ...]], armature: bpy.types.Object | None) -> DetectedRig:
    """The mapping by names, cached: the names of a rig rarely change, and comparing them takes some milliseconds."""
    bones = armature.pose.bones if armature is not None and armature.is_editable and armature.pose else ()
    free = tuple(bone.name for bone in bones if not (all(bone.lock_rotation) and all(bone.lock_location)))
    return _proposed(tuple(held.items()), free)


@functools.lru_cache(maxsize=32)
def _proposed(shapes: tuple[tuple[str, tuple[str, ...]], ...], bones: tuple[str, ...]) -> DetectedRig:
    return propose(dict(shapes), bones)


def forget() -> None:
    """Read the names of every rig again: a profile was written."""
    _proposed.cache_clear()


def of_speech(shapes: tuple[str, ...]) -> list[str]:
    """Return those of some shapes that the engine would have keyed: rigs drive many shapes of their own."""
    known = name_normalization.match(driving().shapes, shapes)
    return [name for own in known.values() for name in own]


def few(names: Iterable[str]) -> str:
    """Return some names in one line: the first three stand for more."""
    names = list(names)
    return ", ".join(names[:3]) + (" ..." if len(names) > 3 else "")
