"""The sound strip of a take on the scene's sequencer, in Blender's old and new names for it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import bpy

from ..errors import AddonError
from . import sound_files

MARK = "animcore"  # custom property of a strip that Animcore added
CHOICE = "animcore_choice"  # custom property of such a strip: the track and the channel of its file, 0 for the usual
Choice = tuple[int, int]
_CHANNELS = range(1, 128)


def strips_of(scene: bpy.types.Scene) -> Any:
    """Return the top-level strips of a scene's sequencer, which is made where there is none."""
    editor: Any = editor_of(scene)  # Blender 4.2 has another name for its strips
    return editor.strips if hasattr(editor, "strips") else editor.sequences


def editor_of(scene: bpy.types.Scene) -> bpy.types.SequenceEditor:
    """Return the sequencer of a scene, which is made where there is none."""
    return scene.sequence_editor or scene.sequence_editor_create()


def place(
    scene: bpy.types.Scene, path: str, frame: int, length: int, heard: Path | None = None, choice: Choice = (0, 0)
) -> tuple[bpy.types.ID | None, bool]:
    """Put a sound file onto the sequencer at a frame; an earlier strip of ours with the same choice of it makes room.

    A strip of the user's with that file at that frame is left as it is, and no second one is added.

    Args:
        scene: the scene whose sequencer it is.
        path: the file as Blender should keep it (absolute, or relative with ``//``).
        frame: where the first sample sounds.
        length: frames that the sound covers, to find a channel that is free there.
        heard: the engine's own copy of its sound, where Blender would play the file itself at another time: it is
            kept, and the strip plays it under the file's name.
        choice: of track and channel; each has a strip of its own.

    Returns:
        The strip, and whether it was added now.

    Raises:
        AddonError: where this Blender cannot make sound strips.
    """
    strips = strips_of(scene)
    same = [strip for strip in strips if strip.type == "SOUND" and is_of(strip, path)]
    for strip in same:
        if MARK not in strip and int(content_start(strip)) == frame and heard is None:
            return strip, False
    name = bpy.path.basename(path)
    kept = sound_files.keep(heard, sound_files.file_name(name)) if heard is not None else None
    title, file = (name, str(kept)) if kept is not None else (bpy.path.display_name_from_filepath(path), path)
    try:
        added = strips.new_sound(title, file, _free(scene, frame, length), frame)
    except RuntimeError as error:
        raise AddonError(
            f"The audio could not be added to the sequencer ({str(error).strip()}); choose another file."
        ) from error
    added[MARK], added[CHOICE] = True, list(choice)
    if kept is not None:
        added[sound_files.SOURCE] = path
        sound_files.settle(added.sound, kept, name)
    for strip in same:
        if MARK in strip and strip != added and choice_of(strip) == choice:
            strips.remove(strip)
    return added, True


def only(scene: bpy.types.Scene, asked: Mapping[str, Any], others: Iterable[Mapping[str, Any]]) -> None:
    """Of the strips that Animcore added, let those of a take sound, and not those of the others.

    Strips of other characters' takes go on as they are, and a take without a strip silences none.

    Args:
        scene: whose strips they are.
        asked: what the take was asked with.
        others: what the others were asked with.
    """
    own = own_strips(scene)
    if any(_is_heard(strip, asked) for strip in own):
        for strip in own:
            if _is_heard(strip, asked) or any(_is_heard(strip, other) for other in others):
                strip.mute = not _is_heard(strip, asked)


def _is_heard(strip: Any, asked: Mapping[str, Any]) -> bool:
    """Whether a strip of ours is what a take was asked with: its file, track and channel."""
    return is_of(strip, str(asked.get("audio"))) and choice_of(strip) == asked_choice(asked)


def asked_choice(asked: Mapping[str, Any]) -> Choice:
    """Return the track and the channel that a take was asked with, of its file or of the first of its parts."""
    first = asked if "audio" in asked else next(iter(asked.get("parts", ())), {})
    return int(first.get("track", 0)), int(first.get("channel", 0))


def choice_of(strip: Any) -> Choice:
    """Return the track and the channel that a strip of ours plays."""
    kept = strip.get(CHOICE)
    try:
        track, channel = map(int, kept)
    except (TypeError, ValueError):  # a strip of before there was a choice, or what somebody has written over it
        return 0, 0
    return track, channel


def own_strips(scene: bpy.types.Scene) -> list[Any]:
    """Return the strips that Animcore added to a scene's sequencer."""
    if scene.sequence_editor is None:
        return []
    return [strip for strip in strips_of(scene) if strip.type == "SOUND" and MARK in strip]


def move(strip: Any, frame: int) -> None:
    """Let the content of a strip begin at a frame; Blender itself fits its length to the scene's rate."""
    setattr(strip, "content_start" if hasattr(strip, "content_start") else "frame_start", frame)


def is_of(strip: Any, path: str) -> bool:
    """Whether a strip is of a file, be it of a copy of its sound."""
    is_sound = strip.type == "SOUND" and strip.sound is not None
    return is_sound and bpy.path.abspath(sound_files.of_strip(strip)) == bpy.path.abspath(path)


def content_start(strip: Any) -> float:
    """Return the frame at which a strip's content begins (renamed in Blender 5.2)."""
    return float(strip.content_start if hasattr(strip, "content_start") else strip.frame_start)


def span(strip: Any) -> tuple[int, int]:
    """Return the frames a strip covers, the last one excluded (renamed in Blender 5.2)."""
    if hasattr(strip, "left_handle"):
        return int(strip.left_handle), int(strip.right_handle)
    return int(strip.frame_final_start), int(strip.frame_final_end)


def _free(scene: bpy.types.Scene, frame: int, length: int) -> int:
    """The lowest channel with nothing in it from `frame` on for `length` frames, which is not locked."""
    extents = [(strip.channel, *span(strip)) for strip in strips_of(scene)]
    taken = {channel for channel, first, end in extents if first < frame + length and end > frame}
    channels = editor_of(scene).channels
    locked = {index for index in _CHANNELS if index < len(channels) and (channels[index].lock or channels[index].mute)}
    return next((index for index in _CHANNELS if index not in taken | locked), _CHANNELS[-1])


def is_animated(scene: bpy.types.Scene) -> bool:
    """Whether anything of the scene's strips may be animated: volume above all."""
    data = scene.animation_data
    return data is not None and (data.action is not None or len(data.drivers) > 0)


def is_muted(scene: bpy.types.Scene, strip: Any) -> bool:
    """Whether a strip is silent: it or its channel is muted, or its volume is 0 throughout."""
    is_off = getattr(strip, "volume", 1.0) == 0.0 and not is_animated(scene)
    return bool(strip.mute or editor_of(scene).channels[strip.channel].mute or is_off)


def unmute(scene: bpy.types.Scene, strip: Any) -> None:
    """Unmute a strip."""
    strip.mute = editor_of(scene).channels[strip.channel].mute = False
    strip.volume = strip.volume or 1.0
