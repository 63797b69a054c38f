"""Lips of a recorded face (`trackers.face`): opening and width over the outer eye corners."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import av.error
import numpy as np
from numpy.typing import NDArray

from animcore.errors import InputError
from animcore.files.video import face_landmarks

Array = NDArray[np.floating[Any]]

# Landmarks of MediaPipe's face mesh (Kartynnik et al., "Real-time facial surface geometry from monocular video", 2019).
INNER_LIPS, CORNERS, OUTER_EYES = (13, 14), (61, 291), (33, 263)


def lip_curves(landmarks: Array) -> tuple[Array, Array]:
    """(T,) opening and (T,) width from landmarks (T, 468 or 478, 3) of equal units on all axes."""

    def apart(pair: tuple[int, int]) -> Array:
        distance: Array = np.linalg.norm(landmarks[:, pair[0]] - landmarks[:, pair[1]], axis=1)
        return distance

    eyes = apart(OUTER_EYES)
    return apart(INNER_LIPS) / eyes, apart(CORNERS) / eyes


def track(path: Path) -> tuple[Fraction, Array, Array]:
    """Return frame rate, (T,) opening and (T,) width of the one face of a video; NaN where no face was found.

    Raises:
        InputError: for a file that is no video, or a video without a face.
    """
    found, times = [], []
    with face_landmarks.tracker(path.name, faces=1) as mesh:
        rate = face_landmarks.rate_of(path)
        for time, image, _ in face_landmarks.frames(path):
            times.append(time)
            faces = face_landmarks.landmarks(mesh, image)
            found.append(faces[0] if faces else np.full((face_landmarks.MARKS, 3), np.nan))
    if not any(np.isfinite(landmarks).all() for landmarks in found):
        raise InputError(f"No face was found in {path.name}; it must show one face from the front.")
    opening, width = (evenly(np.array(times), curve, rate) for curve in lip_curves(np.stack(found)))
    return rate, opening, width


def evenly(times: Array, curve: Array, rate: Fraction) -> Array:
    """Return a curve (T,) with a value a frame of a rate, from one at the times (T,) of the video's frames."""
    frames = times[0] + np.arange(round((times[-1] - times[0]) * rate) + 1) / float(rate)
    return np.asarray(np.interp(frames, times, curve))


def has_sound(path: Path) -> bool:
    """Whether a video has audio track."""
    try:
        with av.open(str(path), metadata_errors="replace") as container:
            return bool(container.streams.audio)
    except (av.error.FFmpegError, OSError):
        return False
