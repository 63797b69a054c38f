"""A capture as it is fitted from: images as tensors, moments, and the head that they belong to. Needs torch."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import torch

from animcore.body_models.parametric_model import ParametricModel, load_model
from animcore.errors import InputError
from animcore.files.avatars import capture_images, open_any_splats
from animcore.gaussians.gaussians import Gaussians
from animcore.hybrid_head import capture_format, uv_layout
from animcore.hybrid_head.fitting.samples import HeadState, TrainingView
from animcore.hybrid_head.head_model import HybridHead

START = "start.ply"  # Gaussians where hair is known to be; ours: captures of real people have none
_LOOKED_AT = 12  # images of a capture
_LEAST = 0.75  # of a head within the masks: 0.99 in a good capture, 0.7 or less with other axes
_SMALLEST = 8  # pixels across, of a visible head


def read(folder: Path, split: str) -> tuple[list[TrainingView], dict[int, HeadState]]:
    """Read the images of a split, and what the head did at their moments.

    Raises:
        InputError: where something is missing or broken.
    """
    views = capture_format.read_views(folder, split)
    training = []
    for view in views:
        colour, mask = capture_images.read(view)
        training.append(TrainingView(view.camera, view.moment, torch.as_tensor(colour), torch.as_tensor(mask)))
    paths = {view.moment: view.pose for view in views}
    poses = {number: capture_format.read_pose(path) for number, path in paths.items()}
    return training, {
        number: HeadState(pose.expression, pose.joints, pose.translation) for number, pose in poses.items()
    }


def start(folder: Path) -> Gaussians | None:
    """Return the Gaussians of hair in the capture, in its axes, or None where there are none.

    Raises:
        InputError: where the file is broken, or its Gaussians ride on triangles.
    """
    path = folder / START
    if not path.is_file():
        return None
    splats = open_any_splats.load(path).splats  # without those that are no numbers
    if splats.binding is not None:
        raise InputError(f"The Gaussians of {path} are bound to triangles; write them where they stand in the world.")
    return splats


def check(folder: Path, head: HybridHead, training: list[TrainingView], moments: dict[int, HeadState]) -> None:
    """Check that cameras, moments and head belong together, which a fit would not notice.

    Args:
        folder: of the capture, for sentences.
        head: that `person` gives.
        training: that `read` gives.
        moments: likewise.

    Raises:
        InputError: where the moments are another model's, or the cameras look past the head.
    """
    most = max(len(moment.expression) for moment in moments.values())
    if most > head.model.expression_count:
        raise InputError(
            f"The moments in {folder} have {most} coefficients of the expression, {head.model.name} has "
            f"{head.model.expression_count}; give the model that the capture was tracked with."
        )
    looked = training[:: math.ceil(len(training) / _LOOKED_AT)]
    shares = [_share(one, head, moments[one.moment]) for one in looked]
    share = float(np.median(shares))
    if share < _LEAST:
        raise InputError(
            f"The cameras in {folder} look past the head: {share:.0%} of it lies where images show it. Export "
            "matrices from camera to world, in metres, in the world of flame_param, with OpenGL's or OpenCV's axes."
        )


def _share(one: TrainingView, head: HybridHead, moment: HeadState) -> float:
    """The share of the head's vertices within the mask of an image; 0 where they project to a point."""
    camera, mask = one.camera, one.mask.cpu().numpy()
    vertices = head.at(moment.expression, moment.joints, moment.translation).vertices
    flat, depth = camera.projected(vertices)
    pixels = np.floor(flat[depth > 0])
    pixels = pixels[(pixels >= 0).all(1) & (pixels < (camera.width, camera.height)).all(1)].astype(np.int64)
    if not len(pixels) or np.ptp(pixels, 0).max() < _SMALLEST:
        return 0.0
    return float((mask[pixels[:, 1], pixels[:, 0]] > 0.5).sum() / len(vertices))


def person(folder: Path, model: str | Path | None = None) -> HybridHead:
    """Return the head without layers: the person's shape and vertices, as of the first moment of the fit.

    Args:
        folder: of the capture.
        model: the FLAME file that it was tracked with; the capture's own, or the open head, where it is stated.

    Raises:
        InputError: where the model is not the capture's.
    """
    view = capture_format.read_views(folder, capture_format.TRAIN)[0]
    pose = capture_format.read_pose(view.pose)
    if model is None and (folder / capture_format.MODEL).is_file():
        model = folder / capture_format.MODEL
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
    uv, faces = uv_layout.layout(loaded)
    return HybridHead(loaded, pose.shape[: loaded.shape_count], offset, uv, faces)
