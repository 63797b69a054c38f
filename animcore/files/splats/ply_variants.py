"""What trainings other than 3DGS write into the PLY of 3DGS: flat Gaussians, filters, moving ones, and unknown columns.

2DGS (Huang et al., SIGGRAPH 2024) has two scales, its Gaussians being discs. Mip-Splatting (Yu et al., CVPR 2024) adds
`filter_3D`, a size below which no camera saw anything, which widens a Gaussian and thins it out. Brush and Postshot
write in a comment that they drew with an anti-aliased rasterizer.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from animcore.errors import InputError
from animcore.files.splats.base import Array, Notes

FILTER = "filter_3D"
MIP = "was trained with an anti-aliased rasterizer; here small Gaussians are drawn a little thicker and more opaque."
_TELLING = 10  # Gaussians from which the ranges of their numbers say what they are
_THIN = 1e-4  # of the smaller axis: a disc
_MIP = re.compile(r"SplatRenderMode:\s*mip|antialiased:?\s*(1|true)", re.IGNORECASE)
_MOVING = re.compile(
    r"t|time|scale_t|t_scale|trbf_\w+|motion_\d+|omega_\d+|rot_r_\d+|velocity_\w+|f_t_\d+", re.IGNORECASE
)
_PASSED = re.compile(r"n[xyz]|f_rest_\d+|red|green|blue|alpha")  # that are empty or add nothing


def check_static(names: Sequence[str], name: str) -> None:
    """Check that a cloud does not move.

    Raises:
        InputError: where its columns show that it does.
    """
    moving = [one for one in names if _MOVING.fullmatch(one)]
    if moving:
        listed = ", ".join(moving[:4])
        raise InputError(f"{name} holds Gaussians that move (4D: {listed}); export one moment of it as a 3DGS PLY.")


def flattened(scales: Array) -> Array:
    """Return (N, 3) scales of discs (N, 2), thin along their third axis."""
    return np.concatenate([scales, _THIN * scales.min(1, keepdims=True)], 1)


def filtered(scales: Array, opacities: Array, filters: Array) -> tuple[Array, Array]:
    """Return scales (N, 3) and opacities (N,) with the 3D filter (N,) of Mip-Splatting in them, as its own export has.

    Sizes are metres. A Gaussian that grows keeps what it covers: its opacity falls as its volume rises.
    """
    squares = np.asarray(scales, np.float64) ** 2
    wider = squares + np.asarray(filters, np.float64)[:, None] ** 2
    share = np.sqrt(np.prod(squares / np.maximum(wider, np.finfo(float).tiny), 1))
    return np.sqrt(wider).astype(np.float32), (opacities * share).astype(np.float32)


def remarks(names: Sequence[str], used: Sequence[str], comments: str, name: str) -> Notes:
    """Return sentences on comments and columns of a file that are not drawn."""
    notes: Notes = (f"{name} {MIP}",) if _MIP.search(comments) else ()
    strange = [one for one in names if one not in used and not _PASSED.fullmatch(one)]
    if strange:
        listed = ", ".join(strange[:5]) + (f" and {len(strange) - 5} more" if len(strange) > 5 else "")
        notes += (f"{name}: its values {listed} are unknown and were not used.",)
    return notes


def is_plain(scales: Array, opacities: Array) -> bool:
    """Whether sizes (N, 2 or 3) and opacities (N,) were written as they are drawn.

    As training writes them, all above 0 would be Gaussians of more than a metre, and all opacities within 0.5 and 0.73.
    """
    if len(opacities) < _TELLING:
        return False
    return bool((scales > 0).all() and (opacities >= 0).all() and (opacities <= 1).all())
