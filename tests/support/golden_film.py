"""The golden film and its truth: a head whose performance, place and rotation are known on every frame."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from animcore.body_models.face_landmarks import FACE, IRISES, ModelLandmarks
from animcore.body_models.parametric_model import load_model
from animcore.files.video import face_landmarks
from animcore.geometry.rotations import to_matrix
from animcore.hybrid_head.tracking import landmark_solver
from animcore.hybrid_head.tracking.landmark_solver import FrameParameters, SequenceParameters

FILMS = Path(__file__).resolve().parents[1] / "golden" / "films"
FILM, WIDTH = FILMS / "talking_head.mp4", 400
HEAD = 1  # FLAME's joint whose place the truth tells


def truth() -> dict[str, np.ndarray]:
    with np.load(FILMS / "talking_head.npz", allow_pickle=False) as data:
        return {name: data[name] for name in data.files}


def perfect_landmarks(count: int, size: int) -> np.ndarray:
    """(count, 478, 3) landmarks of the first frames, at `size` pixels, as a perfect tracker would see them."""
    known, model = truth(), load_model("open-head")
    marks = ModelLandmarks.on(model)
    turns = to_matrix(known["rotation"][:count])
    places = known["place"][:count] - turns @ model.rest_joints[HEAD].astype(float)
    centre, focal = np.full(2, size / 2), float(known["focal"]) * size / WIDTH
    scene = SequenceParameters(
        marks.points, marks.normals, marks.drift, marks.spread, marks.shapes, np.ones(52), centre, focal
    )
    frames = FrameParameters(np.zeros((count, FACE, 2)), turns, places, known["arkit"][:count].astype(float))
    points = np.zeros((count, face_landmarks.MARKS, 3), np.float32)
    points[:, :FACE, :2] = landmark_solver.project(scene, frames)
    points[:, :FACE, 2] = -np.einsum("txy,ly->tlx", turns, marks.points)[..., 2] * focal / 0.7
    eyes = np.einsum("txy,ey->tex", turns, marks.eyes + np.array([0, 0, 0.0122])) + places[:, None]
    points[:, list(IRISES), :2] = centre + focal * eyes[..., :2] * (1, -1) / -eyes[..., 2:]
    return points
