"""BEAT2 and EMAGE (`.npz`): SMPL-X poses, 100 expression coefficients, position and shape of a talking person.

Keys after the BEAT2 release (Liu et al., EMAGE, CVPR 2024): `poses` (T, 165) axis-angle of the 55 joints, `expressions`
(T, 100), `trans` (T, 3), `betas` (300), `model`, `gender`, `mocap_frame_rate`. `basis` is ours: the model that the
expression coefficients belong to, which other readers ignore.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from animcore.body_models.pose_tracks import smplx_pose
from animcore.errors import InputError
from animcore.files import expression_coefficients, npz_arrays, pose_tracks
from animcore.files.animation_curves import AnimationCurves, FileFormat, FormatOptions
from animcore.files.frame_times import check_frame_count, from_zero
from animcore.motion import Motion

MODEL = "smplx2020"
_USUAL = (MODEL, "flame2020")  # SMPL-X of 2020 took over FLAME's expressions
_FACTS = ("model", "gender", "basis")
_WIDTHS = {"poses": 165, "expressions": expression_coefficients.COUNT, "trans": 3}


def encode(motion: Motion, setup: FormatOptions) -> AnimationCurves:
    """Take the poses, the position and the expression of a motion; what it lacks is 0."""
    motion, converted = expression_coefficients.with_expression(motion, setup)
    expressions, basis, remarks = expression_coefficients.expression(motion, _USUAL)
    curves = {
        "poses": smplx_pose(motion).reshape(-1, _WIDTHS["poses"]),
        "expressions": expressions,
        "trans": pose_tracks.of_translation(motion),
    }
    facts = {"basis": basis, "model": MODEL if not basis or basis in _USUAL else basis, "gender": "neutral"}
    return from_zero(
        AnimationCurves(motion.rate, motion.start, curves, lacks=(*converted, *remarks), facts=facts), FORMAT.title
    )


def write(animation: AnimationCurves, path: Path, _setup: FormatOptions) -> None:
    """Write the archive.

    Raises:
        InputError: when the file cannot be written.
    """
    rate = int(animation.rate) if animation.rate.denominator == 1 else float(animation.rate)
    npz_arrays.save({**animation.curves, **animation.facts, "betas": np.zeros(300), "mocap_frame_rate": rate}, path)


def read(path: Path, setup: FormatOptions) -> AnimationCurves:
    """Read the archive; nothing is unpickled.

    Raises:
        InputError: when it is no such archive, broken, or its arrays do not fit each other.
    """
    names = (*_WIDTHS, *_FACTS, "betas", *npz_arrays.RATE_NAMES)
    contents, notes = npz_arrays.contents_of(path, names)
    curves = {name: npz_arrays.frames_of(contents, name, width, path) for name, width in _WIDTHS.items()}
    lengths = {name: len(values) for name, values in curves.items()}
    if len(set(lengths.values())) > 1:
        parts = ", ".join(f"{count} of {name}" for name, count in lengths.items())
        raise InputError(f"{path.name} has frames of different numbers ({parts}); it mixes two takes.")
    if not check_frame_count(lengths["poses"], path.name):
        raise InputError(f"{path.name} has no frames.")
    curves["poses"], turned = npz_arrays.radians(curves["poses"], path)
    curves["trans"], moved = npz_arrays.metres(curves["trans"], path)
    facts: dict[str, Any] = {name: str(contents[name]) for name in _FACTS if name in contents}
    facts.setdefault("model", MODEL)
    if facts.get("basis", facts["model"]) not in (*_USUAL, facts["model"], ""):
        notes = (*notes, f"{path.name} says {facts['model']}, but its expression is that of {facts['basis']}.")
    facts |= {"betas": contents["betas"]} if "betas" in contents else {}
    rate = npz_arrays.rate_in(contents, setup, path)
    return AnimationCurves(rate, 0.0, curves, notes=(*notes, *turned, *moved), facts=facts)


def decode(animation: AnimationCurves, _setup: FormatOptions) -> Motion:
    """Give the tracks back; an expression that is 0 throughout is none."""
    expression = np.asarray(animation.curves["expressions"], np.float32)
    has_face = bool(expression.any())
    tracks = pose_tracks.tracks_of(animation.curves["poses"].reshape(-1, 55, 3), animation.curves["trans"])
    return Motion(
        animation.rate,
        animation.start,
        **tracks,
        expression=expression if has_face else None,
        basis=(animation.facts.get("basis") or animation.facts["model"]) if has_face else None,
    )


FORMAT = FileFormat(
    title="BEAT2 (EMAGE)",
    suffix=".beat2.npz",
    carries=("arkit", "expression", *pose_tracks.TRACKS),
    encode=encode,
    write=write,
    read=read,
    decode=decode,
    tolerance=1e-6,
)
