"""What a PLY file states before its rows: elements, the names and types of their columns, the order of bytes.

After Turk's description of the format (The PLY Polygon File Format, 1994). Meshes and Gaussians share this reader; what
their rows mean is read by `body_models.ply_mesh` and `files.splats.ply`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from animcore.errors import BROKEN_FILE, InputError

_TYPES = {
    "char": "i1", "uchar": "u1", "short": "i2", "ushort": "u2", "int": "i4", "uint": "u4", "float": "f4",
    "double": "f8", "int8": "i1", "uint8": "u1", "int16": "i2", "uint16": "u2", "int32": "i4", "uint32": "u4",
    "float32": "f4",
    "float64": "f8",
}  # fmt: skip
_ORDERS = {"ascii": "", "binary_little_endian": "<", "binary_big_endian": ">"}
_LONGEST = 65536  # bytes
_END = b"end_header"


@dataclass(frozen=True)
class PlyColumn:
    """One property of an element.

    Attributes:
        name: as it stands.
        kind: its type as NumPy writes it, such as `f4`.
        counted: the type of the count before each row's values, where it is a list; None for one value.
    """

    name: str
    kind: str
    counted: str | None = None


@dataclass
class PlyElement:
    """One element of a header: how many rows, and what each row holds."""

    name: str
    count: int
    columns: list[PlyColumn] = field(default_factory=list)

    @property
    def has_lists(self) -> bool:
        """Whether its rows are of different lengths."""
        return any(column.counted for column in self.columns)


@dataclass
class PlyHeader:
    """A header.

    Attributes:
        order: of bytes as NumPy writes it, `<` or `>`; empty for text.
        elements: in the order of the file.
        start: the byte at which the rows begin.
        comments: lines.
    """

    order: str
    elements: list[PlyElement]
    start: int
    comments: list[str] = field(default_factory=list)

    @property
    def names(self) -> list[str]:
        """Of the elements."""
        return [one.name for one in self.elements]


def parse(data: bytes, name: str) -> PlyHeader:
    """Read the header of the file of that name.

    Raises:
        InputError: where it is no PLY, or its header is cut off or broken.
    """
    if data.startswith(b"version https://git-lfs"):
        raise InputError(f"{name} is a pointer of Git LFS and not the file itself; fetch it (git lfs pull).")
    if not data.startswith(b"ply"):
        raise InputError(f"{name} is not a PLY file; export it again.")
    end = data.find(_END, 0, _LONGEST)
    line_end = data.find(b"\n", end) if end >= 0 else -1
    if line_end < 0:
        raise InputError(f"{name} is cut off or broken: its header has no end; copy or export it again.")
    header = PlyHeader("?", [], line_end + 1)
    for words in _lines(data[:end]):
        try:
            _take(words, header)
        except BROKEN_FILE as error:
            raise InputError(f"{name} is broken: its header has {' '.join(words)[:60]!r}; export it again.") from error
    if header.order == "?":
        raise InputError(f"{name} is broken: its header does not state its format; export it again.")
    return header


def _lines(header: bytes) -> Iterator[list[str]]:
    for line in header.decode("latin-1").splitlines():
        if words := line.split():
            yield words


def _take(words: list[str], header: PlyHeader) -> None:
    """Add what one line states."""
    if words[0] == "comment":
        header.comments.append(" ".join(words[1:]))
    elif words[0] == "format":
        header.order = _ORDERS[words[1]]
    elif words[0] == "element":
        count = int(words[2])
        if count < 0:
            raise ValueError("a negative count")
        header.elements.append(PlyElement(words[1], count))
    elif words[0] == "property":
        counted = _TYPES[words[2]] if words[1] == "list" else None
        header.elements[-1].columns.append(PlyColumn(words[-1], _TYPES[words[-2]], counted))
