"""Expression coefficients for files of FLAME and SMPL-X: whose they are, and where they come from."""

from __future__ import annotations

import functools
from dataclasses import replace

import numpy as np

from animcore.body_models.arkit_to_flame import ArkitFlameBridge, bridge
from animcore.body_models.parametric_model import load_model
from animcore.files.animation_curves import Array, FormatOptions
from animcore.motion import Motion

COUNT = 100  # columns, as all these files have


def with_expression(motion: Motion, setup: FormatOptions) -> tuple[Motion, tuple[str, ...]]:
    """Return the motion with expression coefficients and the jaw that goes with them, and a sentence about it.

    A motion that has coefficients, or no ARKit weights either, stays as it is. Weights become coefficients of the
    model that `setup.model` names.

    Raises:
        InputError: when that model cannot be read, or is none of FLAME's.
    """
    if motion.expression is not None or motion.arkit is None:
        return motion, ()
    converter = _bridge(setup.model)
    found, residual = converter.to_flame(motion)
    note = (
        f"The face was converted from ARKit weights to the expression of {found.basis}: off by {residual.mean():.2f} mm"
        f" on average, {residual.max(initial=0.0):.2f} mm at most."
    )
    return replace(motion, expression=found.expression, basis=found.basis, jaw_pose=found.jaw_pose), (note,)


def expression(motion: Motion, usual: tuple[str, ...]) -> tuple[Array, str, tuple[str, ...]]:
    """Return (T, 100) coefficients, the name of the model they belong to, and a sentence for each problem.

    Coefficients are taken as they are, with the name of their own model: two bases never mix.

    Args:
        motion: the performance.
        usual: models whose coefficients programs expect in such a file.
    """
    values = np.zeros((motion.frame_count, COUNT), np.float32)
    if motion.expression is None or motion.basis is None:
        return values, "", ()
    count = motion.expression.shape[1]
    values[:, : min(count, COUNT)] = motion.expression[:, :COUNT]
    note = []
    if motion.basis not in usual:
        note.append(
            f"The expression coefficients are those of {motion.basis}, not of {usual[0]}: a program that shows another "
            "model shows another face."
        )
    if count > COUNT:
        note.append(f"The file holds the first {COUNT} of {count} expression coefficients.")
    return values, motion.basis, tuple(note)


@functools.lru_cache(maxsize=4)
def _bridge(model: str) -> ArkitFlameBridge:
    return bridge(load_model(model))
