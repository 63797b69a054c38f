"""A file that another program wrote of a performance, compared with it: frames, shapes, bones, vertices.

Shapes are compared by the names that the character has for them, not by ARKit's: what a rig costs is no fault of the
file. Every format has its own limit (`FileFormat.limit`).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from animcore.core import reading
from animcore.errors import InputError
from animcore.files.animation_curves import AnimationCurves, FileFormat
from animcore.files.scenes.bone_motion import BoneMotion
from animcore.motion import Motion
from animcore.retarget.name_normalization import canonical

Array = NDArray[np.float64]


def measure_errors(found: AnimationCurves, meant: Path, motion: Motion, form: FileFormat) -> dict[str, float]:
    """Return the largest difference of all intended values of a file: weights, radians, metres.

    Args:
        found: the file as its reader has it.
        meant: what the extension noted (blender_addon/export/expected_values.py).
        motion: the performance.
        form: the file's format.

    Raises:
        InputError: where the file has another number of frames, begins elsewhere, or lacks what moves.
    """
    if found.frame_count != motion.frame_count:
        raise InputError(_not_kept(f"{found.frame_count} frames are in it where the take has {motion.frame_count}"))
    late = found.start - motion.start
    if abs(late) * motion.fps > 0.5:
        raise InputError(_not_kept(f"it begins at {found.start:.3f} s where {motion.start:.3f} s is meant"))
    arrays = reading.arrays(meant)
    if "frames" in arrays:
        return {"vertices": _vertex_error(found, arrays)}
    names, values = [str(name) for name in arrays["names"]], arrays["values"].astype(np.float64)
    errors = {"shapes": _shape_error(found, names, values)} if names else {}
    return errors | (_bone_errors(found, BoneMotion.of_arrays(arrays), form) if "bones" in arrays else {})


def rejection(errors: Mapping[str, float], form: FileFormat) -> str | None:
    """Describe what of a file is further off than its format may be; None where all is well."""
    wrong = {name: error for name, error in errors.items() if not error <= form.limit}
    if not wrong:
        return None
    name = max(wrong, key=lambda one: wrong[one])
    off = f"{name.replace('_', ' ')} up to {wrong[name]:.3g} off where {form.limit:g} is the most"
    return _not_kept(off)


def _not_kept(reason: str) -> str:
    return f"{reason}, so the file was not kept; report this with the .blend file."


def _shape_error(found: AnimationCurves, names: list[str], values: Array) -> float:
    """The largest difference of the curves (K, T) of shapes; one that the file calls otherwise is known by its curve.

    Raises:
        InputError: where one is not there under any name.
    """
    columns = {name: _columns(curve) for name, curve in found.curves.items() if np.ndim(curve) <= 2}
    columns = {name: rows for name, rows in columns.items() if not name.endswith("_pose")}
    by_name: dict[str, list[Array]] = {}
    for name, rows in columns.items():
        by_name.setdefault(canonical(name), []).append(rows)
    worst = 0.0
    for name, values_of_it in zip(names, values, strict=True):
        candidates = _of_name(canonical(name), by_name) or list(columns.values())
        if not candidates:
            raise InputError(_not_kept(f"the shape {name} is not in it"))
        worst = max(worst, min(float(np.abs(rows - values_of_it).max(1).min()) for rows in candidates))
    return worst


def _of_name(name: str, by_name: Mapping[str, list[Array]]) -> list[Array]:
    """The curves of a shape: USD numbers the copies on several meshes (`jawOpen2`)."""
    return [
        rows
        for other, found in by_name.items()
        if other == name or (other.startswith(name) and other.removeprefix(name).isdigit())
        for rows in found
    ]


def _bone_errors(found: AnimationCurves, meant: BoneMotion, form: FileFormat) -> dict[str, float]:
    """The largest difference of the turns and the shifts of bones.

    Raises:
        InputError: where a bone that moves is not there.
    """
    there = found.facts.get("bones")
    if there is None:
        raise InputError(_not_kept("the bones of the character are not in it"))
    errors, absent = meant.errors(there, form.limit)
    if absent is not None:
        raise InputError(_not_kept(f"the bone {absent} is not in it"))
    return errors


def _columns(curve: Array) -> Array:
    """(copies, T) a curve."""
    return np.atleast_2d(np.asarray(curve, np.float64).T)


def _vertex_error(found: AnimationCurves, arrays: Mapping[str, Array]) -> float:
    """The largest distance of a vertex on the frames that were noted, in metres, each mesh from the one nearest to it.

    Raises:
        InputError: where a mesh is not there.
    """
    at = arrays["frames"].astype(int)
    worst = 0.0
    for name, places in arrays.items():
        if name != "frames":
            fitting = [values[at] for values in found.curves.values() if values.shape[1:] == places.shape[1:]]
            if not fitting:
                raise InputError(_not_kept("a mesh of the character is not in it"))
            worst = max(worst, min(float(np.linalg.norm(one - places, axis=2).max(initial=0.0)) for one in fitting))
    return worst
