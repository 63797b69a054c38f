"""Expression coefficients for files of FLAME and SMPL-X: whose they are, and where they come from."""

from __future__ import annotations

import numpy as np

from animcore.files.sheet import Array, Setup
from animcore.motion import Motion

COUNT = 100  # columns, as all these files have


def expression(motion: Motion, setup: Setup, usual: tuple[str, ...]) -> tuple[Array, str, tuple[str, ...]]:
    """Return (T, 100) coefficients, the name of the model they belong to, and a sentence for what is amiss.

    Coefficients that the motion has are taken as they are, with the name of their own model: two bases never mix.

    Args:
        motion: the performance.
        setup: names the model that weights are converted for.
        usual: models whose coefficients programs expect in such a file.
    """
    if motion.expression is None or motion.basis is None:
        return _from_weights(motion, setup)
    count = motion.expression.shape[1]
    values = np.zeros((motion.frame_count, COUNT), np.float32)
    values[:, : min(count, COUNT)] = motion.expression[:, :COUNT]
    said = []
    if motion.basis not in usual:
        said.append(
            f"The expression coefficients are those of {motion.basis}, not of {usual[0]}: a program that shows another "
            "model shows another face."
        )
    if count > COUNT:
        said.append(f"The file holds the first {COUNT} of {count} expression coefficients.")
    return values, motion.basis, tuple(said)


def _from_weights(motion: Motion, setup: Setup) -> tuple[Array, str, tuple[str, ...]]:
    """Coefficients that move the model of `setup` as the ARKit weights would."""
    said = (
        ("The face was not written: this motion has no expression coefficients.",) if motion.arkit is not None else ()
    )
    return np.zeros((motion.frame_count, COUNT), np.float32), "", said
