"""Blend shape exports of the Audio2Face application (before the service): names once, and a matrix of weights.

The application exported 46 shapes where ARKit has 52 (its solver leaves small ones out), so the names that stand in
the file decide, never their number.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from animcore.core.atomic_files import whole_file
from animcore.core.frame_rates import exact_rate
from animcore.errors import BROKEN_FILE, InputError
from animcore.files import blendshape_names
from animcore.files.animation_curves import AnimationCurves, FileFormat, FormatOptions
from animcore.files.frame_times import check_frame_count, from_zero
from animcore.files.text_tables import text_of
from animcore.motion import Motion

_KEYS = ("facsNames", "weightMat")
_USUAL_RATE = 30  # of the application, for files that lack exportFps


def encode(motion: Motion, setup: FormatOptions) -> AnimationCurves:
    """Take the ARKit and tongue weights, with the first frame at 0, and the name of the audio."""
    animation = blendshape_names.encode(motion, setup)
    facts = {"audio_name": motion.audio_name or ""}
    return from_zero(
        AnimationCurves(animation.rate, animation.start, animation.curves, lacks=animation.lacks, facts=facts),
        FORMAT.title,
    )


def write(animation: AnimationCurves, path: Path, _setup: FormatOptions) -> None:
    """Write the file.

    Raises:
        InputError: when the file cannot be written.
    """
    names = tuple(animation.curves)
    rows = [[float(f"{value:.7g}") for value in row] for row in animation.matrix(names).tolist()]
    rate = int(animation.rate) if animation.rate.denominator == 1 else float(animation.rate)
    content = {
        "exportFps": rate,
        "trackPath": animation.facts.get("audio_name", ""),
        "numPoses": len(names),
        "numFrames": len(rows),
        "facsNames": list(names),
        "weightMat": rows,
    }
    with whole_file(path) as temporary:
        temporary.write_text(json.dumps(content), encoding="utf-8")


def read(path: Path, setup: FormatOptions) -> AnimationCurves:
    """Read the file.

    Raises:
        InputError: when it is no such file, cut off, or its matrix does not fit its names.
    """
    content = _content(path)
    names = [str(name) for name in content["facsNames"]]
    try:
        weights = np.array(content["weightMat"], np.float64)
    except BROKEN_FILE as error:
        raise InputError(f"{path.name}: the rows of weightMat are not equally long, or hold no numbers.") from error
    if not len(weights):
        raise InputError(f"{path.name} has no frames.")
    if weights.ndim != 2 or weights.shape[1] != len(names):
        raise InputError(
            f"{path.name} names {len(names)} shapes, but weightMat has the shape {weights.shape}: it mixes two exports."
        )
    announced = content.get("numFrames", len(weights))
    if announced != len(weights):
        raise InputError(
            f"{path.name} announces {announced} frames and has {len(weights)}; it was cut off: export it again."
        )
    check_frame_count(len(weights), path.name)
    if not np.isfinite(weights).all():
        raise InputError(f"{path.name} holds values that are not numbers (NaN or infinite).")
    columns, notes = blendshape_names.noticed(dict(zip(names, weights.T, strict=True)), path.name)
    if "exportFps" not in content and setup.rate is None:
        notes = (*notes, f"{path.name} does not state its frame rate; {_USUAL_RATE} is assumed.")
    rate = exact_rate(content.get("exportFps", setup.rate or _USUAL_RATE))
    return AnimationCurves(rate, 0.0, columns, notes=notes, facts={"audio_name": str(content.get("trackPath", ""))})


def _content(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(text_of(path))
    except BROKEN_FILE as error:
        raise InputError(f"{path.name} is not a readable JSON ({error}); it may be cut off.") from error
    if not isinstance(content, dict) or any(not isinstance(content.get(key), list) for key in _KEYS):
        raise InputError(f"{path.name} is not an export of Audio2Face: it needs facsNames and weightMat.")
    return content


FORMAT = FileFormat(
    title="Audio2Face JSON",
    suffix=".a2f.json",
    carries=("arkit", "tongue"),
    encode=encode,
    write=write,
    read=read,
    decode=blendshape_names.decode,
    tolerance=1e-6,
)
