"""Parametric people: the open head and body, and the user's own FLAME and SMPL files, posed for many frames at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from animcore.body_models import model_file, skinning
from animcore.body_models.model_file import ModelFile
from animcore.core.array_namespace import Array, alike, namespace
from animcore.core.compared_by_value import ComparedByValue
from animcore.core.shipped import shipped
from animcore.errors import InputError

OPEN_MODELS = ("open-head", "open-body")
FOLDER = shipped("assets/bodies")
_HAND_KEYS = ("hands_meanl", "hands_meanr")  # the fingers end the lists of joints of SMPL-H and SMPL-X


@dataclass(frozen=True, repr=False, eq=False)
class ParametricModel(ComparedByValue):
    """A mesh that shape, expression and the rotations of its joints move. Metres, Y up, Z forward, X to its left.

    The arrays are numpy's, float32; `on` gives the same model as torch tensors.

    Attributes:
        name: which model its coefficients belong to: the `basis` of a motion.
        named_by: the source of that (`model_file.ModelFile`).
        kind: `flame`, `smpl`, `smplh` or `smplx`.
        template: (V, 3).
        directions: (S + P + E, 3, V) offsets at coefficient 1: of S shapes, P = 9 (J - 1) or 0 pose correctives and
            E expressions. The properties below give them as (V, 3, count).
        shape_count, expression_count: S and E.
        weights: (V, J) of the vertices on the joints.
        parents: (J,) each before its children, -1 of the root.
        rest_joints: (J, 3) the joints of the template.
        joint_shape, joint_expression: (S, J, 3) and (E, J, 3): how far a coefficient of 1 carries the joints.
        mean_pose: (J, 3) axis-angle: the relaxed hands of a published file. `posed` does not add it; the smplx package
            does, unless it is given `flat_hand_mean=True`.
        faces: (F, 3) triangles.
        extras: what else the file holds, by the names of `model_file.OPTIONAL`; always numpy arrays.
    """

    name: str
    named_by: str
    kind: str
    template: Array
    directions: Array
    shape_count: int
    expression_count: int
    weights: Array
    parents: tuple[int, ...]
    rest_joints: Array
    joint_shape: Array
    joint_expression: Array
    mean_pose: Array
    faces: NDArray[np.int64]
    extras: Mapping[str, NDArray[Any]] = field(default_factory=dict)

    def __repr__(self) -> str:
        counts = f"{self.shape_count} shape and {self.expression_count} expression coefficients"
        return f"ParametricModel({self.name}: {len(self.template):,} vertices, {counts})"

    @property
    def shape_directions(self) -> Array:
        """(V, 3, S)."""
        return self._columns(0, self.shape_count)

    @property
    def pose_directions(self) -> Array:
        """(V, 3, P)."""
        return self._columns(self.shape_count, len(self.directions) - self.expression_count)

    @property
    def expression_directions(self) -> Array:
        """(V, 3, E)."""
        return self._columns(len(self.directions) - self.expression_count, len(self.directions))

    def posed(
        self,
        pose: Array | None = None,
        expression: Array | None = None,
        shape: Array | None = None,
        translation: Array | None = None,
    ) -> tuple[Array, Array]:
        """Return the vertices (T, V, 3) and the joints (T, J, 3) of T frames.

        Args:
            pose: (T, J, 3) axis-angle of each joint relative to its parent, in radians; None for the template's.
            expression: (T, E) coefficients; fewer columns are the first ones.
            shape: (S,) coefficients of the person; fewer are the first ones.
            translation: (T, 3) metres.

        Raises:
            InputError: where a shape does not fit the model or the others.
        """
        pose, expression, shape, translation = self._arguments(pose, expression, shape, translation)
        xp = namespace(self.template)
        people, faces = len(shape), expression.shape[1]
        template = self.template.T + skinning.blend_shapes(shape, self.directions[:people])
        rest = self.rest_joints + skinning.blend_shapes(shape, self.joint_shape[:people])
        rest = rest + skinning.blend_shapes(expression, self.joint_expression[:faces])
        turns = skinning.matrices(pose)
        rotations, joints = skinning.global_transforms(turns, rest, self.parents)
        joints = joints + translation[:, None]
        offsets = joints - (rotations @ rest[..., None])[..., 0]
        transforms = xp.concatenate([rotations, offsets[..., None]], -1)
        coefficients = expression
        first, last = self.shape_count, len(self.directions) - self.expression_count
        if last > first:
            bent = turns[:, 1:] - skinning.matrices(xp.zeros_like(pose[:1, 1:]))
            coefficients = xp.concatenate([bent.reshape(len(bent), -1), expression], -1)
        directions = self.directions[first : last + faces]
        return skinning.linear_blend_skinning(template, directions, coefficients, self.weights.T, transforms), joints

    def part(self, vertices: NDArray[np.integer[Any]]) -> ParametricModel:
        """Return the model of some vertices (N,) alone, posed N / V times as fast; faces between them are kept."""
        place = np.full(len(self.template), -1)
        place[vertices] = np.arange(len(vertices))
        faces = place[self.faces]
        own = {key: self.extras[key][vertices] for key in ("part_of_vertex", "body_vertices") if key in self.extras}
        return replace(
            self,
            template=self.template[vertices],
            directions=namespace(self.template).stack([plane[:, vertices] for plane in self.directions], 0),
            weights=self.weights[vertices],
            faces=faces[(faces >= 0).all(1)],
            extras={**_without_vertices(self.extras), **own},
        )

    def on(self, device: str = "cpu") -> ParametricModel:
        """Return the model with torch tensors on a device; what `posed` gives can then be differentiated.

        Raises:
            InputError: where PyTorch is not installed, or has no such device.
        """
        try:
            import torch
        except ImportError as error:
            raise InputError("Tensors need PyTorch: pip install torch, or use the model as it is.") from error
        try:
            moved: dict[str, Any] = {name: torch.as_tensor(getattr(self, name), device=device) for name in _TENSORS}
        except (RuntimeError, AssertionError) as error:
            raise InputError(f"PyTorch cannot use the device {device!r} here: {str(error).splitlines()[0]}") from error
        return replace(self, **moved)

    def _columns(self, first: int, last: int) -> Array:
        return namespace(self.template).moveaxis(self.directions[first:last], (0, 1, 2), (2, 1, 0))

    def _arguments(self, *given: Array | None) -> list[Array]:
        """Pose, expression, shape and translation as arrays of the model's kind; what is None does nothing."""
        joints = len(self.parents)
        lengths = {len(values) for index, values in enumerate(given) if values is not None and index != _SHAPE}
        count = max(lengths, default=1)
        still = ((count, joints, 3), (count, 0), (0,), (count, 3))
        wanted: tuple[tuple[int | None, ...], ...] = ((count, joints, 3), (count, None), (None,), (count, 3))
        most = (None, self.expression_count, self.shape_count, None)
        made = []
        for name, values, empty, shape, limit in zip(_ARGUMENTS, given, still, wanted, most, strict=True):
            array = alike(np.zeros(empty) if values is None else values, self.template)
            found = tuple(array.shape)
            fits = len(found) == len(shape) and all(size in (None, got) for size, got in zip(shape, found, strict=True))
            if not fits or (limit is not None and found[-1] > limit):
                raise InputError(
                    f"The {name} for {self.name} has the shape {found}; it takes {count} frames, {joints} joints, at "
                    f"most {self.expression_count} coefficients of expression and {self.shape_count} of shape."
                )
            made.append(array)
        return made


_ARGUMENTS = ("pose", "expression", "shape", "translation")
_SHAPE = _ARGUMENTS.index("shape")
_TENSORS = ("template", "directions", "weights", "rest_joints", "joint_shape", "joint_expression", "mean_pose")
_OF_FACES = ("lmk_faces_idx", "lmk_bary_coords", "vt", "ft")  # extras that lose their meaning with a part of the faces


def load_model(name: str | Path, basis: str | None = None) -> ParametricModel:
    """Return `open-head`, `open-body`, or the model in a user's file.

    Args:
        name: one of the two, or the path of a FLAME, SMPL, SMPL-H or SMPL-X file, `.npz` or `.pkl`.
        basis: which model the file is (`flame2020`, `flame2023` ...), where its name does not state it.

    Raises:
        InputError: where the file is missing, broken or something else, as for `model_file.read`.

    Examples:
        >>> head = ac.load_model("open-head")
        >>> vertices, joints = head.posed(np.zeros((2, 5, 3)), [[0.0], [1.5]])  # the first expression coefficient
        >>> vertices.shape, joints.shape
        ((2, 11514, 3), (2, 5, 3))
    """
    path = FOLDER / f"{str(name).replace('-', '_')}.npz" if str(name) in OPEN_MODELS else Path(name)
    return from_file(model_file.read(path, basis))


def as_model(given: ParametricModel | str | Path) -> ParametricModel:
    """Return a model as it is, or the one of a name or a file, as `load_model` does."""
    return given if isinstance(given, ParametricModel) else load_model(given)


def from_file(content: ModelFile) -> ParametricModel:
    """Arrange the arrays of a model file for posing."""
    arrays = content.arrays
    template = arrays["v_template"].astype(np.float32)
    first = content.first_expression
    parts = (
        arrays["shapedirs"][:, :, : content.shape_count],
        arrays["posedirs"][:, :, : None if arrays["posedirs"].any() else 0],
        arrays["shapedirs"][:, :, first : first + content.expression_count],
    )
    directions = np.concatenate([np.moveaxis(part, (0, 1, 2), (2, 1, 0)) for part in parts], dtype=np.float32)
    regressor = arrays["J_regressor"].astype(np.float64)
    shape, expression = (np.einsum("jv,vck->kjc", regressor, part, optimize=True) for part in (parts[0], parts[2]))
    parents = (-1, *(int(parent) for parent in arrays["kintree_table"][0, 1:]))
    mean_pose = np.zeros((len(parents), 3), np.float32)
    if all(key in arrays for key in _HAND_KEYS):
        hands = np.concatenate([arrays[key].reshape(-1, 3) for key in _HAND_KEYS])
        mean_pose[-len(hands) :] = hands
    return ParametricModel(
        name=content.name,
        named_by=content.named_by,
        kind=content.kind,
        template=template,
        directions=np.ascontiguousarray(directions),
        shape_count=content.shape_count,
        expression_count=content.expression_count,
        weights=arrays["weights"].astype(np.float32),
        parents=parents,
        rest_joints=(regressor @ arrays["v_template"]).astype(np.float32),
        joint_shape=shape.astype(np.float32),
        joint_expression=expression.astype(np.float32),
        mean_pose=mean_pose,
        faces=arrays["f"].astype(np.int64),
        extras={key: arrays[key] for key in model_file.OPTIONAL if key in arrays},
    )


def _without_vertices(extras: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    return {key: values for key, values in extras.items() if key not in _OF_FACES}
