"""The extension from a script: one call from a sound file to keys. For studios, `make demo` and `blender -b`."""

from __future__ import annotations

import bpy

from animcore.core.vocabulary import REGIONS

from . import properties
from .errors import AddonError
from .performance import session
from .performance.session import Progress
from .takes import keying


def generate_take(
    scene: bpy.types.Scene,
    character: bpy.types.Object | bpy.types.Collection,
    audio_path: str,
    *,
    start_frame: int = 1,
    name: str = "",
    add_sound: bool = True,
    seed: int = 0,
    intensity: float = 1.0,
    strengths: dict[str, float] | None = None,
    progress: Progress | None = None,
) -> keying.Take:
    """Make a performance from a sound file and key it on a character; returns when the keys are there.

    Args:
        scene: where the character and the sequencer are.
        character: its mesh, armature or collection.
        audio_path: the sound file.
        start_frame: the frame at which the voice begins.
        name: name of the take; the audio file's name by default.
        add_sound: whether the voice goes onto the sequencer.
        seed: another number gives another take.
        intensity: strength of the whole performance, 0..2.
        strengths: strength by region (of `animcore.core.vocabulary.REGIONS`), 0..2 each.
        progress: called with a fraction 0..1 and what is being done.

    Raises:
        AddonError: what is wrong and what to do; the scene is then as it was.
    """
    settings = properties.of(scene)
    is_collection = isinstance(character, bpy.types.Collection)
    settings.source = "COLLECTION" if is_collection else "OBJECT"
    setattr(settings, "collection" if is_collection else "character", character)
    settings.audio, settings.start_frame, settings.add_sound = audio_path, start_frame, add_sound
    settings.seed, settings.intensity = seed, intensity
    for region, strength in (strengths or {}).items():
        if region not in REGIONS:
            raise AddonError(f"There is no region {region!r}; the regions are {', '.join(REGIONS)}.")
        setattr(settings, region, strength)
    session.order_take(scene, name=name)
    session.wait(progress)
    outcome = session.session.outcome
    if outcome is None or outcome.take is None:
        raise AddonError("The performance was cancelled; nothing was changed.")
    return outcome.take
