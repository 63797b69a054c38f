"""The vertices of a moving face to ARKit weights: for models that move a mesh, whatever its topology and its unit.

The open head, whose ARKit shapes are known, is laid over the mesh at rest; the weights are those whose shapes, at
the same places of the skin, come nearest to how the mesh moves (bounded least squares, as in `arkit_to_flame`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from animcore.body_models.arkit_to_flame import FloatArray, IntArray, OpenHeadShapes, lay_over, solve_weights
from animcore.core.vocabulary import ARKIT
from animcore.errors import InputError
from animcore.geometry.surface_registration import TriangleMesh


@dataclass(frozen=True)
class VertexBridge:
    """Where N points of the open head's skin lie on a mesh of V vertices, and what ARKit's shapes do to them there.

    Attributes:
        corners: (N, 3) vertices of the mesh around each point.
        share: (N, 3) their barycentric weights.
        shapes: (68, N, 3) what the 52 ARKit and 16 tongue shapes at 1 move, in the mesh's frame.
        weight: (N,) how much a point counts; the sum is 1.
        millimetres: of one unit of length of the mesh, if its head is as large as the open head's.
        count: V.
    """

    corners: IntArray
    share: FloatArray
    shapes: FloatArray
    weight: FloatArray
    millimetres: float
    count: int

    @classmethod
    def over(cls, template: NDArray[np.floating[Any]], faces: NDArray[np.integer[Any]]) -> VertexBridge:
        """Lay the open head over a mesh. Takes some seconds.

        Args:
            template: (V, 3) a face at rest, upright within some twenty degrees and looking along Z, in any unit.
            faces: (F, 3) triangles.

        Raises:
            InputError: where the mesh has no surface.
        """
        head = OpenHeadShapes.read()
        found = lay_over(head, TriangleMesh(template.astype(np.float64), faces.astype(np.int64)))
        moving = np.searchsorted(head.surface_vertices, head.skin)
        back = found.similarity.rotation / found.similarity.scale
        importance = head.importance[head.skin]
        return cls(
            corners=found.corners[moving],
            share=found.weights[moving],
            shapes=head.shapes[:, head.skin].astype(np.float64) @ back,
            weight=importance / importance.sum(),
            millimetres=1000 * found.similarity.scale,
            count=len(template),
        )

    def to_arkit(self, moved: NDArray[np.floating[Any]]) -> tuple[NDArray[np.float32], FloatArray]:
        """Return ARKit weights (T, 52) in 0..1 and the residual (T,), root mean square in millimetres.

        Args:
            moved: (T, V, 3) how far each vertex is from where it rests.

        Raises:
            InputError: where it is another mesh's, or holds values that are not numbers.
        """
        if moved.ndim != 3 or moved.shape[1:] != (self.count, 3):
            raise InputError(f"The face moves {moved.shape[1:]} where the mesh has {self.count} vertices.")
        if not np.isfinite(moved).all():
            raise InputError("The vertices of the face hold values that are not numbers (NaN or infinite).")

        def points(part: slice) -> FloatArray:
            carried: FloatArray = np.einsum("nc,tncx->tnx", self.share, moved[part][:, self.corners], optimize=True)
            return carried

        weights, residual, _ = solve_weights(self.shapes, self.weight, self.millimetres, points, len(moved))
        return weights[:, : len(ARKIT)].astype(np.float32), residual
