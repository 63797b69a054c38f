"""Where the landmarks of MediaPipe's face mesh lie on a head: on the open head, and on any FLAME model it is laid over.

`face_marks.npz` comes from images of the default character with known cameras (`tools/face_marks.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from animcore.body_models.arkit_to_flame import OpenHeadShapes, lay_over
from animcore.body_models.parametric_model import FOLDER, ParametricModel
from animcore.core import reading
from animcore.errors import InputError
from animcore.geometry.surface_registration import TriangleMesh

FloatArray = NDArray[np.float64]

FACE = 468  # landmarks of the skin; those of the irises follow
IRISES = (473, 468)  # the middle of the left and of the right eye's
_EYES = (3, 4)  # FLAME's joints of the left and the right eye
_PEOPLE = 60  # coefficients of the person that points of a face determine, at most


MIDDLE = np.array([0.0, 0.12, 0.1])  # metres: about the middle of the open head's face


def views_of(ways: NDArray[np.floating[Any]]) -> FloatArray:
    """(N, 5) what landmarks wander with, of ways (N, 3) from a head to the camera in the head's axes.

    A tracker does not find quite the same point of the skin from everywhere: the first is always 1, for what lies next
    to the skin; then how far the view is to the side and from above, and their squares.
    """
    x, y, _ = np.moveaxis(ways / np.linalg.norm(ways, axis=-1, keepdims=True), -1, 0)
    return np.asarray(np.stack([np.ones_like(x), x, y, x * x, y * y], -1), np.float64)


@dataclass(frozen=True)
class ModelLandmarks:
    """L landmarks of a face, in metres and the axes of its model.

    Attributes:
        model: the model's name.
        points: (L, 3) at rest.
        normals: (L, 3) the way the skin looks there.
        drift: (5, L, 3) how far the tracker's idea of the place goes with `views_of`.
        spread: (L,) how far it strays otherwise.
        shapes: (52, L, 3) what the ARKit shapes at 1 move.
        people: (S, L, 3) what the model's coefficients of the person move.
        eyes: (2, 3) the middle of the left and the right eyeball.
        eye_people: (S, 2, 3) what the coefficients of the person move of them.
        corners, shares: (L, C) vertices of the model and how much each counts.
    """

    model: str
    points: FloatArray
    normals: FloatArray
    drift: FloatArray
    spread: FloatArray
    shapes: FloatArray
    people: FloatArray
    eyes: FloatArray
    eye_people: FloatArray
    corners: NDArray[np.int64]
    shares: FloatArray

    @classmethod
    def on(cls, model: ParametricModel) -> ModelLandmarks:
        """Find them on a model. Takes some seconds for other models than the open head itself.

        Raises:
            InputError: where the model is no FLAME model.
        """
        if model.kind != "flame":
            raise InputError(f"{model.name} is not a head; choose a FLAME file, or none for the open head.")
        head = OpenHeadShapes.read()
        corners, shares, spread, drift = _marks()
        shapes = np.einsum("lc,slcx->slx", shares, head.shapes[:52, corners])
        if model.template.shape != head.template.shape or np.abs(model.template - head.template).max() > 1e-6:
            found = lay_over(head, TriangleMesh(model.template.astype(np.float64), model.faces))
            place = np.searchsorted(head.surface_vertices, corners)
            shares = (shares[..., None] * found.weights[place]).reshape(len(shares), -1)
            corners = found.corners[place].reshape(len(corners), -1)
            back = found.similarity.rotation / found.similarity.scale
            shapes, drift = shapes @ back, drift @ back
        template = np.asarray(model.template, np.float64)
        count = min(model.shape_count, _PEOPLE)
        people = np.asarray(model.shape_directions, np.float64)[:, :, :count]
        normals = TriangleMesh(template, model.faces).normals()
        looks = np.einsum("lc,lcx->lx", shares, normals[corners])
        return cls(
            model=model.name,
            points=np.einsum("lc,lcx->lx", shares, template[corners]),
            normals=looks / np.linalg.norm(looks, axis=1, keepdims=True),
            drift=drift,
            spread=spread,
            shapes=shapes,
            people=np.einsum("lc,lcxs->slx", shares, people[corners]),
            eyes=np.asarray(model.rest_joints, np.float64)[list(_EYES)],
            eye_people=np.asarray(model.joint_shape, np.float64)[:count, list(_EYES)],
            corners=corners,
            shares=shares,
        )


def _marks() -> tuple[NDArray[np.int64], FloatArray, FloatArray, FloatArray]:
    """Corners (468, 3), shares (468, 3), spread (468,) and drift (5, 468, 3) on the open head."""
    data = reading.arrays(FOLDER / "face_marks.npz")
    shares, spread, drift = (data[name].astype(np.float64) for name in ("shares", "spread", "drift"))
    return data["corners"][:FACE].astype(np.int64), shares[:FACE], spread[:FACE], drift[:, :FACE]
