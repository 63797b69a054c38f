"""The container of glTF 2.0: one JSON document and one block of bytes, in a `.glb` or a `.gltf` with its buffers.

Written after the specification of the Khronos Group (registry.khronos.org/glTF/specs/2.0). Only what animation needs
is read: nodes, skins and accessors. Meshes stay bytes, so that a file with compressed meshes or extensions that we do
not know goes through whole.
"""

from __future__ import annotations

import base64
import json
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
from numpy.typing import NDArray

from animcore.core.atomic_files import whole_file
from animcore.core.reading import content
from animcore.errors import BROKEN_FILE, InputError

FloatArray = NDArray[np.float64]

_MAGIC, _JSON, _BINARY = b"glTF", 0x4E4F534A, 0x004E4942
_COMPONENTS: dict[int, type[np.generic]] = {
    5120: np.int8,
    5121: np.uint8,
    5122: np.int16,
    5123: np.uint16,
    5125: np.uint32,
    5126: np.float32,
}
_WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT2": 4, "MAT3": 9, "MAT4": 16}
_TYPES = {width: name for name, width in _WIDTHS.items() if not name.startswith("MAT")}
_MOST_NUMBERS = 500_000_000  # of one accessor: more is a lie about the count
_LISTS = ("accessors", "animations", "buffers", "bufferViews", "meshes", "nodes", "scenes", "skins")
_MOST_ZEROS = 30_000_000  # of one that has no bytes in the file
_COMPRESSED = ("EXT_meshopt_compression", "KHR_meshopt_compression")


@dataclass
class GltfDocument:
    """A document and its bytes.

    Attributes:
        name: of the file, for messages.
        document: the JSON, as nested dicts and lists.
        binary: the bytes of its one buffer.
    """

    name: str
    document: dict[str, Any] = field(default_factory=lambda: {"asset": {"version": "2.0"}})
    binary: bytearray = field(default_factory=bytearray)

    def part(self, kind: str) -> list[dict[str, Any]]:
        """Return the list of that kind (`nodes`, `meshes` ...); it is made where the document has none."""
        found: list[dict[str, Any]] = self.document.setdefault(kind, [])
        return found

    def accessor(self, index: int) -> FloatArray:
        """Return (count, width) numbers; normalised integers become -1..1 or 0..1.

        Raises:
            InputError: where it points outside the file or is compressed.
        """
        try:
            return self._accessor(self.part("accessors")[index])
        except BROKEN_FILE as error:
            if isinstance(error, InputError):
                raise
            raise InputError(f"{self.name} is broken: its accessor {index} cannot be read ({error!r}).") from error

    def add_accessor(self, values: NDArray[Any], limits: bool = False) -> int:
        """Append numbers (T,) or (T, width) as float32; returns the accessor's index.

        Args:
            values: the numbers.
            limits: whether the smallest and largest are written too, as the specification requires for times.
        """
        table = np.ascontiguousarray(values, np.float32).reshape(len(values), -1)
        self.binary.extend(bytes(-len(self.binary) % 4))
        views, accessors = self.part("bufferViews"), self.part("accessors")
        views.append({"buffer": 0, "byteOffset": len(self.binary), "byteLength": table.nbytes})
        self.binary.extend(table.tobytes())
        accessor = {
            "bufferView": len(views) - 1,
            "componentType": 5126,
            "count": len(table),
            "type": _TYPES[table.shape[1]],
        }
        if limits:
            accessor |= {"min": table.min(0).tolist(), "max": table.max(0).tolist()}
        accessors.append(accessor)
        return len(accessors) - 1

    def add_placeholder(self, values: NDArray[Any], limits: bool = False) -> int:
        """Append an accessor of numbers (T,) or (T, width) that an extension holds instead; returns its index."""
        table = np.asarray(values, np.float32).reshape(len(values), -1)
        accessor = {"componentType": 5126, "count": len(table), "type": _TYPES[table.shape[1]]}
        if limits:
            accessor |= {"min": table.min(0).tolist(), "max": table.max(0).tolist()}
        self.part("accessors").append(accessor)
        return len(self.part("accessors")) - 1

    def save(self, path: str | Path) -> None:
        """Write the `.glb`."""
        path = Path(path)
        self.binary.extend(bytes(-len(self.binary) % 4))
        if self.binary:
            self.document["buffers"] = [{"byteLength": len(self.binary)}]
        text = json.dumps(self.document, separators=(",", ":"), ensure_ascii=False).encode()
        text += b" " * (-len(text) % 4)
        chunks: list[tuple[int, bytes | bytearray]] = [(_JSON, text)]
        chunks += [(_BINARY, self.binary)] if self.binary else []
        total = 12 + sum(8 + len(data) for _, data in chunks)
        if total >= 1 << 32:
            raise InputError(f"{path.name} would pass 4 GB, which a GLB cannot hold; export a shorter range.")
        with whole_file(path) as temporary, temporary.open("wb") as handle:
            handle.write(_MAGIC + struct.pack("<II", 2, total))
            for kind, data in chunks:
                handle.write(struct.pack("<II", len(data), kind))
                handle.write(data)

    def _accessor(self, accessor: dict[str, Any]) -> FloatArray:
        width, count = _WIDTHS[accessor["type"]], int(accessor["count"])
        if not 0 < count * width <= _MOST_NUMBERS:
            raise ValueError(f"a count of {count}")
        kind = _COMPONENTS[accessor["componentType"]]
        if "bufferView" in accessor:
            values = self._numbers(accessor["bufferView"], accessor.get("byteOffset", 0), kind, count, width)
        elif count * width <= _MOST_ZEROS:
            values = np.zeros((count, width), kind)
        else:
            raise ValueError(f"a count of {count} without numbers")
        if "sparse" in accessor:
            values = self._with_sparse(values, accessor["sparse"])
        if accessor.get("normalized") and issubclass(kind, np.integer):
            return np.maximum(values.astype(np.float64) / np.iinfo(kind).max, -1.0)
        return values.astype(np.float64)

    def _with_sparse(self, values: NDArray[Any], sparse: dict[str, Any]) -> NDArray[Any]:
        count, indices, changed = int(sparse["count"]), sparse["indices"], sparse["values"]
        kind = _COMPONENTS[indices["componentType"]]
        places = self._numbers(indices["bufferView"], indices.get("byteOffset", 0), kind, count, 1)[:, 0]
        if places.max(initial=0) >= len(values):
            raise ValueError("a sparse index past the end")
        result = values.copy()
        result[places] = self._numbers(
            changed["bufferView"], changed.get("byteOffset", 0), values.dtype.type, count, values.shape[1]
        )
        return result

    def _numbers(self, view: int, offset: int, kind: type[np.generic], count: int, width: int) -> NDArray[Any]:
        """(count, width) numbers at `offset` of a buffer view, as they are stored."""
        place = self.part("bufferViews")[view]
        if any(name in place.get("extensions", {}) for name in _COMPRESSED):
            raise InputError(
                f"{self.name} is compressed with meshopt; save it without compression (gltfpack without -c, or "
                "`gltf-transform copy`) and try again."
            )
        size = np.dtype(kind).itemsize * width
        stride = place.get("byteStride", size)
        start, length = place.get("byteOffset", 0) + offset, place["byteLength"] - offset
        needed = stride * (count - 1) + size
        if min(start, offset) < 0 or stride < size or needed > length or start + needed > len(self.binary):
            raise ValueError("it reaches past the end of its buffer")
        raw = np.frombuffer(self.binary, np.uint8, needed, start)
        rows = np.lib.stride_tricks.as_strided(raw, (count, size), (stride, 1), writeable=False)
        return np.ascontiguousarray(rows).view(kind)


def load(path: str | Path) -> GltfDocument:
    """Read a `.glb`, or a `.gltf` with its buffers next to it or inside.

    Raises:
        InputError: when it is missing, cut off, of another kind or points to files elsewhere.
    """
    path = Path(path)
    try:
        data = content(path)
        text, binary = _chunks(data, path.name) if data[:4] == _MAGIC else (data, b"")
        document = json.loads(text.decode())
        if wrong := [name for name in _LISTS if not _is_list(document.get(name, []))]:
            raise InputError(f"{path.name} is broken: its {wrong[0]} are no list of objects; export it again.")
        if not str(document["asset"]["version"]).startswith("2"):
            raise InputError(f"{path.name} is glTF {document['asset']['version']}; save it as glTF 2.0.")
        return GltfDocument(path.name, document, _one_buffer(document, binary, path))
    except BROKEN_FILE as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path.name} is not a glTF file, or a broken one ({error}); export it again.") from error


def _is_list(part: Any) -> bool:
    return isinstance(part, list) and all(isinstance(one, dict) for one in part)


def _chunks(data: bytes, name: str) -> tuple[bytes, bytes]:
    """The JSON and the binary chunk of a GLB."""
    if len(data) < 20:
        raise InputError(f"{name} is cut off: it ends within its header; copy or export it again.")
    version, total = struct.unpack_from("<II", data, 4)
    if version != 2:
        raise InputError(f"{name} is a GLB of version {version}; save it as glTF 2.0.")
    if total > len(data):
        raise InputError(f"{name} is cut off: {total} bytes were written, {len(data)} are there; copy it again.")
    found: dict[int, bytes] = {}
    place = 12
    while place + 8 <= total:
        length, kind = struct.unpack_from("<II", data, place)
        if place + 8 + length > total:
            raise InputError(f"{name} is broken: a part of it claims {length} bytes, more than the file has.")
        found.setdefault(kind, data[place + 8 : place + 8 + length])
        place += 8 + length
    if _JSON not in found:
        raise InputError(f"{name} is broken: it has no JSON part.")
    return found[_JSON], found.get(_BINARY, b"")


def _one_buffer(document: dict[str, Any], binary: bytes, path: Path) -> bytearray:
    """All buffers as one; the document's views are moved into it."""
    whole, starts = bytearray(), []
    for buffer in document.get("buffers", []):
        whole.extend(bytes(-len(whole) % 4))
        starts.append(len(whole))
        data = _outside(buffer["uri"], path) if "uri" in buffer else binary
        if len(data) < buffer["byteLength"]:
            raise InputError(f"{path.name} is cut off: a buffer has {len(data)} of {buffer['byteLength']} bytes.")
        whole.extend(data[: buffer["byteLength"]])
    for view in document.get("bufferViews", []):
        view["byteOffset"] = view.get("byteOffset", 0) + starts[view["buffer"]]
        view["buffer"] = 0
    return whole


def _outside(uri: str, path: Path) -> bytes:
    """The bytes that a buffer's address stands for: inside the text, or a file next to it."""
    if uri.startswith("data:"):
        return base64.b64decode(uri.partition(",")[2])
    beside = path.parent / unquote(uri)
    if "://" in uri or not beside.resolve().is_relative_to(path.parent.resolve()):
        raise InputError(f"{path.name} keeps its data elsewhere ({uri[:60]}); save it as one .glb.")
    try:
        return content(beside)
    except InputError as error:
        raise InputError(f"{path.name} needs the file {unquote(uri)} beside it: {error}") from error
