"""The take doctor: says before anything is written what is wrong with the voice, the scene and the rig, and mends it.

A check is a row of a table: a sentence, a small function that looks, and where it can be one that mends. Looking
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
    """Return a scene with its voice and its character, read now.

    Args:
        scene: the scene.
        heard: facts of the voice, as the engine gave them.
        length: seconds of the voice.
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
    """Return what is wrong."""
    return tuple(
        Finding(check.name, check.kind, check.severity, told(check.sentence, values), check.label)
        for check in checks().values()
        if (values := check.look(who)) is not None
    )


def mend(who: Patient, name: str) -> None:
    """Put one thing right; what is no longer wrong is left alone.

    Raises:
        AddonError: where there is no such finding, or nothing can mend it.
    """
    check = checks().get(name)
    if check is None:
        raise AddonError(f"There is no check {name!r}; the checks are {', '.join(checks())}.")
    if check.mend is None:
        raise AddonError(f"{name!r} has no automatic fix; follow its sentence.")
    if check.look(who) is not None:
        check.mend(who)
