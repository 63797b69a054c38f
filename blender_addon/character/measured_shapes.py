"""The deformation of each shape of a character, measured on its meshes and cached until one of them changes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import bpy
import numpy as np
from numpy.typing import NDArray

from animcore.retarget.shape_measurement import ShapeDisplacement, Target, move

from .. import object_data
from ..scene.shape_points import coordinates

_PROBES = 12  # points of each shape that are looked at to see whether it is another than it was
_KEPT = 16  # data-blocks of shapes that are remembered

_seen: dict[int, tuple[Any, dict[str, ShapeDisplacement]]] = {}


def moves(shapes: Iterable[tuple[bpy.types.Object, Iterable[str]]]) -> dict[Target, ShapeDisplacement]:
    """Return what the shapes of meshes do, in metres along the axes of the world, by (mesh, shape)."""
    found: dict[Target, ShapeDisplacement] = {}
    for mesh, names in shapes:
        own = _of_mesh(mesh)
        found |= {(mesh.name, name): own[name] for name in names if name in own}
    return found


def forget() -> None:
    """Measure every mesh again."""
    _seen.clear()


def _of_mesh(mesh: bpy.types.Object) -> Mapping[str, ShapeDisplacement]:
    key = object_data.key_of(mesh)
    mark = _mark(mesh, key)
    kept = _seen.get(key.session_uid)
    if kept is None or kept[0] != mark:
        while len(_seen) >= _KEPT:
            _seen.pop(next(iter(_seen)))
        kept = _seen[key.session_uid] = (mark, _measure(mesh, key))
    return kept[1]


def _mark(mesh: bpy.types.Object, key: bpy.types.Key) -> Any:
    """What is another as soon as a shape was changed: names, size and place, and some points of each shape."""
    count = len(object_data.mesh(mesh).vertices)
    points = sorted({count * step // _PROBES for step in range(_PROBES)})
    return (
        count,
        tuple(tuple(row) for row in mesh.matrix_world),
        tuple(
            (block.name, *(tuple(object_data.points(block)[point].co) for point in points if point < count))
            for block in key.key_blocks
        ),
    )


def _measure(mesh: bpy.types.Object, key: bpy.types.Key) -> dict[str, ShapeDisplacement]:
    world = np.array(mesh.matrix_world, np.float32)
    bases: dict[str, tuple[NDArray[np.float32], NDArray[np.float32]]] = {}
    found = {}
    for block in list(key.key_blocks)[1:]:
        base = block.relative_key
        if base.name not in bases:
            own = coordinates(base)
            bases[base.name] = own, own @ world[:3, :3].T + world[:3, 3]
        rest, placed = bases[base.name]
        delta = (coordinates(block) - rest) @ world[:3, :3].T
        found[block.name] = move(placed, delta)
    return found
