"""AMASS (`.npz`): bodies of a motion library, Z up, as SMPL-H (156 numbers a frame) or as SMPL-X in parts.

SMPL-H files have `poses` (T, 156), the 22 joints of the body and 30 of the fingers, without jaw and eyes; the rate is
called `mocap_framerate`. SMPL-X files (`surface_model_type`) have `root_orient`, `pose_body`, `pose_hand`, `pose_jaw`
and `pose_eye` and call it `mocap_frame_rate`. Both spellings are read everywhere, and the SMPL-H writer sets both.

The world of AMASS has Z up and the one of Animcore Y up. A body turns about its pelvis, which need not lie at the
origin of the model, so the position changes with the rotation by more than the rotation: by how much depends on the
model that the file is for (`FormatOptions.model`; the pelvis of the open body lies at the origin).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from animcore.body_models.parametric_model import OPEN_MODELS, load_model
from animcore.body_models.pose_tracks import smplx_pose
from animcore.errors import InputError
from animcore.files import npz_arrays, pose_tracks
from animcore.files.animation_curves import AnimationCurves, Array, FileFormat, FormatOptions
from animcore.files.frame_times import check_frame_count, from_zero
from animcore.geometry import rotations
from animcore.motion import Motion

_QUARTER = np.array([np.pi / 2, 0.0, 0.0], np.float32)  # turns Y up into Z up
_BODY, _FINGERS = slice(0, 22), slice(25, 55)
_PARTS = {  # key -> the joints it holds
    "root_orient": slice(0, 1),
    "pose_body": slice(1, 22),
    "pose_jaw": slice(22, 23),
    "pose_eye": slice(23, 25),
    "pose_hand": slice(25, 55),
}
_UPRIGHT = 0.7  # cosine: a body whose own up axis points so much along Y is in a world of Y up


def encode(motion: Motion, setup: FormatOptions) -> AnimationCurves:
    """Take the body of a motion, turned so that Z is up.

    Raises:
        InputError: when the motion moves no body and no head.
    """
    if not motion.tracks().keys() & set(pose_tracks.TRACKS):
        raise InputError("This motion moves neither body nor head, which an AMASS file consists of.")
    body, translation = _turned(smplx_pose(motion), pose_tracks.of_translation(motion), _QUARTER, _pelvis(setup))
    curves = {"poses": body.reshape(len(body), -1), "trans": translation}
    return from_zero(AnimationCurves(motion.rate, motion.start, curves, facts={"gender": "neutral"}), "AMASS")


def _encode_smplh(motion: Motion, setup: FormatOptions) -> AnimationCurves:
    """The same without jaw and eyes."""
    animation = encode(motion, setup)
    body = animation.curves["poses"].reshape(-1, 55, 3)
    body = np.concatenate([body[:, _BODY], body[:, _FINGERS]], 1).reshape(len(body), -1)
    curves = {"poses": body, "trans": animation.curves["trans"]}
    return AnimationCurves(animation.rate, animation.start, curves, lacks=animation.lacks, facts=animation.facts)


def _write_smplh(animation: AnimationCurves, path: Path, _setup: FormatOptions) -> None:
    rate = float(animation.rate)
    extra = {"betas": np.zeros(16), "dmpls": np.zeros((animation.frame_count, 8)), "mocap_framerate": rate}
    npz_arrays.save({**animation.curves, **animation.facts, **extra, "mocap_frame_rate": rate}, path)


def _write_smplx(animation: AnimationCurves, path: Path, _setup: FormatOptions) -> None:
    body = animation.curves["poses"].reshape(-1, 55, 3)
    parts = {name: body[:, joints].reshape(len(body), -1) for name, joints in _PARTS.items()}
    extra = {"betas": np.zeros(16), "num_betas": 16, "surface_model_type": "smplx"}
    time = {
        "mocap_frame_rate": float(animation.rate),
        "mocap_time_length": float(animation.frame_count / animation.rate),
    }
    npz_arrays.save({**animation.curves, **animation.facts, **parts, **extra, **time}, path)


def read(path: Path, setup: FormatOptions) -> AnimationCurves:
    """Read any AMASS archive; nothing is unpickled. A body that stands along Y is turned so that it stands along Z.

    Raises:
        InputError: when it is no such archive, broken, or its arrays do not fit each other.
    """
    names = ("poses", "trans", "betas", "gender", "surface_model_type", *_PARTS, *npz_arrays.RATE_NAMES)
    contents, notes = npz_arrays.contents_of(path, names)
    body = _body(contents, path)
    check_frame_count(len(body), path.name)
    if not len(body):
        raise InputError(f"{path.name} has no frames.")
    body, turned = npz_arrays.radians(body, path)
    trans, moved = npz_arrays.metres(npz_arrays.frames_of(contents, "trans", 3, path), path)
    if len(trans) != len(body):
        raise InputError(f"{path.name} has {len(body)} poses and {len(trans)} positions; it mixes two takes.")
    notes = (*notes, *turned, *moved)
    if _stands_along_y(body):
        note = f"{path.name} stands along Y where AMASS has Z up; it was turned."
        standing, trans = _turned(_all_joints(body), trans, _QUARTER, _pelvis(setup))
        body, notes = _same_joints(standing, body.shape[1]), (*notes, note)
    facts: dict[str, Any] = {name: contents[name] for name in ("gender", "betas") if name in contents}
    return AnimationCurves(
        npz_arrays.rate_in(contents, setup, path), 0.0, {"poses": body, "trans": trans}, notes=notes, facts=facts
    )


def decode(animation: AnimationCurves, setup: FormatOptions) -> Motion:
    """Give the body back with Y up."""
    body, translation = _turned(
        _all_joints(animation.curves["poses"]), np.asarray(animation.curves["trans"]), -_QUARTER, _pelvis(setup)
    )
    return Motion(animation.rate, animation.start, **pose_tracks.tracks_of(body, translation))


def _body(contents: npz_arrays.Contents, path: Path) -> Array:
    """(T, 66, 156 or 165): `poses`, or the parts put together."""
    if "poses" in contents:
        width = contents["poses"].shape[-1] if contents["poses"].ndim == 2 else 0
        if width == 72:  # SMPL: 22 joints and two for both hands, which have no fingers
            return npz_arrays.frames_of(contents, "poses", 72, path)[:, :66]
        return npz_arrays.frames_of(contents, "poses", 165 if width == 165 else 156, path)
    if "root_orient" not in contents or "pose_body" not in contents:
        raise InputError(f"{path.name} is not an AMASS file: it has neither poses nor root_orient and pose_body.")
    count = len(npz_arrays.frames_of(contents, "pose_body", 63, path))
    body = np.zeros((count, 55, 3), np.float32)
    for name, joints in _PARTS.items():
        if name in contents:
            wide = 3 * (joints.stop - joints.start)
            part = npz_arrays.frames_of(contents, name, wide, path)
            if len(part) != count:
                raise InputError(f"{path.name}: its parts are not equally long; it mixes two takes.")
            body[:, joints] = part.reshape(count, -1, 3)
    return body.reshape(count, -1)


def _all_joints(body: Array) -> Array:
    """(T, 55, 3) of (T, 66), (T, 156) or (T, 165) numbers; joints that are not there are at rest."""
    joints = np.asarray(body, np.float32).reshape(len(body), -1, 3)
    if joints.shape[1] == 55:
        return joints
    result = np.zeros((len(body), 55, 3), np.float32)
    result[:, _BODY] = joints[:, _BODY]
    result[:, _FINGERS] = joints[:, 22:] if joints.shape[1] == 52 else 0.0
    return result


def _same_joints(body: Array, width: int) -> Array:
    """The joints of (T, 55, 3) that files of `width` numbers a frame have; (T, width)."""
    if width < 165:
        body = np.concatenate([body[:, _BODY], body[:, _FINGERS]], 1)
    return body.reshape(len(body), -1)[:, :width]


def _pelvis(setup: FormatOptions) -> Array:
    """(3,) metres: where the pelvis of the body lies at rest, in the model's own axes."""
    if setup.model in OPEN_MODELS:
        return np.zeros(3, np.float32)
    return np.asarray(load_model(setup.model).rest_joints[0], np.float32)


def _turned(body: Array, translation: Array, turn: Array, pelvis: Array) -> tuple[Array, Array]:
    """The whole world turned about its origin: poses (T, 55, 3) and positions (T, 3)."""
    body = np.array(body, np.float32)
    body[:, 0] = pose_tracks.after(np.broadcast_to(turn, body[:, 0].shape), body[:, 0])
    matrix = np.asarray(rotations.to_matrix(turn), np.float32)
    return body, (translation + pelvis) @ matrix.T - pelvis


def _stands_along_y(body: Array) -> bool:
    """Whether the up axis of the body, on the median frame, points along the world's Y."""
    up = np.asarray(rotations.to_matrix(body[:, :3]))[:, 1, 1]
    return bool(np.median(up) > _UPRIGHT)


FORMAT = FileFormat(
    title="AMASS (SMPL-H)",
    suffix=".amass.npz",
    carries=("neck_pose", "head_pose", "body_pose", "translation"),
    encode=_encode_smplh,
    write=_write_smplh,
    read=read,
    decode=decode,
)
SMPLX_FORMAT = FileFormat(
    title="AMASS (SMPL-X)",
    suffix=".amassx.npz",
    carries=pose_tracks.TRACKS,
    encode=encode,
    write=_write_smplx,
    read=read,
    decode=decode,
)
