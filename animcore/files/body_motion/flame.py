"""FLAME parameters over time (`.npz`), as VHAP tracks them and GaussianAvatars plays them.

Keys after VHAP's exports (`flame_param.npz`, `tracked_flame_params_*.npz`): `shape` (300), `expr` (T, 100), `rotation`,
`neck_pose`, `jaw_pose` (T, 3), `eyes_pose` (T, 6), `translation` (T, 3), `static_offset` (1, V, 3). `fps` and `basis`
are ours: these files state neither their frame rate nor their FLAME model.

FLAME has a root and a neck where a body has a neck and a head (`pose_tracks`): a motion's neck is FLAME's root,
and its head FLAME's neck, which gives the same head.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from animcore.body_models.pose_tracks import flame_pose
from animcore.errors import InputError
from animcore.files import expression_coefficients, npz_arrays, pose_tracks
from animcore.files.animation_curves import AnimationCurves, Array, FileFormat, FormatOptions
from animcore.files.frame_times import check_frame_count, from_zero
from animcore.motion import Motion

MODEL = "flame2023"  # of VHAP and GaussianAvatars
_USUAL = (MODEL, "flame2020")
_WIDTHS = {
    "expr": expression_coefficients.COUNT,
    "rotation": 3,
    "neck_pose": 3,
    "jaw_pose": 3,
    "eyes_pose": 6,
    "translation": 3,
}
_OTHER_NAMES = {
    "expr": ("expression", "expressions", "exp"),
    "rotation": ("global_orient", "global_pose", "global_rot"),
    "neck_pose": ("neck",),
    "jaw_pose": ("jaw",),
    "eyes_pose": ("eye_pose", "eyes"),
    "translation": ("transl", "trans"),
}
_VERTICES = 5143  # of VHAP's FLAME, with its added teeth
_POSES = ("rotation", "neck_pose", "jaw_pose", "eyes_pose")


def encode(motion: Motion, setup: FormatOptions) -> AnimationCurves:
    """Take the face and the head of a motion; what it lacks is 0."""
    motion, converted = expression_coefficients.with_expression(motion, setup)
    expression, basis, remarks = expression_coefficients.expression(motion, _USUAL)
    joints = flame_pose(motion)
    curves = {
        "expr": expression,
        "rotation": joints[:, 0],
        "neck_pose": joints[:, 1],
        "jaw_pose": joints[:, 2],
        "eyes_pose": joints[:, 3:].reshape(-1, 6),
        "translation": pose_tracks.of_translation(motion),
    }
    return from_zero(
        AnimationCurves(motion.rate, motion.start, curves, lacks=(*converted, *remarks), facts={"basis": basis}),
        FORMAT.title,
    )


def write(animation: AnimationCurves, path: Path, _setup: FormatOptions) -> None:
    """Write the archive.

    Raises:
        InputError: when the file cannot be written.
    """
    still = {"shape": np.zeros(300, np.float32), "static_offset": np.zeros((1, _VERTICES, 3), np.float32)}
    npz_arrays.save({**animation.curves, **animation.facts, **still, "fps": float(animation.rate)}, path)


def read(path: Path, setup: FormatOptions) -> AnimationCurves:
    """Read the archive; nothing is unpickled. Parts that it lacks are 0, and fewer than 100 coefficients are filled.

    Raises:
        InputError: when it is no such archive, broken, states no frame rate and none is given, or its arrays do not
            fit.
    """
    others = tuple(name for names in _OTHER_NAMES.values() for name in names)
    contents, notes = npz_arrays.contents_of(path, (*_WIDTHS, *others, "shape", "basis", *npz_arrays.RATE_NAMES))
    for name, spellings in _OTHER_NAMES.items():
        found = next((other for other in spellings if other in contents), None)
        if name not in contents and found is not None:
            contents[name] = contents[found]
    if "expr" not in contents or "jaw_pose" not in contents:
        raise InputError(f"{path.name} is not a file of FLAME parameters: it needs expr and jaw_pose.")
    count = check_frame_count(len(np.atleast_2d(contents["expr"])), path.name)
    if not contents["expr"].size:
        raise InputError(f"{path.name} has no frames.")
    curves = {name: _frames(contents, name, count, path) for name in _WIDTHS}
    joined, turned = npz_arrays.radians(np.concatenate([curves[name] for name in _POSES], 1), path)
    curves |= dict(zip(_POSES, np.split(joined, np.cumsum([3, 3, 3]), axis=1), strict=True))
    curves["translation"], moved = npz_arrays.metres(curves["translation"], path)
    basis = str(contents.get("basis", ""))
    if not basis:
        notes = (*notes, f"{path.name} does not state its FLAME; {MODEL} is assumed.")
    facts = {"basis": basis or MODEL} | ({"shape": contents["shape"]} if "shape" in contents else {})
    rate = npz_arrays.rate_in(contents, setup, path)
    return AnimationCurves(rate, 0.0, curves, notes=(*notes, *turned, *moved), facts=facts)


def decode(animation: AnimationCurves, _setup: FormatOptions) -> Motion:
    """Give the tracks back; an expression that is 0 throughout is none."""
    part = {name: np.asarray(values, np.float32) for name, values in animation.curves.items()}
    has_face = bool(part["expr"].any())
    return Motion(
        animation.rate,
        animation.start,
        expression=part["expr"] if has_face else None,
        basis=(animation.facts.get("basis") or MODEL) if has_face else None,
        jaw_pose=part["jaw_pose"],
        neck_pose=part["rotation"],
        head_pose=part["neck_pose"],
        eye_pose=part["eyes_pose"].reshape(-1, 2, 3),
        translation=part["translation"],
    )


def _frames(contents: npz_arrays.Contents, name: str, count: int, path: Path) -> Array:
    """(T, K) of one part, filled with 0 where it is absent or has fewer coefficients."""
    width = _WIDTHS[name]
    if name not in contents:
        return np.zeros((count, width), np.float32)
    values = np.atleast_2d(contents[name])
    if name == "expr" and values.ndim == 2 and values.shape[1] < width and values.dtype.kind in "fiu":
        contents = {name: np.pad(values, ((0, 0), (0, width - values.shape[1])))}
    found = npz_arrays.frames_of(contents, name, width, path)
    if len(found) == count:
        return found
    if len(found) == 1:  # one for all frames, as canonical parameters have
        return np.repeat(found, count, 0)
    raise InputError(f"{path.name} has {count} frames of expr and {len(found)} of {name}; it mixes two takes.")


FORMAT = FileFormat(
    title="FLAME parameters (VHAP)",
    suffix=".flame.npz",
    carries=("arkit", "expression", "jaw_pose", "neck_pose", "head_pose", "eye_pose", "translation"),
    encode=encode,
    write=write,
    read=read,
    decode=decode,
    tolerance=1e-6,
)
