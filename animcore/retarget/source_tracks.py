"""The inputs of a rig's face: every track that a rig can be driven by, as one row of numbers a frame."""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray

from animcore.core.vocabulary import ARKIT, TONGUE
from animcore.motion import Motion

FloatArray = NDArray[np.float64]

# Radians about the character's left, up and forward axes: nod down, turn left, tilt towards the right shoulder.
HEAD: tuple[str, ...] = ("headPitch", "headYaw", "headRoll")
SOURCES: tuple[str, ...] = (*ARKIT, *TONGUE, *HEAD)
INDEX: dict[str, int] = {name: index for index, name in enumerate(SOURCES)}

# How names begin, by what people call the part of the face, and how much of a spoken performance each part is. Jaw and
# lips count most; other missing tracks are a loss, but the character still speaks.
REGIONS: dict[str, tuple[str, float]] = {
    "jaw": ("jaw", 0.25),
    "lip": ("mouth", 0.40),
    "eyelid": ("eyeBlink eyeSquint eyeWide", 0.13),
    "gaze": ("eyeLook", 0.04),
    "brow": ("brow", 0.10),
    "cheek": ("cheek", 0.03),
    "nose": ("nose", 0.02),
    "tongue": ("tongue", 0.03),
    "head": ("head", 0.0),
}


@functools.cache
def region(name: str) -> str:
    """The part of the face that a track belongs to."""
    return next(part for part, (starts, _) in REGIONS.items() if name.startswith(tuple(starts.split())))


def rows(motion: Motion) -> FloatArray:
    """(T, S) the tracks of a motion in the order of `SOURCES`; a track that it lacks is 0.

    The turns of neck and head are added: a rig that asks for them has one control for both.
    """
    face = np.zeros((motion.frame_count, len(SOURCES)))
    if motion.arkit is not None:
        face[:, : len(ARKIT)] = motion.arkit
    if motion.tongue is not None:
        face[:, len(ARKIT) : len(ARKIT) + len(TONGUE)] = motion.tongue
    for pose in (motion.neck_pose, motion.head_pose):
        if pose is not None:
            face[:, -len(HEAD) :] += pose
    return face
