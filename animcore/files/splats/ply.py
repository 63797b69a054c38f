"""3D Gaussian Splatting PLY: what training writes and all splat programs read; bound ones as GaussianAvatars has them.

A vertex holds x y z, nx ny nz (zeros), f_dc_0..2, f_rest_0..3(K-1)-1 with all of red first, then green, then blue,
opacity as a logit, scale_0..2 as logarithms, rot_0..3 as w x y z of any length, all float32; after Kerbl et al.'s
exports. GaussianAvatars adds binding_0, the triangle (a float), and then positions, scales and rotations are in the
frame of that triangle. What SuperSplat compresses (`supersplat_ply`) has the same suffix and is read too.

The format states no axes or units. Training from photographs leaves those of COLMAP, mostly Y down; a file that is
written here is as it is in the engine, Y up, in metres, unless it is asked for otherwise (`open_any_splats`).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from animcore.core import ply_header
from animcore.core.atomic_files import whole_file
from animcore.core.ply_header import PlyElement, PlyHeader
from animcore.errors import BROKEN_FILE, InputError
from animcore.files.splats import ply_variants, supersplat_ply
from animcore.files.splats.base import (
    Array,
    Notes,
    SplatFormat,
    check_count,
    check_length,
    content,
    exponential,
    harmonics,
    logarithm,
    logistic,
    logit,
)
from animcore.gaussians.gaussians import Gaussians
from animcore.gaussians.transforms import Origin, centred

_BLOCK = 8192  # rows at once: they stay in the processor's cache while their columns are taken apart or put together
_MEANS, _SCALES = ("x", "y", "z"), ("scale_0", "scale_1", "scale_2")
_ROTATIONS = ("rot_0", "rot_1", "rot_2", "rot_3")
_COLOURS = ("f_dc_0", "f_dc_1", "f_dc_2")
_NEEDED = (*_MEANS, *_COLOURS, "opacity", *_SCALES, *_ROTATIONS)
_BINDING = "binding_0"


def read(path: Path) -> tuple[Gaussians, Notes]:
    """Read a PLY of Gaussians, binary of either order or text, or compressed by SuperSplat.

    Raises:
        InputError: when it is none, broken or cut off.
    """
    data = content(path)
    header = ply_header.parse(data, path.name)
    table = _table(data, header, "vertex", path.name)
    names = table.dtype.names or ()
    if supersplat_ply.VERTEX[0] in names:
        rest = _table(data, header, "sh", path.name) if "sh" in header.names else None
        splats, own_notes = supersplat_ply.decoded(table, _table(data, header, "chunk", path.name), rest, path.name)
        return splats, (*own_notes, *ply_variants.remarks((), (), "\n".join(header.comments), path.name))
    missing = [name for name in _NEEDED if name not in names]
    flat = missing == [_SCALES[2]]
    if missing and not flat:
        raise InputError(_stranger(path.name, names, missing))
    ply_variants.check_static(names, path.name)
    rest = _columns(table, _rest_names(names, path.name))
    if rest.shape[1] % 3:
        raise InputError(
            f"{path.name} has {rest.shape[1]} values f_rest, no multiple of three colours; export it again."
        )
    colours, notes = harmonics(_columns(table, _COLOURS), rest.reshape(len(table), 3, -1).transpose(0, 2, 1), path.name)
    scales, opacities, own_notes = _sizes(table, flat, path.name)
    binding = _binding(table[_BINDING], path.name) if _BINDING in names else None
    means, origin = _positions(table, binding is not None)
    splats = Gaussians(means, _columns(table, _ROTATIONS), scales, opacities, colours, binding, origin)
    used = (*_NEEDED, _BINDING, ply_variants.FILTER)
    return splats, (*notes, *own_notes, *ply_variants.remarks(names, used, "\n".join(header.comments), path.name))


def write(splats: Gaussians, path: Path) -> None:
    """Write a binary PLY; bound Gaussians with the triangles that carry them.

    Raises:
        InputError: when it cannot be written.
    """
    rest = splats.harmonics[:, 1:].transpose(0, 2, 1).reshape(splats.count, 3 * splats.harmonics.shape[1] - 3)
    parts: list[tuple[tuple[str, ...], NDArray[Any]]] = [
        (("nx", "ny", "nz"), np.zeros((splats.count, 3), np.float32)),
        (_COLOURS, splats.harmonics[:, 0]),
        (tuple(f"f_rest_{index}" for index in range(rest.shape[1])), rest),
        (("opacity",), logit(splats.opacities)[:, None]),
        (_SCALES, logarithm(splats.scales)),
        (_ROTATIONS, splats.rotations),
    ]
    if splats.binding is not None:
        parts.append(((_BINDING,), splats.binding[:, None]))
    far = any(splats.origin)  # only double holds such positions
    row = np.dtype([("means", "<f8" if far else "<f4", 3), ("rest", "<f4", sum(len(names) for names, _ in parts))])
    lines = ["ply", "format binary_little_endian 1.0", f"element vertex {splats.count}"]
    lines += [f"property {'double' if far else 'float'} {name}" for name in _MEANS]
    lines += [f"property float {name}" for names, _ in parts for name in names] + ["end_header", ""]
    with whole_file(path) as temporary, temporary.open("wb") as handle:
        handle.write("\n".join(lines).encode())
        for start in range(0, splats.count, _BLOCK):  # all at once would take the memory of the whole file
            means = splats.means[start : start + _BLOCK]
            block = np.empty(len(means), row)
            block["means"] = means + np.array(splats.origin) if far else means
            block["rest"] = np.concatenate([values[start : start + _BLOCK] for _, values in parts], 1)
            handle.write(block.tobytes())


def _positions(table: NDArray[Any], bound: bool) -> tuple[Array, Origin]:
    """Positions, and the origin that was taken off them; those of triangles have their own."""
    if bound or all(table.dtype[name].itemsize < 8 for name in _MEANS):
        return _columns(table, _MEANS), (0.0, 0.0, 0.0)
    return centred(np.stack([np.asarray(table[name], np.float64) for name in _MEANS], 1))


def _sizes(table: NDArray[Any], flat: bool, name: str) -> tuple[Array, Array, Notes]:
    """Scales (N, 3) and opacities (N,) of the kind of training that a file comes from, and what was noticed."""
    scales, opacities = _columns(table, _SCALES[:2] if flat else _SCALES), np.asarray(table["opacity"])
    notes: Notes = ()
    if ply_variants.is_plain(scales, opacities):
        notes = (f"{name} holds plain sizes and opacities instead of their logarithms and logits; read as such.",)
    else:
        scales, opacities = exponential(scales), logistic(opacities)
    if flat:
        scales = ply_variants.flattened(scales)
        notes += (f"{name} holds flat Gaussians (2DGS); they are drawn as very thin ones.",)
    if ply_variants.FILTER in (table.dtype.names or ()):
        scales, opacities = ply_variants.filtered(scales, opacities, table[ply_variants.FILTER])
        notes += (f"{name} has the 3D filter of Mip-Splatting; sizes and opacities are with it.",)
    return scales, opacities, notes


def _table(data: bytes, header: PlyHeader, wanted: str, name: str) -> NDArray[Any]:
    """The rows of an element, `vertex` for Gaussians."""
    if wanted not in header.names:
        lacks = (
            "no vertices, so it holds no Gaussians; choose another file"
            if wanted == "vertex"
            else f"no {wanted}s; export it again"
        )
        raise InputError(f"{name} has {lacks}.")
    place = header.names.index(wanted)
    for element in header.elements[: place + 1]:
        if element.has_lists:
            raise InputError(
                f"{name} is a mesh or another kind of PLY: its {element.name} hold lists; choose one of Gaussians."
            )
    found = header.elements[place]
    if not found.columns or not _is_named(found):
        raise InputError(f"{name} is broken: its element {wanted} names a value twice, or none; export it again.")
    check_count(found.count, name)
    if not header.order:
        return _text(data, header, place, name)
    before = sum(one.count * _row(one, header.order).itemsize for one in header.elements[:place])
    row = _row(found, header.order)
    start = header.start + before
    check_length(len(data), start + found.count * row.itemsize, name)
    return np.frombuffer(data, row, found.count, start)


def _text(data: bytes, header: PlyHeader, place: int, name: str) -> NDArray[Any]:
    """The rows of an element of a PLY that is text."""
    found = header.elements[place]
    skipped = sum(one.count for one in header.elements[:place])
    lines = data[header.start :].decode("latin-1").splitlines()[skipped : skipped + found.count]
    if len(lines) < found.count:
        raise InputError(f"{name} is cut off: {found.count} Gaussians are announced, {len(lines)} are there.")
    try:
        table = np.loadtxt(lines, np.float64, comments=None, ndmin=2)
    except BROKEN_FILE as error:
        raise InputError(f"{name} is cut off or broken ({error}); copy or export it again.") from error
    if table.shape != (found.count, len(found.columns)):
        raise InputError(f"{name} is broken: {table.shape[1]} values a line for {len(found.columns)} names.")
    row = np.dtype([(column.name, "f8") for column in found.columns])
    return table.view(row)[:, 0]


def _row(element: PlyElement, order: str) -> np.dtype[Any]:
    """The type of one row; columns of one name are only skipped, by number."""
    named = _is_named(element)
    columns = enumerate(element.columns)
    return np.dtype([(column.name if named else f"{index}", order + column.kind) for index, column in columns])


def _is_named(element: PlyElement) -> bool:
    """Whether each of its columns has a name of its own."""
    return len({column.name for column in element.columns}) == len(element.columns)


def _columns(table: NDArray[Any], names: tuple[str, ...]) -> Array:
    """(N, len(names)) float32 of the named values."""
    found = np.empty((len(table), len(names)), np.float32)
    with np.errstate(over="ignore"):
        for start in range(0, len(table), _BLOCK):
            rows = table[start : start + _BLOCK]
            for index, name in enumerate(names):
                found[start : start + _BLOCK, index] = rows[name]
    return found


def _rest_names(names: tuple[str, ...], where: str) -> tuple[str, ...]:
    """The names f_rest_0, f_rest_1 ... that a file has, in the order of their numbers."""
    count = sum(name.startswith("f_rest_") for name in names)
    wanted = tuple(f"f_rest_{index}" for index in range(count))
    if not set(wanted) <= set(names):
        raise InputError(f"{where} is broken: its {count} values f_rest are not numbered from 0; export it again.")
    return wanted


def _binding(values: NDArray[Any], name: str) -> NDArray[np.int64]:
    found = np.asarray(values, np.float64)
    if not np.isfinite(found).all() or (found < 0).any() or (found != np.rint(found)).any() or found.max() > 1e9:
        raise InputError(f"{name} is broken: its {_BINDING} are not numbers of triangles; export it again.")
    return found.astype(np.int64)


def _stranger(name: str, names: tuple[str, ...], missing: list[str]) -> str:
    """The sentence for a PLY that holds something else."""
    if not set(_MEANS) <= set(names):
        return f"{name} holds neither points nor Gaussians; choose another file."
    listed = ", ".join(missing[:4]) + (" and others" if len(missing) > 4 else "")
    return (
        f"{name} is a cloud of points, not of Gaussians: it has no {listed}. "
        "Give the point_cloud.ply that training writes, not the input.ply of the cameras."
    )


FORMAT = SplatFormat("3DGS PLY, and that of GaussianAvatars", (".ply",), read, write, upright=False, bound=True)
