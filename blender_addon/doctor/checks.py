"""Data types of the take doctor: the patient, a check and a finding."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import bpy

from .. import properties
from ..character import rig_reader

Kind = Literal["voice", "scene", "rig"]
Severity = Literal["stop", "warning", "note"]  # generating is impossible; the result suffers or is hidden; information
Values = Mapping[str, Any]


@dataclass(frozen=True)
class Patient:
    """The scene, character and audio that are checked.

    Attributes:
        scene: the scene.
        settings: Animcore's settings of it.
        root: the chosen object or collection of the character.
        members: the objects of the character.
        character: the result of rig detection, or None where it failed.
        problem: why it failed, in one sentence.
        heard: facts of the audio from the engine; empty where it was not analyzed yet.
        length: duration of the audio in seconds; 0 where it is not known.
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
        """Every mesh with shape keys, whether rig detection could use them or not."""
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
        name: its identifier in `bpy.ops.animcore.mend`.
        kind: whether it is about audio, scene or rig.
        severity: stop, warning or note.
        sentence: the problem and its effect, with placeholders for the values that `look` returns.
        look: returns those values, or None where there is no problem.
        mend: fixes it; None where there is no automatic fix.
        label: the text of the button.
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
    """The result of a check: data for the panel."""

    name: str
    kind: Kind
    severity: Severity
    sentence: str
    label: str = ""

    @property
    def mendable(self) -> bool:
        """Whether there is a button for it."""
        return bool(self.label)
