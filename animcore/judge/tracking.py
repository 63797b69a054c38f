"""Lips of a filmed face, tracked by MediaPipe Face Mesh (an extra): opening and width over the outer eye corners."""

from __future__ import annotations

import importlib.util
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import av.error
import numpy as np
from numpy.typing import NDArray

from animcore.errors import InputError
from animcore.rates import exact_rate

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
    """Return frame rate, (T,) opening and (T,) width of the one face of a film; NaN where no face was found.

    Raises:
        InputError: without MediaPipe, for a file that is no film, or a film without a face.
    """
    mesh = _mesh(path)
    found = []
    rate = Fraction(0)
    try:
        with mesh, av.open(str(path), metadata_errors="replace") as container:
            if not container.streams.video:
                raise InputError(f"{path.name} has no picture; choose a film, or the sound's tracked curves.")
            stream = container.streams.video[0]
            rate = exact_rate(stream.average_rate or stream.guessed_rate or 25)
            for frame in container.decode(stream):
                found.append(_landmarks(mesh, frame.to_ndarray(format="rgb24").astype(np.uint8, copy=False)))
    except (av.error.FFmpegError, OSError) as error:
        raise InputError(f"{path.name} is not a film that can be decoded; export it again as MP4.") from error
    if not any(np.isfinite(landmarks).all() for landmarks in found):
        raise InputError(f"No face was found in {path.name}; it must show one face from the front.")
    opening, width = lip_curves(np.stack(found))
    return rate, opening, width


def has_sound(path: Path) -> bool:
    """Whether a film has a sound track."""
    try:
        with av.open(str(path), metadata_errors="replace") as container:
            return bool(container.streams.audio)
    except (av.error.FFmpegError, OSError):
        return False


def _mesh(path: Path) -> Any:
    """The tracker, whose weights come with the package."""
    if importlib.util.find_spec("mediapipe") is None:
        raise InputError(
            f"{path.name} is a film, and tracking its face needs MediaPipe: pip install 'animcore[judge]'."
        )
    import mediapipe

    if not hasattr(mediapipe, "solutions"):
        raise InputError("This MediaPipe has no Face Mesh any more; pip install 'mediapipe<0.10.22'.")
    return mediapipe.solutions.face_mesh.FaceMesh(static_image_mode=False, max_num_faces=1, refine_landmarks=True)


def _landmarks(mesh: Any, image: NDArray[np.uint8]) -> Array:
    """(478, 3) in pixels; NaN where there is no face."""
    faces = mesh.process(image).multi_face_landmarks
    if not faces:
        return np.full((478, 3), np.nan)
    height, width = image.shape[:2]
    points = np.array([(point.x, point.y, point.z) for point in faces[0].landmark])
    pixels: Array = points * np.array([width, height, width], float)  # depth has the scale of the width
    return pixels
