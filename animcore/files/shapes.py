"""Weights of named shapes, as most files hold them: which curve of a file is which of ours, and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from animcore.errors import InputError
from animcore.files.sheet import Array, Setup, Sheet, face_motion, face_weights
from animcore.motion import Motion
from animcore.names import ARKIT, TONGUE
from animcore.retarget import matching

_PERCENT = 2.0  # weights above are percent: a shape at 200 % of what its artist made is nobody's meaning
_CLIPPED = 1.001


def encode(motion: Motion, setup: Setup) -> Sheet:
    """Take the weights of a motion under the names of the rig that `setup.profile` names (None: ARKit's own).

    Raises:
        InputError: when the motion has no face weights, or there is no such profile.
    """
    _refuse(setup)
    return face_weights(motion, setup)


def decode(sheet: Sheet, setup: Setup) -> Motion:
    """Give the weights back that a sheet holds under the names of the rig that `setup.profile` names.

    Raises:
        InputError: when no name is known, or there is no such profile.
    """
    _refuse(setup)
    known = _known(tuple(sheet.curves))
    if not known:
        raise InputError(
            f"None of the shapes {_listed(tuple(sheet.curves))} has a name that is known here; name the rig's profile."
        )
    curves = {ours: np.mean([sheet.curves[name] for name in names], axis=0) for ours, names in known.items()}
    return face_motion(replace(sheet, curves=curves), setup)


def noticed(columns: Mapping[str, Array], name: str) -> tuple[dict[str, Array], tuple[str, ...]]:
    """Return weights 0..1, where they were percent divided by 100, and a sentence for what was noticed.

    Args:
        columns: name of the shape -> (T,) weights.
        name: of the file, for the sentences.
    """
    highest = max((float(values.max(initial=0.0)) for values in columns.values()), default=0.0)
    if highest > _PERCENT:
        said = f"{name}: weights reach {highest:.0f}, so they were taken for percent and divided by 100."
        return {key: values / 100.0 for key, values in columns.items()}, (said, *_strangers(tuple(columns), name))
    notes = _strangers(tuple(columns), name)
    lowest = min((float(values.min(initial=0.0)) for values in columns.values()), default=0.0)
    if highest > _CLIPPED or lowest < 1.0 - _CLIPPED:
        notes = (f"{name}: weights reach {lowest:.2f}..{highest:.2f}; what is out of 0..1 is clipped.", *notes)
    return dict(columns), notes


def _known(names: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Our name -> the names of a file that stand for it."""
    return matching.match((*ARKIT, *TONGUE), names)


def _strangers(names: Sequence[str], name: str) -> tuple[str, ...]:
    """A sentence for the shapes of a file that have no known name, where others have."""
    known = {one for names_of_one in _known(names).values() for one in names_of_one}
    strange = tuple(one for one in names if one not in known)
    return (f"{name}: {_listed(strange)} are no ARKit shapes and were not used.",) if strange and known else ()


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:5])
    return shown if len(names) <= 5 else f"{shown} and {len(names) - 5} more"


def _refuse(setup: Setup) -> None:
    if setup.profile not in (None, "arkit", "ARKit"):
        raise InputError(f"There is no profile {setup.profile!r}.")
