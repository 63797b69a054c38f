"""A character's own head as a parametric model: its mesh, what each ARKit shape does to it, and five joints.

Its expression coefficients are the weights of the 52 ARKit and 16 tongue shapes themselves, so that a performance needs
no conversion and loses nothing. The file has the layout of FLAME (`model_file`); the arrays of its ARKit shapes
distinguish it from a FLAME file, whose coefficients mean nothing by themselves.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from animcore.body_models.parametric_model import OPEN_MODELS, ParametricModel
from animcore.core.atomic_files import whole_file
from animcore.core.vocabulary import ARKIT, TONGUE
from animcore.errors import InputError
from animcore.motion import Motion

FloatArray = NDArray[np.float32]

SHAPES = ARKIT + TONGUE
_PARENTS = (-1, 0, 1, 1, 1)  # FLAME's joints: root, neck, jaw, left and right eye
_NO_SHAPES = 10  # columns that stand for the shape of persons in files of FLAME
_STILL = 1e-5  # metres that a vertex may move and still carry a joint
_GROUP = "model."  # of its arrays in an avatar
_LEAST = 8  # vertices that carry a joint


@dataclass(frozen=True)
class MeasuredHead:
    """What was measured of a character; metres, Y up, Z forward.

    Attributes:
        name: of the character.
        vertices: (V, 3) at rest.
        faces: (F, 3) triangles.
        uv: (U, 2) places in textures.
        uv_faces: (F, 3) of them for the triangles.
        shapes: (68, V, 3) how far the ARKit and tongue shapes at 1 move the vertices.
        weights: (V, 5) of the vertices on the joints: root, neck, jaw, left and right eye; rows sum to 1.
        joints: (5, 3) where these are.
    """

    name: str
    vertices: FloatArray
    faces: NDArray[np.int64]
    uv: FloatArray
    uv_faces: NDArray[np.int64]
    shapes: FloatArray
    weights: FloatArray
    joints: FloatArray


def write(measured: MeasuredHead, path: Path) -> None:
    """Write a character's head as a model file, which `model.load_model` reads.

    Raises:
        InputError: when it cannot be written.
    """
    count, joints = len(SHAPES), len(_PARENTS)
    directions = np.zeros((len(measured.vertices), 3, _NO_SHAPES + count), np.float32)
    directions[:, :, _NO_SHAPES:] = np.moveaxis(measured.shapes, 0, 2)
    own = np.eye(count, dtype=np.float32)
    contents: dict[str, Any] = {
        "v_template": measured.vertices.astype(np.float32),
        "shapedirs": directions,
        "posedirs": np.zeros((len(measured.vertices), 3, 0), np.float32),
        "J_regressor": _regressor(measured),
        "weights": measured.weights.astype(np.float32),
        "kintree_table": np.array([_PARENTS, range(joints)], np.int64),
        "f": measured.faces.astype(np.int32),
        "vt": measured.uv.astype(np.float32),
        "ft": measured.uv_faces.astype(np.int32),
        "model": measured.name,
        "num_shape": 0,
        "num_expression": count,
        "arkit_names": np.array(ARKIT),
        "arkit_to_expression": own[: len(ARKIT)],
        "arkit_to_jaw": np.zeros((len(ARKIT), 3), np.float32),
        "tongue_names": np.array(TONGUE),
        "tongue_to_expression": own[len(ARKIT) :],
    }
    with whole_file(path) as temporary, temporary.open("wb") as handle:
        np.savez_compressed(handle, **contents)


def is_blendshape_head(model: ParametricModel) -> bool:
    """Whether a model is a character's own head, whose coefficients are the weights of ARKit and tongue shapes."""
    parts = np.split(np.eye(len(SHAPES)), [len(ARKIT)])
    names = ("arkit_to_expression", "tongue_to_expression")
    own = all(np.array_equal(model.extras.get(name, ()), part) for name, part in zip(names, parts, strict=True))
    return own and model.name not in OPEN_MODELS


def to_expression(motion: Motion, model: ParametricModel) -> Motion:
    """Return the motion with its ARKit and tongue weights as expression of a character's own head.

    Raises:
        InputError: where the motion has no ARKit weights.
    """
    if motion.arkit is None:
        raise InputError("The motion has no ARKit weights that could become expression coefficients.")
    tongue = np.zeros((motion.frame_count, len(TONGUE)), np.float32) if motion.tongue is None else motion.tongue
    expression = np.concatenate([motion.arkit, tongue], 1).astype(np.float32)
    # what a jaw does is part of its shapes
    return replace(motion, expression=expression, basis=model.name, jaw_pose=None)


def to_arrays(model: ParametricModel) -> dict[str, NDArray[Any]]:
    """The arrays that an avatar keeps of a character's own head, so that its folder is complete."""
    moved = np.flatnonzero((np.asarray(model.directions) != 0).any((0, 1)))
    return {
        f"{_GROUP}vertices": np.asarray(model.template, np.float32),
        f"{_GROUP}faces": model.faces.astype(np.int32),
        f"{_GROUP}moved": moved.astype(np.int32),
        f"{_GROUP}shapes": np.asarray(model.directions, np.float32)[:, :, moved].astype(np.float16),
        f"{_GROUP}weights": np.asarray(model.weights, np.float32),
        f"{_GROUP}joints": np.asarray(model.rest_joints, np.float32),
    }


def from_arrays(arrays: Mapping[str, NDArray[Any]], name: str, file: str) -> ParametricModel | None:
    """Return the character's own head that an avatar keeps; None where it keeps none.

    Args:
        arrays: of the avatar.
        name: of the model.
        file: for messages.

    Raises:
        InputError: where its arrays do not fit together.
    """
    own = {key.removeprefix(_GROUP): np.atleast_1d(one) for key, one in arrays.items() if key.startswith(_GROUP)}
    if not own:
        return None
    vertices = len(own.get("vertices", ()))
    wanted = {
        "vertices": (vertices, 3),
        "faces": (len(own.get("faces", ())), 3),
        "moved": (len(own.get("moved", ())),),
        "shapes": (len(SHAPES), 3, len(own.get("moved", ()))),
        "weights": (vertices, len(_PARENTS)),
        "joints": (len(_PARENTS), 3),
    }
    broken = [key for key, shape in wanted.items() if key not in own or own[key].shape != shape]
    broken += [key for key in ("faces", "moved") if not broken and _leads_nowhere(own[key], vertices)]
    if broken:
        raise InputError(f"{file} holds a model whose {broken[0]} do not fit; save the head again.")
    directions = np.zeros((len(SHAPES), 3, vertices), np.float32)
    directions[:, :, own["moved"]] = own["shapes"]
    identity = np.eye(len(SHAPES), dtype=np.float32)
    count, joints = len(SHAPES), len(_PARENTS)
    return ParametricModel(
        name=name,
        named_by="file",
        kind="flame",
        template=own["vertices"].astype(np.float32),
        directions=directions,
        shape_count=0,
        expression_count=count,
        weights=own["weights"].astype(np.float32),
        parents=_PARENTS,
        rest_joints=own["joints"].astype(np.float32),
        joint_shape=np.zeros((0, joints, 3), np.float32),
        joint_expression=np.zeros((count, joints, 3), np.float32),
        mean_pose=np.zeros((joints, 3), np.float32),
        faces=own["faces"].astype(np.int64),
        extras={"arkit_to_expression": identity[: len(ARKIT)], "tongue_to_expression": identity[len(ARKIT) :]},
    )


def _leads_nowhere(indices: NDArray[Any], count: int) -> bool:
    return bool(indices.size) and (indices.dtype.kind not in "iu" or indices.min() < 0 or indices.max() >= count)


def _regressor(measured: MeasuredHead) -> FloatArray:
    """(5, V) rows that sum to 1 and give the joints from the vertices; of vertices that no shape moves, if it can."""
    moved = np.abs(measured.shapes).max((0, 2))
    chosen = np.flatnonzero(moved < _STILL)
    if len(chosen) < _LEAST or np.linalg.matrix_rank(_centred(measured.vertices[chosen]), tol=1e-3) < 3:
        chosen = np.arange(len(measured.vertices))
    points = measured.vertices[chosen].astype(np.float64)
    away = measured.joints - points.mean(0)
    rows = np.zeros((len(_PARENTS), len(measured.vertices)))
    rows[:, chosen] = 1 / len(chosen) + away @ np.linalg.pinv(_centred(points))
    return rows.astype(np.float32)


def _centred(points: NDArray[Any]) -> NDArray[Any]:
    return np.asarray(points - points.mean(0))
