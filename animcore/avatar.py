"""Heads of mesh and Gaussians in a few lines: `ac.avatar.load`, `ac.avatar.render`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from animcore.body_models.parametric_model import ParametricModel
from animcore.errors import InputError
from animcore.files.avatars import hybrid_head
from animcore.hybrid_head import head_model
from animcore.hybrid_head.head_model import HybridHead, Mode
from animcore.motion import Motion
from animcore.rendering.camera import Camera

__all__ = ["load", "portrait", "render", "save"]

_ROOM = 1.25  # height of a portrait's image over that of the head
_FOV = 20.0  # degrees, of a portrait

save = hybrid_head.save


def load(folder: str | Path | None = None, model: str | Path | ParametricModel | None = None) -> HybridHead:
    """Read a head of mesh and Gaussians.

    Args:
        folder: the head's; the shipped head where not given.
        model: the FLAME file that it was made with; the open head and characters' own need none.

    Raises:
        InputError: where the folder is no head, broken, or the model is another than the head's.

    Examples:
        >>> head = ac.avatar.load()
        >>> head.model.name
        'open-head'
    """
    return hybrid_head.load(hybrid_head.SHIPPED if folder is None else folder, model)


def portrait(head: HybridHead, size: Sequence[int] = (512, 512)) -> Camera:
    """Return a camera in front of a head at rest, which fills the image.

    Args:
        head: that is looked at.
        size: width and height in pixels.
    """
    still = np.zeros(3, np.float32)
    posed = head.at(np.zeros(0, np.float32), np.zeros((5, 3), np.float32), still)
    used = slice(None) if head.drawn is None else np.unique(head.model.faces[head.drawn])
    points = [posed.vertices[used]]
    if (splats := head.splats(posed)) is not None:
        points.append(np.percentile(splats.means, (1, 99), axis=0).astype(np.float32))
    low, high = np.concatenate(points).min(0), np.concatenate(points).max(0)
    middle, height = (low + high) / 2, float((high - low)[1]) * _ROOM
    away = height / 2 / np.tan(np.radians(_FOV) / 2)
    return Camera.look_at(middle + np.array([0, 0, away]), middle, size, _FOV)


def render(
    head: HybridHead,
    motion: Motion,
    at: float = 0.0,
    camera: Camera | None = None,
    mode: Mode = "hybrid",
    background: Sequence[float] = (1.0, 1.0, 1.0),
) -> NDArray[np.uint8]:
    """Render one moment of a motion on a head.

    Args:
        head: see `load`.
        motion: with ARKit weights, or expression coefficients of the head's model.
        at: seconds of the motion's clock; moments between two frames are interpolated.
        camera: `portrait(head)` where not given.
        mode: `mesh` or `gaussians` alone, or `hybrid`.
        background: (3,) colour, 0..1.

    Returns:
        (H, W, 3) uint8 sRGB, the first row on top.

    Raises:
        InputError: where the motion has no frames or no face, or the head has nothing that the mode could show.

    Examples:
        >>> head, motion = ac.avatar.load(), ac.load("take.npz")
        >>> camera = ac.Camera.look_at([0.3, 0.1, 1.0], [0, 0, 0], size=(64, 96))
        >>> ac.avatar.render(head, motion, at=0.5, camera=camera).shape
        (96, 64, 3)
    """
    if not motion.frame_count:
        raise InputError("This motion has no frames, so there is nothing to render.")
    moment = motion.sampled([(at - motion.start) * motion.fps], motion.rate, at)
    posed = head.posed(head.prepared(moment), 0)
    image = head_model.render(head, posed, camera or portrait(head), mode, background)
    result: NDArray[np.uint8] = np.round(image.colour * 255).astype(np.uint8)
    return result
