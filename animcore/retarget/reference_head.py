"""The head that every rig is compared with: the default character's, and what each track does to it."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from animcore.core import reading
from animcore.core.shipped import shipped
from animcore.core.vocabulary import ARKIT
from animcore.retarget.source_tracks import INDEX, SOURCES

FloatArray = NDArray[np.float64]

HEAD = shipped("assets/retarget/head.npz")

LIP_GAP = 0.5  # what the opening of the lips counts, next to all the rest of the face
MEANING = 0.05  # what a track counts by its name alone: two shapes that look alike stay two
_UNSEEN = 4e-6  # square metres that a track counts which the skin does not show: the tongue, the head


@dataclass(frozen=True)
class ReferenceHead:
    """The reference head; metres, Y up, Z forward, X to the character's left.

    Attributes:
        rest: (V, 3) vertices.
        triangles: (F, 3).
        delta: (52, V, 3) what each ARKit shape at 1 moves.
        importance: (V,) how much a vertex counts; the sum is 1.
        lip_pairs: (P, 2) vertices of the upper and the lower lip that touch at rest.
        eyes: (2, 3) centres of the left and the right eyeball.
        eye_distance: between the outer corners of the eyes.
    """

    rest: FloatArray
    triangles: NDArray[np.int64]
    delta: NDArray[np.float32]
    importance: FloatArray
    lip_pairs: NDArray[np.int64]
    eyes: FloatArray
    eye_distance: float

    def rows(self, fields: NDArray[np.floating[Any]]) -> FloatArray:
        """(K, N) displacement fields (K, V, 3) as rows whose dot products measure similarity.

        A row holds the displacement of every vertex, times the root of its importance, and the opening of the lips.
        """
        weighted = fields * np.sqrt(self.importance)[:, None]
        upper, lower = self.lip_pairs.T
        gap = (fields[:, upper, 1] - fields[:, lower, 1]) * np.sqrt(LIP_GAP / len(upper))
        rows: FloatArray = np.concatenate([weighted.reshape(len(fields), -1), gap], 1, dtype=np.float64)
        return rows

    @functools.cached_property
    def shapes(self) -> FloatArray:
        """(52, N) the rows of the ARKit shapes."""
        return self.rows(self.delta)

    @functools.cached_property
    def meaning(self) -> FloatArray:
        """(S, S) how alike two tracks are in what they do, with a part that each has for itself."""
        alike = np.zeros((len(SOURCES), len(SOURCES)))
        face = slice(0, len(ARKIT))
        alike[face, face] = self.shapes @ self.shapes.T
        own = MEANING * np.diag(alike)
        alike[np.diag_indices(len(SOURCES))] += np.where(own > 0, own, _UNSEEN)
        return alike


@functools.cache
def reference() -> ReferenceHead:
    """Read the reference head."""
    data = reading.arrays(HEAD)
    names = [str(name) for name in data["names"]]
    rest = data["rest"].astype(np.float64)
    delta = np.zeros((len(ARKIT), len(rest), 3), np.float32)
    delta[:, data["moved"]] = data["delta"][[names.index(name) for name in ARKIT]]
    pairs = data["lip_pairs"].astype(np.int64)
    apart = np.linalg.norm(rest[pairs[:, 0]] - rest[pairs[:, 1]], axis=1)
    importance = data["importance"].astype(np.float64)
    return ReferenceHead(
        rest=rest,
        triangles=data["triangles"].astype(np.int64),
        delta=delta,
        importance=importance / importance.sum(),
        lip_pairs=pairs[apart < 1.5e-3],
        eyes=data["eyes"].astype(np.float64),
        eye_distance=float(data["eye_distance"]),
    )


def row_of(recipe: dict[str, float]) -> FloatArray:
    """(S,) a recipe, track -> weight, as a row.

    Raises:
        KeyError: for a track that does not exist.
    """
    row = np.zeros(len(SOURCES))
    for name, weight in recipe.items():
        row[INDEX[name]] = weight
    return row
