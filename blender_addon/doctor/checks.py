"""What a check of the take doctor is, what it looks at, and what it finds: data for the panel."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import bpy

from .. import properties
from ..character import rig_reader

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
    character: rig_reader.Character | None = None
    problem: str = ""
    heard: Mapping[str, Any] = field(default_factory=dict)
    length: float = 0.0

    @cached_property
    def faces(self) -> tuple[rig_reader.Face, ...]:
        """Every mesh with shapes, whether the rig reader could use them or not."""
        return rig_reader.faces_of(one for one in self.members if one.type == "MESH")

    @cached_property
    def armature(self) -> bpy.types.Object | None:
        """The armature that moves the character."""
        return rig_reader.armature_of(list(self.members), [one for one in self.members if one.type == "MESH"])

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
