"""A cloud of 3D Gaussians: what every rasterizer draws and every file holds."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from animcore.core.compared_by_value import ComparedByValue
from animcore.errors import InputError

Array = Any  # numpy's float32 arrays, or torch's tensors while a head is being fitted

DEGREES = {1: 0, 4: 1, 9: 2, 16: 3}  # spherical harmonics: coefficients a colour -> degree
HARMONIC_0 = 0.28209479177387814  # the constant one: colour = 0.5 + HARMONIC_0 * harmonics[:, 0], as in 3DGS files


@dataclass(frozen=True, eq=False)
class Gaussians(ComparedByValue):
    """N Gaussians. Metres, Y up; activated values: no logits, no logarithms.

    After Kerbl et al., 3D Gaussian Splatting (SIGGRAPH 2023), and where they are bound to triangles Qian et al.,
    GaussianAvatars (CVPR 2024).

    Attributes:
        means: (N, 3) centres. In the frames of their triangles where `binding` is given, else in the world.
        rotations: (N, 4) unit quaternions w, x, y, z; in the same frames.
        scales: (N, 3) standard deviations along the axes of the rotation, positive; in the same frames.
        opacities: (N,) 0..1.
        harmonics: (N, K, 3) red, green and blue of K = 1, 4, 9 or 16 spherical harmonics, the constant one first.
        binding: (N,) int64 triangles of the mesh that carry the Gaussians; None where they stand in the world.
        origin: (3,) metres, where the zero of `means` lies in a world too large for float32; (0, 0, 0) where it fits.
    """

    means: Array
    rotations: Array
    scales: Array
    opacities: Array
    harmonics: Array
    binding: NDArray[np.int64] | None = None
    origin: tuple[float, float, float] = (0.0, 0.0, 0.0)

    @property
    def count(self) -> int:
        """N."""
        return len(self.means)

    @property
    def degree(self) -> int:
        """Of the spherical harmonics, 0 to 3."""
        return DEGREES[self.harmonics.shape[1]]

    def part(self, chosen: NDArray[Any]) -> Gaussians:
        """Return the Gaussians of an index or a mask (N,)."""
        binding = None if self.binding is None else self.binding[chosen]
        means, rotations, scales, opacities, harmonics = (getattr(self, name)[chosen] for name in _ARRAYS)
        return Gaussians(means, rotations, scales, opacities, harmonics, binding, self.origin)

    def up_to(self, degree: int) -> Gaussians:
        """Return the same Gaussians with spherical harmonics to a degree, 0 to 3; no more than there are."""
        return replace(self, harmonics=self.harmonics[:, : (degree + 1) ** 2])


_ARRAYS = ("means", "rotations", "scales", "opacities", "harmonics")
_SHAPES: dict[str, tuple[int | None, ...]] = {
    "means": (3,), "rotations": (4,), "scales": (3,), "opacities": (), "harmonics": (None, 3),
}  # fmt: skip


def isotropic(points: NDArray[Any], size: float) -> Gaussians:
    """Half transparent, black, round Gaussians of a size in metres at points (N, 3)."""
    count = len(points)
    return Gaussians(
        points.astype(np.float32),
        np.tile(np.array([1, 0, 0, 0], np.float32), (count, 1)),
        np.full((count, 3), size, np.float32),
        np.full(count, 0.5, np.float32),
        np.zeros((count, 1, 3), np.float32),
    )


def validated(splats: Gaussians, where: str) -> Gaussians:
    """Return splats as float32 arrays that can be drawn: right shapes, unit rotations, no NaN.

    Args:
        splats: of numpy arrays.
        where: they come from, for sentences: a file's name.

    Raises:
        InputError: where they cannot be drawn.
    """
    if not splats.count:
        raise InputError(f"{where} holds no Gaussians.")
    arrays = {name: np.asarray(getattr(splats, name), np.float32) for name in _ARRAYS}
    for name, shape in _SHAPES.items():
        _fits(arrays[name], (splats.count, *shape), f"{name} of {where}")
    if arrays["harmonics"].shape[1] not in DEGREES:
        raise InputError(f"{where} has {arrays['harmonics'].shape[1]} spherical harmonics a colour, not 1, 4, 9 or 16.")
    lengths = np.sqrt(np.einsum("ni,ni->n", arrays["rotations"], arrays["rotations"]))[:, None]
    if not lengths.all():
        raise InputError(f"{where} has rotations of length zero.")
    arrays["rotations"] = arrays["rotations"] / lengths
    return Gaussians(**arrays, binding=splats.binding, origin=splats.origin)


def _fits(values: NDArray[np.float32], shape: tuple[int | None, ...], what: str) -> None:
    sizes = zip(values.shape, shape, strict=False)
    if values.ndim != len(shape) or any(wanted not in (size, None) for size, wanted in sizes):
        raise InputError(f"The {what} are {values.shape} numbers instead of {shape}.")
    # a sum is no number as soon as one of them is none, and quicker than a look at each
    bad = 0 if np.isfinite(values.sum()) else int((~np.isfinite(values)).sum())
    if bad:
        raise InputError(f"The {what} hold {bad} values that are not numbers (NaN or infinite).")
