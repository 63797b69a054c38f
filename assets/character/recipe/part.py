"""A part of the character before Blender sees it: a mesh with shapes, bone weights and per-vertex numbers."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from person import Person
from scipy.spatial import cKDTree

from animcore.core.vocabulary import ARKIT


@dataclass
class Part:
    """One mesh object. Metres, Z up, the face looks along -Y.

    vertices (V, 3); faces: lists of vertex indices; material_of (F,) index into `materials`; deltas: shape name ->
    (V, 3); weights: bone name -> (V,) in 0..1; attributes: name -> (V,) or (V, 3); uv (loops, 2) or none; levels:
    smoothing subdivisions in the viewport and in renders.
    """

    name: str
    vertices: np.ndarray
    faces: list[list[int]]
    materials: list[str]
    deltas: dict[str, np.ndarray] = field(default_factory=dict)
    weights: dict[str, np.ndarray] = field(default_factory=dict)
    attributes: dict[str, np.ndarray] = field(default_factory=dict)
    material_of: np.ndarray | None = None
    uv: np.ndarray | None = None
    levels: tuple[int, int] = (0, 0)

    def rigid(self, bone: str) -> Part:
        """Hang every vertex on one bone and return the part."""
        self.weights = {bone: np.ones(len(self.vertices))}
        return self

    def keep_moving_shapes(self, least: float = 2e-5) -> Part:
        """Drop the shapes that move nothing by more than `least` metres and return the part."""
        self.deltas = {name: delta for name, delta in self.deltas.items() if np.abs(delta).max() > least}
        return self


def triangles(faces: np.ndarray | list[list[int]]) -> np.ndarray:
    """Return (T, 3) vertex indices: every polygon as a fan."""
    return np.array(
        [[face[0], face[k], face[k + 1]] for face in faces for k in range(1, len(face) - 1)], dtype=np.int64
    )


def vertex_normals(vertices: np.ndarray, faces: np.ndarray | list[list[int]]) -> np.ndarray:
    """Return area-weighted unit normals (V, 3)."""
    fans = triangles(faces)
    corners = vertices[fans]
    across = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals = np.zeros_like(vertices)
    for column in range(3):
        np.add.at(normals, fans[:, column], across)
    return normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)


class Surface:
    """A triangle surface that answers: where is the nearest point, and how do points tied to it move."""

    def __init__(self, vertices: np.ndarray, faces: np.ndarray | list[list[int]]) -> None:
        """Take vertices (V, 3) and polygons."""
        self.vertices = vertices
        self.fans = triangles(faces)
        self.normals = vertex_normals(vertices, faces)
        self._tree = cKDTree(vertices[self.fans].mean(1))

    def nearest(self, points: np.ndarray, candidates: int = 12) -> tuple[np.ndarray, np.ndarray]:
        """Return for points (P, 3) the nearest triangle's corners (P, 3) and barycentric weights (P, 3)."""
        _, found = self._tree.query(points, k=candidates)
        best = np.full(len(points), np.inf)
        corners = np.zeros((len(points), 3), dtype=np.int64)
        weights = np.zeros((len(points), 3))
        for column in range(candidates):
            fan = self.fans[found[:, column]]
            bary = barycentric(points, self.vertices[fan])
            distance = np.linalg.norm((bary[:, :, None] * self.vertices[fan]).sum(1) - points, axis=1)
            better = distance < best
            best[better], corners[better], weights[better] = distance[better], fan[better], bary[better]
        return corners, weights

    def signed_distance(self, points: np.ndarray) -> np.ndarray:
        """Return metres (P,) from the surface, positive on the side its normals point to."""
        corners, bary = self.nearest(points)
        foot = (bary[:, :, None] * self.vertices[corners]).sum(1)
        normal = (bary[:, :, None] * self.normals[corners]).sum(1)
        offset = points - foot
        return np.sign((offset * normal).sum(1)) * np.linalg.norm(offset, axis=1)


def barycentric(points: np.ndarray, fans: np.ndarray) -> np.ndarray:
    """Return weights (P, 3) of the point in each triangle (P, 3, 3) that is close to each point, clamped inside."""
    first, second = fans[:, 1] - fans[:, 0], fans[:, 2] - fans[:, 0]
    offset = points - fans[:, 0]
    d00, d01, d11 = (first**2).sum(1), (first * second).sum(1), (second**2).sum(1)
    d20, d21 = (offset * first).sum(1), (offset * second).sum(1)
    scale = np.maximum(d00 * d11 - d01**2, 1e-20)
    v, w = (d11 * d20 - d01 * d21) / scale, (d00 * d21 - d01 * d20) / scale
    weights = np.clip(np.stack([1 - v - w, v, w], 1), 0, 1)
    return weights / np.maximum(weights.sum(1, keepdims=True), 1e-12)


def carried_deltas(person: Person, surface: Surface, points: np.ndarray) -> dict[str, np.ndarray]:
    """Return the 52 shapes of the skin read at points (P, 3) near it."""
    corners, bary = surface.nearest(points)
    return {name: (bary[:, :, None] * person.deltas[index][corners]).sum(1) for index, name in enumerate(ARKIT)}


def strands(
    paths: np.ndarray, sideways: np.ndarray, widths: np.ndarray, taper: np.ndarray
) -> tuple[np.ndarray, list[list[int]], np.ndarray]:
    """Turn paths (S, N, 3) into flat tapered ribbons.

    sideways (S, N, 3) unit vectors across; widths (S,) metres at the widest; taper (N,) share of that width.
    Returns vertices (S * N * 2, 3), quads, and the place along the strand (V,) in 0..1.
    """
    count, length = paths.shape[:2]
    half = 0.5 * widths[:, None, None] * taper[None, :, None] * sideways
    vertices = np.stack([paths - half, paths + half], 2).reshape(-1, 3)
    faces = []
    for strand in range(count):
        base = strand * length * 2
        for step in range(length - 1):
            corner = base + 2 * step
            faces.append([corner, corner + 1, corner + 3, corner + 2])
    along = np.broadcast_to(np.linspace(0, 1, length)[None, :, None], (count, length, 2)).reshape(-1)
    return vertices, faces, along.copy()
