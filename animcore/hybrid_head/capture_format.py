"""Images of a head from calibrated cameras, with the pose of the face: the layout of VHAP and GaussianAvatars.

    transforms_train.json  what a head is fitted from
    transforms_val.json    the same moments from other cameras
    transforms_test.json   other moments
    images/                PNG; the colours are not multiplied by the alpha, where there is one
    fg_masks/              grey PNG, white where the head is
    flame_param/           one `.npz` a moment: expr, rotation, neck_pose, jaw_pose, eyes_pose, translation, shape,
                           static_offset
    model.npz              the head of the parameters, where it is a `blendshape_head`

After the exports of VHAP (Qian 2024) and the data of GaussianAvatars (Qian et al., CVPR 2024). `basis` and `arkit` in
the `.npz` are ours: of which model the coefficients are, and the weights that they were made from.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from animcore.core import reading
from animcore.core.atomic_files import whole_file
from animcore.core.reading import content
from animcore.errors import BROKEN_FILE, InputError, readable
from animcore.rendering.camera import Camera

FloatArray = NDArray[np.float32]

TRAIN, VIEWS, MOMENTS = "train", "val", "test"  # fitted from; held-out cameras; held-out moments
MODEL = "model.npz"
_ROWS = {"rotation": 3, "neck_pose": 3, "jaw_pose": 3, "eyes_pose": 6, "translation": 3}


@dataclass(frozen=True)
class HeadPose:
    """What a head did at one moment; radians and metres, in FLAME's terms (`body_models.pose_tracks`).

    Attributes:
        expression: (E,) coefficients.
        joints: (5, 3) axis-angle: root, neck, jaw, left and right eye.
        translation: (3,).
        shape: (S,) of the person.
        offset: (V, 3) of the person's vertices from the model's, or None.
        basis: the model's name, where the file states it.
    """

    expression: FloatArray
    joints: FloatArray
    translation: FloatArray
    shape: FloatArray
    offset: FloatArray | None = None
    basis: str | None = None


@dataclass(frozen=True)
class CaptureView:
    """One view: its camera, its moment, and the files that hold it."""

    camera: Camera
    camera_index: int
    moment: int
    image: Path
    mask: Path | None
    pose: Path


def table_of(folder: Path, split: str) -> Path:
    """The file of a split of a capture."""
    return folder / f"transforms_{split}.json"


def write_views(folder: Path, split: str, views: Sequence[CaptureView]) -> None:
    """Write `transforms_{split}.json`; the paths of the views lie in the folder.

    Raises:
        InputError: when it cannot be written.
    """
    frames = [_frame(folder, view) for view in views]
    table = {
        **(_lens(views[0].camera) if views else {}),
        "frames": frames,
        "timestep_indices": sorted({view.moment for view in views}),
        "camera_indices": sorted({view.camera_index for view in views}),
    }
    with whole_file(table_of(folder, split)) as temporary:
        temporary.write_text(json.dumps(table, indent=1), encoding="utf-8")


def read_views(folder: Path, split: str) -> list[CaptureView]:
    """Read `transforms_{split}.json`.

    Cameras are OpenGL's, as everyone writes them; where most of them look away from the head like that and at it as
    OpenCV's, they are taken as OpenCV's.

    Raises:
        InputError: where the file is missing, broken, or names images that are not there.
    """
    path = table_of(folder, split)
    if not path.is_file():
        raise InputError(f"There is no {path.name} in {folder}; choose a folder in the layout of GaussianAvatars.")
    try:
        table = json.loads(content(path).decode())
        matrices = np.array([frame["transform_matrix"] for frame in table["frames"]], float).reshape(-1, 4, 4)
        opencv = _looks_away(matrices)
        views = [_view(folder, table, frame, opencv) for frame in table["frames"]]
    except BROKEN_FILE as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path} is broken or none of GaussianAvatars' ({error}); export it again.") from error
    if not views:
        raise InputError(f"{path} lists no images; export the capture again.")
    missing = [view.image for view in views if not view.image.is_file()]
    missing += [view.pose for view in views if not view.pose.is_file()]
    if missing:
        raise InputError(
            f"{path.name} names files that are missing, {len(missing)} of them, first {missing[0]}; copy the whole "
            "folder."
        )
    return views


def write_pose(pose: HeadPose, path: Path, arkit: FloatArray | None = None) -> None:
    """Write the `.npz` of one moment.

    Args:
        pose: what the head did.
        path: of the file.
        arkit: (52,) weights that the pose was made from, stored with it.

    Raises:
        InputError: when it cannot be written.
    """
    joints = pose.joints.reshape(5, 3)
    contents: dict[str, Any] = {
        "expr": pose.expression[None],
        "rotation": joints[:1],
        "neck_pose": joints[1:2],
        "jaw_pose": joints[2:3],
        "eyes_pose": joints[3:].reshape(1, 6),
        "translation": pose.translation[None],
        "shape": pose.shape,
    }
    if pose.offset is not None:
        contents["static_offset"] = pose.offset[None]
    if pose.basis is not None:
        contents["basis"] = pose.basis
    if arkit is not None:
        contents["arkit"] = arkit
    with whole_file(path) as temporary, temporary.open("wb") as handle:
        np.savez_compressed(handle, **contents)


def read_pose(path: Path) -> HeadPose:
    """Read the `.npz` of one moment.

    Raises:
        InputError: where it is broken or lacks a part.
    """
    with readable(f"{path} is not a readable moment of a capture", "export it again"):
        data = reading.arrays(path, (*_ROWS, "expr", "shape", "static_offset", "basis"))
        rows = [np.asarray(data[name], np.float32).reshape(size) for name, size in _ROWS.items()]
        expression, shape = (np.asarray(data[name], np.float32).ravel() for name in ("expr", "shape"))
        offset = np.asarray(data["static_offset"], np.float32) if "static_offset" in data else None
        offset = offset.reshape(-1, 3) if offset is not None and offset.any() else None
        basis = str(data["basis"]) if "basis" in data else None
    if not all(np.isfinite(values).all() for values in (*rows, expression, shape)):
        raise InputError(f"{path} holds values that are not numbers (NaN or infinite); export it again.")
    return HeadPose(expression, np.concatenate(rows[:4]).reshape(5, 3), rows[4], shape, offset, basis)


def _lens(camera: Camera) -> dict[str, float]:
    """The intrinsics of a camera, as NeRF's and VHAP's files store them."""
    return {
        "w": camera.width, "h": camera.height, "fl_x": camera.focal[0], "fl_y": camera.focal[1],
        "cx": camera.centre[0], "cy": camera.centre[1],
        "camera_angle_x": 2 * math.atan(camera.width / 2 / camera.focal[0]),
        "camera_angle_y": 2 * math.atan(camera.height / 2 / camera.focal[1]),
    }  # fmt: skip


def _frame(folder: Path, view: CaptureView) -> dict[str, Any]:
    frame = {
        "timestep_index": view.moment,
        "timestep_id": f"{view.moment:05d}",
        "camera_index": view.camera_index,
        "camera_id": f"{view.camera_index:02d}",
        **_lens(view.camera),
        "transform_matrix": view.camera.to_opengl().tolist(),
        "file_path": view.image.relative_to(folder).as_posix(),
        "flame_param_path": view.pose.relative_to(folder).as_posix(),
    }
    if view.mask is not None:
        frame["fg_mask_path"] = view.mask.relative_to(folder).as_posix()
    return frame


def _view(folder: Path, table: dict[str, Any], frame: dict[str, Any], opencv: bool) -> CaptureView:
    lens = {**table, **frame}
    size = int(lens["w"]), int(lens["h"])
    if "fl_x" in lens:
        focal = float(lens["fl_x"]), float(lens.get("fl_y", lens["fl_x"]))
    else:
        focal = (size[0] / 2 / math.tan(float(lens["camera_angle_x"]) / 2),) * 2
    centre = float(lens.get("cx", size[0] / 2)), float(lens.get("cy", size[1] / 2))
    if min(size) < 1 or not all(0 < value < math.inf for value in focal) or not all(map(math.isfinite, centre)):
        raise InputError(
            f"The camera of {frame['file_path']} has impossible intrinsics ({size[0]} x {size[1]} pixels, focal "
            f"lengths {focal[0]:g} and {focal[1]:g}); export it again."
        )
    matrix = np.array(frame["transform_matrix"], float)
    if not np.isfinite(matrix).all() or abs(np.linalg.det(matrix[:3, :3]) - 1) > 1e-2:
        raise InputError(f"The camera of {frame['file_path']} has a matrix that is not a rotation; export it again.")
    camera = (
        Camera(*size, focal, centre, np.linalg.inv(matrix))
        if opencv
        else Camera.from_opengl(matrix, size, focal, centre)
    )
    mask = folder / str(frame["fg_mask_path"]) if frame.get("fg_mask_path") else None
    return CaptureView(
        camera,
        int(frame.get("camera_index", 0)),
        int(frame["timestep_index"]),
        folder / str(frame["file_path"]),
        mask if mask is not None and mask.is_file() else None,
        folder / str(frame["flame_param_path"]),
    )


def _looks_away(matrices: NDArray[Any]) -> bool:
    """Whether cameras-to-world (N, 4, 4) look at a common point only if they look along their +Z."""
    if not len(matrices):
        return False
    places, ways = matrices[:, :3, 3], matrices[:, :3, 2]
    # the point that is nearest to all axes in least squares
    across = np.eye(3) - ways[:, :, None] * ways[:, None]
    point = np.linalg.lstsq(across.sum(0), (across @ places[..., None]).sum(0)[:, 0], rcond=1e-6)[0]
    ahead = ((point - places) * ways).sum(1)
    return bool(np.median(ahead) > 1e-6)
