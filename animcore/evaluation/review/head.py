"""The head that the page draws: the default one, or the user's own, as numbers that a browser unpacks.

The page poses and draws it itself, at any moment of any line, so that a report of 10,000 lines needs no renders.
The images of the worst lines, for whoever has no WebGL, come from `evaluation.face.software_renderer`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from animcore.core import images
from animcore.errors import InputError, readable
from animcore.evaluation.face import software_renderer
from animcore.evaluation.face.software_renderer import HeadMesh
from animcore.evaluation.review.details import packed
from animcore.motion import Motion

Array = NDArray[np.floating[Any]]

SIZE = (352, 320)  # height and width of a rendered image
_MOST_VERTICES = 65_536  # that a browser's 16-bit triangles name


def load(path: Path | None = None) -> HeadMesh:
    """Read a head: the default one, or one in the layout of `assets/retarget/head.npz`.

    Raises:
        InputError: where it is no such file, or has too many vertices for a page.
    """
    if path is None:
        return software_renderer.default_head()
    with readable(f"{path.name} is not a head", "docs/studios/review.md says which arrays it has"):
        mesh = software_renderer.default_head(path)
    if len(mesh.rest) > _MOST_VERTICES:
        raise InputError(f"{path.name} has {len(mesh.rest)} vertices; the page takes {_MOST_VERTICES} at most.")
    return mesh


def payload(mesh: HeadMesh) -> dict[str, Any]:
    """Return a head as JSON: places in sixteen bits, shapes in eight, each with its scale; metres."""
    middle, reach = mesh.rest.mean(0), float(np.abs(mesh.rest - mesh.rest.mean(0)).max())
    scales = np.abs(mesh.deltas).max(1) / 127 + 1e-12
    colours = np.clip(mesh.colours, 0, 1) ** (1 / 2.2) * 255
    return {
        "middle": [round(float(value), 6) for value in middle],
        "step": reach / 32767,
        "rest": packed((mesh.rest - middle) / reach * 32767, np.int16),
        "moved": packed(mesh.moved, np.uint16),
        "scales": [float(f"{value:.4g}") for value in scales],
        "deltas": packed(mesh.deltas / scales[:, None], np.int8),
        "triangles": packed(mesh.triangles, np.uint16),
        "colours": packed(colours, np.uint8),
        "eyes": [[round(float(value), 6) for value in eye] for eye in mesh.eyes],
        "eyeball": (len(mesh.rest) - len(mesh.rest_of_skin)) // 2,
    }


def image(motion_path: Path, second: float, mesh: HeadMesh | None = None) -> bytes:
    """Return a PNG of a head at a second of a motion.

    Raises:
        InputError: where the motion cannot be read or has no blendshape weights.
    """
    motion = Motion.load(motion_path)
    if motion.arkit is None or not motion.frame_count:
        raise InputError(f"{motion_path.name} has no blendshape weights, so there is no face to draw.")
    frame = int(np.clip(round((second - motion.start) * motion.fps), 0, motion.frame_count - 1))
    pixels = software_renderer.draw(motion.arkit[frame], *SIZE, mesh)
    opaque = np.full((*pixels.shape[:2], 1), 255, np.uint8)
    return images.encoded(np.concatenate([pixels, opaque], 2), "png")
