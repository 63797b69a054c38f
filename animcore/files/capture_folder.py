"""A capture as it is fitted from: pictures as tensors, moments, and the head that they belong to. Needs torch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from animcore.avatar import capture, surface
from animcore.avatar.fitting import Moment, Picture
from animcore.avatar.head import HybridHead
from animcore.bodies.model import ParametricModel, load_model
from animcore.errors import InputError
from animcore.files import capture_pictures


def read(folder: Path, split: str) -> tuple[list[Picture], dict[int, Moment]]:
    """Read the pictures of a split, and what the head did at their moments.

    Raises:
        InputError: where something is missing or broken.
    """
    views = capture.read_views(folder, split)
    pictures = []
    for view in views:
        colour, mask = capture_pictures.read(view)
        pictures.append(Picture(view.camera, view.moment, torch.as_tensor(colour), torch.as_tensor(mask)))
    paths = {view.moment: view.pose for view in views}
    poses = {number: capture.read_pose(path) for number, path in paths.items()}
    return pictures, {number: Moment(pose.expression, pose.joints, pose.translation) for number, pose in poses.items()}


def person(folder: Path, model: str | Path | None = None) -> HybridHead:
    """Return the head without layers: the person's shape and vertices, as the first moment of the fit says.

    Args:
        folder: of the capture.
        model: the FLAME file that it was tracked with; the capture's own, or the open head, where it says so.

    Raises:
        InputError: where the model is not the capture's.
    """
    view = capture.read_views(folder, capture.TRAIN)[0]
    pose = capture.read_pose(view.pose)
    if model is None and (folder / capture.MODEL).is_file():
        model = folder / capture.MODEL
    if model is None and pose.basis != "open-head":
        raise InputError(f"{folder} was tracked with {pose.basis or 'a FLAME model'}; give its file with --model.")
    loaded: ParametricModel = load_model(model or "open-head")
    if pose.basis not in (None, loaded.name):
        raise InputError(f"{folder} was tracked with {pose.basis}, not with {loaded.name}; give that file.")
    offset = np.zeros(loaded.template.shape, np.float32)
    if pose.offset is not None:
        if pose.offset.shape != offset.shape:
            raise InputError(
                f"{view.pose} moves {len(pose.offset)} vertices, {loaded.name} has {len(offset)}; give the model that "
                "the capture was tracked with."
            )
        offset = pose.offset
    uv, faces = surface.layout(loaded)
    return HybridHead(loaded, pose.shape[: loaded.shape_count], offset, uv, faces)
