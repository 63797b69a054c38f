"""The default face as numbers: what weights do to its lips and skin, in millimetres. Needs numpy alone."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from animcore.core import reading
from animcore.core.shipped import shipped
from animcore.core.vocabulary import ARKIT
from animcore.errors import readable

Array = NDArray[np.floating[Any]]

ASSETS = shipped("assets")
BASIS = ASSETS / "character" / "face_basis.npz"
MM = 1000.0
_BLOCK = 256  # frames whose vertices are held at once


@dataclass(frozen=True)
class ReferenceFace:
    """A head as the linear sum of its 52 shapes, in the order of `vocabulary.ARKIT`; metres.

    Attributes:
        probes: (4, 3) inner lip above and below, left and right corner, at rest.
        probe_deltas: (52, 4, 3) what each shape adds.
        lip_deltas: (52, L, 3) of the lips and the skin around them.
        face_deltas: (52, N, 3) of all skin that any shape moves.
        upper: (N,) bool, which of that lies above the lower edge of the eyeballs: eyes, brows and forehead.
        eye_distance: between the outer corners of the eyes.
        up: the axis that points up, 1 for Y.
    """

    probes: Array
    probe_deltas: Array
    lip_deltas: Array
    face_deltas: Array
    upper: NDArray[np.bool_]
    eye_distance: float
    up: int = 1

    @property
    def whole(self) -> bool:
        """Whether there is more of it than the lips."""
        return bool(self.upper.any())

    def opening(self, weights: Array) -> Array:
        """(T,) how far the lips are apart beyond rest over the distance of the eyes, from (T, 52); 0 where crossed."""
        points = self._probes_at(weights)
        rest = np.linalg.norm(self.probes[0] - self.probes[1])
        gap = np.linalg.norm(points[:, 0] - points[:, 1], axis=1) - rest
        crossed = points[:, 0, self.up] < points[:, 1, self.up]
        opening: Array = np.where(crossed, 0.0, np.maximum(gap, 0.0)) / self.eye_distance
        return opening

    def width(self, weights: Array) -> Array:
        """(T,) the distance of the mouth's corners over that of the eyes, from (T, 52)."""
        points = self._probes_at(weights)
        width: Array = np.linalg.norm(points[:, 2] - points[:, 3], axis=1) / self.eye_distance
        return width

    def lips(self, weights: Array) -> Array:
        """(T, L, 3) displacements of the lip vertices in millimetres."""
        return MM * _apply(self.lip_deltas, weights)

    def skin(self, weights: Array) -> Array:
        """(T, N, 3) displacements of all skin vertices in millimetres."""
        return MM * _apply(self.face_deltas, weights)

    def _probes_at(self, weights: Array) -> Array:
        points: Array = self.probes + _apply(self.probe_deltas, weights)
        return points


def load(path: str | Path = BASIS, up: int = 1) -> ReferenceFace:
    """Read a face basis: names, probe, lip and face `_rest` and `_delta`, eye_distance, eye_centre, eye_radius.

    A basis without the whole face (names, probes and lips alone) has its lips for the face and no upper face.

    Raises:
        InputError: when the file is missing, broken or no such basis.
    """
    path = Path(path)
    with readable(f"{path.name} is not a face basis", "see animcore/evaluation/face/reference_face.py"):
        basis = reading.arrays(path)
        names = [str(name) for name in basis["names"]]
        order = [names.index(name) for name in ARKIT]
        part = "face" if "face_rest" in basis else "lip"
        upper = np.zeros(len(basis[f"{part}_rest"]), bool)
        if part == "face":
            upper = basis["face_rest"][:, up] > basis["eye_centre"][:, up].mean() - basis["eye_radius"]
        return ReferenceFace(
            probes=basis["probe_rest"].astype(np.float64),
            probe_deltas=basis["probe_delta"][order].astype(np.float64),
            lip_deltas=basis["lip_delta"][order].astype(np.float32),
            face_deltas=basis[f"{part}_delta"][order].astype(np.float32),
            upper=upper,
            eye_distance=float(basis["eye_distance"]),
            up=up,
        )


@functools.cache
def default() -> ReferenceFace:
    """Return the default character's face."""
    return load()


def blocks(count: int) -> Iterator[slice]:
    """Cut frames into pieces whose vertices fit into memory, however long the take."""
    return (slice(first, first + _BLOCK) for first in range(0, count, _BLOCK))


def _apply(deltas: Array, weights: Array) -> Array:
    """(T, V, 3) = (T, 52) on (52, V, 3)."""
    flat: Array = weights.astype(deltas.dtype) @ deltas.reshape(len(deltas), -1)
    return flat.reshape(len(weights), deltas.shape[1], 3)
