"""What the user sets, kept in the scene.

Blender reads the annotations of these classes as values, so this module does not postpone them.
"""

import contextlib
from collections.abc import Iterator
from typing import Any

import bpy

from animcore.core.vocabulary import EMOTIONS, REGIONS, STYLES
from animcore.files import FORMATS
from animcore.postprocess.region_smoothing import FURTHEST, SMOOTHEST, STRONGEST

from . import callbacks


def _strength(label: str, text: str) -> Any:
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
_NARROWED = {} if _MODULE_42 else {"poll": _is_character}
_SPEAKERS = {} if _MODULE_42 else {"poll": _speaks}


class AnimcoreTrack(bpy.types.PropertyGroup):
    """A line of the list of a character's tracks; `name` is the track."""

    target: bpy.props.StringProperty(name="Target", description="What moves for this track", options=set())
    is_bone: bpy.props.BoolProperty(name="Bone", description="Whether it is the role of a bone", options=set())
    corrected: bpy.props.BoolProperty(name="Corrected", description="Whether you have chosen it", options=set())


def _get_row(settings: bpy.types.PropertyGroup) -> int:
    return callbacks.registered.playing_row(settings)


def _set_row(settings: bpy.types.PropertyGroup, row: int) -> None:
    callbacks.registered.show_row(settings, row)


_TAKE_ROW = {} if _MODULE_42 else {"get": _get_row, "set": _set_row}


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
_LIVE = {} if _MODULE_42 else {"update": _on_curves}


def _touches() -> dict[str, Any]:
    """Smoothing, exaggeration and timing of every region."""
    made = {}
    for region in REGIONS:
        made[f"{region}_smoothing"] = bpy.props.FloatProperty(
            name="Smoothing (ms)", description=f"Milliseconds over which the curves of {region} are averaged",
            min=0.0, max=SMOOTHEST, soft_max=120.0, precision=0, options=set(), **_LIVE,
        )  # fmt: skip
        made[f"{region}_exaggeration"] = bpy.props.FloatProperty(
            name="Exaggeration", description=f"How far the curves of {region} go from rest; 1 is as they were made",
            default=1.0, min=0.0, max=STRONGEST, soft_max=2.0, options=set(), **_LIVE,
        )  # fmt: skip
        made[f"{region}_offset"] = bpy.props.FloatProperty(
            name="Offset (ms)", description=f"Milliseconds that the curves of {region} come later; earlier below 0",
            min=-FURTHEST, max=FURTHEST, soft_min=-250.0, soft_max=250.0, precision=0, options=set(), **_LIVE,
        )  # fmt: skip
    return made


_EMOTION_ITEMS = [(name, name.capitalize(), "", number) for number, name in enumerate(EMOTIONS)]
_STYLE_ITEMS = [(name, name.capitalize(), "", number) for number, name in enumerate(STYLES)]
_SOURCES = (
    ("OBJECT", "Object", "A mesh or an armature; everything that belongs to it is found", "OBJECT_DATA", 0),
    ("COLLECTION", "Collection", "All meshes of a collection", "OUTLINER_COLLECTION", 1),
)
_VOICES = (
    ("FILE", "File", "A sound or film file", "FILE_SOUND", 0),
    ("STRIPS", "Strips", "Sound strips of the sequencer: several make one performance", "SEQ_SEQUENCER", 1),
    ("SPEAKER", "Speaker", "The sound of a speaker in the scene", "SPEAKER", 2),
)


class _Spoken:
    """What a character and its voice are told by, of a scene and of a part of a dialogue alike."""

    source: bpy.props.EnumProperty(
        name="Character from", description="What to choose the character by", items=_SOURCES, options=set()
    )
    character: bpy.props.PointerProperty(
        name="Character",
        description="The head, the armature or the empty that the character hangs on",
        type=bpy.types.Object,
        **_NARROWED,
    )
    collection: bpy.props.PointerProperty(
        name="Collection",
        description="The collection that holds the character's meshes and its armature",
        type=bpy.types.Collection,
    )
    strips: bpy.props.StringProperty(
        name="Strips", description="The names of the sound strips, one a line", options=set()
    )
    speaker: bpy.props.PointerProperty(
        name="Speaker",
        description="The speaker that the voice comes from",
        type=bpy.types.Object,
        **_SPEAKERS,
    )
    sound_track: bpy.props.IntProperty(
        name="Track",
        description="The audio track of the file, from 1 on; 0: its usual one, or, where that is silent, the loudest",
        min=0,
        options=set(),
    )
    sound_channel: bpy.props.IntProperty(
        name="Channel",
        description="The channel with the voice, from 1 on; 0: the centre of surround sound, else all of them mixed",
        min=0,
        options=set(),
    )
    transcript_text: bpy.props.PointerProperty(
        name="Transcript",
        description="A text block with the words that are said; [joy 0.7] in it sets an emotion from there on",
        type=bpy.types.Text,
    )
    transcript_file: bpy.props.StringProperty(
        name="Transcript File",
        description="A file with the words that are said: .txt, .srt, .vtt or .TextGrid",
        subtype="FILE_PATH",
        options=set(),
    )


class AnimcorePart(_Spoken, bpy.types.PropertyGroup):
    """A part of a dialogue: a character with its voice. None of it is animatable: it is an order, not motion."""

    voice_from: bpy.props.EnumProperty(
        name="Voice from",
        description="Where the voice of this character comes from",
        items=(
            *_VOICES,
            ("CHANNEL", "Channel", "All sound strips of one channel of the sequencer", "ALIGN_JUSTIFY", 3),
            ("NONE", "None", "The character only listens", "MUTE_IPO_ON", 4),
        ),
        options=set(),
    )
    audio: bpy.props.StringProperty(
        name="Voice", description="The sound or film file with the voice", subtype="FILE_PATH", options=set()
    )
    start_frame: bpy.props.IntProperty(
        name="Start Frame", description="The frame at which the voice begins", default=1, options=set()
    )
    channel: bpy.props.IntProperty(
        name="Channel", description="The channel of the sequencer", default=1, min=1, max=128, options=set()
    )
    emotion: bpy.props.EnumProperty(
        name="Emotion",
        description="The feeling of this character in the dialogue",
        items=_EMOTION_ITEMS,
        options=set(),
    )
    emotion_intensity: bpy.props.FloatProperty(
        name="Emotion Intensity",
        description="How strongly the emotion is felt",
        default=0.6,
        min=0.0,
        max=1.0,
        subtype="FACTOR",
        options=set(),
    )
    style: bpy.props.EnumProperty(
        name="Style", description="The kind of speaker that the body is", items=_STYLE_ITEMS, options=set()
    )


class AnimcorePolish(bpy.types.PropertyGroup):
    """The polish of a take, kept with its first action. None of it is animatable: the curves are what is animated."""

    __annotations__ = {
        "keys_per_second": bpy.props.FloatProperty(
            name="Keys per Second",
            description="Keys of each moving curve, on average; lips that close still close. 0: a key on every frame",
            min=0.0, max=60.0, soft_max=24.0, precision=1, options=set(), **_LIVE,
        ),
        "key_kind": bpy.props.EnumProperty(
            name="Keys",
            description="What lies between two keys of a curve that is thinned out",
            items=(("BEZIER", "Bezier", "Smooth keys with handles"), ("LINEAR", "Linear", "Straight lines")),
            options=set(), **_LIVE,
        ),
        "edits": bpy.props.FloatProperty(
            name="My Edits",
            description="How much of what was changed by hand shows; 0 shows the take as it was generated",
            default=1.0, min=0.0, max=1.0, subtype="FACTOR", options=set(), **_LIVE,
        ),
        "edits_mode": bpy.props.EnumProperty(
            name="On a New Take",
            description="What becomes of what was changed by hand when a new take is made",
            items=(
                ("ADD", "Add", "My edits are as far from the new take as they were from this one"),
                ("REPLACE", "Replace", "The new take goes where I put the curves, with soft ends"),
            ),
            options=set(),
        ),
        **_touches(),
    }  # fmt: skip


class AnimcoreSettings(_Spoken, bpy.types.PropertyGroup):
    """Animcore's settings of a scene. None of them is animatable: they are orders, not motion."""

    track_shape: bpy.props.StringProperty(
        name="Shape", description="The shape that the chosen track is to move", options=set()
    )
    track_bone: bpy.props.StringProperty(
        name="Bone", description="The bone that is to have the chosen role", options=set()
    )

    voice_from: bpy.props.EnumProperty(
        name="Voice from",
        description="Where the voice comes from",
        items=_VOICES,
        options=set(),
    )
    offset: bpy.props.IntProperty(
        name="Offset (ms)",
        description="Milliseconds that the face is later than the sound; below 0 it is earlier",
        min=-10_000,
        max=10_000,
        soft_min=-500,
        soft_max=500,
        options=set(),
    )
    scope: bpy.props.EnumProperty(
        name="Perform",
        description="How much of the voice is performed",
        items=(
            ("WHOLE", "Whole", "The whole voice", 0),
            ("RANGE", "Marked Range", "The preview range, or what lies between selected timeline markers", 1),
        ),
        options=set(),
    )
    use_markers: bpy.props.BoolProperty(
        name="Emotion Markers",
        description="Timeline markers named like joy 0.7, or Anna: joy 0.7, key emotions",
        default=True,
        options=set(),
    )
    transition: bpy.props.EnumProperty(
        name="Emotions",
        description="What an emotion of a marker or of a tag in the transcript does until the next one",
        items=(
            ("hold", "Hold", "It holds, and the next one takes its place in the time that it takes in people", 0),
            ("blend", "Blend", "It goes evenly over into the next one", 1),
        ),
        options=set(),
    )

    cast: bpy.props.CollectionProperty(type=AnimcorePart)
    cast_row: bpy.props.IntProperty(name="Part", description="The part of the dialogue that is shown", options=set())

    show_waveform: bpy.props.BoolProperty(
        name="Waveform",
        description="Draw the voice, its words and phonemes over timeline and dope sheet",
        default=True,
        options=set(),
    )

    audio: bpy.props.StringProperty(
        name="Voice",
        description="The sound or film file with the voice; any kind that ffmpeg reads",
        options=set(),
    )
    start_frame: bpy.props.IntProperty(
        name="Start Frame", description="The frame at which the voice begins", default=1, options=set()
    )
    add_sound: bpy.props.BoolProperty(
        name="Sound Strip",
        description="Put the voice on the sequencer, at the start frame",
        default=True,
        options=set(),
    )

    deliver_folder: bpy.props.StringProperty(
        name="Folder", description="The folder that delivered files go into", options=set()
    )
    deliver_formats: bpy.props.EnumProperty(
        name="Formats",
        description="What the take is written as",
        items=[
            (name, form.title, f"*{form.suffix}: holds {', '.join(form.carries).replace('_', ' ')}", 1 << number)
            for number, (name, form) in enumerate(FORMATS.items())
            if set(form.carries) != {"events"}  # words are not told by keys
        ],
        default={"livelink"},
        options={"ENUM_FLAG"},
    )

    keep_edits: bpy.props.BoolProperty(
        name="Keep My Edits",
        description="A new take starts with what was changed by hand on the one before it, and with its polish",
        default=True,
        options=set(),
    )
    take_before: bpy.props.StringProperty(
        name="Other Take", description="The take that was shown before, which A/B goes back to", options=set()
    )
    take_row: bpy.props.IntProperty(name="Take", description="The take that plays", options=set(), **_TAKE_ROW)
    polish_region: bpy.props.EnumProperty(
        name="Region",
        description="The part of the performance that is polished",
        items=[(name, name.capitalize(), "", number) for number, name in enumerate(REGIONS)],
        options=set(),
    )

    seed: bpy.props.IntProperty(
        name="Seed",
        description="Another number gives another take: other blinks, glances and head movement",
        min=0,
        options=set(),
    )
    emotion: bpy.props.EnumProperty(
        name="Emotion",
        description="The feeling that the whole line is said in; lips still close on p, b and m",
        items=_EMOTION_ITEMS,
        options=set(),
    )
    emotion_intensity: bpy.props.FloatProperty(
        name="Emotion Intensity",
        description="How strongly the emotion is felt",
        default=0.6,
        min=0.0,
        max=1.0,
        subtype="FACTOR",
        options=set(),
    )
    intensity: _strength("Intensity", "Strength of the whole performance; 1 is as spoken")
    lips: _strength("Lips", "How strongly the lips are shaped")
    jaw: _strength("Jaw", "How far the jaw opens")
    tongue: _strength("Tongue", "How much the tongue moves")
    brows: _strength("Brows", "How much the eyebrows move")
    cheeks: _strength("Cheeks", "How much cheeks and nose move")
    blinks: _strength("Blinks", "How far the eyes close in a blink; 0 turns blinking off")
    gaze: _strength("Gaze", "How much the eyes look around; 0 keeps them straight")
    head: _strength("Head", "How much the head moves; 0 keeps it still")
    body: _strength("Body", "How much trunk and arms move; 0 leaves the body's bones alone")
    hands: _strength("Hands", "How much hands and fingers move; 0 leaves them open and at rest")
    still_legs: bpy.props.BoolProperty(
        name="Still Legs",
        description="Hips and legs stay where they are; trunk, arms and hands go on",
        options=set(),
    )
    face_model: bpy.props.StringProperty(
        name="Learned Face",
        description="Folder of a face that was trained, in the place of the shipped one; needs Other Python",
        subtype="DIR_PATH",
        options=set(),
    )
    gesture_model: bpy.props.StringProperty(
        name="Learned Gestures",
        description="Folder of gestures that were trained, in the place of the shipped ones; needs Other Python",
        subtype="DIR_PATH",
        options=set(),
    )
    look_at: bpy.props.PointerProperty(
        name="Look At",
        description="The object or camera that the eyes are on, where it is now; empty for whoever looks at the face",
        type=bpy.types.Object,
    )
    variant: bpy.props.EnumProperty(
        name="Variant",
        description="How the speech is solved",
        items=(
            ("full", "Full", "Hears the whole line: the best there is", 0),
            ("live", "Live", "Hears 80 ms ahead at most, as a live performance would", 1),
        ),
        options=set(),
    )
    style: bpy.props.EnumProperty(
        name="Style",
        description="The kind of speaker that the body is",
        items=_STYLE_ITEMS,
        options=set(),
    )


def of(scene: bpy.types.Scene) -> AnimcoreSettings:
    """Return Animcore's settings of a scene."""
    return scene.animcore


def set_polish(action: bpy.types.Action, source: bpy.types.Action | None) -> None:
    """Set the sliders of an action's polish as those of another, or back; the curves stay as they are."""
    with held_curves():
        for name in set(action.animcore.bl_rna.properties.keys()) - {"rna_type", "name"}:
            if source is None:
                action.animcore.property_unset(name)
            else:
                setattr(action.animcore, name, getattr(source.animcore, name))


Asker = AnimcoreSettings | AnimcorePart  # what has a character and a voice


def root(settings: Asker) -> bpy.types.Object | bpy.types.Collection | None:
    """Return what the user chose the character by."""
    return settings.collection if settings.source == "COLLECTION" else settings.character


def direction(settings: AnimcoreSettings, part: AnimcorePart | None = None) -> dict[str, Any]:
    """Return the settings that the engine is asked with; emotion and style are those of a part where there is one."""
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
