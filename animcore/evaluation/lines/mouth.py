"""The lips of the default head under a motion, on the clock of the audio: how far apart, how far below the teeth."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from animcore.core import reading
from animcore.core.vocabulary import ARKIT, ARKIT_INDEX
from animcore.evaluation.face import metrics, reference_face
from animcore.evaluation.lines.listening import opening_mm
from animcore.motion import Motion

Array = NDArray[np.floating[Any]]

SEALED = 0.5  # millimetres apart, below which lips are closed on a face that hardly opens them
_MIDDLE = 0.008  # metres to each side of the middle of the lip that touches the teeth
_SPEECH_SHAPES = [ARKIT_INDEX[name] for name in ARKIT if name.startswith(("jaw", "mouth"))]


@dataclass(frozen=True)
class Mouth:
    """The mouth of a motion over T frames.

    Attributes:
        times: (T,) seconds of the audio.
        fps: frame rate.
        opening: (T,) how far the lips are apart beyond rest, millimetres.
        below_teeth: (T,) how far the lower lip stays below the edge of the upper teeth, millimetres; below 0 it is
            behind them.
        shapes: (T, S) the weights of jaw and mouth.
        names: S names.
    """

    times: Array
    fps: float
    opening: Array
    below_teeth: Array
    shapes: Array
    names: tuple[str, ...]

    @property
    def closed_below(self) -> float:
        """Millimetres below which these lips count as closed: 15 % of how far they open, as `metrics.closed` has it."""
        return max(SEALED, metrics.CLOSED * float(np.percentile(self.opening, 95))) if len(self.opening) else SEALED

    def between(self, start: float, end: float) -> slice:
        """Return the frames from one second to another, one at least."""
        first = int(np.searchsorted(self.times, start - 1e-9))
        last = int(np.searchsorted(self.times, end + 1e-9, side="right"))
        first = min(first, max(len(self.times) - 1, 0))
        return slice(first, max(last, first + 1))


def of_motion(motion: Motion, offset: float = 0.0) -> Mouth | None:
    """Return the mouth of a motion; None where it has no blendshape weights.

    Args:
        motion: the performance.
        offset: seconds that it was ordered to be later than the audio.
    """
    if motion.arkit is None or not motion.frame_count:
        return None
    return Mouth(
        times=motion.times - offset,
        fps=motion.fps,
        opening=opening_mm(motion.arkit),
        below_teeth=_below_teeth(motion.arkit),
        shapes=motion.arkit[:, _SPEECH_SHAPES],
        names=tuple(ARKIT[index] for index in _SPEECH_SHAPES),
    )


@functools.cache
def _teeth() -> tuple[float, Array, Array]:
    """The edge of the upper teeth, and the height of what touches it of the lower lip: at rest (N,), deltas (52, N)."""
    basis = reading.arrays(reference_face.BASIS)
    order = [list(basis["names"]).index(name) for name in ARKIT]
    edge = float(basis["teeth_upper_rest"][np.abs(basis["teeth_upper_rest"][:, 0]) < _MIDDLE, 1].min())
    inside = np.abs(basis["lip_contact_lower_rest"][:, 0]) < _MIDDLE
    rest = basis["lip_contact_lower_rest"][inside, 1].astype(np.float64)
    return edge, rest, basis["lip_contact_lower_delta"][order][:, inside, 1].astype(np.float64)


def _below_teeth(weights: Array) -> Array:
    """(T,) millimetres from the edge of the upper teeth down to the highest point of the lower lip, from (T, 52)."""
    edge, rest, deltas = _teeth()
    gap: Array = reference_face.MM * (edge - (rest + weights @ deltas).max(1))
    return gap
