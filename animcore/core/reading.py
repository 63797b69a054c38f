"""Bytes and arrays out of files of unknown hands: one way in, with one guard against what would fill the memory."""

from __future__ import annotations

import contextlib
import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Container
from pathlib import Path
from typing import IO, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from animcore.core.atomic_files import make_folder, whole_file
from animcore.errors import BROKEN_FILE, InputError, reason

Arrays = dict[str, NDArray[Any]]
T = TypeVar("T")

LARGEST = 1 << 30  # bytes unpacked: the longest take there is has a third of it, and a larger file is no bomb
_DIRECTORY = 1 << 22  # bytes of the list of parts, some 60,000 parts
_END, _END_64, _LOCATOR_64 = b"PK\5\6", b"PK\6\6", b"PK\6\7"
_COMMENT = 1 << 16  # bytes that may follow the end of an archive
_PIECE = 1 << 20


def check_file(path: Path) -> None:
    """Check that a path is an ordinary file: a pipe would be waited for without end.

    Raises:
        InputError: where there is none, or it is a folder, a pipe or a device.
    """
    try:
        kind = os.stat(path).st_mode
    except FileNotFoundError as error:
        raise InputError(f"There is no file {path}.") from error
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read ({reason(error)}); check its name.") from error
    if stat.S_ISDIR(kind):
        raise InputError(f"{path} is a folder; choose a file in it.")
    if not stat.S_ISREG(kind):
        raise InputError(f"{path} is a pipe or a device and no file; save what comes out of it, and give that file.")


def content(path: Path, largest: int | None = None) -> bytes:
    """Return the bytes of a file.

    Args:
        path: of the file.
        largest: bytes that such a file has at most, where there is a limit.

    Raises:
        InputError: where it cannot be read, is no ordinary file, or is larger.
    """
    check_file(path)
    try:
        size = path.stat().st_size
        if largest is not None and size > largest:
            raise InputError(f"{path.name} has {size / 1e6:,.0f} MB, more than any such file; is it of another kind?")
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path.name} cannot be read ({reason(error)}).") from error


def unpacked(data: bytes, name: str, largest: int = LARGEST) -> bytes:
    """Return what a gzip file of these bytes holds.

    Raises:
        InputError: where it is broken, cut off, or unpacks to more.
    """
    machine = zlib.decompressobj(16 + zlib.MAX_WBITS)
    try:
        found = machine.decompress(data, largest + 1)
    except zlib.error as error:
        raise InputError(f"{name} is broken ({error}); copy it again.") from error
    if len(found) > largest:
        raise _too_large(name, largest)
    if not machine.eof:
        raise InputError(f"{name} is cut off: its last bytes are missing; copy it again.")
    return found


def archive(path: Path) -> zipfile.ZipFile:
    """Open a zip; the list of its parts is bounded, and so is what they can unpack to where `checked` sees them.

    Raises:
        InputError: where it is no ordinary file, or names more parts than any file here has.
        zipfile.BadZipFile, OSError, ValueError: where it is broken.
    """
    check_file(path)
    with path.open("rb") as handle:
        if _directory_size(handle) > _DIRECTORY:
            raise InputError(f"{path.name} names more parts than any such file has; it was not read.")
    return zipfile.ZipFile(path)


def checked(found: zipfile.ZipFile, path: Path, wanted: Callable[[str], bool], largest: int = LARGEST) -> None:
    """Check that the parts of a zip that are wanted do not unpack to more than memory should hold.

    Raises:
        InputError: where they claim more than `largest`, and more than the file has.
    """
    size = sum(part.file_size for part in found.infolist() if wanted(part.filename))
    if size > max(largest, path.stat().st_size):
        raise _too_large(path.name, largest, size)


def arrays(
    path: Path, wanted: Container[str] | None = None, largest: int = LARGEST, pickled: list[str] | None = None
) -> Arrays:
    """Return the arrays of an `.npz` by name; nothing is unpickled.

    Args:
        path: of the file.
        wanted: names of the arrays that are read, if they are there; None for all.
        largest: bytes that these may unpack to, where the file itself is not larger.
        pickled: takes the names of pickled objects, which are then left out; without it they are an error.

    Raises:
        InputError: where it is no ordinary file, or unpacks to more.
        errors.BROKEN_FILE: where it is broken or no archive of arrays.
    """
    found: Arrays = {}
    with archive(path) as parts:
        names = {part: part.removesuffix(".npy") for part in parts.namelist() if part.endswith(".npy")}
        names = {part: name for part, name in names.items() if wanted is None or name in wanted}
        checked(parts, path, names.__contains__, largest)
        for part, name in names.items():
            with parts.open(part) as handle:
                try:
                    found[name] = _array(handle, name)
                except ValueError as error:
                    if pickled is None or "allow_pickle" not in str(error):
                        raise
                    pickled.append(name)
    return found


def one_array(path: Path, largest: int = LARGEST) -> NDArray[Any]:
    """Return the array of an `.npy`; nothing is unpickled.

    Raises:
        InputError: where it is no ordinary file, or larger.
        errors.BROKEN_FILE: where it is broken.
    """
    check_file(path)
    if path.stat().st_size > largest:
        raise _too_large(path.name, largest, path.stat().st_size)
    with path.open("rb") as handle:
        return _array(handle, path.name)


def mapped(path: Path) -> NDArray[Any]:
    """Return the array of an `.npy`, which stays on the disk until it is used; nothing is unpickled.

    Raises:
        InputError: where it is no ordinary file.
        errors.BROKEN_FILE: where it is broken.
    """
    check_file(path)
    found: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    return found


def cached(path: Path, read: Callable[[Path], T], write: Callable[[Path], Any]) -> T:
    """Return what a cache holds in a file; an entry that is missing or broken is made anew.

    Args:
        path: of the entry; its folder is made.
        read: of what `write` wrote; raises what broken files raise.
        write: makes the entry, and writes it whole at the path that it is given.

    Raises:
        InputError: where it cannot be written.
    """
    with contextlib.suppress(*BROKEN_FILE):
        return read(path)
    make_folder(path.parent)
    with whole_file(path) as temporary:
        write(temporary)
    return read(path)


def _array(handle: IO[bytes], name: str) -> NDArray[Any]:
    read: Any = np.lib.format.read_array  # numpy leaves it untyped
    values: NDArray[Any] = read(handle, allow_pickle=False)
    if values.size > LARGEST or (values.size and not values.itemsize):  # rows of nothing: a count without bytes
        raise ValueError(f"{name} claims {values.size:,} values")
    return values


def _directory_size(handle: IO[bytes]) -> int:
    """Bytes that the list of parts of a zip takes, as its end states; 0 where there is none."""
    length = handle.seek(0, os.SEEK_END)
    handle.seek(max(0, length - _COMMENT - 22))
    tail = handle.read()
    place = tail.rfind(_END)
    if place < 0 or place + 22 > len(tail):
        return 0
    size = int(struct.unpack_from("<I", tail, place + 12)[0])
    locator = tail[max(0, place - 20) : place]
    if len(locator) == 20 and locator.startswith(_LOCATOR_64):
        handle.seek(min(int(struct.unpack_from("<Q", locator, 8)[0]), length))
        record = handle.read(56)
        if len(record) == 56 and record.startswith(_END_64):
            size = int(struct.unpack_from("<Q", record, 40)[0])
    return size


def _too_large(name: str, largest: int, size: int | None = None) -> InputError:
    much = f"{size / 2**30:,.1f} GB" if size is not None else f"more than {largest / 2**20:,.0f} MB"
    return InputError(f"{name} unpacks to {much}, more than any such file holds; it was not read.")
