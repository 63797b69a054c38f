"""The data of stage 1 as one record, with the few geometric questions that every later step asks."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))
from animcore.core.vocabulary import ARKIT

SKIN = slice(0, 13380)
TONGUE = slice(13380, 13606)
EYES = {"left": slice(14598, 14670), "right": slice(14670, 14742)}
LOWER_TEETH = slice(14992, 15060)
UPPER_TEETH = slice(15060, 15128)


@dataclass
class Person:
    """The person of stage 1: metres, Z up, the face looks along -Y, the character's left is +X.

    vertices (V, 3); quads (F, 4) with groups (F,) and uv (F, 4, 2); deltas (52, V, 3) in the order of ARKIT;
    bone_heads (B, 3); weights as bone indices and values (V, K); masks (V, M) in 0..1 with mask_names.
    """

    vertices: np.ndarray
    quads: np.ndarray
    groups: np.ndarray
    uv: np.ndarray
    deltas: np.ndarray
    bone_names: list[str]
    bone_heads: np.ndarray
    weight_bones: np.ndarray
    weight_values: np.ndarray
    mask_names: list[str]
    masks: np.ndarray

    @classmethod
    def load(cls, path: Path) -> Person:
        """Read the file that export_anny.py wrote."""
        data = np.load(path, allow_pickle=False)
        names = [str(name) for name in data["face_names"]]
        return cls(
            vertices=data["vertices"].astype(np.float64),
            quads=data["quads"],
            groups=data["quad_groups"],
            uv=data["quad_uv"],
            deltas=data["face_deltas"][[names.index(name) for name in ARKIT]].astype(np.float64),
            bone_names=[str(name) for name in data["bone_names"]],
            bone_heads=data["bone_heads"].astype(np.float64),
            weight_bones=data["weight_bones"],
            weight_values=data["weight_values"].astype(np.float64),
            mask_names=[str(name) for name in data["mask_names"]],
            masks=data["masks"],
        )

    def delta(self, name: str) -> np.ndarray:
        """Return the (V, 3) offsets of one ARKit shape, as a view that may be written to."""
        return self.deltas[ARKIT.index(name)]

    def posed(self, **shapes: float) -> np.ndarray:
        """Return the (V, 3) vertices with the named shapes at the given weights."""
        result = self.vertices.copy()
        for name, weight in shapes.items():
            result += weight * self.delta(name)
        return result

    def mask(self, name: str) -> np.ndarray:
        """Return the (V,) painted mask of that name."""
        return self.masks[:, self.mask_names.index(name)]

    def bone(self, name: str) -> np.ndarray:
        """Return the head (3,) of one of anny's bones."""
        return self.bone_heads[self.bone_names.index(name)]

    def eye_sphere(self, side: str) -> tuple[np.ndarray, float]:
        """Return centre (3,) and radius of the sphere that fits the helper eyeball of `side` best."""
        points = self.vertices[EYES[side]]
        system = np.c_[2 * points, np.ones(len(points))]
        solution = np.linalg.lstsq(system, (points**2).sum(1), rcond=None)[0]
        centre = solution[:3]
        return centre, float(np.sqrt(solution[3] + centre @ centre))


def y_up(points: np.ndarray) -> np.ndarray:
    """Turn (..., 3) from Z up, facing -Y, to Y up, facing +Z (X stays the character's left)."""
    return np.stack([points[..., 0], points[..., 2], -points[..., 1]], -1)
