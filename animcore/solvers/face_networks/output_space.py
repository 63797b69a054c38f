"""What the numbers of a face network are: ARKit weights, FLAME's expression and jaw, or the vertices of a mesh.

A frame of ARKit is the 52 weights; of FLAME the first E coefficients of the expression and the jaw's axis-angle; of
vertices how far each lies from where it rests, in the mesh's own unit: x, y, z of the first, then of the next.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from animcore.body_models import safe_unpickler
from animcore.body_models.mesh_file import mesh_beside, read_mesh
from animcore.core import reading
from animcore.core.atomic_files import whole_file
from animcore.core.vocabulary import ARKIT
from animcore.errors import InputError, readable

FloatArray = NDArray[np.float32]

KINDS = ("arkit", "flame", "vertices")
JAW = 3  # the last numbers of a frame of FLAME
TOPOLOGIES = {5023: "flame", 23370: "biwi"}  # by the number of vertices
MESH = "topology.npz"
_WIDEST = 1_000_000


@dataclass(frozen=True)
class OutputSpace:
    """What a frame of a face is.

    Attributes:
        kind: of `KINDS`.
        width: numbers of a frame: 52, E + 3, or three times the vertices.
        fps: frame rate.
        basis: of FLAME the model that the coefficients belong to, of vertices the topology (`flame`, `biwi`, `other`).
    """

    kind: str
    width: int
    fps: int
    basis: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for a model's `config.json`."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Any, where: Path) -> OutputSpace:
        """Read what `to_dict` wrote.

        Args:
            values: the value of `space`.
            where: the file that holds it.

        Raises:
            InputError: where it makes no sense.
        """
        if not isinstance(values, Mapping) or set(values) != {"kind", "width", "fps", "basis"}:
            raise InputError(f"{where} does not state what the model's numbers are; train or download it again.")
        kind, width, fps, basis = (values[name] for name in ("kind", "width", "fps", "basis"))
        whole = all(isinstance(value, int) and not isinstance(value, bool) for value in (width, fps))
        fits = whole and kind in KINDS and 1 <= fps <= 240 and 0 < width <= _WIDEST and isinstance(basis, str)
        fits = fits and (kind != "arkit" or width == len(ARKIT)) and (kind != "vertices" or width % 3 == 0)
        if not fits or (kind == "flame" and width <= JAW):
            raise InputError(f"{where} describes impossible faces ({dict(values)}); train or download it again.")
        return cls(kind, width, fps, basis)


@dataclass(frozen=True)
class MeshTopology:
    """The mesh whose vertices a model moves.

    Attributes:
        template: (V, 3) float32 at rest, in a unit of its own, upright.
        faces: (F, 3) int64 triangles.
    """

    template: FloatArray
    faces: NDArray[np.int64]

    def save(self, folder: str | Path) -> None:
        """Write it next to a model's weights.

        Raises:
            InputError: where it cannot be written.
        """
        folder = Path(folder)
        with whole_file(folder / MESH) as temporary, temporary.open("wb") as handle:
            np.savez_compressed(handle, template=self.template, faces=self.faces)

    @classmethod
    def beside(cls, folder: Path, vertices: int | None = None) -> MeshTopology | None:
        """Return the mesh that lies with data or published weights, or in their `templates`; None where there is none.

        Args:
            folder: of the data or of the weights.
            vertices: that the mesh must have, where that is known.

        Raises:
            InputError: where it cannot be read, or has another number of vertices.
        """
        path = mesh_beside(folder)
        if path is None:
            return None
        found = cls(*checked(*read_mesh(path), path))
        if vertices is not None and len(found.template) != vertices:
            count = len(found.template)
            raise InputError(f"{path.name} has {count} vertices, the model {vertices}: it is another mesh.")
        return found

    @classmethod
    def load(cls, folder: str | Path) -> MeshTopology | None:
        """Return the mesh of a model's folder, None where it has none.

        Raises:
            InputError: where the file is damaged.
        """
        folder = Path(folder)
        path = folder / MESH
        if not path.is_file():
            return None
        with readable(f"{path} is cut off or damaged", "train or download the model again"):
            data = reading.arrays(path, ("template", "faces"))
            template, faces = data["template"].astype(np.float32), data["faces"].astype(np.int64)
        return cls(*checked(template, faces, path))


def templates(path: Path) -> dict[str, FloatArray]:
    """Return each person's face at rest by name, (V, 3), of the `templates.pkl` of VOCASET or BIWI; nothing is run.

    Raises:
        InputError: where it is cut off, damaged, would run code, or holds something else.
    """
    content = safe_unpickler.load(path)
    found = {name: safe_unpickler.array(value, f"{name} of {path.name}") for name, value in content.items()}
    for name, values in found.items():
        if values.dtype.kind not in "iuf" or not values.size or values.size % 3 or not np.isfinite(values).all():
            raise InputError(f"{name} of {path.name} holds no face at rest (three numbers for each vertex).")
    return {name: values.astype(np.float32).reshape(-1, 3) for name, values in found.items()}


def checked(template: FloatArray, faces: NDArray[np.int64], where: Path) -> tuple[FloatArray, NDArray[np.int64]]:
    """Return points (V, 3) and triangles (F, 3) of a mesh.

    Raises:
        InputError: where they are no mesh.
    """
    fits = template.ndim == 2 and template.shape[1] == 3 and faces.ndim == 2 and faces.shape[1] == 3 and len(faces) > 0
    if not fits or not np.isfinite(template).all() or faces.min() < 0 or faces.max() >= len(template):
        raise InputError(f"{where} holds no mesh of triangles; export it again.")
    return template, faces
