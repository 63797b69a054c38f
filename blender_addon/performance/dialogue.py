"""Characters that talk with each other: each voice to its own face, and who does not speak listens.

All parts are asked for in one go and written in one step: a take of its own on each character, as long as the whole
dialogue, the eyes on the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import bpy

from .. import properties
from ..character import gaze_target, rig_reader, track_list
from ..engine.jobs import Job
from ..errors import AddonError
from ..scene import fcurves, frame_rates
from ..takes import keying, library
from ..voice import source
from . import requests, session

_LISTENS = "listening"  # what the take of a character without a voice is called
_COPIED = (
    "source", "character", "collection", "voice_from", "audio", "start_frame", "strips", "speaker",
    "sound_track", "sound_channel",
    "transcript_text", "transcript_file", "emotion", "emotion_intensity", "style",
)  # fmt: skip


@dataclass(frozen=True)
class _Speaker:
    """A part as it is now: its character, and its voice where it has one."""

    part: properties.AnimcorePart
    root: requests.Root
    character: rig_reader.Character
    said: source.Voice | None


def disabled_reason(scene: bpy.types.Scene) -> str:
    """Say in one sentence why no dialogue can be generated; empty when it can."""
    cast = properties.of(scene).cast
    if session.session.jobs.busy:
        return "A performance is being made already; wait for it or cancel it first"
    if len(cast) < 2:
        return "A dialogue needs two parts; choose a character and its voice, and press Add for each"
    if any(properties.root(part) is None for part in cast):
        return "Every part of a dialogue needs a character"
    if all(part.voice_from == "NONE" for part in cast):
        return "One part of a dialogue needs a voice"
    return ""


def add(scene: bpy.types.Scene) -> properties.AnimcorePart:
    """Add the character and the voice that are chosen now as a part; returns it.

    Raises:
        AddonError: where no character is chosen, or it has a part already.
    """
    settings = properties.of(scene)
    root = properties.root(settings)
    if root is None:
        raise AddonError("No character is chosen; choose one and its voice, then press Add.")
    if any(properties.root(part) == root for part in settings.cast):
        raise AddonError(f"{root.name!r} has a part already; choose another character, or change the part in the list.")
    part = settings.cast.add()
    for name in _COPIED:
        setattr(part, name, getattr(settings, name))
    if not source.chosen(scene):
        part.voice_from = "NONE"
    settings.cast_row = len(settings.cast) - 1
    return part


def remove(scene: bpy.types.Scene) -> None:
    """Take the part that is shown out of the list."""
    settings = properties.of(scene)
    if 0 <= settings.cast_row < len(settings.cast):
        settings.cast.remove(settings.cast_row)
        settings.cast_row = max(0, min(settings.cast_row, len(settings.cast) - 1))


def order(scene: bpy.types.Scene) -> Job:
    """Ask the engine for everybody's take.

    Raises:
        AddonError: where it cannot be made: what is wrong and what to do.
    """
    if reason := disabled_reason(scene):
        raise AddonError(f"{reason}.")
    track_list.end_preview()
    speakers = [_read(scene, part) for part in properties.of(scene).cast]
    _check_apart(speakers)
    rate = frame_rates.exact_rate(scene.render.fps, scene.render.fps_base)
    first = min(one.said.start_frame for one in speakers if one.said is not None)
    heard = [_shifted(one.said, first, rate) for one in speakers]
    wanted = []
    for place, one in enumerate(speakers):
        others = [part for other, parts in enumerate(heard) if other != place for part in parts]
        wanted.append((one.root, _placement(scene, one, speakers, heard[place], others, first, place)))
    return session.begin(scene, wanted, ("DIALOGUE",))


def _read(scene: bpy.types.Scene, part: properties.AnimcorePart) -> _Speaker:
    root = properties.root(part)
    assert root is not None
    said = None if part.voice_from == "NONE" else source.mixed(scene, source.read(scene, part))
    return _Speaker(part, root, rig_reader.read(root), said)


def _check_apart(speakers: list[_Speaker]) -> None:
    """See to it that no two parts would be keyed on the same data-block."""
    owners: dict[int, str] = {}
    for one in speakers:
        for owner in library.owners_of(one.root):
            name = owners.setdefault(owner.session_uid, one.root.name)
            if name != one.root.name:
                raise AddonError(
                    f"{name!r} and {one.root.name!r} share {fcurves.owner_name(owner)!r}, so that they would move "
                    f"alike; "
                    "make it single-user (Object > Relations), or give each part its own character."
                )


def _shifted(said: source.Voice | None, first: int, rate: Fraction) -> list[dict[str, Any]]:
    """The recordings of a voice on the clock of the dialogue, which starts at frame `first`."""
    late = Fraction(said.start_frame - first) / rate if said is not None else Fraction(0)
    return [part.later(late).asked() for part in said.parts] if said is not None else []


def _placement(
    scene: bpy.types.Scene,
    one: _Speaker,
    speakers: list[_Speaker],
    own: list[dict[str, Any]],
    others: list[dict[str, Any]],
    first: int,
    place: int,
) -> keying.Placement:
    """Where the take of a part goes, and what is asked for it."""
    said = one.said or source.Voice((), first, f"{one.root.name} {_LISTENS}")
    asked = source.asked(scene, source.Voice((), first, said.name), one.part)
    asked |= {"parts": own, "listening_to": others}
    asked["direction"]["seed"] += place  # or two alike would blink as one
    partner = next(other for other in speakers if other is not one)
    if (point := _where(one.character, partner.character)) is not None:
        asked["direction"]["target"] = point
    return keying.Placement(first, said.name, said.audio, asked, "span" in asked, said.start_frame)


def _where(character: rig_reader.Character, other: rig_reader.Character) -> list[float] | None:
    """Where the eyes of the other are; None where they cannot be looked at, as of two who stand side by side."""
    try:
        return gaze_target.point_of(character, other)
    except AddonError:
        return None
