"""The take doctor: reports problems of audio, scene and rig before anything is written, and fixes them.

A check is a row of a table: a sentence, a function that checks, and one that fixes where that can be. Checking
changes nothing and costs little; it is done on demand and before a performance is made, never while a panel is drawn.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import bpy

from animcore.errors import AnimcoreError

from .. import properties
from ..character import rig_reader
from ..errors import AddonError
from ..locale.translations import told
from . import rig_checks, scene_checks, voice_checks
from .checks import Check, Finding, Patient


def checks() -> Mapping[str, Check]:
    """Return every check by its name, in the order in which findings are shown."""
    rows = (*voice_checks.CHECKS, *scene_checks.CHECKS, *rig_checks.CHECKS)
    return {check.name: check for check in rows}


def patient(scene: bpy.types.Scene, heard: Mapping[str, Any] | None = None, length: float = 0.0) -> Patient:
    """Return a scene with its audio and its character, read now.

    Args:
        scene: the scene.
        heard: facts of the audio from the engine.
        length: duration of the audio in seconds.
    """
    settings = properties.of(scene)
    root = properties.root(settings)
    members: tuple[bpy.types.Object, ...] = ()
    character, problem = None, ""
    try:
        if root is not None:
            members = tuple(rig_reader.members_of(root))
            character = rig_reader.read(root)
    except AnimcoreError as error:
        problem = str(error)
    return Patient(scene, settings, root, members, character, problem, heard or {}, length)


def examine(who: Patient) -> tuple[Finding, ...]:
    """Return the problems that were found."""
    return tuple(
        Finding(check.name, check.kind, check.severity, told(check.sentence, values), check.label)
        for check in checks().values()
        if (values := check.look(who)) is not None
    )


def mend(who: Patient, name: str) -> None:
    """Fix one finding, if the problem still exists.

    Raises:
        AddonError: where there is no such check, or it has no automatic fix.
    """
    check = checks().get(name)
    if check is None:
        raise AddonError(f"There is no check {name!r}; the checks are {', '.join(checks())}.")
    if check.mend is None:
        raise AddonError(f"{name!r} has no automatic fix; follow its sentence.")
    if check.look(who) is not None:
        check.mend(who)
