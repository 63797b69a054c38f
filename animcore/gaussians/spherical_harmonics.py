"""The spherical harmonics that colour Gaussians: their values, and what a turn makes of them.

Real harmonics to degree 3 with the signs and the order that 3DGS files have (Kerbl et al., SIGGRAPH 2023); glTF's
KHR_gaussian_splatting names the same ones.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_BAND_1 = 0.4886025119029199
_BAND_2 = (1.0925484305920792, -1.0925484305920792, 0.31539156525252005, -1.0925484305920792, 0.5462742152960396)
_BAND_3 = (
    -0.5900435899266435, 2.890611442640554, -0.4570457994644658, 0.3731763325901154, -0.4570457994644658,
    1.445305721320277, -0.5900435899266435,
)  # fmt: skip
_BANDS = ((1, 4), (4, 9), (9, 16))  # where each degree above 0 begins and ends
_PROBES = 64  # directions in which a turned band is compared: many more than the seven it has


def values(directions: NDArray[Any], degree: int) -> Array:
    """Return (N, K) of the K = (degree + 1)² harmonics in directions.

    Args:
        directions: (N, 3) unit vectors from the camera to the Gaussians.
        degree: 0 to 3.
    """
    x, y, z = np.asarray(directions, np.float64).T
    xx, yy, zz = x * x, y * y, z * z
    found = [np.full_like(x, 0.28209479177387814), -_BAND_1 * y, _BAND_1 * z, -_BAND_1 * x]
    second = (x * y, y * z, 2 * zz - xx - yy, x * z, xx - yy)
    third = (
        y * (3 * xx - yy), x * y * z, y * (4 * zz - xx - yy), z * (2 * zz - 3 * xx - 3 * yy), x * (4 * zz - xx - yy),
        z * (xx - yy), x * (xx - 3 * yy),
    )  # fmt: skip
    found += [factor * part for factor, part in zip(_BAND_2, second, strict=True)]
    found += [factor * part for factor, part in zip(_BAND_3, third, strict=True)]
    return np.stack(found[: (degree + 1) ** 2], 1)


def rotated(harmonics: NDArray[Any], rotation: NDArray[Any]) -> NDArray[np.float32]:
    """Return the harmonics of Gaussians that are turned as a whole: their colours turn with them.

    Each degree mixes within itself; the mixture is solved for from values in many directions, which is exact.

    Args:
        harmonics: (N, K, 3).
        rotation: (3, 3).
    """
    result = np.array(harmonics, np.float32)
    before = values(_directions() @ np.asarray(rotation, np.float64), 3)  # now seen there, once seen here
    after = values(_directions(), 3)
    for start, end in _BANDS:
        if end <= result.shape[1]:
            mixture = np.linalg.lstsq(after[:, start:end], before[:, start:end], rcond=None)[0]
            result[:, start:end] = np.einsum("ij,njc->nic", mixture.astype(np.float32), result[:, start:end])
    return result


@functools.cache
def _directions() -> Array:
    """(P, 3) evenly spread over the sphere, by the golden angle."""
    height = 1 - 2 * (np.arange(_PROBES) + 0.5) / _PROBES
    around = np.arange(_PROBES) * np.pi * (3 - np.sqrt(5))
    radius = np.sqrt(1 - height**2)
    return np.stack([radius * np.cos(around), radius * np.sin(around), height], 1)
