"""A performance on a rig that is named: by its profile, its shapes or the file of its face map."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from animcore.core.vocabulary import ARKIT, TONGUE
from animcore.errors import InputError
from animcore.motion import Motion
from animcore.retarget.face_map import FaceMap
from animcore.retarget.rig_detection import from_profile, propose, propose_images
from animcore.retarget.rig_profiles import RigProfile, profiles

_OWN = (*ARKIT, *TONGUE)


def retarget(motion: Motion, rig: str | Path | Sequence[str] | FaceMap) -> dict[str, NDArray[Any]]:
    """Return the values (T,) of every channel of a rig that make it do what the motion does.

    Args:
        motion: with `arkit` weights.
        rig: the name of a profile of rigs/ (`VRM 1`, `MMD`; any case and separators), the names of the rig's own
            shapes, the path of a face map (`.npz`), or a `FaceMap`.

    Raises:
        InputError: where the motion has no face weights, there is no such profile, or no name is known.

    Examples:
        >>> motion = ac.load("take.npz")
        >>> values = ac.retarget(motion, ["A", "I", "U", "E", "O", "Blink_L", "Blink_R"])
        >>> sorted(values)
        ['A', 'Blink_L', 'Blink_R', 'E', 'I', 'O', 'U']
        >>> values["A"].shape == (motion.frame_count,)
        True
    """
    if motion.arkit is None:
        raise InputError("This motion has no face weights that a rig could take over.")
    found = face_map(rig)
    return dict(zip(found.names, np.ascontiguousarray(found.solve(motion).T), strict=True))


def face_map(rig: str | Path | Sequence[str] | FaceMap) -> FaceMap:
    """Return the map of a rig that is given as `retarget` takes it.

    Raises:
        InputError: where there is none.
    """
    if isinstance(rig, FaceMap):
        return rig
    if isinstance(rig, Path) or (isinstance(rig, str) and rig.lower().endswith(".npz")):
        return FaceMap.load(rig)
    return map_of(rig) if isinstance(rig, str) else from_profile(propose({"": list(rig)}))


@functools.lru_cache(maxsize=16)
def map_of(name: str) -> FaceMap:
    """Return the map to every shape of the profile of that name (`MMD`, `ready player me`).

    Raises:
        InputError: where there is none, or it has no shapes.
    """
    profile = profile_of(name)
    shapes = tuple(dict.fromkeys((*profile.recipes, *profile.direct, *(one for one in profile.shapes if one in _OWN))))
    if not shapes:
        raise InputError(f"The profile {profile.name} names no shapes of a face, so there is nothing to write.")
    return from_profile(propose_images(shapes) if profile.kind == "image" else propose({"": shapes}))


def profile_of(name: str) -> RigProfile:
    """Return the profile of that name, written in any case and with any separators.

    Raises:
        InputError: where there is none.
    """
    found = next((one for one in profiles() if bare(one.name) == bare(name)), None)
    if found is None:
        raise InputError(f"There is no profile {name!r}; there are {', '.join(one.name for one in profiles())}.")
    return found


def bare(name: str) -> str:
    """Return a name in small letters and digits alone."""
    return "".join(letter for letter in name.lower() if letter.isalnum())
