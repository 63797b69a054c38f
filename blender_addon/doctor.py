"""The take doctor: says before anything is written what is wrong with the voice, the scene and the rig, and mends it.

A check is a row of a table: a sentence, a small function that looks, and where it can be one that mends. Looking
changes nothing and costs little; it is done on demand and before a performance is made, never while a panel is drawn.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import bpy

from animcore.errors import AnimcoreError

from . import properties, rigs
from .errors import AddonError
from .translations import told

Kind = Literal["voice", "scene", "rig"]
Severity = Literal["stop", "warning", "note"]  # nothing can be made; the result suffers or is hidden; to be known
Values = Mapping[str, Any]


@dataclass(frozen=True)
class Patient:
    """What is looked at.

    Attributes:
        scene: the scene.
        settings: Animcore's settings of it.
        root: what the character was chosen by.
        members: the objects of the character.
        character: as the rig reader found it, or None where it refused.
        problem: why it refused, in one sentence.
        heard: what the engine said of the voice: its facts, or nothing where it was not asked yet.
        length: seconds of the voice as it is to be spoken; 0 where that is not known.
    """

    scene: bpy.types.Scene
    settings: properties.AnimcoreSettings
    root: bpy.types.Object | bpy.types.Collection | None = None
    members: tuple[bpy.types.Object, ...] = ()
    character: rigs.Character | None = None
    problem: str = ""
    heard: Mapping[str, Any] = field(default_factory=dict)
    length: float = 0.0

    @cached_property
    def faces(self) -> tuple[rigs.Face, ...]:
        """Every mesh with shapes, whether the rig reader could use them or not."""
        return rigs.faces_of(one for one in self.members if one.type == "MESH")

    @cached_property
    def armature(self) -> bpy.types.Object | None:
        """The armature that moves the character."""
        return rigs.armature_of(list(self.members), [one for one in self.members if one.type == "MESH"])

    @property
    def owners(self) -> Iterator[bpy.types.ID]:
        """The data-blocks that a take would be keyed on."""
        yield from (face.key for face in self.faces)
        if self.armature is not None:
            yield self.armature


@dataclass(frozen=True)
class Check:
    """One thing that can be wrong.

    Attributes:
        name: how `bpy.ops.animcore.mend` calls it.
        kind: what it is about.
        severity: how bad it is.
        sentence: what is wrong and what that means, with places for the values that `look` returns.
        look: returns those values, or None where all is well.
        mend: puts it right; None where nothing can.
        label: what the button says.
    """

    name: str
    kind: Kind
    severity: Severity
    sentence: str
    look: Callable[[Patient], Values | None]
    mend: Callable[[Patient], None] | None = None
    label: str = ""


@dataclass(frozen=True)
class Finding:
    """What a check found: data for the panel."""

    name: str
    kind: Kind
    severity: Severity
    sentence: str
    label: str = ""

    @property
    def mendable(self) -> bool:
        """Whether there is a button for it."""
        return bool(self.label)


def checks() -> Mapping[str, Check]:
    """Return every check by its name, in the order in which findings are shown."""
    from . import doctor_rig, doctor_scene, doctor_voice

    rows = (*doctor_voice.CHECKS, *doctor_scene.CHECKS, *doctor_rig.CHECKS)
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
            members = tuple(rigs.members_of(root))
            character = rigs.read(root)
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
        raise AddonError(f"The take doctor knows no {name!r}; it knows {', '.join(checks())}.")
    if check.mend is None:
        raise AddonError(f"{name!r} cannot be mended by a button: do what its sentence says.")
    if check.look(who) is not None:
        check.mend(who)
