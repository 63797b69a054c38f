"""A strip of the sequencer as it sounds, as a WAV file: Blender itself mixes it, and nothing in the scene changes.

It takes half a second for a minute of audio, so another Blender does it where there is a window (`mix`); what it made
is taken from `made`.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import bpy

from ..errors import AddonError
from . import file_copies, sequencer

Name = tuple[str, str]  # `strips` or `sounds`, and the name of one of them

_USUAL_RATE = 48_000
_PLAIN = (".wav", ".wave", ".flac", ".aif", ".aiff")  # files that Blender plays as the engine reads them

made: dict[Name, Path] = {}  # what another Blender has mixed for what is asked now


def is_plain(scene: bpy.types.Scene, strip: Any) -> bool:
    """Whether a strip plays its file from the first sample on at its own speed, so that the engine may read it."""
    if strip.type != "SOUND" or must_be_written(strip.sound):
        return False
    changed = getattr(strip, "speed_factor", 1.0) != 1.0 or _retimed(strip) or len(strip.modifiers)
    return not changed and not sequencer.is_animated(scene)


def must_be_written(data: bpy.types.Sound) -> bool:
    """Whether Blender alone plays a sound as it is heard: it is packed, or of a kind that others read differently."""
    return data.packed_file is not None or Path(data.filepath).suffix.lower() not in _PLAIN


def _retimed(strip: Any) -> bool:
    return len(getattr(strip, "retiming_keys", ())) > 0


def of_strip(scene: bpy.types.Scene, strip: Any) -> Path:
    """Mix what is heard of one strip, from its first frame to its last, into a temporary WAV file.

    Raises:
        AddonError: where this Blender cannot.
    """
    if ready := made.pop(("strips", strip.name), None):
        return ready
    begin, end = sequencer.span(strip)
    with _apart(scene) as copy:
        for other in sequencer.strips_of(copy):
            other.mute = other.name != strip.name
        mine = sequencer.strips_of(copy)[strip.name]
        sequencer.editor_of(copy).channels[mine.channel].mute = False
        early = max(0, -begin)  # a scene cannot start before frame 0
        if early:
            sequencer.move(mine, round(sequencer.content_start(mine)) + early)
        copy.frame_start, copy.frame_end = begin + early, end + early - 1
        return _mixed(copy, getattr(strip, "sound", None))


def of_sound(scene: bpy.types.Scene, data: bpy.types.Sound) -> Path:
    """Write a sound as Blender plays it, whatever its file, into a temporary WAV file.

    Raises:
        AddonError: where this Blender cannot.
    """
    if ready := made.pop(("sounds", data.name), None):
        return ready
    with _apart(scene) as copy:
        strips = sequencer.strips_of(copy)
        for other in list(strips):
            strips.remove(other)
        strip = strips.new_sound("sound", data.filepath, 1, 1)
        strip.sound = data
        copy.frame_start, copy.frame_end = 1, sequencer.span(strip)[1] - 1
        return _mixed(copy, data)


def mix(request: dict[str, Any], told: Callable[[float, str], None]) -> dict[str, Any]:
    """Mix strips and sounds of a copied file (`names`) into a folder (`out`); runs in the other Blender."""
    told(0.0, "Opening a copy of the file")
    scene, files = file_copies.opened_scene(request), []
    for number, (kind, name) in enumerate(request["names"]):
        told((number + 1) / (len(request["names"]) + 1), "Mixing the audio")
        path = (
            of_strip(scene, sequencer.strips_of(scene)[name])
            if kind == "strips"
            else of_sound(scene, bpy.data.sounds[name])
        )
        files.append(str(shutil.move(path, Path(request["out"]) / path.name)))
    return {"files": files}


@contextmanager
def _apart(scene: bpy.types.Scene) -> Iterator[bpy.types.Scene]:
    """A copy of a scene with its strips and nothing else, which is gone afterwards."""
    copy = scene.copy()
    try:
        for child in list(copy.collection.children):
            copy.collection.children.unlink(child)
        for thing in list(copy.collection.objects):
            copy.collection.objects.unlink(thing)
        copy.use_audio = True
        copy.audio_volume = 1.0
        yield copy
    finally:
        bpy.data.scenes.remove(copy)


def _mixed(scene: bpy.types.Scene, data: bpy.types.Sound | None) -> Path:
    handle, name = tempfile.mkstemp(".wav", "animcore-", bpy.app.tempdir or None)
    os.close(handle)
    path = Path(name)
    rate = int(data.samplerate) if data is not None else 0
    is_mono = data is not None and data.channels == "MONO"
    try:
        with bpy.context.temp_override(scene=scene, view_layer=scene.view_layers[0]):
            bpy.ops.sound.mixdown(
                filepath=str(path), check_existing=False, container="WAV", codec="PCM", format="F32",
                channels="MONO" if is_mono else "STEREO", mixrate=rate if 8000 <= rate <= 192_000 else _USUAL_RATE,
            )  # fmt: skip
    except RuntimeError as error:
        raise AddonError(f"Blender cannot mix the sound of a strip ({str(error).strip()}).") from error
    if not path.stat().st_size:
        raise AddonError("Blender has not mixed the sound of the strip; is there room on the disk?")
    return path
