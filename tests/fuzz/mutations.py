"""Valid small files made hostile, by what they are: bytes, text, JSON, archives; seeded, so each case comes back."""

from __future__ import annotations

import copy
import io
import json
import pickle
import random
import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][-+]?\d+)?")
ODD_NUMBERS = (
    "0", "-1", "1e308", "-1e308", "nan", "inf", "1e-320", "99999999999999999999", "4294967295", "2147483648", "1/0", "",
    "x", "0x10", "1,5", "٣", "1e999999", "9" * 5000,
)  # fmt: skip
ODD_VALUES: tuple[Any, ...] = (
    None, True, 0, -1, 1e308, float("nan"), float("inf"), 10**30, "", "x", "\0", "../../../etc/passwd", [], [[]], {},
    [None], {"a": None}, [1] * 3, "9" * 5000, 2**32, 0.5,
)  # fmt: skip
DEEP = ("[", "{", '{"a":', "<a>", "(", '["a",', "- ", "\t")
WORDS = (0, 1, 0xFFFFFFFF, 0x7FFFFFFF, 0x80000000, 0x10000000, 0xFFFF)


def of_bytes(data: bytes, chance: random.Random) -> bytes:
    """Bytes cut off, flipped, doubled, left out, or with a count that is a lie."""
    found = bytearray(data)
    size = max(len(found), 1)
    way = chance.randrange(7)
    place = chance.randrange(size) if chance.random() < 0.5 else chance.randrange(min(size, 200))
    if way == 0:
        return bytes(found[:place])
    if way == 1:
        for _ in range(chance.randint(1, 8)):
            if found:
                found[chance.randrange(len(found))] ^= 1 << chance.randrange(8)
    elif way == 2:
        found[place:place] = chance.randbytes(chance.randint(1, 64))
    elif way == 3:
        found[place : place + chance.randint(1, 64)] = b""
    elif way == 4:
        found[place : place + 4] = struct.pack("<I", chance.choice(WORDS))
    elif way == 5:
        found[place : place + 8] = struct.pack("<d", chance.choice((np.nan, np.inf, -1e308, 1e300)))
    else:
        found[place:place] = found[place : place + chance.randint(1, 256)] * chance.randint(1, 50)
    return bytes(found)


def of_text(data: bytes, chance: random.Random) -> bytes:
    """Text with other numbers, lines and signs."""
    text = data.decode(errors="replace")
    lines = text.split("\n")
    line = chance.randrange(len(lines))
    way = chance.randrange(8)
    if way <= 2 and (numbers := list(NUMBER.finditer(text))):
        one = chance.choice(numbers)
        return (text[: one.start()] + chance.choice(ODD_NUMBERS) + text[one.end() :]).encode(errors="replace")
    if way == 3:
        del lines[line]
    elif way == 4:
        lines[line:line] = [lines[line]] * chance.randint(1, 50)
    elif way == 5:
        lines[line] = chance.choice(DEEP) * chance.choice((10, 100_000))
    elif way == 6:
        return "\n".join(lines).encode(chance.choice(("utf-16", "utf-32", "cp1252")), errors="replace")
    else:
        lines[line] = lines[line][: chance.randrange(len(lines[line]) + 1)] + chance.choice(
            ("\0", '"', "\\", ";", "\ud800")
        )
    return "\n".join(lines).encode(errors="surrogatepass")


def of_json(data: bytes, chance: random.Random) -> bytes:
    """JSON with another value, without one, or with one far too deep."""
    try:
        document = json.loads(data)
    except ValueError:
        return of_text(data, chance)
    if chance.random() < 0.1:
        return chance.choice(DEEP).encode() * 200_000
    changed = copy.deepcopy(document)
    places = list(_places(changed))
    for _ in range(chance.randint(1, 2)):
        if not places:
            break
        inside, key = chance.choice(places)
        try:
            if chance.random() < 0.25:
                del inside[key]
            else:
                inside[key] = copy.deepcopy(chance.choice(ODD_VALUES))
        except (KeyError, IndexError):
            continue
    return json.dumps(changed).encode()


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    keys = value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        yield value, key
        yield from _places(value[key])


def of_glb(data: bytes, chance: random.Random) -> bytes:
    """A GLB whose JSON is another, with lengths that fit it."""
    if chance.random() < 0.3:
        return of_bytes(data, chance)
    size = struct.unpack_from("<I", data, 12)[0]
    text = of_json(data[20 : 20 + size], chance)
    text += b" " * (-len(text) % 4)
    rest = data[20 + size :]
    return data[:8] + struct.pack("<III", 20 + len(text) + len(rest), len(text), 0x4E4F534A) + text + rest


def of_npz(data: bytes, chance: random.Random) -> bytes:
    """An archive of arrays with another array, without one, or with bits that flipped in its list of parts."""
    way = chance.random()
    if way < 0.25:
        return of_bytes(data, chance)
    if way < 0.45:  # the list of parts: kinds of packing that are not there, encryption, sizes, names
        found, start = bytearray(data), data.rfind(b"PK\1\2")
        found[start + chance.choice((8, 10, 16, 20, 24, 28, 30, 32, 42))] ^= 1 << chance.randrange(8)
        return bytes(found)
    with np.load(io.BytesIO(data), allow_pickle=False) as parts:
        arrays = {name: parts[name] for name in parts.files}
    name = chance.choice(list(arrays))
    if way < 0.6:
        del arrays[name]
        return _zipped({one: _npy(values) for one, values in arrays.items()})
    files = {one: _npy(values) for one, values in arrays.items()}
    files[name] = _other(arrays[name], chance)
    return _zipped(files)


def of_zip(data: bytes, chance: random.Random) -> bytes:
    """A zip of files with one that is another, or with bits that flipped in its list of parts."""
    if chance.random() < 0.5:
        found, start = bytearray(data), data.rfind(b"PK\1\2")
        found[start + chance.choice((8, 10, 16, 20, 24, 28, 42))] ^= 1 << chance.randrange(8)
        return bytes(found)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    name = chance.choice(list(files))
    files[name] = of_json(files[name], chance) if name.endswith(".json") else of_bytes(files[name], chance)
    return _zipped(files)


def of_gzip(data: bytes, chance: random.Random) -> bytes:
    """What is packed made hostile, and packed again."""
    if chance.random() < 0.3:
        return of_bytes(data, chance)
    machine = zlib.compressobj(wbits=16 + zlib.MAX_WBITS)
    return machine.compress(of_bytes(zlib.decompress(data, 16 + zlib.MAX_WBITS), chance)) + machine.flush()


def _other(values: np.ndarray, chance: random.Random) -> bytes:
    """The file of an array that has another shape, type or content than this one; some only claim to be one."""
    numbers = values if values.dtype.kind in "fiu" else np.zeros(values.shape)
    choices: list[Callable[[], Any]] = [
        lambda: np.full(values.shape, np.nan), lambda: np.full(values.shape, 1e300), lambda: np.zeros(0),
        lambda: np.zeros((0, *values.shape[1:])), lambda: numbers.reshape(-1), lambda: numbers[None],
        lambda: np.array("x" * 1000), lambda: np.full(values.shape, "x"), lambda: values.astype(object),
        lambda: np.array(3), lambda: np.zeros((2, 3, 4, 5)), lambda: -numbers.astype(float) - 1e9,
        lambda: np.zeros(values.shape, complex), lambda: np.zeros(values.shape, [("a", "f4"), ("b", "i8", 2)]),
        lambda: np.zeros(values.shape, "M8[s]"), lambda: np.concatenate([np.atleast_1d(values)] * 2),
        lambda: np.full(values.shape, 2**62, np.int64), lambda: np.zeros(values.shape, bool),
    ]  # fmt: skip
    place = chance.randrange(len(choices) + 4)
    if place < len(choices):
        return _npy(choices[place]())
    shape, kind = chance.choice((((10**9, 10**3), "<f8"), ((10**12,), "|S0"), ((-1,), "<f4"), ((3,), "|O")))
    head = f"{{'descr': {kind!r}, 'fortran_order': False, 'shape': {shape!r}, }}"
    if place == len(choices):
        head = "{" * 3000
    elif place == len(choices) + 1:
        head = head.replace("'shape'", chance.choice(("'form'", "shape", "'shape")))
    padded = head.ljust(118) + "\n"
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(padded)) + padded.encode() + bytes(64)


def _npy(values: Any) -> bytes:
    out = io.BytesIO()
    np.lib.format.write_array(out, np.asanyarray(values), allow_pickle=True)
    return out.getvalue()


def _zipped(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in files.items():
            archive.writestr(name if "." in name else f"{name}.npy", data)
    return out.getvalue()


def of_pickle(data: bytes, chance: random.Random) -> bytes:
    """A pickle cut or flipped, far too deep, or of something else."""
    if chance.random() < 0.7:
        return of_bytes(data, chance)
    deep: Any = []
    for _ in range(150):
        deep = [deep]
    return chance.choice((pickle.dumps(deep), b"(" * 100_000 + b".", pickle.dumps(7), b"\x80\4\x95" + b"\xff" * 8))


def bomb(names: tuple[str, ...], size: int, kind: str = "<f4") -> bytes:
    """Make an archive of arrays of zeros that is a thousand times smaller than what it unpacks to."""
    piece = 1 << 22
    machine = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    first = machine.compress(bytes(piece)) + machine.flush(zlib.Z_FULL_FLUSH)
    out, directory = io.BytesIO(), b""
    for name in (name.encode() + b".npy" for name in names):
        head = io.BytesIO()
        count = size // np.dtype(kind).itemsize
        np.lib.format.write_array_header_1_0(head, {"descr": kind, "fortran_order": False, "shape": (count,)})
        begin = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
        data = begin.compress(head.getvalue()) + begin.flush(zlib.Z_FULL_FLUSH)
        data += first * (size // piece) + machine.copy().flush()
        total = min(len(head.getvalue()) + size, 0xFFFFFFFE)
        facts = struct.pack("<HHHHHIIIHH", 20, 0, 8, 0, 33, 0, len(data), total, len(name), 0)
        directory += b"PK\1\2" + b"\x14\0" + facts + struct.pack("<HHHII", 0, 0, 0, 0, out.tell()) + name
        out.write(b"PK\3\4" + facts + name + data)
    place = out.tell()
    out.write(directory + b"PK\5\6" + struct.pack("<HHHHIIH", 0, 0, len(names), len(names), len(directory), place, 0))
    return out.getvalue()
