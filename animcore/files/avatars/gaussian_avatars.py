"""Avatars of GaussianAvatars: Gaussians on the triangles of FLAME, and the parameters that move it.

A folder as their training leaves it: `point_cloud.ply` with `binding_0` (ply.py) and `flame_param.npz` (flame.py) with
`shape` and `static_offset`, the person's own displacement (1, V, 3). Theirs is FLAME 2023 with teeth that VHAP adds at
the end: 5,143 vertices where the plain one has 5,023. On the plain one such an avatar goes without its teeth.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from animcore.body_models.parametric_model import ParametricModel
from animcore.errors import InputError
from animcore.files import npz_arrays
from animcore.files.animation_curves import FormatOptions
from animcore.files.avatars import open_any_splats
from animcore.files.body_motion import flame
from animcore.files.export_and_verify import export
from animcore.files.splats.base import Notes
from animcore.gaussians.gaussians import Gaussians
from animcore.hybrid_head.head_model import HybridHead
from animcore.motion import Motion

PARAMETERS = "flame_param.npz"
_PLAIN, _WITH_TEETH = 5023, 5143  # vertices of FLAME and of VHAP's
_RATE = Fraction(25)  # of NeRSemble's videos as GaussianAvatars takes them; the files do not state it


@dataclass(frozen=True)
class GaussianAvatar:
    """What such a folder holds.

    Attributes:
        name: of the file.
        splats: bound to triangles.
        motion: that it was tracked with, None where there are no parameters.
        shape: (S,) coefficients of the person, empty where they are not known.
        offset: (V, 3) metres from the model's vertices to the person's, None where it is not known.
        notes: a sentence for each thing that was noticed.
    """

    name: str
    splats: Gaussians
    motion: Motion | None
    shape: NDArray[np.float32]
    offset: NDArray[np.float32] | None
    notes: Notes

    def check(self, model: str, vertices: int, faces: int) -> None:
        """Check that a model is the one that the avatar was made with.

        Args:
            model: its name, for the sentence.
            vertices: how many it has.
            faces: likewise.

        Raises:
            InputError: where it is another.
        """
        bound = self.splats.binding
        needed = 0 if bound is None else int(bound.max()) + 1
        if needed > faces:
            raise InputError(
                f"{self.name} has Gaussians on triangle {needed - 1}, and {model} has {faces} triangles: it was made "
                "with another FLAME (VHAP adds teeth); give that model."
            )
        if self.offset is not None and len(self.offset) != vertices:
            raise InputError(
                f"{PARAMETERS} beside {self.name} displaces {len(self.offset)} vertices, and {model} has {vertices}: "
                "it was made with another FLAME (VHAP adds teeth); give that model."
            )

    def head(self, model: ParametricModel) -> tuple[HybridHead, Notes]:
        """Return a head of these Gaussians alone that a motion drives, and what of the avatar it lacks.

        Args:
            model: the FLAME that the avatar was made with, or the plain one where it was made with VHAP's.

        Raises:
            InputError: where it was made with another.
        """
        vertices, faces = len(model.template), len(model.faces)
        person, notes = self, self.notes
        if self.offset is not None and (len(self.offset), vertices) == (_WITH_TEETH, _PLAIN):
            bound = np.asarray(self.splats.binding)
            person = replace(self, splats=self.splats.part(bound < faces), offset=self.offset[:vertices])
            lost = self.splats.count - person.splats.count
            notes = (*notes, f"{model.name} has no teeth: {lost} Gaussians that VHAP put on teeth were left out.")
        person.check(model.name, vertices, faces)
        offset = np.zeros((vertices, 3), np.float32) if person.offset is None else person.offset
        shape = person.shape[: model.shape_count]
        nowhere = np.zeros((faces, 3), np.int64)  # in a texture that there is not
        return HybridHead(model, shape, offset, np.zeros((1, 2), np.float32), nowhere, riding=person.splats), notes


def load(path: str | Path, rate: Fraction | None = None) -> GaussianAvatar:
    """Read the PLY of an avatar, and the parameters next to it, if any.

    Args:
        path: of the `.ply`, or of the folder that has one.
        rate: frame rate of the parameters; 25 where it is not given.

    Raises:
        InputError: where it is no avatar, or one of the files is broken.
    """
    path = Path(path)
    path = _ply(path) if path.is_dir() else path
    found = open_any_splats.load(path)
    if found.splats.binding is None:
        raise InputError(f"{path.name} is not an avatar of GaussianAvatars: its Gaussians are bound to no triangles.")
    beside = path.with_name(PARAMETERS)
    if not beside.is_file():
        note = f"There is no {PARAMETERS} beside {path.name}, so its person's shape is unknown."
        return GaussianAvatar(path.name, found.splats, None, np.zeros(0, np.float32), None, (*found.notes, note))
    animation = flame.read(beside, FormatOptions(rate or _RATE))
    person, own_notes = npz_arrays.contents_of(beside, ("shape", "static_offset"))
    shape = _numbers(person.get("shape", np.zeros(0)), beside).ravel()
    offset = _numbers(person["static_offset"], beside) if "static_offset" in person else None
    if offset is not None and (offset.ndim < 2 or offset.shape[-1] != 3 or offset.size != 3 * offset.shape[-2]):
        raise InputError(f"{beside.name} has a static_offset of {offset.shape}, not (1, V, 3); track it again.")
    offset = None if offset is None else offset.reshape(-1, 3)
    notes = (*found.notes, *animation.notes, *own_notes)
    return GaussianAvatar(path.name, found.splats, flame.decode(animation, FormatOptions()), shape, offset, notes)


def save(splats: Gaussians, motion: Motion | None, path: str | Path) -> Notes:
    """Write a PLY, and the motion as parameters next to it; returns what these cannot hold of it.

    Raises:
        InputError: where the Gaussians are not bound, or something cannot be written.
    """
    path = Path(path)
    if splats.binding is None:
        raise InputError("GaussianAvatars holds Gaussians that are bound to triangles; these stand in the world.")
    open_any_splats.save(splats, path)
    return () if motion is None else export(motion, path.with_name(PARAMETERS), flame.FORMAT).lacks


def _ply(folder: Path) -> Path:
    """The last PLY of a folder, as training leaves one for some thousands of steps each."""
    found = sorted(folder.rglob("*.ply"), key=lambda path: (len(path.parent.name), str(path)))
    if not found:
        raise InputError(f"There is no .ply in {folder}; give the folder of an avatar.")
    return found[-1]


def _numbers(values: NDArray[Any], path: Path) -> NDArray[np.float32]:
    if values.dtype.kind not in "fiu" or not np.isfinite(values).all():
        raise InputError(f"{path.name} holds a shape or an offset that are not numbers; track it again.")
    return np.asarray(values, np.float32)
