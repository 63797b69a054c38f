"""glTF with KHR_gaussian_splatting: Gaussians as points of a mesh that any glTF program can at least show as points.

After the extension's text (github.com/KhronosGroup/glTF): POSITION, and under the extension's name ROTATION
(x y z w), SCALE (linear, as ratified; early drafts had logarithms), OPACITY and SH_DEGREE_d_COEF_n, with COLOR_0
for programs without the extension. Y is up, metres.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from animcore.core.atomic_files import whole_file
from animcore.errors import BROKEN_FILE, InputError
from animcore.files.scenes import gltf
from animcore.files.splats import gltf_spz
from animcore.files.splats.base import Notes, SplatFormat, check_count, exponential, harmonics
from animcore.gaussians.gaussians import HARMONIC_0, Gaussians
from animcore.gaussians.transforms import concatenated, transformed
from animcore.geometry import rotations
from animcore.geometry.surface_registration import SimilarityTransform

_NAME = "KHR_gaussian_splatting"
_POINTS, _VERTICES = 0, 34962  # what glTF calls a mode and a target
_LOOKS = {
    "kernel": "ellipse",
    "colorSpace": "srgb_rec709_display",
    "sortingMethod": "cameraDistance",
    "projection": "perspective",
}
_LINEAR = "lin_rec709_display"
PACKED = ".spz.glb"  # a file that is called so is written with its Gaussians as SPZ
_EVEN = 1e-3  # how much the sizes of a node may differ and still be one
_DEEPEST = 256  # nodes in one another


def read(path: Path) -> tuple[Gaussians, Notes]:
    """Read all Gaussians of a `.glb` or `.gltf`, where its nodes put them.

    Raises:
        InputError: when it is broken, or has no Gaussians, or they are compressed or stretched.
    """
    document = gltf.load(path)
    clouds: list[Gaussians] = []
    notes: list[str] = []
    try:
        for mesh, matrix in _placed(document):
            for primitive in mesh.get("primitives", []):
                view = gltf_spz.view_of(primitive)
                if view is not None or _NAME in primitive.get("extensions", {}):
                    cloud, found_notes = (
                        gltf_spz.read(document, view) if view is not None else _cloud(document, primitive)
                    )
                    cloud, more = _in_srgb(cloud, primitive["extensions"].get(_NAME), path.name)
                    found_notes += more
                    clouds.append(_moved(cloud, matrix, path.name))
                    notes += found_notes
    except BROKEN_FILE as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path.name} is broken: its nodes or meshes cannot be read ({error!r}).") from error
    if not clouds:
        raise InputError(f"{path.name} has no Gaussians: no part of its meshes has the extension {_NAME}.")
    return concatenated(clouds), tuple(dict.fromkeys(notes))


def write(splats: Gaussians, path: Path) -> None:
    """Write a `.glb` of one mesh; one that is called `.spz.glb` a tenth as large, its Gaussians as SPZ.

    Raises:
        InputError: when it cannot be written, would pass 4 GB, or is asked for as text.
    """
    if path.suffix.lower() != ".glb":
        raise InputError(f"{path.name}: glTF is written as one binary file; name it {path.stem}.glb.")
    document = gltf.GltfDocument(path.name)
    packed = path.name.lower().endswith(PACKED)
    looks: dict[str, Any] = dict(_LOOKS)
    if packed:
        looks["extensions"] = {gltf_spz.NAME: {"bufferView": gltf_spz.add(splats, document)}}
    add = document.add_placeholder if packed else document.add_accessor
    colour = np.clip(0.5 + HARMONIC_0 * splats.harmonics[:, 0], 0, 1)
    attributes = {
        "POSITION": add(splats.means, limits=True),
        "COLOR_0": add(np.concatenate([colour, splats.opacities[:, None]], 1)),
        f"{_NAME}:ROTATION": add(splats.rotations[:, [1, 2, 3, 0]]),
        f"{_NAME}:SCALE": add(splats.scales),
        f"{_NAME}:OPACITY": add(splats.opacities),
    }
    for degree in range(splats.degree + 1):
        for index in range(2 * degree + 1):
            attributes[_harmonic(degree, index)] = add(splats.harmonics[:, degree**2 + index])
    if not packed:
        for view in document.part("bufferViews"):
            view["target"] = _VERTICES
    primitive = {"attributes": attributes, "mode": _POINTS, "extensions": {_NAME: looks}}
    node: dict[str, Any] = {"name": path.stem, "mesh": 0}
    if any(splats.origin):
        node["translation"] = list(splats.origin)
    names = [_NAME, gltf_spz.NAME] if packed else [_NAME]
    document.document |= {
        "asset": {"version": "2.0", "generator": "Animcore"},
        "extensionsUsed": names,
        **({"extensionsRequired": names} if packed else {}),
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [node],
        "meshes": [{"name": path.stem, "primitives": [primitive]}],
    }
    with whole_file(path) as temporary:
        document.save(temporary)


def _harmonic(degree: int, index: int) -> str:
    return f"{_NAME}:SH_DEGREE_{degree}_COEF_{index}"


def _placed(document: gltf.GltfDocument) -> list[tuple[dict[str, Any], NDArray[np.float64]]]:
    """Every mesh that a node shows, with the matrix (4, 4) that puts it into the world."""
    nodes, meshes = document.part("nodes"), document.part("meshes")
    parents = {child: index for index, node in enumerate(nodes) for child in node.get("children", [])}
    own = [_matrix(node) for node in nodes]
    shown = [index for index, node in enumerate(nodes) if "mesh" in node]
    found = [(meshes[nodes[index]["mesh"]], _world(index, parents, own)) for index in shown]
    return found or [(mesh, np.eye(4)) for mesh in meshes]


def _world(index: int, parents: dict[int, int], own: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    matrix, here = own[index], index
    for _ in range(_DEEPEST):
        if here not in parents:
            return matrix
        here = parents[here]
        matrix = own[here] @ matrix
    raise ValueError("nodes in a circle")


def _matrix(node: dict[str, Any]) -> NDArray[np.float64]:
    if "matrix" in node:
        return np.array(node["matrix"], np.float64).reshape(4, 4).T
    matrix = np.eye(4)
    x, y, z, w = node.get("rotation", (0.0, 0.0, 0.0, 1.0))
    turn = rotations.quaternion_to_matrix(rotations.normalized([w, x, y, z]))
    matrix[:3, :3] = turn * np.array(node.get("scale", (1.0, 1.0, 1.0)), np.float64).reshape(3)
    matrix[:3, 3] = np.array(node.get("translation", (0.0, 0.0, 0.0)), np.float64).reshape(3)
    return matrix


def _moved(cloud: Gaussians, matrix: NDArray[np.float64], name: str) -> Gaussians:
    if (matrix == np.eye(4)).all():
        return cloud
    sizes = np.linalg.norm(matrix[:3, :3], axis=0)
    size = float(sizes.mean())
    if not np.isfinite(matrix).all() or not size or np.ptp(sizes) > _EVEN * size:
        raise InputError(f"{name}: a node stretches its Gaussians more in one direction; apply its scale and export.")
    return transformed(cloud, SimilarityTransform(size, matrix[:3, :3] / size, matrix[:3, 3]))


def _cloud(document: gltf.GltfDocument, primitive: dict[str, Any]) -> tuple[Gaussians, Notes]:
    """The Gaussians of one primitive, in its own frame."""
    name = document.name
    inside = primitive["extensions"][_NAME]
    if isinstance(inside, dict) and inside.get("extensions"):
        raise InputError(f"{name} keeps its Gaussians compressed ({', '.join(inside['extensions'])}); "
                         "export it without compression.")  # fmt: skip
    means = _column(document, primitive, "POSITION", 3)
    check_count(len(means), name)
    scales = _column(document, primitive, f"{_NAME}:SCALE", 3)
    notes: Notes = ()
    if (scales < 0).any():
        scales, notes = exponential(scales), (f"{name} has logarithms for scales, as early drafts of {_NAME} had.",)
    turns = _column(document, primitive, f"{_NAME}:ROTATION", 4)[:, [3, 0, 1, 2]]
    opacities = _column(document, primitive, f"{_NAME}:OPACITY", 1)[:, 0]
    coefficients = [_column(document, primitive, _harmonic(0, 0), 3)]
    for degree in range(1, 5):
        if _harmonic(degree, 0) in primitive["attributes"]:
            coefficients += [_column(document, primitive, _harmonic(degree, k), 3) for k in range(2 * degree + 1)]
    if any(len(values) != len(means) for values in (scales, turns, opacities, *coefficients)):
        raise InputError(f"{name} is broken: its Gaussians have more of one value than of another.")
    rest = np.stack(coefficients, 1)[:, 1:]
    table, found_notes = harmonics(coefficients[0], rest, name)
    return Gaussians(means, turns, scales, opacities, table), (*notes, *found_notes)


def _in_srgb(cloud: Gaussians, looks: Any, name: str) -> tuple[Gaussians, Notes]:
    """The Gaussians with colours in sRGB, and sentences on what else a file asks for.

    What a linear colour is in sRGB is no linear function, so harmonics above the constant one are converted as small
    changes of it are: by the slope of the curve at that colour.
    """
    looks = looks if isinstance(looks, dict) else {}
    notes = tuple(
        f"{name}: {key} is {looks[key]}, which is unknown; it was read as {usual}."
        for key, usual in _LOOKS.items()
        if looks.get(key, usual) not in (usual, _LINEAR)
    )
    if looks.get("colorSpace") != _LINEAR:
        return cloud, notes
    linear = np.maximum(0.5 + HARMONIC_0 * cloud.harmonics[:, 0].astype(np.float64), 0.0)
    low = linear <= 0.0031308
    bright = np.maximum(linear, 0.0031308)
    shown = np.where(low, 12.92 * linear, 1.055 * bright ** (1 / 2.4) - 0.055)
    slope = np.where(low, 12.92, 1.055 / 2.4 * bright ** (1 / 2.4 - 1))
    table = cloud.harmonics * slope[:, None]
    table[:, 0] = (shown - 0.5) / HARMONIC_0
    found_notes = f"{name} has linear colours ({_LINEAR}); they were converted to sRGB."
    return replace(cloud, harmonics=table.astype(np.float32)), (*notes, found_notes)


def _column(document: gltf.GltfDocument, primitive: dict[str, Any], attribute: str, width: int) -> NDArray[np.float32]:
    """(N, width) of one attribute."""
    attributes = primitive.get("attributes")
    index = attributes.get(attribute) if isinstance(attributes, dict) else None
    if not isinstance(index, int):
        raise InputError(f"{document.name} is broken: its Gaussians have no {attribute}; export it again.")
    values = document.accessor(index)
    if values.shape[1] != width:
        raise InputError(f"{document.name} is broken: {attribute} has {values.shape[1]} numbers instead of {width}.")
    return values.astype(np.float32)


FORMAT = SplatFormat("glTF, KHR_gaussian_splatting", (".glb", ".gltf"), read, write, upright=True)
