"""ARKit weights to and from a FLAME model's expression and jaw, through the mesh.

Both sides move the same points of a face: the open head, whose ARKit shapes are known, is laid over the model, and what
one side does to those points the other side is asked to do. So it works for the open head and for any FLAME file, and
coefficients of one version never stand for another's. Answers are least squares with a small ridge, frame by frame:
equal frames give equal answers, and the bounded side is a projection, so nothing shakes that did not shake before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from animcore.body_models import blendshape_head
from animcore.body_models.parametric_model import FOLDER, ParametricModel, as_model
from animcore.core import reading
from animcore.core.vocabulary import ARKIT, ARKIT_INDEX, TONGUE
from animcore.errors import InputError
from animcore.geometry.bounded_least_squares import solve_bounded
from animcore.geometry.rotations import to_matrix
from animcore.geometry.surface_registration import (
    SimilarityTransform,
    SurfaceRegistration,
    TriangleMesh,
    register_surface,
)
from animcore.motion import Motion

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

RIDGE = 1e-4  # of a column's own size
_UNSEEN = 0.02  # millimetres (root mean square) that a shape must move the points to be estimated from them
_JAW = 2  # the joint of the jaw in every FLAME model: neck, head, jaw, left eye, right eye
_FACE_WIDTH = 0.089  # metres between the outer eye corners of the open head
_FRAMES = 100  # at a time
_ROUNDS = 14  # of undoing the jaw's turn; each leaves less than half of the error
_LIPS, _EYES = slice(31, 51), slice(19, 31)  # landmarks of iBUG 68 without the 17 of the contour
_OPEN, _CLOSE = ARKIT_INDEX["jawOpen"], ARKIT_INDEX["mouthClose"]


@dataclass(frozen=True)
class ArkitFlameBridge:
    """What ARKit weights and a model's coefficients do to the same N points, in the frame of the model.

    Attributes:
        model: the name that expression coefficients go by.
        points: (N, 3) at rest.
        shapes: (68, N, 3) what the 52 ARKit and 16 tongue shapes at 1 move.
        turns: (52, 3) the jaw's axis-angle of each ARKit shape at 1.
        components: (E, N, 3) what the model's expression components at 1 move.
        follows: (N,) how much each point follows the jaw.
        joint: (3,) the jaw's joint.
        weight: (N,) how much a point counts; the sum is 1.
        millimetres: of one unit of length of the model.
    """

    model: str
    points: FloatArray
    shapes: FloatArray
    turns: FloatArray
    components: FloatArray
    follows: FloatArray
    joint: FloatArray
    weight: FloatArray
    millimetres: float

    def to_flame(self, motion: Motion) -> tuple[Motion, FloatArray]:
        """Return the motion with `expression`, `basis` and `jaw_pose`, and the residual (T,) in millimetres.

        The residual is the root mean square distance of the points, where lips and lids count more.

        Raises:
            InputError: where the motion has no ARKit weights.
        """
        if motion.arkit is None:
            raise InputError("The motion has no ARKit weights that could become expression coefficients.")
        tongue = np.zeros((motion.frame_count, len(TONGUE))) if motion.tongue is None else motion.tongue
        weights = np.concatenate([motion.arkit, tongue], 1).astype(np.float64)
        jaw = self._jaw(weights[:, : len(ARKIT)])
        columns = self._rows(self.components)
        gram = columns @ columns.T
        inverse = np.linalg.inv(gram + np.diag(RIDGE * np.diag(gram) + 1e-12 * np.trace(gram) + 1e-30))
        expression = np.zeros((len(weights), len(columns)))
        residual = np.zeros(len(weights))
        for part in _pieces(len(weights)):
            wanted = self.points + np.einsum("ts,snx->tnx", weights[part], self.shapes, optimize=True)
            before = self._jaw_undone(wanted, jaw[part]) - self.points
            expression[part] = self._rows(before) @ columns.T @ inverse
            residual[part] = self._distance(self._posed(expression[part], jaw[part]), wanted)
        changed = replace(
            motion,
            expression=expression.astype(np.float32),
            basis=self.model,
            jaw_pose=jaw.astype(np.float32),
        )
        return changed, residual

    def to_arkit(self, motion: Motion) -> tuple[Motion, FloatArray]:
        """Return the motion with `arkit` in 0..1 (and `tongue`, where the model has one), and the residual (T,).

        mouthClose never exceeds jawOpen: the pair is solved for as an open mouth and a jaw that is open behind closed
        lips, which is what the two mean together.

        Raises:
            InputError: where the motion has no expression of this model.
        """
        if motion.expression is None:
            raise InputError("The motion has no expression coefficients that could become ARKit weights.")
        if motion.basis != self.model:
            raise InputError(
                f"The expression belongs to {motion.basis}, the model is {self.model}; coefficients of two models "
                "do not mix: give the file of the model that they were made with."
            )
        if motion.expression.shape[1] > len(self.components):
            raise InputError(f"The motion has {motion.expression.shape[1]} coefficients, {self.model} fewer.")
        count = motion.frame_count
        expression = np.zeros((count, len(self.components)))
        expression[:, : motion.expression.shape[1]] = motion.expression
        jaw = np.zeros((count, 3)) if motion.jaw_pose is None else motion.jaw_pose.astype(np.float64)

        def moved(part: slice) -> FloatArray:
            return self._posed(expression[part], jaw[part]) - self.points

        weights, residual, seen = solve_weights(self.shapes, self.weight, self.millimetres, moved, count)
        arkit, tongue = weights[:, : len(ARKIT)].astype(np.float32), weights[:, len(ARKIT) :].astype(np.float32)
        return replace(motion, arkit=arkit, tongue=tongue if seen[len(ARKIT) :].any() else motion.tongue), residual

    def _jaw(self, arkit: FloatArray) -> FloatArray:
        """(T, 3) axis-angle for weights (T, 52): a shape goes along the chord of the arc that the joint describes."""
        total = np.linalg.norm(self.turns, axis=1)
        angle = np.arctan2(arkit * np.sin(total), 1 - arkit * (1 - np.cos(total)))
        jaw: FloatArray = angle @ (self.turns / np.maximum(total, 1e-12)[:, None])
        return jaw

    def _posed(self, expression: FloatArray, jaw: FloatArray) -> FloatArray:
        """(T, N, 3) the points as the model has them."""
        before = self.points + np.einsum("te,enx->tnx", expression, self.components, optimize=True)
        posed: FloatArray = before + self._turned(before, jaw)
        return posed

    def _turned(self, points: FloatArray, jaw: FloatArray) -> FloatArray:
        """(T, N, 3) how far the jaw carries points (T, N, 3)."""
        turn = to_matrix(jaw) - np.eye(3)
        carried: FloatArray = self.follows[:, None] * ((points - self.joint) @ turn.transpose(0, 2, 1))
        return carried

    def _jaw_undone(self, points: FloatArray, jaw: FloatArray) -> FloatArray:
        """(T, N, 3) where points must be so that the jaw carries them to (T, N, 3)."""
        before = points
        for _ in range(_ROUNDS):
            before = points - self._turned(before, jaw)
        return before

    def _rows(self, fields: FloatArray) -> FloatArray:
        rows: FloatArray = (fields * np.sqrt(self.weight)[:, None]).reshape(len(fields), -1)
        return rows

    def _distance(self, first: FloatArray, second: FloatArray) -> FloatArray:
        square = ((first - second) ** 2).sum(2) @ self.weight
        distance: FloatArray = self.millimetres * np.sqrt(square)
        return distance


def solve_weights(
    shapes: FloatArray, weight: FloatArray, millimetres: float, moved: Callable[[slice], FloatArray], count: int
) -> tuple[FloatArray, FloatArray, NDArray[np.bool_]]:
    """Return the weights (T, 68) in 0..1 that come nearest to the motion of points, the residual (T,), and their mask.

    mouthClose never exceeds jawOpen: the pair is solved for as an open mouth and a jaw that is open behind closed
    lips, which is what the two mean together.

    Args:
        shapes: (68, N, 3) what the ARKit and tongue shapes at 1 move.
        weight: (N,) how much a point counts; the sum is 1.
        millimetres: of one unit of length of the points.
        moved: gives (t, N, 3), how far the points of some frames are from rest.
        count: frames.

    Returns:
        weights, residual (root mean square) in millimetres, and (68,) whether a shape moves the points at all.
    """

    def rows(fields: FloatArray) -> FloatArray:
        scaled: FloatArray = (fields * np.sqrt(weight)[:, None]).reshape(len(fields), -1)
        return scaled

    paired = shapes.copy()
    paired[_CLOSE] += paired[_OPEN]
    columns = rows(paired)
    gram = columns @ columns.T
    seen = millimetres * np.sqrt(np.diag(gram)) > _UNSEEN  # a face without a tongue has no data on it
    ridge = np.diag(RIDGE * np.diag(gram) + np.where(seen, 0.0, 1.0))
    right = np.zeros((count, len(columns)))
    for part in _pieces(count):
        right[part] = rows(moved(part)) @ columns.T
    right[:, ~seen] = 0.0
    weights = solve_bounded(gram + ridge, right, np.zeros(len(columns)), np.ones(len(columns)))
    weights[:, _OPEN] = np.minimum(weights[:, _OPEN] + weights[:, _CLOSE], 1.0)
    residual = np.zeros(count)
    for part in _pieces(count):
        there = np.einsum("ts,snx->tnx", weights[part], shapes, optimize=True)
        residual[part] = millimetres * np.sqrt(((there - moved(part)) ** 2).sum(2) @ weight)
    return weights, residual, seen


def bridge(model: ParametricModel) -> ArkitFlameBridge:
    """Lay the open head over a FLAME model. Takes some seconds for other models than the open head itself.

    Raises:
        InputError: where the model is none of FLAME's, or has no expression.
    """
    if model.kind != "flame" or model.expression_count == 0:
        raise InputError(f"{model.name} is not a FLAME model with expressions; choose a FLAME file or open-head.")
    head = OpenHeadShapes.read()
    same = model.template.shape == head.template.shape and np.abs(model.template - head.template).max() < 1e-6
    chosen = head.chosen if same else head.skin
    components = np.moveaxis(np.asarray(model.expression_directions, np.float32), 2, 0)
    follows, joint = model.weights[:, _JAW].astype(np.float64), model.rest_joints[_JAW].astype(np.float64)
    if same:
        corners, share = np.repeat(chosen[:, None], 3, 1), np.full((len(chosen), 3), 1 / 3)
        similarity = SimilarityTransform(1.0, np.eye(3), np.zeros(3))
    else:
        found = lay_over(head, TriangleMesh(model.template.astype(np.float64), model.faces))
        moving = np.searchsorted(head.surface_vertices, chosen)
        corners, share, similarity = found.corners[moving], found.weights[moving], found.similarity
    back = similarity.rotation / similarity.scale
    return ArkitFlameBridge(
        model=model.name,
        points=np.einsum("nc,ncx->nx", share, model.template.astype(np.float64)[corners]),
        shapes=head.shapes[:, chosen].astype(np.float64) @ back,
        turns=head.turns @ similarity.rotation,
        components=np.einsum("nc,encx->enx", share, components[:, corners], optimize=True).astype(np.float64),
        follows=np.einsum("nc,nc->n", share, follows[corners]),
        joint=joint,
        weight=head.importance[chosen] / head.importance[chosen].sum(),
        millimetres=1000 * similarity.scale,
    )


def to_flame(motion: Motion, model: ParametricModel | str | Path = "open-head") -> tuple[Motion, FloatArray]:
    """ARKit weights to the expression and jaw of a model, which is given as `load_model` takes it.

    The conversion goes through the mesh (bounded least squares): see `ArkitFlameBridge.to_flame`.

    Returns:
        The motion with `expression`, `basis` and `jaw_pose`, and (T,) how far it is off in millimetres.

    Raises:
        InputError: where the motion has no ARKit weights, or the model is none of FLAME's.

    Examples:
        >>> motion, off = ac.to_flame(ac.load("take.npz"), "open-head")
        >>> motion.basis, motion.expression.shape[1]
        ('open-head', 64)
        >>> bool(off.max() < 1)
        True
    """
    model = as_model(model)
    if blendshape_head.is_blendshape_head(model):
        return blendshape_head.to_expression(motion, model), np.zeros(motion.frame_count)
    return bridge(model).to_flame(motion)


def to_arkit(motion: Motion, model: ParametricModel | str | Path = "open-head") -> tuple[Motion, FloatArray]:
    """Expression and jaw of a model, given as `load_model` takes it, to ARKit weights; `ArkitFlameBridge.to_arkit`.

    Raises:
        InputError: where the motion has no expression of this model, or the model is none of FLAME's.

    Examples:
        >>> there, _ = ac.to_flame(ac.load("take.npz"))
        >>> back, off = ac.to_arkit(there)
        >>> bool(np.abs(back["jawOpen"] - there["jawOpen"]).max() < 0.05)
        True
    """
    return bridge(as_model(model)).to_arkit(motion)


@dataclass(frozen=True)
class OpenHeadShapes:
    """The open head with its ARKit and tongue shapes as fields.

    `skin` and `chosen` are vertices that any shape moves: of the skin, and of skin and tongue. `surface_vertices` is
    the whole skin, whose triangles are `surface`.
    """

    template: NDArray[np.float32]
    shapes: FloatArray
    turns: FloatArray
    importance: FloatArray
    skin: IntArray
    chosen: IntArray
    surface_vertices: IntArray
    surface: IntArray

    @classmethod
    def read(cls) -> OpenHeadShapes:
        """Read it from the assets."""
        data = reading.arrays(FOLDER / "open_head.npz")
        names = [str(name) for name in data["arkit_names"]]
        tongue_names = [str(name) for name in data["tongue_names"]]
        order = [names.index(name) for name in ARKIT]
        tongue = data["tongue_to_expression"][[tongue_names.index(name) for name in TONGUE]]
        turns = data["arkit_to_jaw"][order].astype(np.float64)
        mixed = np.concatenate([data["arkit_to_expression"][order], tongue]).astype(np.float64)
        template = data["v_template"]
        first, many = data["shapedirs"].shape[2] - 100, mixed.shape[1]
        components = data["shapedirs"][:, :, first : first + many].astype(np.float64)
        shapes = np.einsum("se,vxe->svx", mixed, components, optimize=True)
        rest = template.astype(np.float64)
        joint = data["J_regressor"][_JAW].astype(np.float64) @ rest
        follows = data["weights"][:, _JAW].astype(np.float64)
        for shape, turn in zip(shapes, turns, strict=False):
            shape += follows[:, None] * ((rest + shape - joint) @ (to_matrix(turn) - np.eye(3)).T)
        parts, part_of = [str(name) for name in data["part_names"]], data["part_of_vertex"]
        faces, landmarks = data["f"].astype(np.int64), data["lmk_faces_idx"]
        marks = np.einsum("lc,lcx->lx", data["lmk_bary_coords"].astype(np.float64), rest[faces[landmarks]])
        moved = np.abs(shapes).max((0, 2)) > 1e-4
        surface = np.flatnonzero(part_of == parts.index("skin"))
        place = np.full(len(template), -1)
        place[surface] = np.arange(len(surface))
        triangles = place[faces]
        return cls(
            template=template,
            shapes=shapes,
            turns=turns,
            importance=_importance(rest, faces, marks),
            skin=np.flatnonzero(moved & (part_of == parts.index("skin"))),
            chosen=np.flatnonzero(moved & np.isin(part_of, [parts.index("skin"), parts.index("tongue")])),
            surface_vertices=surface,
            surface=triangles[(triangles >= 0).all(1)],
        )


def _importance(rest: FloatArray, faces: IntArray, marks: FloatArray) -> FloatArray:
    """(V,) the area around each vertex, eight times as much on the lips and four times on the lids."""
    a, b, c = rest[faces].transpose(1, 0, 2)
    area = np.linalg.norm(np.cross(b - a, c - a), axis=1) / 6
    weight = np.bincount(faces.ravel(), np.repeat(area, 3), minlength=len(rest))
    factor = np.ones(len(rest))
    for which, most in ((_LIPS, 8.0), (_EYES, 4.0)):
        distance = np.linalg.norm(rest[:, None] - marks[which][None], axis=2).min(1)
        factor = np.maximum(factor, most * np.exp(-((distance / 0.01) ** 2)))
    importance: FloatArray = weight * factor
    return importance


def lay_over(head: OpenHeadShapes, other: TriangleMesh) -> SurfaceRegistration:
    """The open head's skin on another model, whose size and place may be anything like a head's."""
    points = head.template[head.surface_vertices].astype(np.float64)
    focus = np.isin(head.surface_vertices, head.skin) & (points[:, 2] > np.quantile(points[:, 2], 0.4))
    starts = []
    for axis in (0, 1):
        scale = float(np.ptp(points[:, axis]) / np.ptp(other.points[:, axis]))
        for shift in (points.max(0) - scale * other.points.max(0), points.mean(0) - scale * other.points.mean(0)):
            middle = points[:, 0].mean() - scale * other.points[:, 0].mean()
            starts.append(SimilarityTransform(scale, np.eye(3), np.array([middle, *shift[1:]])))
    return register_surface(TriangleMesh(points, head.surface), other, _FACE_WIDTH, focus, starts)


def _pieces(count: int) -> Iterator[slice]:
    for first in range(0, count, _FRAMES):
        yield slice(first, min(first + _FRAMES, count))
