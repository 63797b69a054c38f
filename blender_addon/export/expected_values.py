"""What is meant to be in a file that Blender writes: the engine reads the file and compares (files/checking.py)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import bpy
import numpy as np
from numpy.typing import NDArray

from . import scene_files

_FRAMES = 12  # on which vertices are compared: to move the character costs more than to write it
_PROBES = 128  # vertices of a mesh; files/pc2.py takes the same ones


def save_keyed(path: Path, curves: Mapping[str, NDArray[np.float32]], bones: Mapping[str, NDArray[Any]] | None) -> None:
    """Write the weights of shapes, by name (copies, T), and what the bones do that meshes are bound to."""
    names = [name for name, copies in curves.items() for _ in copies]
    values = np.concatenate(list(curves.values())) if curves else np.zeros((0, 0), np.float32)
    np.savez(path, names=np.array(names, str), values=values, **bones or {})


def save_vertices(
    path: Path, scene: bpy.types.Scene, meshes: Sequence[bpy.types.Object], frames: tuple[int, int], *, in_world: bool
) -> None:
    """Write where some vertices (S, P, 3) of each mesh are on some frames (S,), counted from the first."""
    count = frames[1] - frames[0] + 1
    chosen = np.unique(np.linspace(0, count - 1, min(_FRAMES, count)).astype(int))
    rows: list[list[NDArray[np.float64]]] = [[] for _ in meshes]
    numbers = [frames[0] + int(index) for index in chosen]
    for places in scene_files.vertices(scene, meshes, numbers, cached=not in_world):
        for row, mesh, own in zip(rows, meshes, places, strict=True):
            few = own[np.linspace(0, len(own) - 1, min(_PROBES, len(own))).astype(int)]
            matrix = np.array(mesh.matrix_world) if in_world else np.eye(4)
            row.append(few @ matrix[:3, :3].T + matrix[:3, 3])
    np.savez(path, frames=chosen, **{f"mesh {index}": as_many(row) for index, row in enumerate(rows)})


def as_many(frames: Sequence[NDArray[np.floating[Any]]]) -> NDArray[np.floating[Any]]:
    """Return (T, P, 3) probes of every frame, as many as the frame with the fewest has.

    Modifiers may make and merge vertices as they move; frames of equally many are still thinned alike.
    """
    count = min(map(len, frames))
    return np.stack([few[np.linspace(0, len(few) - 1, count).astype(int)] for few in frames])
