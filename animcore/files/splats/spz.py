"""SPZ: Niantic's compressed Gaussians, about a tenth of a PLY. Versions 1 to 4 are read, 3 is written.

Versions 1 to 3 are one gzip stream: a header (magic NGSP, version, count, degree, fractional bits, flags), then all
positions, opacities, colours, scales, rotations and harmonics. Version 4 has its header plain, and a zstd stream for
each of these. Positions are 24-bit fixed point (version 1: float16), scales sixteenths of their logarithm, colours
0.15 of the constant harmonic about the middle, rotations x y z in bytes (versions 1, 2) or the three smallest of
x y z w in 10 bits each (3, 4), harmonics bytes of -1..1 with the colours of each side by side. X is right, Y up, Z
back, which are the engine's own axes. After the documents of github.com/nianticlabs/spz.

How many of the 24 bits are a fraction is written so that the farthest Gaussian just fits: a head is kept to hundredths
of a millimetre where the usual twelve bits keep it to a quarter of one.
"""

from __future__ import annotations

import gzip
import itertools
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from animcore.core.atomic_files import whole_file
from animcore.errors import BROKEN_FILE, InputError
from animcore.files.splats.base import (
    Array,
    Notes,
    SplatFormat,
    bytes_of,
    check_count,
    check_length,
    content,
    exponential,
    harmonics,
    logarithm,
)
from animcore.files.splats.ply_variants import MIP
from animcore.gaussians.gaussians import Gaussians
from animcore.gaussians.transforms import transformed
from animcore.geometry.surface_registration import SimilarityTransform

_HEADER = struct.Struct("<IIIBBBB")
_HEADER_4 = struct.Struct("<IIIBBBBI12x")
_STREAM = struct.Struct("<QQ")
_EXTENSION = struct.Struct("<II")
_MAGIC = 0x5053474E
_VERSION = 3  # written: loaders of version 4 are few
_REST = (0, 3, 8, 15, 24)  # harmonics above the constant one of the degrees 0 to 4
_COLOUR = 0.15  # of the constant harmonic
_DENSEST = 1100  # bytes out of one compressed byte, at most: the end of deflate
_DENSEST_4 = 1 << 16
_MOST_BITS = 16  # of a fraction: 15 micrometres; finer ones change no image and are 4 % of the file
_LARGEST = (1 << 23) - 1
_LONGEST_END = 1 << 16  # bytes of extensions that are looked at
_HALF = 0.70710678118654752
_MIP, _HAS_EXTENSIONS = 1, 2
_AXES = 0xADBE0003  # the extension that states the axes
_SIDES = (None, "LDB", "RDB", "LUB", "RUB", "LDF", "RDF", "LUF", "RUF")
_DEGREE_1, _HIGHER = 8, 16  # steps in which harmonics are rounded, of 256: what Niantic's own writer takes


@dataclass(frozen=True)
class _SpzHeader:
    """The fields of a header."""

    version: int
    count: int
    rest: int
    bits: int
    extended: bool
    mip: bool

    @property
    def sizes(self) -> tuple[int, ...]:
        """Bytes a Gaussian of positions, opacities, colours, scales, rotations, harmonics."""
        return (6 if self.version == 1 else 9, 1, 3, 3, 4 if self.version >= 3 else 3, 3 * self.rest)


def read(path: Path) -> tuple[Gaussians, Notes]:
    """Read an SPZ of any version; one of version 4 needs the package zstandard.

    Raises:
        InputError: when it is none, broken, cut off or of a later version.
    """
    return decoded(content(path), path.name)


def decoded(data: bytes, name: str) -> tuple[Gaussians, Notes]:
    """Return the Gaussians of the bytes of an SPZ, and what was noticed.

    Raises:
        InputError: as `read` does.
    """
    if data[:2] == b"\x1f\x8b":
        facts, parts, more = _legacy(data, name)
    elif len(data) >= _HEADER_4.size and struct.unpack_from("<I", data)[0] == _MAGIC:
        facts, parts, more = _streams(data, name)
    else:
        raise InputError(f"{name} is not an SPZ file, or cut off within its header; copy it again.")
    positions, opacities, colours, scales, turns, rest = (
        np.frombuffer(part, np.uint8).reshape(facts.count, -1) for part in parts
    )
    constant = (colours.astype(np.float32) / 255 - 0.5) / np.float32(_COLOUR)
    others = (rest.reshape(facts.count, facts.rest, 3).astype(np.float32) - 128) / 128
    table, notes = harmonics(constant, others, name)
    splats = Gaussians(
        _positions(positions, facts),
        _smallest_three(turns) if facts.version >= 3 else _first_three(turns),
        exponential(scales.astype(np.float32) / 16 - 10),
        opacities[:, 0].astype(np.float32) / 255,
        table,
    )
    if facts.extended:
        splats, remarks = _turned(splats, more, name)
        notes += remarks
    if facts.mip:
        notes += (f"{name} {MIP}",)
    return splats, notes


def write(splats: Gaussians, path: Path) -> None:
    """Write an SPZ of version 3.

    Raises:
        InputError: when it cannot be written, or a Gaussian is more than 8,000 km away.
    """
    data = encoded(splats, path.name)
    with whole_file(path) as temporary:
        temporary.write_bytes(data)


def encoded(splats: Gaussians, name: str) -> bytes:
    """Return the bytes of an SPZ of version 3.

    Raises:
        InputError: where a Gaussian is more than 8,000 km away.
    """
    farthest = float(np.abs(splats.means).max())
    if farthest >= _LARGEST:
        raise InputError(f"{name}: a Gaussian is {farthest:.0f} m away, farther than an SPZ can hold.")
    bits = int(np.clip(np.floor(np.log2(_LARGEST / max(farthest, 1e-6))), 0, _MOST_BITS))
    fixed = np.rint(np.asarray(splats.means, np.float64) * (1 << bits)).astype("<i4")
    colours = bytes_of(255 * (_COLOUR * splats.harmonics[:, 0] + 0.5))
    parts = (
        _HEADER.pack(_MAGIC, _VERSION, splats.count, splats.degree, bits, 0, 0),
        fixed.reshape(-1, 1).view(np.uint8)[:, :3].tobytes(),
        bytes_of(255 * splats.opacities).tobytes(),
        colours.tobytes(),
        bytes_of(16 * (logarithm(splats.scales) + 10)).tobytes(),
        _packed(splats.rotations).tobytes(),
        _rounded(splats.harmonics[:, 1:]).tobytes(),
    )
    return gzip.compress(b"".join(parts), mtime=0)


def _legacy(data: bytes, name: str) -> tuple[_SpzHeader, list[bytes], bytes]:
    """Facts, parts and what follows them of versions 1 to 3; no more is unpacked than the header announces."""
    stream = zlib.decompressobj(16 + zlib.MAX_WBITS)
    try:
        head = stream.decompress(data, _HEADER.size)
        check_length(len(head), _HEADER.size, name)
        magic, version, count, degree, bits, flags, _ = _HEADER.unpack(head)
        if magic != _MAGIC:
            raise InputError(f"{name} is a gzip file of something else than SPZ.")
        facts = _facts(version, count, degree, bits, flags, name)
        needed = count * sum(facts.sizes)
        if facts.version > 3 or needed > _DENSEST * len(data):
            raise InputError(f"{name} claims {count:,} Gaussians, more than it can hold; it is broken or cut off.")
        body = stream.decompress(stream.unconsumed_tail, needed)
        check_length(len(body), needed, name)
        more = stream.decompress(stream.unconsumed_tail, _LONGEST_END)
        if not stream.eof and not stream.unconsumed_tail:
            raise InputError(f"{name} is cut off: its last bytes are missing; copy it again.")
    except BROKEN_FILE as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{name} is broken ({error}); copy or export it again.") from error
    ends = np.cumsum([0, *(count * size for size in facts.sizes)])
    return facts, [body[start:end] for start, end in itertools.pairwise(ends)], more


def _streams(data: bytes, name: str) -> tuple[_SpzHeader, list[bytes], bytes]:
    """Facts, parts and extensions of version 4."""
    _, version, count, degree, bits, flags, streams, table = _HEADER_4.unpack_from(data)
    facts = _facts(version, count, degree, bits, flags, name)
    sizes = [count * size for size in facts.sizes]
    wanted = [size for size in sizes if size]
    start = table + streams * _STREAM.size
    if version != 4 or streams != len(wanted) or table < _HEADER_4.size or sum(wanted) > _DENSEST_4 * len(data):
        raise InputError(f"{name} is broken: its header does not fit what it holds; export it again.")
    check_length(len(data), start, name)
    parts = []
    for index, size in enumerate(wanted):
        packed, unpacked = _STREAM.unpack_from(data, table + index * _STREAM.size)
        check_length(len(data), start + packed, name)
        if unpacked != size:
            raise InputError(f"{name} is broken: a part of it has {unpacked:,} bytes instead of {size:,}.")
        parts.append(_unpacked(data[start : start + packed], size, name))
        start += packed
    return facts, parts + [b""] * (len(sizes) - len(parts)), data[_HEADER_4.size : table]


def _unpacked(data: bytes, size: int, name: str) -> bytes:
    try:
        import zstandard
    except ImportError as error:
        raise InputError(
            f"{name} is SPZ of version 4: pip install '.[avatar]' (zstandard) in the source folder of Animcore, "
            "or save it as version 3."
        ) from error
    try:
        with zstandard.ZstdDecompressor(max_window_size=1 << 27).stream_reader(data) as stream:
            found: bytes = stream.read(size)
    except zstandard.ZstdError as error:
        raise InputError(f"{name} is broken ({error}); copy or export it again.") from error
    check_length(len(found), size, name)
    return found


def _facts(version: int, count: int, degree: int, bits: int, flags: int, name: str) -> _SpzHeader:
    if not 1 <= version <= 4:
        raise InputError(f"{name} is SPZ of version {version}; versions 1 to 4 can be read.")
    if degree >= len(_REST):
        raise InputError(f"{name} has spherical harmonics of degree {degree}; degrees 0 to 3 can be read.")
    if bits > 30:
        raise InputError(f"{name} is broken: its positions would have {bits} bits of a fraction.")
    return _SpzHeader(
        version, check_count(count, name), _REST[degree], bits, bool(flags & _HAS_EXTENSIONS), bool(flags & _MIP)
    )


def _positions(stored: NDArray[np.uint8], facts: _SpzHeader) -> Array:
    if facts.version == 1:
        return np.ascontiguousarray(stored).view("<f2").astype(np.float32)
    triples = stored.reshape(-1, 3)
    high = np.zeros((len(triples), 4), np.uint8)
    high[:, 1:] = triples  # the sign in the highest byte, the lowest one empty
    fixed = high.view("<i4")[:, 0] >> 8
    return np.asarray(fixed / (1 << facts.bits), np.float32).reshape(-1, 3)


def _first_three(stored: NDArray[np.uint8]) -> Array:
    """Quaternions of x y z in bytes; w follows from them."""
    xyz = stored.astype(np.float32) / np.float32(127.5) - 1
    w = np.sqrt(np.maximum(0.0, 1 - (xyz**2).sum(1)))
    return np.asarray(np.concatenate([w[:, None], xyz], 1), np.float32)


def _smallest_three(stored: NDArray[np.uint8]) -> Array:
    """Quaternions of the three smallest of x y z w, each a sign and 9 bits, the last one lowest."""
    packed = np.ascontiguousarray(stored).view("<u4")[:, 0]
    largest = packed >> 30
    found = np.zeros((len(packed), 4))
    shift = np.zeros(len(packed), np.uint32)
    for index in (3, 2, 1, 0):
        here = (packed >> shift) & 1023
        value = (here & 511) * (_HALF / 511) * np.where(here & 512, -1, 1)
        stays = largest != index
        found[:, index] = np.where(stays, value, 0.0)
        shift += np.where(stays, np.uint32(10), np.uint32(0)).astype(np.uint32)
    rest = np.sqrt(np.maximum(0.0, 1 - (found**2).sum(1)))
    found[np.arange(len(found)), largest] = rest
    return found[:, [3, 0, 1, 2]].astype(np.float32)


def _packed(rotations: NDArray[Any]) -> NDArray[np.uint32]:
    """(N,) the same, of quaternions w x y z."""
    xyzw = np.asarray(rotations, np.float64)[:, [1, 2, 3, 0]]
    largest = np.abs(xyzw).argmax(1)
    negative = np.take_along_axis(xyzw, largest[:, None], 1) < 0
    signs = (xyzw < 0) ^ negative
    sizes = np.minimum(np.floor(511 * np.abs(xyzw) / _HALF + 0.5), 511)
    packed = largest.astype(np.uint32)
    for index in range(4):
        value = (signs[:, index].astype(np.uint32) << 9) | sizes[:, index].astype(np.uint32)
        packed = np.where(largest == index, packed, (packed << np.uint32(10)) | value)
    return np.asarray(packed, "<u4")


def _rounded(rest: NDArray[Any]) -> NDArray[np.uint8]:
    """Bytes of harmonics above the constant one, in steps that compress well; 0 stays 0."""
    steps = np.full((1, rest.shape[1], 1), _HIGHER)
    steps[:, : _REST[1]] = _DEGREE_1
    whole = np.rint(np.asarray(rest, np.float32) * 128) + 128
    return np.asarray(np.clip(np.floor((whole + steps // 2) / steps) * steps, 0, 255), np.uint8)


def _turned(splats: Gaussians, extensions: bytes, name: str) -> tuple[Gaussians, Notes]:
    """The Gaussians in the engine's axes, where an extension states that theirs are others."""
    place = 0
    while place + _EXTENSION.size <= len(extensions):
        kind, length = _EXTENSION.unpack_from(extensions, place)
        place += _EXTENSION.size
        if kind == _AXES and length == 4 and place + 4 <= len(extensions):
            axes = struct.unpack_from("<I", extensions, place)[0]
            if 0 < axes < len(_SIDES):
                sides = str(_SIDES[axes])
                signs = [1.0 if here == ours else -1.0 for here, ours in zip(sides, "RUB", strict=True)]
                return transformed(splats, SimilarityTransform(1.0, np.diag(signs), np.zeros(3))), ()
            if axes:
                return splats, (f"{name} has axes of a kind that is unknown; they were taken as they are.",)
        place += length
    return splats, ()


FORMAT = SplatFormat("SPZ", (".spz",), read, write, upright=True)
