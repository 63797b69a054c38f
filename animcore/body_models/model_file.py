"""The files of FLAME, SMPL, SMPL-H and SMPL-X, published or open: what they hold, recognised and checked.

`.npz` and `.pkl` are read without running anything in them. The layout is the same for all: `v_template` (V, 3),
`shapedirs` (V, 3, K), `posedirs` (V, 3, 9 (J - 1)), `J_regressor` (J, V), `weights` (V, J), `kintree_table` (2, J) and
`f` (F, 3), in metres; the number of joints identifies the model.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from animcore.body_models import safe_unpickler
from animcore.core import reading
from animcore.errors import InputError, readable

REQUIRED = ("v_template", "shapedirs", "posedirs", "J_regressor", "weights", "kintree_table", "f")
# Optional arrays: hands and landmarks as published, the rest in our open models.
OPTIONAL = (
    *("hands_meanl", "hands_meanr", "hands_componentsl", "hands_componentsr"),
    *("lmk_faces_idx", "lmk_bary_coords", "vt", "ft"),
    *("model", "joint_names", "num_shape", "num_expression"),
    *("arkit_names", "arkit_to_expression", "arkit_to_jaw", "tongue_names", "tongue_to_expression"),
    *("part_names", "part_of_vertex", "body_vertices"),
)
KINDS = {5: "flame", 24: "smpl", 52: "smplh", 55: "smplx"}  # by the number of joints
_HAND = 16  # joints of MANO
_FACES = ("flame", "smplx")  # the kinds with expressions
# Where the expressions begin in `shapedirs`: behind 300 shapes in full files, else behind 10, as in the smplx package.
FULL, SHAPES_OF_FULL, SHAPES_OF_SMALL = 400, 300, 10
_SMALLEST, _LARGEST = 0.1, 4.0  # metres, between which the largest extent of a head or a body lies
_EDITION = re.compile(r"(2017|2019|2020|2023)(?:.*(no_jaw))?", re.IGNORECASE)


@dataclass(frozen=True)
class ModelFile:
    """What a model file holds.

    Attributes:
        kind: `flame`, `smpl`, `smplh` or `smplx`.
        name: which model its coefficients belong to, such as `flame2023`, or the kind alone where it is not stated.
        named_by: the source of the name: `caller`, `file`, `file name`, `folder name` or `nothing`. The editions of
            FLAME share vertices, joints and the number of components, so that their arrays do not distinguish them.
        arrays: those of `REQUIRED`, and those of `OPTIONAL` that are there.
        shape_count, expression_count: columns of `shapedirs` in use.
    """

    kind: str
    name: str
    named_by: str
    arrays: dict[str, NDArray[Any]]
    shape_count: int
    expression_count: int

    @property
    def first_expression(self) -> int:
        """The column of `shapedirs` where the expressions begin."""
        return _first_expression(self.kind, self.arrays["shapedirs"].shape[2])


def read(path: Path, name: str | None = None) -> ModelFile:
    """Read and check a model file.

    Args:
        path: a `.npz` or a `.pkl`.
        name: which model it is (`flame2020`, `flame2023` ...), where it is known.

    Raises:
        InputError: where the file is missing, cut off, would run code, is another kind of file, lacks an array, or
            holds arrays that do not fit together, are not numbers or are not in metres.
    """
    if not path.is_file():
        raise InputError(f"There is no model file {path}; give the path of a .npz or .pkl.")
    with path.open("rb") as handle:
        is_archive = handle.read(2) == b"PK"
    arrays = _archive(path) if is_archive else _pickle(path)
    missing = [key for key in REQUIRED if key not in arrays]
    if missing:
        raise InputError(
            f"{path.name} is not a FLAME or SMPL model: it has no {', '.join(missing)}. A file of parameters over time "
            "is a motion, not a model."
        )
    with readable(f"{path.name} holds arrays of the wrong kind", "download or build it again"):
        arrays["shapedirs"], arrays["posedirs"] = (_spread(arrays[key]) for key in ("shapedirs", "posedirs"))
        _check_shapes(arrays, path.name)
        _check_values(arrays, path.name)
        kind = KINDS[arrays["weights"].shape[1]]
        own_name, named_by = _name(arrays, kind, path, name)
        shape_count, expression_count = _counts(arrays, kind)
    return ModelFile(kind, own_name, named_by, arrays, shape_count, expression_count)


def _archive(path: Path) -> dict[str, NDArray[Any]]:
    """The arrays of an .npz that a model needs; parts that would have to be unpickled are left where they are."""
    with readable(f"{path.name} is cut off or damaged", "download or build it again"):
        with reading.archive(path) as parts:
            reading.checked(parts, path, lambda _name: True, safe_unpickler.LARGEST)
        return reading.arrays(path, (*REQUIRED, *OPTIONAL), safe_unpickler.LARGEST)


def _pickle(path: Path) -> dict[str, NDArray[Any]]:
    content = safe_unpickler.load(path)
    wanted = [key for key in (*REQUIRED, *OPTIONAL) if key in content]
    return {key: safe_unpickler.array(content[key], f"{key} of {path.name}") for key in wanted}


def _spread(directions: NDArray[Any]) -> NDArray[Any]:
    """Directions as (V, 3, K), a single one included."""
    return directions[:, :, None] if directions.ndim == 2 else directions


def _check_shapes(arrays: dict[str, NDArray[Any]], file: str) -> None:
    """Raise InputError where the arrays' shapes do not fit each other."""
    vertices = len(arrays["v_template"])
    joints = arrays["kintree_table"].shape[-1] if arrays["kintree_table"].ndim == 2 else 0
    if joints == _HAND:
        raise InputError(f"{file} is a hand alone (MANO); give FLAME, SMPL-H or SMPL-X, which has hands too.")
    if joints not in KINDS:
        known = ", ".join(f"{kind} {count}" for count, kind in KINDS.items())
        raise InputError(f"{file} has {joints} joints; the models known here are {known}.")
    corrections = arrays["posedirs"].shape[-1]
    wanted: dict[str, tuple[int | None, ...]] = {
        "v_template": (vertices, 3),
        "shapedirs": (vertices, 3, None),
        "posedirs": (vertices, 3, 9 * (joints - 1) if corrections else 0),
        "J_regressor": (joints, vertices),
        "weights": (vertices, joints),
        "kintree_table": (2, joints),
        "f": (None, 3),
    }
    for key, shape in wanted.items():
        found = arrays[key].shape
        if len(found) != len(shape) or any(size not in (None, got) for size, got in zip(shape, found, strict=True)):
            text = ", ".join("any" if size is None else str(size) for size in shape)
            raise InputError(f"{key} of {file} has the shape {found}, not ({text}); the file mixes two models.")


def _check_values(arrays: dict[str, NDArray[Any]], file: str) -> None:
    """Raise InputError where numbers are none, indices lead nowhere or the unit is not the metre."""
    for key in REQUIRED:
        if arrays[key].dtype.kind not in "biuf" or not np.isfinite(arrays[key]).all():
            raise InputError(f"{key} of {file} holds values that are not numbers; download it again.")
    for wrong, sentence in _RULES.items():
        if wrong(arrays):
            raise InputError(f"{file} {sentence}")


def _wrong_size(arrays: dict[str, NDArray[Any]]) -> bool:
    return not _SMALLEST < float(np.ptp(arrays["v_template"], axis=0).max()) < _LARGEST


def _wrong_faces(arrays: dict[str, NDArray[Any]]) -> bool:
    faces = arrays["f"]
    return bool(faces.size) and (faces.min() < 0 or faces.max() >= len(arrays["v_template"]))


def _wrong_weights(arrays: dict[str, NDArray[Any]]) -> bool:
    return not np.allclose(arrays["weights"].sum(1), 1.0, atol=1e-2)


def _wrong_tree(arrays: dict[str, NDArray[Any]]) -> bool:
    above = arrays["kintree_table"][0].astype(np.int64)[1:]  # the root's own parent is -1 or 2^32 - 1
    return bool(((above < 0) | (above >= np.arange(1, len(above) + 1))).any())


_RULES: dict[Callable[[dict[str, NDArray[Any]]], bool], str] = {
    _wrong_size: "is not in metres: a head measures about 0.3, a body 1.7; scale v_template, shapedirs and posedirs.",
    _wrong_faces: "has faces (f) whose vertices do not exist; download it again.",
    _wrong_weights: "has vertices whose weights on the joints do not sum to 1; download it again.",
    _wrong_tree: "has joints whose parents do not come before them (kintree_table); download it again.",
}


def _name(arrays: dict[str, NDArray[Any]], kind: str, path: Path, given: str | None) -> tuple[str, str]:
    """Which model a file is, and the source of that."""
    if given:
        return given, "caller"
    if "model" in arrays:
        return str(arrays["model"]), "file"
    for text, who in ((path.stem, "file name"), (path.parent.name, "folder name")):
        found = _EDITION.search(text)
        if found:
            return kind + "_".join(part.lower() for part in found.groups() if part), who
    return kind, "nothing"


def _first_expression(kind: str, columns: int) -> int:
    if kind not in _FACES:
        return columns
    return SHAPES_OF_FULL if columns >= FULL else min(SHAPES_OF_SMALL, columns)


def _counts(arrays: dict[str, NDArray[Any]], kind: str) -> tuple[int, int]:
    """How many components of shape and of expression are in use: as the file states, else all there are."""
    columns = arrays["shapedirs"].shape[2]
    first = _first_expression(kind, columns)
    most = {"num_shape": first, "num_expression": columns - first}
    shape, expression = (min(int(arrays.get(key, np.int64(count))), count) for key, count in most.items())
    return shape, expression
