"""Triangle meshes in files of any common kind: `.ply` by our own reader, the others by the package trimesh."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from animcore.body_models.ply_mesh import read_ply
from animcore.core.reading import check_file
from animcore.errors import InputError, readable

SUFFIXES = (".ply", ".obj", ".glb", ".gltf", ".off", ".stl")


def read_mesh(path: Path) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return the vertices (V, 3) and the triangles (F, 3) of a mesh, both in the order of the file.

    A file with several meshes gives all of them as one. STL has no common vertices: each triangle has three.

    Raises:
        InputError: where the file is missing, broken or holds no triangles, or trimesh is not installed and it is no
            `.ply`.
    """
    if path.suffix.lower() == ".ply":
        return read_ply(path)
    check_file(path)
    try:
        import trimesh
    except ImportError as error:
        raise InputError(
            f"Reading {path.name} needs the package trimesh: pip install trimesh, or export the mesh as .ply."
        ) from error
    with readable(f"{path.name} is not a readable mesh", "export it again"):
        # without processing: merged or sorted vertices would no longer be those of the data
        found: Any = trimesh.load(str(path), force="mesh", process=False, maintain_order=True)
        vertices, triangles = np.array(found.vertices, np.float32), np.array(found.faces, np.int64)
    if not len(triangles):
        raise InputError(f"{path.name} holds no triangles; export the mesh with its faces.")
    return vertices, triangles


def mesh_beside(folder: Path) -> Path | None:
    """Return the mesh in a folder or in its `templates`; a `.ply` before others, None where there is none."""
    files = (
        path
        for suffix in SUFFIXES
        for place in (folder, folder / "templates")
        for path in sorted(place.glob("*"))
        if path.suffix.lower() == suffix
    )
    return next(files, None)
