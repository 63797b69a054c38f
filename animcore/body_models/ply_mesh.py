"""Triangle meshes in `.ply` files, as the data sets of faces come with them (FLAME_sample.ply, BIWI.ply).

ASCII or binary, of either byte order; faces with more than three corners become fans of triangles. What else a vertex
or a face has is passed over.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from animcore.core import ply_header
from animcore.core.ply_header import PlyElement
from animcore.core.reading import content
from animcore.errors import InputError, readable

_LARGEST = 300_000_000  # bytes


def read_ply(path: Path) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return the vertices (V, 3) and the triangles (F, 3) of a mesh.

    Raises:
        InputError: where the file is missing, cut off, no .ply, or holds no triangles.
    """
    data = content(path, _LARGEST)
    with readable(f"{path.name} is not a readable .ply mesh", "export it again"):
        vertices, triangles = _parsed(data, path.name)
    if not len(triangles) or triangles.min() < 0 or triangles.max() >= len(vertices):
        raise InputError(f"{path.name} holds no triangles of its vertices; export the mesh with its faces.")
    if not np.isfinite(vertices).all():
        raise InputError(f"{path.name} holds positions that are not numbers (NaN or infinite).")
    return vertices, triangles


def _parsed(data: bytes, name: str) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    header = ply_header.parse(data, name)
    body = data[header.start :]
    reader = _BinaryRows(body, header.order) if header.order else _AsciiRows(body)
    vertices, triangles = np.zeros((0, 3), np.float32), np.zeros((0, 3), np.int64)
    for element in header.elements:
        if element.count > len(body):
            raise ValueError("it is cut off")
        rows = [reader.row(element) for _ in range(element.count)]
        if element.name == "vertex":
            vertices = np.array([[row[axis] for axis in "xyz"] for row in rows], np.float32).reshape(-1, 3)
        elif element.name == "face":
            corners = next(column.name for column in element.columns if column.counted)
            rings = [row[corners] for row in rows]
            fans = ((ring[0], b, c) for ring in rings for b, c in pairwise(ring[1:]))
            triangles = np.array(list(fans), np.int64).reshape(-1, 3)
    return vertices, triangles


class _Rows:
    """The rows of a file, one after the other: the columns of each by name."""

    def row(self, element: PlyElement) -> dict[str, Any]:
        """Return the next row of an element; a list's values are a list."""
        found: dict[str, Any] = {}
        for column in element.columns:
            count = int(self.values(column.counted, 1)[0]) if column.counted else 1
            values = self.values(column.kind, count)
            found[column.name] = values if column.counted else values[0]
        return found

    def values(self, kind: str, count: int) -> list[Any]:
        """Return the next values of a type."""
        raise NotImplementedError


class _AsciiRows(_Rows):
    """Rows of text."""

    def __init__(self, body: bytes) -> None:
        self.words = iter(body.split())

    def values(self, kind: str, count: int) -> list[Any]:
        """See `_Rows`."""
        try:
            return [float(next(self.words)) if kind.startswith("f") else int(next(self.words)) for _ in range(count)]
        except StopIteration as error:
            raise ValueError("it is cut off") from error


class _BinaryRows(_Rows):
    """Rows of bytes."""

    def __init__(self, body: bytes, order: str) -> None:
        self.body, self.order, self.place = body, order, 0

    def values(self, kind: str, count: int) -> list[Any]:
        """See `_Rows`."""
        values = np.frombuffer(self.body, self.order + kind, count, self.place)
        self.place += values.nbytes
        found: list[Any] = values.tolist()
        return found
