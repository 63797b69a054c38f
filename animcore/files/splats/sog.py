"""SOG: Gaussians as lossless WebP images and a `meta.json`, in one zip or side by side in a folder.

After PlayCanvas' specification: a pixel a Gaussian, in rows from the upper left. Positions are 16 bits (two images)
of their logarithm with sign, rotations the three smallest of w x y z in bytes and the largest one's place in the
fourth, scales and constant harmonics bytes into tables of 256 (scales as logarithms), opacity the fourth byte next to
the colours, and the other harmonics a palette of at most 65,536 rows. Gaussians are put into Morton's order, in which
neighbours in space are neighbours in the file: that makes the images small. This is version 2, which is written. In
version 1, whose `meta.json` names no version, bytes lie evenly between a least and a largest value in the place of
tables, and opacity is a logit.

Programs keep the numbers of a PLY as they are in it, so axes and units are not stated.
"""

from __future__ import annotations

import json
import math
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from animcore.core import images, reading
from animcore.core.atomic_files import whole_file
from animcore.errors import BROKEN_FILE, InputError
from animcore.files.splats import codebooks
from animcore.files.splats.base import (
    OTHER_THREE,
    WIDTHS,
    Array,
    Notes,
    SplatFormat,
    bytes_of,
    check_count,
    content,
    exponential,
    logarithm,
    logistic,
    quaternions,
)
from animcore.files.splats.ply_variants import MIP
from animcore.gaussians.gaussians import Gaussians

META = "meta.json"
_LARGEST = 1 << 28  # bytes of one file inside: fifty million Gaussians have not more
_SPARE = 1 << 16  # pixels of an image that no Gaussian needs, at most, with as many as there are Gaussians
_ACROSS = 64  # rows of the palette side by side in its image
_MOST_ROWS = 65536


def read(path: Path) -> tuple[Gaussians, Notes]:
    """Read a `.sog`, or a `meta.json` with its images next to it.

    Raises:
        InputError: when it is none, broken, cut off or of another version.
    """
    if path.name == META:
        return _read(_beside(path), path)
    try:
        with reading.archive(path) as archive:
            reading.checked(archive, path, lambda _name: True)
            return _read(lambda name: _member(archive, name, path.name), path)
    except BROKEN_FILE as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path.name} is not an SOG, or cut off ({error}); copy it again.") from error


def write(splats: Gaussians, path: Path) -> None:
    """Write a `.sog`.

    Raises:
        InputError: when it cannot be written.
    """
    splats = splats.part(morton(splats.means))
    width = 4 * math.ceil(math.sqrt(splats.count) / 4)
    height = 4 * math.ceil(splats.count / width / 4)
    parts, meta = _parts(splats)
    found = {name: _picture(columns, width, height) for name, columns in parts.items()}
    if splats.degree:
        found |= _rest_pictures(splats, meta, width, height)
    with whole_file(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        for name, data in {META: json.dumps(meta).encode(), **found}.items():
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), data)


def morton(means: NDArray[Any]) -> NDArray[np.int64]:
    """Return (N,) the order in which Gaussians follow each other through space (Morton, 1966)."""
    low, high = means.min(0), means.max(0)
    cells = ((means - low) / np.maximum(high - low, 1e-12) * 2097151).astype(np.uint64)
    for shift, mask in (
        (32, 0x1F00000000FFFF), (16, 0x1F0000FF0000FF), (8, 0x100F00F00F00F00F), (4, 0x10C30C30C30C30C3),
        (2, 0x1249249249249249),
    ):  # fmt: skip
        cells = (cells | (cells << np.uint64(shift))) & np.uint64(mask)
    keys = cells[:, 0] | (cells[:, 1] << np.uint64(1)) | (cells[:, 2] << np.uint64(2))
    return np.argsort(keys, kind="stable")


def _parts(splats: Gaussians) -> tuple[dict[str, tuple[NDArray[Any], ...]], dict[str, Any]]:
    """Columns of each image but those of the harmonics, and their entries of `meta.json`."""
    bent = np.sign(splats.means) * np.log1p(np.abs(np.asarray(splats.means, np.float64)))
    low, high = bent.min(0), bent.max(0)
    whole = np.rint((bent - low) / np.maximum(high - low, 1e-12) * 65535).astype(np.int64)
    scales, scale_places = codebooks.scalar_codebook(logarithm(splats.scales))
    colours, colour_places = codebooks.scalar_codebook(splats.harmonics[:, 0])
    largest = np.abs(splats.rotations).argmax(1)
    signs = np.where(np.take_along_axis(splats.rotations, largest[:, None], 1) < 0, -1, 1)
    three = np.take_along_axis(splats.rotations * signs, np.array(OTHER_THREE)[largest], 1)
    parts = {
        "means_l.webp": (whole & 255,),
        "means_u.webp": (whole >> 8,),
        "quats.webp": (bytes_of(255 * (three * math.sqrt(0.5) + 0.5)), 252 + largest),
        "scales.webp": (scale_places,),
        "sh0.webp": (colour_places, bytes_of(255 * splats.opacities)),
    }
    meta = {
        "version": 2,
        "asset": {"generator": "Animcore"},
        "count": splats.count,
        "means": {"mins": low.tolist(), "maxs": high.tolist(), "files": ["means_l.webp", "means_u.webp"]},
        "scales": {"codebook": scales.tolist(), "files": ["scales.webp"]},
        "quats": {"files": ["quats.webp"]},
        "sh0": {"codebook": colours.tolist(), "files": ["sh0.webp"]},
    }
    return parts, meta


def _rest_pictures(splats: Gaussians, meta: dict[str, Any], width: int, height: int) -> dict[str, bytes]:
    """The images of the other harmonics; their entries of `meta.json` are added to it."""
    rest = splats.harmonics.shape[1] - 1
    size = min(_MOST_ROWS, 1024 * 2 ** max(0, math.floor(math.log2(max(splats.count, 1024) / 1024))))
    rows, labels = codebooks.vector_codebook(splats.harmonics[:, 1:].reshape(splats.count, -1), size)
    codes, places = codebooks.scalar_codebook(rows)
    lines = math.ceil(len(rows) / _ACROSS)
    meta["shN"] = {
        "count": len(rows),
        "bands": splats.degree,
        "codebook": codes.tolist(),
        "files": ["shN_centroids.webp", "shN_labels.webp"],
    }
    return {
        "shN_centroids.webp": _picture((places.reshape(-1, 3),), _ACROSS * rest, lines),
        "shN_labels.webp": _picture((labels & 255, labels >> 8, 0 * labels), width, height),
    }


def _picture(columns: tuple[NDArray[Any], ...], width: int, height: int) -> bytes:
    """A WebP of columns (N,) or (N, c), up to four in all; opaque where there are three."""
    table = np.concatenate([column.reshape(len(column), -1) for column in columns], 1)
    pixels = np.full((height * width, 4), 255, np.uint8)
    pixels[len(table) :, :3] = 0
    pixels[: len(table), : table.shape[1]] = table
    return images.encoded(pixels.reshape(height, width, 4), "webp")


def _read(load: Callable[[str], bytes], path: Path) -> tuple[Gaussians, Notes]:
    """The Gaussians of a `meta.json` and of images that `load` gives by their names."""
    try:
        meta = json.loads(load(META))
        if meta.get("version", 2) != 2:
            raise InputError(
                f"{path.name} is SOG of version {meta['version']}, not 1 or 2; save it anew in SuperSplat, or update "
                "Animcore."
            )
        count = check_count(int(meta["count"] if "version" in meta else meta["means"]["shape"][0]), path.name)
        low, high, places, turns, scales, colours = _pixels(load, meta, count)
        span = np.array(meta["means"]["maxs"], np.float64) - meta["means"]["mins"]
        bent = (low[:, :3] + high[:, :3] * 256.0) / 65535 * span.reshape(3) + meta["means"]["mins"]
        constant = _values(meta["sh0"], colours)
        rest = _rest(load, meta, places, count) if "shN" in meta else constant[:, None, :3][:, :0]
        means = np.sign(bent) * np.expm1(np.minimum(np.abs(bent), 80.0))
        return Gaussians(
            means.astype(np.float32),
            _turns(turns),
            exponential(_values(meta["scales"], scales[:, :3])),
            colours[:, 3].astype(np.float32) / 255 if "codebook" in meta["sh0"] else logistic(constant[:, 3]),
            np.concatenate([constant[:, None, :3], rest], 1),
        ), (f"{path.name} {MIP}",) if meta.get("antialias") is True else ()
    except BROKEN_FILE as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path.name} is broken: its {META} does not fit it ({error}); export it again.") from error


def _pixels(load: Callable[[str], bytes], meta: Mapping[str, Any], count: int) -> list[NDArray[np.uint8]]:
    """(N, 4) of each image: low and high bytes of the means, labels (or none), rotations, scales, colours."""
    low, high = meta["means"]["files"]
    labels = meta["shN"]["files"][1] if "shN" in meta else None
    names = (low, high, labels, *(meta[part]["files"][0] for part in ("quats", "scales", "sh0")))
    return [_rows(load, name, count) if name else np.zeros((count, 4), np.uint8) for name in names]


def _rows(load: Callable[[str], bytes], name: str, count: int) -> NDArray[np.uint8]:
    pixels = images.decoded(load(name), name, 2 * count + _SPARE).reshape(-1, 4)
    if len(pixels) < count:
        raise ValueError(f"{name} has {len(pixels)} pixels for {count} Gaussians")
    return pixels[:count]


def _rest(load: Callable[[str], bytes], meta: Mapping[str, Any], labels: NDArray[np.uint8], count: int) -> Array:
    """(N, K - 1, 3) of the harmonics above the constant one."""
    about = meta["shN"]
    image = images.decoded(load(about["files"][0]), about["files"][0], _MOST_ROWS * WIDTHS[-1])
    rest = WIDTHS[int(about["bands"])] - 1 if "bands" in about else image.shape[1] // _ACROSS
    if rest + 1 not in WIDTHS[1:] or image.shape[1] != _ACROSS * rest:
        raise ValueError(f"a palette {image.shape[1]} pixels wide")
    rows = _values(about, image[..., :3].reshape(-1, rest, 3))
    places = labels[:, 0] + 256 * labels[:, 1].astype(np.int64)
    found: Array = rows[places]
    return found.reshape(count, rest, 3)


def _values(about: Mapping[str, Any], stored: NDArray[np.uint8]) -> Array:
    """(..., c) the numbers that bytes (..., c) stand for: by a table, or evenly between two for each column."""
    if "codebook" in about:
        codes = np.array(about["codebook"], np.float32)
        if codes.shape != (256,):
            raise ValueError(f"a table of {codes.size} numbers")
        return np.asarray(codes[stored])
    low, high = (np.array(about[end], np.float32) for end in ("mins", "maxs"))
    if low.shape != high.shape or low.shape not in ((), stored.shape[-1:]):
        raise ValueError(f"{low.size} least values for {stored.shape[-1]} columns")
    return np.asarray(low + (high - low) * (stored / np.float32(255)))


def _turns(stored: NDArray[np.uint8]) -> Array:
    """Quaternions w x y z of the three smallest and the place of the largest."""
    largest = stored[:, 3].astype(np.int64) - 252
    if (largest < 0).any():
        raise ValueError("rotations of another kind")
    return quaternions((stored[:, :3] / 255.0 - 0.5) * math.sqrt(2), largest)


def _member(archive: zipfile.ZipFile, name: str, where: str) -> bytes:
    """One file of a bundle, no more of it than it announces, and not more than any has."""
    try:
        info = archive.getinfo(name)
        if info.file_size > _LARGEST:
            raise InputError(f"{where} unpacks to {info.file_size / 1e9:.0f} GB; it was not read.")
        with archive.open(info) as handle:
            data = handle.read(_LARGEST)
    except BROKEN_FILE as error:
        raise InputError(f"{where} is not an SOG, or broken: its {name} cannot be read ({error}).") from error
    return data


def _beside(path: Path) -> Callable[[str], bytes]:
    """How the files of a folder are read; none elsewhere is."""

    def load(name: str) -> bytes:
        if Path(name).name != name:
            raise InputError(f"{path} asks for a file elsewhere ({name[:60]!r}); it was not read.")
        return content(path.parent / name)

    return load


FORMAT = SplatFormat("SOG", (".sog", META), read, write, upright=False)
