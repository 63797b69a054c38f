"""Weights of named shapes, as most files hold them: our tracks under the names of a rig, and back."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction

import numpy as np

from animcore.core.vocabulary import ARKIT, TONGUE
from animcore.errors import InputError
from animcore.files.animation_curves import AnimationCurves, Array, FormatOptions, face_motion, face_weights
from animcore.files.frame_times import fill_gaps, to_even_frames
from animcore.files.text_tables import TextTable
from animcore.motion import Motion
from animcore.retarget import name_normalization
from animcore.retarget.named_rigs import bare, map_of
from animcore.retarget.rig_detection import DetectedRig, propose

_PERCENT = 2.0  # weights above are percent: no artist means 200 % of a shape
_CLIPPED = 1.001
_OWN = (*ARKIT, *TONGUE)


def encode(motion: Motion, setup: FormatOptions) -> AnimationCurves:
    """Take the weights of a motion under the names of the rig that `setup.profile` names (None: ARKit's own).

    Raises:
        InputError: when the motion has no face weights, or there is no such profile.
    """
    animation = face_weights(motion, setup)
    if _is_own(setup):
        return animation
    face_map = map_of(str(setup.profile))
    names = [channel.targets[0][1] for channel in face_map.channels]
    curves = dict(zip(names, face_map.solve(motion).T, strict=True))
    return replace(animation, curves=curves, lacks=face_map.missing)


def decode(animation: AnimationCurves, setup: FormatOptions) -> Motion:
    """Return the motion of weights under the names of any rig: each shape adds its recipe.

    Raises:
        InputError: when no name is known.
    """
    names = tuple(animation.curves)
    curves: dict[str, Array] = {}
    if known := _own(names):
        curves = {ours: np.mean([animation.curves[name] for name in theirs], axis=0) for ours, theirs in known.items()}
        return face_motion(replace(animation, curves=curves), setup)
    entries = _read_as(names).entries
    if not entries:
        raise InputError(f"None of the shapes {_listed(names)} has a known name; the names of a profile of rigs/ are.")
    for entry in entries:
        raised = np.asarray(animation.curves[entry.channel.targets[0][1]]) - entry.channel.rest
        for ours, amount in entry.recipe.items():
            curves[ours] = curves.get(ours, np.zeros(1)) + raised * amount
    return face_motion(replace(animation, curves=curves), setup)


def noticed(columns: Mapping[str, Array], name: str) -> tuple[dict[str, Array], tuple[str, ...]]:
    """Return weights 0..1, where they were percent divided by 100, and a sentence for what was noticed.

    Args:
        columns: name of the shape -> (T,) weights.
        name: of the file, for the sentences.
    """
    notes = _strangers(tuple(columns), name)
    highest = max((float(values.max(initial=0.0)) for values in columns.values()), default=0.0)
    if highest > _PERCENT:
        note = f"{name}: weights reach {highest:.0f}, so they were read as percent and divided by 100."
        return {key: values / 100.0 for key, values in columns.items()}, (note, *notes)
    lowest = min((float(values.min(initial=0.0)) for values in columns.values()), default=0.0)
    if highest > _CLIPPED or lowest < 1.0 - _CLIPPED:
        notes = (f"{name}: weights reach {lowest:.2f}..{highest:.2f}; values out of 0..1 are clipped.", *notes)
    return dict(columns), notes


def read_table(
    table: TextTable, time: str, names: Sequence[str], shapes: Sequence[str], rate: Fraction | None
) -> AnimationCurves:
    """Read weights of shapes out of a table with a column of times; frames that were dropped are interpolated.

    Args:
        table: the file.
        time: the column of seconds.
        names: (K,) the columns of weights.
        shapes: (K,) the names of their shapes.
        rate: frame rate where it is known; else it is found from the times.

    Raises:
        InputError: where a row is cut off or holds no number, or the times do not rise.
    """
    times = table.numbers((time,))[:, 0]
    values, gaps = fill_gaps(times, shapes, table.numbers(names, np.float32), table.name)
    columns, notes = noticed(values, table.name)
    return to_even_frames(times, columns, table.name, rate, (*table.notes, *gaps, *notes))


def _is_own(setup: FormatOptions) -> bool:
    return setup.profile is None or bare(setup.profile) == "arkit"


def _own(names: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Our name -> the names of a file that spell it; nothing where less than half of the file are our shapes."""
    known = name_normalization.match(_OWN, names)
    return known if 2 * sum(map(len, known.values())) >= len(names) else {}


@functools.lru_cache(maxsize=16)
def _read_as(names: tuple[str, ...]) -> DetectedRig:
    """What the shapes of a file mean."""
    return propose({"": names})


def _strangers(names: tuple[str, ...], name: str) -> tuple[str, ...]:
    """A sentence for the shapes of a file that have no known name, where others have."""
    if known := {one for theirs in _own(names).values() for one in theirs}:
        strange = tuple(one for one in names if one not in known)
    else:
        strange = _read_as(names).unknown
    note = f"{name}: {_listed(strange)} have no known name and were not used."
    return (note,) if strange and len(strange) < len(names) else ()


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:5])
    return shown if len(names) <= 5 else f"{shown} and {len(names) - 5} more"
