"""Heads of real speakers for the head solver: rotations from a fitted model, and from tracked landmarks.

Which clips, and why. Kept: real people whose head moves freely. Left out of the training folders: faces made from a
still image (`anitalker_*`, heads half as fast as people's), a driving video that shakes its head
(`liveportrait_d11`), readers of single commands who hold still (`GRID_*`, `lips_grid`, `liveportrait_d20`,
`edtalk_radio51`: what the tracker sees there is mostly the jaw), and copies (`edtalk_obama` is `Obama_clip1`, which
shows that axes, signs and sizes of both ways agree; `aniportrait_pose_ref` is `May_5s`; `vrt_3` is
`WDA_AlexandriaOcasioCortez_000`, and `edtalk_demo_a` another face with the same movement). Of `lips`, the six real
people, who never train: they are for measuring.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from animcore.audio import recording
from animcore.core import reading
from animcore.geometry import rotations
from animcore.speech import prosody
from animcore.speech.prosody import FPS, Prosody

Array = NDArray[np.float64]
FloatArray = NDArray[np.float32]

# The training speakers. Each is the validation split in turn, so that no speaker is measured who trained; two whose
# faces are alike are left out together.
FOLDS: tuple[tuple[str, ...], ...] = (
    ("headpose/Obama_clip1", "headpose/Obama_clip2", "headpose/Obama_clip3"),
    ("headpose/andrew_clip_1",),
    ("lips_train/WDA_AlexandriaOcasioCortez_000",),
    ("lips_train/WDA_KatieHill_000", "lips_train/vrt_4"),
    ("lips_train/May_5s",),
    ("lips_train/latentsync_demo1_video",),
    ("lips_train/latentsync_demo2_video",),
    ("lips_train/latentsync_demo3_video",),
    ("lips_train/edtalk_source2",),
    ("lips_train/vrt_1",),
    ("lips_train/vrt_2",),
    ("lips_train/vrt_5",),
)
MEASURED: tuple[str, ...] = (
    "lips/talkvid_Age_46-60_1", "lips/talkvid_Gender_female_1", "lips/talkvid_Gender_male_3",
    "lips/talkvid_Language_en", "lips/talkvid_Language_pt", "lips/talkvid_Language_zh",
)  # fmt: skip
_SAME = {f"headpose/Obama_clip{number}": "Obama" for number in (1, 2, 3)}  # clips of one speaker

# Landmarks of MediaPipe's face mesh that hardly move with the face: forehead, temples, bridge of the nose, corners of
# the eyes.
RIGID = (10, 151, 9, 8, 168, 6, 197, 195, 33, 133, 263, 362, 127, 356, 109, 338, 67, 297, 103, 332, 54, 284, 21, 251,
         162, 389, 234, 454)  # fmt: skip
_ROUNDS = 6  # of finding the clip's mean shape
CUT = 5.0  # Hz above which a tracker jitters more than a head moves
_FINER = 8  # factor of the first, exact interpolation


@dataclass(frozen=True)
class HeadRecording:
    """A real head and its voice.

    Attributes:
        name: folder and stem of the file.
        speaker: whose it is.
        degrees: (T, 3) rotation relative to the clip's mean at 50 FPS, degrees about X, Y and Z, below 5 Hz.
        prosody: of the voice, T frames.
    """

    name: str
    speaker: str
    degrees: Array
    prosody: Prosody

    @property
    def speed(self) -> float:
        """Root mean square speed in degrees a second."""
        return float(np.sqrt(np.square(np.gradient(self.degrees, 1 / FPS, axis=0)).sum(1).mean()))


def load(data: Path, name: str) -> HeadRecording:
    """Load a clip of the data folder by its name, `headpose/andrew_clip_1`."""
    file = reading.arrays(data / f"{name}.npz", ("fps", "rotation", "landmarks"))
    fps = float(file["fps"])
    if "rotation" in file:
        turns = rotations.from_euler(file["rotation"][:, ::-1], "ZYX")
    else:
        turns = tracked(file["landmarks"].astype(np.float64))
    degrees = np.rad2deg(around_mean(turns))
    count = int(len(degrees) / fps * FPS)
    clip = recording.load(data / f"{name}.flac")
    return HeadRecording(name, _SAME.get(name, name), resampled(degrees, fps, count), prosody.analyse(clip, count))


def tracked(landmarks: Array) -> Array:
    """Rotations (T, 3, 3) of a head from landmarks (T, 478, 3) in pixels, Y down, Z away from the viewer.

    Each frame is turned onto the mean shape of its clip (Kabsch, 1976; the mean as in generalized Procrustes analysis,
    Gower, 1975). The tracker's depth is in the units of its X, as under a far camera.
    """
    points = landmarks[:, RIGID] * (1, -1, -1)
    points = points - points.mean(1, keepdims=True)
    points /= np.linalg.norm(points, axis=(1, 2), keepdims=True)
    shape = points[len(points) // 2]
    for _ in range(_ROUNDS):
        shape = np.einsum("tji,tnj->ni", _fitted(shape, points), points)
        shape /= np.linalg.norm(shape)
    return _fitted(shape, points)


def _fitted(shape: Array, points: Array) -> Array:
    """Rotations (T, 3, 3) that bring a shape (N, 3) closest to points (T, N, 3)."""
    left, _, right = np.linalg.svd(np.einsum("tni,nj->tij", points, shape))
    left[:, :, 2] *= np.sign(np.linalg.det(left @ right))[:, None]
    turns: Array = left @ right
    return turns


def around_mean(turns: Array) -> Array:
    """Axis-angle (T, 3) of rotations (T, 3, 3) relative to their mean."""
    left, _, right = np.linalg.svd(turns.mean(0))
    vectors: Array = rotations.from_matrix(turns @ (left @ right).T)
    result: Array = vectors - vectors.mean(0)
    return result


def resampled(curves: Array, fps: float, count: int) -> Array:
    """Bring curves (F, 3) to `count` frames at 50 a second, low-passed at 5 Hz."""
    there_and_back = np.concatenate([curves, curves[::-1]])  # no step where the end meets the beginning
    spectrum = np.fft.rfft(there_and_back, axis=0)
    spectrum /= (1 + (np.fft.rfftfreq(len(there_and_back), 1 / fps) / CUT) ** 12)[:, None]
    fine = np.fft.irfft(spectrum, _FINER * len(there_and_back), axis=0)[: _FINER * len(curves)] * _FINER
    places = np.arange(count) / FPS * fps * _FINER
    return np.stack([np.interp(places, np.arange(len(fine)), axis) for axis in fine.T], 1)
