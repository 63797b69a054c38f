"""The settings of the user, stored in the scene.

Blender reads the annotations of these classes as values, so this module does not postpone them.
"""

import contextlib
from collections.abc import Iterator
from typing import Any, cast

import bpy

from animcore.core.vocabulary import EMOTIONS, REGIONS, STYLES
from animcore.files import FORMATS
from animcore.postprocess.region_smoothing import FURTHEST, SMOOTHEST, STRONGEST

from . import callbacks
from .id_properties import registered

# what the extension adds to Blender's own types
SETTINGS = "animcore"  # to scenes
POLISH = "animcore"  # to actions


def _strength(label: str, text: str) -> object:
    """A slider 0..2 at 1."""
    return bpy.props.FloatProperty(
        name=label, description=text, default=1.0, min=0.0, max=2.0, subtype="FACTOR", options=set()
    )


def _speaks(_settings: bpy.types.PropertyGroup, candidate: bpy.types.Object) -> bool:
    return candidate.type == "SPEAKER"


def _is_character(_settings: bpy.types.PropertyGroup, candidate: bpy.types.Object) -> bool:
    return candidate.type in {"MESH", "ARMATURE", "EMPTY"}


# The module bpy 4.2 crashes when Python ends where a class of properties has a method or a property has a callback:
# what one does with the settings is therefore functions of this module, and the choice is not narrowed there.
_MODULE_42 = bpy.app.version < (4, 5, 0) and not bpy.app.binary_path
_NARROWED: dict[str, Any] = {} if _MODULE_42 else {"poll": _is_character}
_SPEAKERS: dict[str, Any] = {} if _MODULE_42 else {"poll": _speaks}


def _get_row(settings: bpy.types.PropertyGroup) -> int:
    return callbacks.registered.playing_row(settings)


def _set_row(settings: bpy.types.PropertyGroup, row: int) -> None:
    callbacks.registered.show_row(settings, row)


_TAKE_ROW: dict[str, Any] = {} if _MODULE_42 else {"get": _get_row, "set": _set_row}


_held = 0  # how many hold the curves while sliders are set


@contextlib.contextmanager
def held_curves() -> Iterator[None]:
    """Let the sliders of a polish be set while the curves stay as they are."""
    global _held
    _held += 1
    try:
        yield
    finally:
        _held -= 1


def _on_curves(polish: bpy.types.PropertyGroup, context: bpy.types.Context) -> None:
    """A slider of the polish was moved: the curves follow."""
    if not _held:
        callbacks.registered.follow_polish(context.scene, polish.id_data)


# In the module bpy 4.2 the sliders work through the operators alone.
_LIVE: dict[str, Any] = {} if _MODULE_42 else {"update": _on_curves}


def _touches() -> dict[str, object]:
    """Smoothing, exaggeration and timing of every region."""
    made: dict[str, object] = {}
    for region in REGIONS:
        made[f"{region}_smoothing"] = bpy.props.FloatProperty(
            name="Smoothing (ms)", description=f"Smoothing window of the curves of {region} in milliseconds",
            min=0.0, max=SMOOTHEST, soft_max=120.0, precision=0, options=set(), **_LIVE,
        )  # fmt: skip
        made[f"{region}_exaggeration"] = bpy.props.FloatProperty(
            name="Exaggeration", description=f"Scale of the curves of {region} around rest; 1 is as generated",
            default=1.0, min=0.0, max=STRONGEST, soft_max=2.0, options=set(), **_LIVE,
        )  # fmt: skip
        made[f"{region}_offset"] = bpy.props.FloatProperty(
            name="Offset (ms)", description=f"Shift the curves of {region} in milliseconds; positive is later",
            min=-FURTHEST, max=FURTHEST, soft_min=-250.0, soft_max=250.0, precision=0, options=set(), **_LIVE,
        )  # fmt: skip
    return made


_EMOTION_ITEMS = [(name, name.capitalize(), "", number) for number, name in enumerate(EMOTIONS)]
_STYLE_ITEMS = [(name, name.capitalize(), "", number) for number, name in enumerate(STYLES)]
_SOURCES = (
    ("OBJECT", "Object", "A mesh or an armature, with all objects that belong to it", "OBJECT_DATA", 0),
    ("COLLECTION", "Collection", "All meshes of a collection and their armature", "OUTLINER_COLLECTION", 1),
)
_VOICES = (
    ("FILE", "File", "An audio or video file", "FILE_SOUND", 0),
    ("STRIPS", "Strips", "Sound strips of the sequencer, mixed into one recording", "SEQ_SEQUENCER", 1),
    ("SPEAKER", "Speaker", "The sound of a speaker object", "SPEAKER", 2),
)


class _Spoken:
    """The character and its speech: settings that a scene and a part of a dialogue share."""

    source: bpy.props.EnumProperty(
        name="Character Source",
        description="Choose the character by object or by collection",
        items=_SOURCES,
        options=set(),
    )
    character: bpy.props.PointerProperty(
        name="Character",
        description="The head mesh, the armature or the empty that the character is parented to",
        type=bpy.types.Object,
        **_NARROWED,
    )
    collection: bpy.props.PointerProperty(
        name="Collection",
        description="The collection that holds the character's meshes and its armature",
        type=bpy.types.Collection,
    )
    strips: bpy.props.StringProperty(
        name="Strips", description="Names of the sound strips, one per line", options=set()
    )
    speaker: bpy.props.PointerProperty(
        name="Speaker",
        description="The speaker object whose sound is used",
        type=bpy.types.Object,
        **_SPEAKERS,
    )
    sound_track: bpy.props.IntProperty(
        name="Audio Track",
        description="Track of the file, from 1; 0 uses the default track, or the loudest if that is silent",
        min=0,
        options=set(),
    )
    sound_channel: bpy.props.IntProperty(
        name="Audio Channel",
        description="Channel with the speech, from 1; 0 uses the center of surround audio, or mixes all channels",
        min=0,
        options=set(),
    )
    transcript_text: bpy.props.PointerProperty(
        name="Transcript",
        description="Text data-block with the spoken words; a tag such as [joy 0.7] sets the emotion from there on",
        type=bpy.types.Text,
    )
    transcript_file: bpy.props.StringProperty(
        name="Transcript File",
        description="File with the spoken words: .txt, .srt, .vtt or .TextGrid",
        subtype="FILE_PATH",
        options=set(),
    )


class AnimcorePart(_Spoken, bpy.types.PropertyGroup):
    """A part of a dialogue: a character with its speech. Nothing is animatable: these are settings, not motion."""

    voice_from: bpy.props.EnumProperty(
        name="Speech Source",
        description="Source of this character's speech",
        items=(
            *_VOICES,
            ("CHANNEL", "Channel", "All sound strips of one sequencer channel", "ALIGN_JUSTIFY", 3),
            ("NONE", "None", "No speech: the character only listens", "MUTE_IPO_ON", 4),
        ),
        options=set(),
    )
    audio: bpy.props.StringProperty(
        name="Audio File", description="Audio or video file with the speech", subtype="FILE_PATH", options=set()
    )
    start_frame: bpy.props.IntProperty(
        name="Start Frame", description="Frame at which the speech starts", default=1, options=set()
    )
    channel: bpy.props.IntProperty(
        name="Channel", description="Channel of the sequencer", default=1, min=1, max=128, options=set()
    )
    emotion: bpy.props.EnumProperty(
        name="Emotion",
        description="Emotion of this character in the dialogue",
        items=_EMOTION_ITEMS,
        options=set(),
    )
    emotion_intensity: bpy.props.FloatProperty(
        name="Emotion Strength",
        description="Strength of the emotion; 0 is neutral",
        default=0.6,
        min=0.0,
        max=1.0,
        subtype="FACTOR",
        options=set(),
    )
    style: bpy.props.EnumProperty(
        name="Gesture Style",
        description="Style of the gestures and of the body motion",
        items=_STYLE_ITEMS,
        options=set(),
    )


class AnimcorePolish(bpy.types.PropertyGroup):
    """The polish of a take, stored in its first action. Nothing is animatable: the curves are what is animated."""

    keys_per_second: bpy.props.FloatProperty(
        name="Keys per Second",
        description="Average number of keys of each moving curve, with lip closures kept; 0 keys every frame",
        min=0.0, max=60.0, soft_max=24.0, precision=1, options=set(), **_LIVE,
    )  # fmt: skip
    key_kind: bpy.props.EnumProperty(
        name="Interpolation",
        description="Interpolation between the keys of a reduced curve",
        items=(("BEZIER", "Bezier", "Smooth interpolation with handles"), ("LINEAR", "Linear", "Straight lines")),
        options=set(), **_LIVE,
    )  # fmt: skip
    edits: bpy.props.FloatProperty(
        name="Manual Edits",
        description="Influence of the manual edits; 0 shows the take as generated",
        default=1.0, min=0.0, max=1.0, subtype="FACTOR", options=set(), **_LIVE,
    )  # fmt: skip
    edits_mode: bpy.props.EnumProperty(
        name="Edits on New Takes",
        description="How manual edits are carried over to a new take",
        items=(
            ("ADD", "Add", "Keep each edit's offset from the generated curves"),
            ("REPLACE", "Replace", "Keep each edited curve at its edited values, with blended ends"),
        ),
        options=set(),
    )  # fmt: skip


# in the body of a class its annotations are no dictionary from Python 3.14 on
AnimcorePolish.__annotations__.update(_touches())


class AnimcoreSettings(_Spoken, bpy.types.PropertyGroup):
    """Animcore's settings of a scene. None of them is animatable: they are settings, not motion."""

    track_shape: bpy.props.StringProperty(name="Shape", description="Shape key for the selected track", options=set())
    track_bone: bpy.props.StringProperty(name="Bone", description="Bone for the selected role", options=set())

    voice_from: bpy.props.EnumProperty(
        name="Speech Source",
        description="Source of the speech",
        items=_VOICES,
        options=set(),
    )
    offset: bpy.props.IntProperty(
        name="Offset (ms)",
        description="Shift of the face against the audio in milliseconds; positive is later",
        min=-10_000,
        max=10_000,
        soft_min=-500,
        soft_max=500,
        options=set(),
    )
    scope: bpy.props.EnumProperty(
        name="Range",
        description="Part of the audio to generate from",
        items=(
            ("WHOLE", "Full Audio", "All of the audio", 0),
            ("RANGE", "Marked Range", "The preview range, or the range between selected timeline markers", 1),
        ),
        options=set(),
    )
    use_markers: bpy.props.BoolProperty(
        name="Emotion Markers",
        description="Key emotions by timeline markers with names such as joy 0.7 or Anna: joy 0.7",
        default=True,
        options=set(),
    )
    transition: bpy.props.EnumProperty(
        name="Transition",
        description="Transition from the emotion of a marker or transcript tag to the next one",
        items=(
            ("hold", "Hold", "Hold the emotion, then change to the next one at a natural speed", 0),
            ("blend", "Blend", "Blend linearly into the next emotion", 1),
        ),
        options=set(),
    )

    cast: bpy.props.CollectionProperty(type=AnimcorePart)
    cast_row: bpy.props.IntProperty(name="Part", description="Selected part of the dialogue", options=set())

    show_waveform: bpy.props.BoolProperty(
        name="Waveform",
        description="Draw the waveform, words and phonemes in the timeline and dope sheet",
        default=True,
        options=set(),
    )

    audio: bpy.props.StringProperty(
        name="Audio File",
        description="Audio or video file with the speech, in any format that FFmpeg reads",
        options=set(),
    )
    start_frame: bpy.props.IntProperty(
        name="Start Frame", description="Frame at which the speech starts", default=1, options=set()
    )
    add_sound: bpy.props.BoolProperty(
        name="Sound Strip",
        description="Add the audio to the sequencer at the start frame",
        default=True,
        options=set(),
    )

    batch_folder: bpy.props.StringProperty(name="Folder", description="Output folder of a batch", options=set())
    deliver_folder: bpy.props.StringProperty(name="Folder", description="Folder of the exported files", options=set())
    deliver_formats: bpy.props.EnumProperty(
        name="Formats",
        description="File formats of the export",
        items=[
            (name, form.title, f"*{form.suffix}: holds {', '.join(form.carries).replace('_', ' ')}", 1 << number)
            for number, (name, form) in enumerate(FORMATS.items())
            if set(form.carries) != {"events"}  # words cannot be read from keys
        ],
        default={"livelink"},
        options={"ENUM_FLAG"},
    )

    keep_edits: bpy.props.BoolProperty(
        name="Keep Manual Edits",
        description="Apply the manual edits and the polish of the last take to a new one",
        default=True,
        options=set(),
    )
    take_before: bpy.props.StringProperty(
        name="Other Take", description="The previously shown take, to which A/B switches", options=set()
    )
    take_row: bpy.props.IntProperty(name="Take", description="The active take", options=set(), **_TAKE_ROW)
    polish_region: bpy.props.EnumProperty(
        name="Region",
        description="Region of the performance to polish",
        items=[(name, name.capitalize(), "", number) for number, name in enumerate(REGIONS)],
        options=set(),
    )

    seed: bpy.props.IntProperty(
        name="Seed",
        description="Random seed; another value gives other blinks, glances and head motion",
        min=0,
        options=set(),
    )
    emotion: bpy.props.EnumProperty(
        name="Emotion",
        description="Emotion of the whole line; lip closures on p, b and m are kept",
        items=_EMOTION_ITEMS,
        options=set(),
    )
    emotion_intensity: bpy.props.FloatProperty(
        name="Emotion Strength",
        description="Strength of the emotion; 0 is neutral",
        default=0.6,
        min=0.0,
        max=1.0,
        subtype="FACTOR",
        options=set(),
    )
    intensity: _strength("Intensity", "Scale of the whole performance; 1 is as spoken")
    lips: _strength("Lips", "Scale of the lip motion")
    jaw: _strength("Jaw", "Scale of the jaw opening")
    tongue: _strength("Tongue", "Scale of the tongue motion")
    brows: _strength("Brows", "Scale of the eyebrow motion")
    cheeks: _strength("Cheeks", "Scale of the cheek and nose motion")
    blinks: _strength("Blinks", "Scale of the eyelid closure in blinks; 0 disables blinks")
    gaze: _strength("Gaze", "Scale of the eye motion; 0 keeps the eyes straight")
    head: _strength("Head", "Scale of the head motion; 0 keeps the head still")
    body: _strength("Body", "Scale of the torso and arm motion; 0 keys no body bones")
    hands: _strength("Hands", "Scale of the hand and finger motion; 0 keeps the hands open and at rest")
    still_legs: bpy.props.BoolProperty(
        name="Still Legs",
        description="Keep hips and legs still; torso, arms and hands still move",
        options=set(),
    )
    face_model: bpy.props.StringProperty(
        name="Face Model",
        description="Folder of a trained face network that replaces the bundled solver; needs External Python",
        subtype="DIR_PATH",
        options=set(),
    )
    gesture_model: bpy.props.StringProperty(
        name="Gesture Model",
        description="Folder of a trained gesture network that replaces the bundled solver; needs External Python",
        subtype="DIR_PATH",
        options=set(),
    )
    look_at: bpy.props.PointerProperty(
        name="Gaze Target",
        description="Object or camera to look at, at its current location; if empty, the eyes look straight ahead",
        type=bpy.types.Object,
    )
    variant: bpy.props.EnumProperty(
        name="Solver",
        description="Variant of the speech solver",
        items=(
            ("full", "Full", "Use the whole recording as context; best quality", 0),
            ("live", "Live", "Use at most 80 ms of lookahead, as in live speech", 1),
        ),
        options=set(),
    )
    style: bpy.props.EnumProperty(
        name="Gesture Style",
        description="Style of the gestures and of the body motion",
        items=_STYLE_ITEMS,
        options=set(),
    )


def of(scene: bpy.types.Scene) -> AnimcoreSettings:
    """Return Animcore's settings of a scene."""
    return registered(scene, SETTINGS, AnimcoreSettings)


def polish_of(action: bpy.types.Action) -> AnimcorePolish:
    """Return the polish of an action of a take."""
    return registered(action, POLISH, AnimcorePolish)


def set_polish(action: bpy.types.Action, source: bpy.types.Action | None) -> None:
    """Set the sliders of an action's polish as those of another, or back; the curves stay as they are."""
    with held_curves():
        polish = polish_of(action)
        for name in set(polish.bl_rna.properties.keys()) - {"rna_type", "name"}:
            if source is None:
                polish.property_unset(name)
            else:
                setattr(polish, name, getattr(polish_of(source), name))


Asker = AnimcoreSettings | AnimcorePart  # settings that hold a character and its speech


def root(settings: Asker) -> bpy.types.Object | bpy.types.Collection | None:
    """Return the object or collection that the user chose as the character."""
    return settings.collection if settings.source == "COLLECTION" else settings.character


def chosen_root(settings: Asker) -> bpy.types.Object | bpy.types.Collection:
    """Return what the user chose as the character, where it is known that something is chosen."""
    return cast("bpy.types.Object | bpy.types.Collection", root(settings))


def scene_of(settings: AnimcoreSettings) -> bpy.types.Scene:
    """Return the scene that settings belong to."""
    return cast("bpy.types.Scene", settings.id_data)


def direction(settings: AnimcoreSettings, part: AnimcorePart | None = None) -> dict[str, Any]:
    """Return the settings of a request to the engine; emotion and style come from the part where one is given."""
    own = part or settings
    strengths = {region: round(getattr(settings, region), 4) for region in REGIONS}
    felt = {"emotion": own.emotion, "intensity": round(own.emotion_intensity, 4)}
    return {
        "seed": settings.seed,
        "intensity": round(settings.intensity, 4),
        "strengths": strengths,
        "emotions": [felt] if own.emotion != EMOTIONS[0] else [],
        "style": own.style,
        "variant": settings.variant,
        "transition": settings.transition,
    }
