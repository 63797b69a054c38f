"""The voice of a performance: a file, sound strips of the sequencer played together, or the sound of a speaker."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import bpy

from animcore.core.vocabulary import EMOTIONS
from animcore.direction import EmotionSpan, directed

from .. import properties
from ..errors import AddonError
from ..scene import frame_rates, mixdown, sequencer, sound_files

_EMOTION = re.compile(
    rf"(?:(?P<who>[^:]+?)\s*:)?\s*(?P<emotion>{'|'.join(EMOTIONS)})\s*[:= ]?\s*(?P<felt>[01]?\.?\d*)\s*", re.IGNORECASE
)
_FELT = 0.6  # strength of an emotion whose marker has no number
SOUNDING = ("SOUND", "META", "SCENE")  # kinds of strips with audio
_BILLION = 10**9  # parts of a second in which times of strips are sent to the engine


@dataclass(frozen=True)
class Part:
    """One recording of a voice.

    Attributes:
        path: the file, absolute.
        at: seconds from the start of the voice.
        skip: seconds of the file that are left out at its start.
        length: duration in seconds; None for all of it.
        gain: factor of its loudness.
        track, channel: of the file, from 1 on; 0 for the engine's own choice.
        strip: the name of the strip that has to be mixed by Blender to know how it sounds; the file is then that mix.
        sound: the name of the sound that has to be written by Blender, as it plays it.
    """

    path: str
    at: Fraction = Fraction(0)
    skip: Fraction = Fraction(0)
    length: Fraction | None = None
    gain: float = 1.0
    track: int = 0
    channel: int = 0
    strip: str = ""
    sound: str = ""

    def later(self, seconds: Fraction) -> Part:
        """Return the recording so many seconds later."""
        return replace(self, at=self.at + seconds)

    def asked(self) -> dict[str, Any]:
        """Return its part of the request to the engine."""
        return {
            "audio": self.path,
            "at": _pair(self.at),
            "skip": _pair(self.skip),
            "length": None if self.length is None else _pair(self.length),
            "gain": self.gain,
            **self.choice,
        }

    @property
    def choice(self) -> dict[str, int]:
        """Track and channel, where they are chosen."""
        return {name: number for name in ("track", "channel") if (number := getattr(self, name))}


@dataclass(frozen=True)
class Voice:
    """What is to be spoken.

    Attributes:
        parts: its recordings, the first one first.
        start_frame: the frame of its first sample.
        name: the name of a take of it.
        audio: the file as Blender should put it on the sequencer; empty where it sounds in the scene already.
    """

    parts: tuple[Part, ...]
    start_frame: int
    name: str
    audio: str = ""

    @property
    def asked(self) -> dict[str, Any]:
        """The request to the engine: a file, or the parts to be joined."""
        if len(self.parts) == 1:
            only = self.parts[0]
            if only == Part(only.path, track=only.track, channel=only.channel):
                return {"audio": only.path, **only.choice}
        return {"parts": [part.asked() for part in self.parts]}


def asked(scene: bpy.types.Scene, said: Voice, part: properties.AnimcorePart | None = None) -> dict[str, Any]:
    """Return the request to the engine, which is also stored with the take.

    Args:
        scene: whose settings ask for it.
        said: the speech.
        part: of a dialogue, whose transcript, emotion and style it is then; else those of the scene.

    Raises:
        AddonError: where the transcript or the marked range is not there.
    """
    said = mixed(scene, said)
    settings = properties.of(scene)
    rate = frame_rates.exact_rate(scene.render.fps, scene.render.fps_base)
    direction = properties.direction(settings, part)
    if settings.use_markers:
        direction["emotions"] = felt(scene, direction["emotions"], said.start_frame, _name_of(settings, part))
    wish = {**said.asked, "fps": [rate.numerator, rate.denominator], "direction": direction}
    if words := transcript(part or settings):
        wish["transcript"] = words
    if settings.still_legs:
        wish["postprocess"] = ["still"]
    for name, folder in (("face", settings.face_model), ("gestures", settings.gesture_model)):
        if folder:
            wish[name] = bpy.path.abspath(folder)
    if settings.offset:
        wish["offset"] = [settings.offset, 1000]
    if (wanted := span(scene, said.start_frame)) is not None:
        wish["span"] = list(wanted)
    return wish


def _pair(seconds: Fraction) -> list[int]:
    return [seconds.numerator, seconds.denominator]


def _name_of(settings: properties.AnimcoreSettings, part: properties.AnimcorePart | None) -> str:
    """What markers call the character by."""
    root = properties.root(part or settings)
    return root.name if root is not None else ""


def chosen(scene: bpy.types.Scene) -> bool:
    """Whether the user has chosen a voice at all."""
    settings = properties.of(scene)
    has = {"FILE": settings.audio, "STRIPS": settings.strips, "SPEAKER": settings.speaker}
    return bool(has[settings.voice_from])


def read(scene: bpy.types.Scene, part: properties.AnimcorePart | None = None) -> Voice:
    """Return the voice as it is chosen now, by the scene or by a part of a dialogue.

    Raises:
        AddonError: where there is none, or it cannot be found.
    """
    settings = part or properties.of(scene)
    kinds = {"FILE": _of_file, "STRIPS": _of_strips, "CHANNEL": _of_channel, "SPEAKER": _of_speaker}
    return kinds[settings.voice_from](scene, settings)


def mixed(scene: bpy.types.Scene, said: Voice, *, stays: bool = True) -> Voice:
    """Return a voice all of whose parts are files: what only Blender can play is mixed now.

    Args:
        scene: whose strips they are.
        said: the speech.
        stays: whether the files stay, for takes that are made of them again; else they go when Blender ends.

    Raises:
        AddonError: where it cannot.
    """
    return replace(said, parts=tuple(_mixed(scene, part, stays=stays) for part in said.parts))


def _mixed(scene: bpy.types.Scene, part: Part, *, stays: bool) -> Part:
    if part.strip:
        made = mixdown.of_strip(scene, sequencer.strips_of(scene)[part.strip])
    elif part.sound:
        made = mixdown.of_sound(scene, bpy.data.sounds[part.sound])
    else:
        return part
    kept = sound_files.keep(made, sound_files.file_name(part.strip or part.sound)) if stays else made
    return replace(part, path=str(kept), strip="", sound="")


def start_frame(scene: bpy.types.Scene) -> int:
    """Return the frame that the voice begins at; that of a file where strips or speaker cannot be found."""
    try:
        return read(scene).start_frame
    except AddonError:
        return int(properties.of(scene).start_frame)


def strips(scene: bpy.types.Scene) -> list[Any]:
    """Return the sound strips that play the speech in the scene."""
    settings = properties.of(scene)
    if settings.voice_from == "SPEAKER":
        return []
    if settings.voice_from == "FILE":
        return [strip for strip in _sounds(scene) if sequencer.is_of(strip, settings.audio)]
    return _named(scene, settings)


def _sounds(scene: bpy.types.Scene) -> list[Any]:
    if scene.sequence_editor is None:
        return []
    found = [strip for strip in sequencer.strips_of(scene) if strip.type in SOUNDING]
    return [strip for strip in found if strip.type != "SOUND" or strip.sound is not None]


def _named(scene: bpy.types.Scene, settings: properties.Asker) -> list[Any]:
    names = settings.strips.split("\n")
    return [strip for strip in _sounds(scene) if strip.name in names]


def _of_file(scene: bpy.types.Scene, settings: properties.Asker) -> Voice:
    if not settings.audio:
        raise AddonError("No audio file is chosen; choose one under Speech.")
    path = _existing(settings.audio)
    own = [strip for strip in _sounds(scene) if sequencer.is_of(strip, settings.audio) and sequencer.MARK not in strip]
    begins = [strip for strip in own if round(sequencer.content_start(strip)) == settings.start_frame]
    for strip in begins:  # the user's strip is what is heard: its sound is performed, and no second one is laid
        if not mixdown.is_plain(scene, strip) and not sequencer.is_muted(scene, strip):
            return replace(_joined(scene, [strip]), name=path.stem)
    chosen = Part(str(path), track=settings.sound_track, channel=settings.sound_channel)
    kept = settings.audio if properties.of(scene).add_sound else ""
    return Voice((chosen,), settings.start_frame, path.stem, kept)


def _of_strips(scene: bpy.types.Scene, settings: properties.Asker) -> Voice:
    if not settings.strips:
        raise AddonError("No strips are chosen; select sound strips in the sequencer and press Use Selected Strips.")
    found = _named(scene, settings)
    lost = [name for name in settings.strips.split("\n") if name not in {strip.name for strip in found}]
    if lost:
        raise AddonError(f"There is no sound strip {lost[0]!r} on the sequencer; press Use Selected Strips again.")
    return _joined(scene, found)


def _of_channel(scene: bpy.types.Scene, settings: properties.Asker) -> Voice:
    channel = cast(properties.AnimcorePart, settings).channel  # parts of a dialogue alone speak from a channel
    found = [strip for strip in _sounds(scene) if strip.channel == channel]
    if not found:
        raise AddonError(f"There is no sound strip on channel {channel} of the sequencer; choose another.")
    return _joined(scene, found)


def _joined(scene: bpy.types.Scene, found: list[Any]) -> Voice:
    """The voice of strips, where they lie."""
    rate = frame_rates.exact_rate(scene.render.fps, scene.render.fps_base)
    audible = [strip for strip in found if not sequencer.is_muted(scene, strip)]
    if not audible:
        names = ", ".join(strip.name for strip in found)
        raise AddonError(f"The strips of the speech are muted ({names}); unmute the strips or their channels.")
    heard = sorted(audible, key=lambda strip: sequencer.span(strip))
    first = sequencer.span(heard[0])[0]
    parts = tuple(_part(scene, strip, first, rate) for strip in heard)
    return Voice(parts, first, heard[0].name if len(heard) == 1 else f"{heard[0].name} +{len(heard) - 1}")


def _part(scene: bpy.types.Scene, strip: Any, first: int, rate: Fraction) -> Part:
    """A strip, trimmed as it stands; `first` is the frame that the voice begins at."""
    begin, end = sequencer.span(strip)
    if not mixdown.is_plain(scene, strip):
        return Part("", (begin - first) / rate, length=(end - begin) / rate, strip=strip.name)
    cut = begin - Fraction(round(sequencer.content_start(strip) * 1000), 1000)
    late = _exact(getattr(strip, "sound_offset", 0.0))  # seconds that the sound starts after its strip
    skip = cut / rate - late
    waits = max(-skip, Fraction(0))
    return Part(
        str(_existing(strip.sound.filepath)),
        (begin - first) / rate + waits,
        max(skip, Fraction(0)),
        (end - begin) / rate - waits,
        round(float(strip.volume), 6),
    )


def _exact(seconds: float) -> Fraction:
    return Fraction(round(seconds * _BILLION), _BILLION)


def _of_speaker(scene: bpy.types.Scene, settings: properties.Asker) -> Voice:
    speaker = settings.speaker
    if speaker is None:
        raise AddonError("No speaker is chosen; choose one under Speech.")
    data = cast("bpy.types.Speaker", speaker.data).sound if speaker.type == "SPEAKER" else None
    if data is None:
        raise AddonError(f"{speaker.name!r} is not a speaker with a sound; load one in its Object Data properties.")
    part = Part("", sound=data.name) if mixdown.must_be_written(data) else Part(str(_existing(data.filepath)))
    return Voice((part,), _speaks_at(speaker, scene), speaker.name)


def _speaks_at(speaker: bpy.types.Object, scene: bpy.types.Scene) -> int:
    """The frame that a speaker's sound starts at: that of its first sound strip in the NLA."""
    tracks = speaker.animation_data.nla_tracks if speaker.animation_data else ()
    begins = [strip.frame_start for track in tracks for strip in track.strips if strip.type == "SOUND"]
    return round(min(begins)) if begins else int(properties.of(scene).start_frame)


def _existing(kept: str) -> Path:
    path = Path(bpy.path.abspath(kept))
    if not path.is_file():
        raise AddonError(f"There is no file {path}; choose the audio again.")
    return path


def transcript(settings: properties.Asker) -> str:
    """Return the transcript: the text data-block, else the file's words; empty where neither is given.

    Raises:
        AddonError: where the file is not there or no text.
    """
    if settings.transcript_text is not None:
        return str(settings.transcript_text.as_string()).strip()
    if not settings.transcript_file:
        return ""
    path = Path(bpy.path.abspath(settings.transcript_file))
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise AddonError(f"{path.name} is not UTF-8 text; save it as plain text, .srt, .vtt or .TextGrid.") from error
    except OSError as error:
        raise AddonError(f"There is no transcript {path}; choose it again, or clear it.") from error


def felt(scene: bpy.types.Scene, base: list[dict[str, Any]], first: int, name: str = "") -> list[dict[str, Any]]:
    """Return the emotions of a voice: the one chosen for the line, and those that timeline markers key from there on.

    A marker is named `joy 0.7`, or `joy` alone; `Anna: joy 0.7` is for the character of that name only. Each holds
    until the next one or goes over into it, as the scene's settings say; several on one frame are felt together.

    Args:
        scene: whose markers they are.
        base: emotions apart from markers: spans as in requests to the engine.
        first: the frame that the voice begins at.
        name: the character's.
    """
    rate = float(frame_rates.exact_rate(scene.render.fps, scene.render.fps_base))
    frames: dict[int, dict[str, float]] = {}
    for frame, emotion, intensity in sorted(_emotional(scene, name)):
        frames.setdefault(frame, {})[emotion] = intensity
    if not frames:
        return base
    cues = {max(0.0, (frame - first) / rate): found for frame, found in frames.items()}  # of those before, the last
    spans = [EmotionSpan(**one) for one in base]
    return [asdict(one) for one in directed(spans, cues, properties.of(scene).transition)]


def _emotional(scene: bpy.types.Scene, name: str) -> Iterator[tuple[int, str, float]]:
    for marker in scene.timeline_markers:
        found = _EMOTION.fullmatch(marker.name)
        if found is not None and found["who"] in (None, name):
            number = found["felt"]
            intensity = float(number) if number not in ("", ".") else _FELT
            yield marker.frame, found["emotion"].lower(), min(intensity, 1.0)


def marked_frames(scene: bpy.types.Scene) -> tuple[int, int]:
    """Return the first and the last frame of the marked range: the preview range, else between selected markers.

    Raises:
        AddonError: where nothing is marked.
    """
    if scene.use_preview_range:
        return scene.frame_preview_start, scene.frame_preview_end
    selected = sorted(marker.frame for marker in scene.timeline_markers if marker.select)
    if len(selected) < 2 or selected[0] == selected[-1]:
        raise AddonError("No range is marked; set a preview range (P in the timeline) or select two timeline markers.")
    return selected[0], selected[-1]


def span(scene: bpy.types.Scene, begin: int) -> tuple[float, float] | None:
    """Return the seconds of a voice that begins at a frame that are to be performed; None for all of it.

    Raises:
        AddonError: where nothing is marked, or the speech does not reach it.
    """
    if properties.of(scene).scope == "WHOLE":
        return None
    rate = float(frame_rates.exact_rate(scene.render.fps, scene.render.fps_base))
    first, last = marked_frames(scene)
    if last <= begin:
        raise AddonError(f"The marked range ends at frame {last}, before the audio starts at frame {begin}; move it.")
    return max(0.0, (first - begin) / rate), (last - begin) / rate
