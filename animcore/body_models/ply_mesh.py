"""Triangle meshes in `.ply` files, as the data sets of faces come with them (FLAME_sample.ply, BIWI.ply).

ASCII or binary, of either byte order; faces with more than three corners become fans of triangles. What else a vertex
or a face has is passed over.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from animcore.core.reading import content
from animcore.errors import BROKEN_FILE, InputError

_TYPES = {
    **dict.fromkeys(("char", "int8"), "i1"),
    **dict.fromkeys(("uchar", "uint8"), "u1"),
    **dict.fromkeys(("short", "int16"), "i2"),
    **dict.fromkeys(("ushort", "uint16"), "u2"),
    **dict.fromkeys(("int", "int32"), "i4"),
    **dict.fromkeys(("uint", "uint32"), "u4"),
    **dict.fromkeys(("float", "float32"), "f4"),
    **dict.fromkeys(("double", "float64"), "f8"),
}
_ORDERS = {"binary_little_endian": "<", "binary_big_endian": ">", "ascii": ""}
_LARGEST = 300_000_000  # bytes


@dataclass
class _PlyElement:
    """One table of the file: how many rows, and the columns (name, type, type of the count of a list or none)."""

    name: str
    count: int
    columns: list[tuple[str, str, str | None]] = field(default_factory=list)


def read_ply(path: Path) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return the vertices (V, 3) and the triangles (F, 3) of a mesh.

    Raises:
        InputError: where the file is missing, cut off, no .ply, or holds no triangles.
    """
    try:
        vertices, triangles = _parsed(content(path, _LARGEST))
    except BROKEN_FILE as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path.name} is not a readable .ply mesh ({error}); export it again.") from error
    if not len(triangles) or triangles.min() < 0 or triangles.max() >= len(vertices):
        raise InputError(f"{path.name} holds no triangles of its vertices; export the mesh with its faces.")
    if not np.isfinite(vertices).all():
        raise InputError(f"{path.name} holds positions that are not numbers (NaN or infinite).")
    return vertices, triangles


def _parsed(data: bytes) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    end = data.index(b"end_header")
    body = data[data.index(b"\n", end) + 1 :]
    lines = [line.split() for line in data[:end].decode("ascii").splitlines()]
    if not lines or lines[0] != ["ply"]:
        raise ValueError("it does not begin as one")
    order, elements = "", []
    for line in lines[1:]:
        if line[:1] == ["format"]:
            order = _ORDERS[line[1]]
        elif line[:1] == ["element"]:
            elements.append(_PlyElement(line[1], int(line[2])))
        elif line[:1] == ["property"]:
            is_list = line[1] == "list"
            elements[-1].columns.append((line[-1], _TYPES[line[-2]], _TYPES[line[2]] if is_list else None))
    reader = _BinaryRows(body, order) if order else _AsciiRows(body)
    vertices, triangles = np.zeros((0, 3), np.float32), np.zeros((0, 3), np.int64)
    for element in elements:
        rows = reader.rows(element)
        if element.name == "vertex":
            vertices = np.array([[row[axis] for axis in "xyz"] for row in rows], np.float32).reshape(-1, 3)
        elif element.name == "face":
            name = next(name for name, _, counted in element.columns if counted)
            fans = ((row[name][0], b, c) for row in rows for b, c in zip(row[name][1:-1], row[name][2:], strict=True))
            triangles = np.array(list(fans), np.int64).reshape(-1, 3)
    return vertices, triangles


class _AsciiRows:
    """Rows of an ASCII file."""

    def __init__(self, body: bytes) -> None:
        self.words = body.split()
        self.place = 0

    def rows(self, element: _PlyElement) -> list[dict[str, Any]]:
        """Return the next rows, columns by name."""
        return [
            {name: self._value(kind, counted) for name, kind, counted in element.columns} for _ in self._count(element)
        ]

    def _count(self, element: _PlyElement) -> range:
        if element.count > len(self.words):
            raise ValueError("it is cut off")
        return range(element.count)

    def _value(self, kind: str, counted: str | None) -> Any:
        count = int(self._next()) if counted else 1
        values = [float(self._next()) if kind.startswith("f") else int(self._next()) for _ in range(count)]
        return values if counted else values[0]

    def _next(self) -> bytes:
        self.place += 1
        return self.words[self.place - 1]


class _BinaryRows:
    """Rows of a binary file."""

    def __init__(self, body: bytes, order: str) -> None:
        self.body, self.order, self.place = body, order, 0

    def rows(self, element: _PlyElement) -> list[dict[str, Any]]:
        """Return the next rows, columns by name."""
        if element.count > len(self.body):
            raise ValueError("it is cut off")
        return [
            {name: self._value(kind, counted) for name, kind, counted in element.columns} for _ in range(element.count)
        ]

    def _value(self, kind: str, counted: str | None) -> Any:
        count = int(self._take(counted, 1)[0]) if counted else 1
        values = self._take(kind, count).tolist()
        return values if counted else values[0]

    def _take(self, kind: str, count: int) -> NDArray[np.generic]:
        values = np.frombuffer(self.body, self.order + kind, count, self.place)
        self.place += values.nbytes
        return values
