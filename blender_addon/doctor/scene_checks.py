"""Checks of the scene: frame rate, range and the audio of the sequencer."""

from __future__ import annotations

from fractions import Fraction

from animcore.core.frame_rates import exact_rate as named_rate
from animcore.errors import InputError

from ..scene import frame_rates, sequencer
from ..voice import source
from .checks import Check, Patient, Values

_SLOW = 20  # FPS; a closure of p, b or m lasts 0.06 s and falls between the keys of fewer
_NEAR = Fraction(6, 1000)  # share: 23.98 is 23.976, and 24 is not


def _rate(who: Patient) -> Fraction:
    return frame_rates.exact_rate(who.scene.render.fps, who.scene.render.fps_base)


def _set_rate(who: Patient, rate: Fraction) -> None:
    whole = round(rate)
    who.scene.render.fps, who.scene.render.fps_base = whole, float(whole / rate)


def _meant(who: Patient) -> Fraction | None:
    """The standard rate nearest to the scene's; None where the scene has a standard rate already."""
    rate = _rate(who)
    try:
        near = named_rate(float(rate))
    except InputError:
        return None
    whole = Fraction(round(rate))
    if rate in (near, whole) and rate.denominator in (1, 1001):
        return None
    meant = near if near.denominator in (1, 1001) and near != rate else whole
    return meant if abs(meant - rate) < _NEAR * rate else None


def _crooked(who: Patient) -> Values | None:
    meant = _meant(who)
    return None if meant is None else {"rate": f"{float(_rate(who)):.4g}", "meant": f"{float(meant):.5g}"}


def _straighten(who: Patient) -> None:
    meant = _meant(who)
    if meant is not None:
        _set_rate(who, meant)


def _video_rate(who: Patient) -> Fraction | None:
    """The frame rate of the video that the audio comes from."""
    rate = who.heard.get("film_rate")
    return Fraction(*rate) if rate else None


def _other_video_rate(who: Patient) -> Values | None:
    video = _video_rate(who)
    near = _NEAR * video if video is not None and who.heard.get("film_varies") else Fraction(1, 1000)
    if video is None or abs(video - _rate(who)) < near:
        return None
    return {"film": f"{float(video):.5g}", "rate": f"{float(_rate(who)):.5g}"}


def _use_video_rate(who: Patient) -> None:
    video = _video_rate(who)
    if video is not None:
        _set_rate(who, video)


def _slow(who: Patient) -> Values | None:
    return {"rate": f"{float(_rate(who)):.4g}"} if _rate(who) < _SLOW else None


def _stretched(who: Patient) -> Values | None:
    render = who.scene.render
    same = render.frame_map_old == render.frame_map_new
    return None if same else {"old": render.frame_map_old, "new": render.frame_map_new}


def _unstretch(who: Patient) -> None:
    who.scene.render.frame_map_old = who.scene.render.frame_map_new = 100


def _last_frame(who: Patient) -> int:
    """The last frame of the audio; its start where the duration is not known."""
    return source.start_frame(who.scene) + int(who.length * _rate(who))


def _short(who: Patient) -> Values | None:
    last = _last_frame(who)
    return {"end": who.scene.frame_end, "last": last} if who.length and last > who.scene.frame_end else None


def _lengthen(who: Patient) -> None:
    who.scene.frame_end = max(who.scene.frame_end, _last_frame(who))


def _late(who: Patient) -> Values | None:
    first = source.start_frame(who.scene)
    before = who.length and first < who.scene.frame_start
    return {"first": first, "start": who.scene.frame_start} if before else None


def _begin_earlier(who: Patient) -> None:
    who.scene.frame_start = max(0, source.start_frame(who.scene))


def _preview(who: Patient) -> Values | None:
    scene = who.scene
    shown = (scene.frame_preview_start, scene.frame_preview_end)
    cut = scene.use_preview_range and who.length and who.settings.scope == "WHOLE"
    hidden = shown[0] > source.start_frame(scene) or shown[1] < _last_frame(who)
    return {"first": shown[0], "last": shown[1]} if cut and hidden else None


def _preview_off(who: Patient) -> None:
    who.scene.use_preview_range = False


def _muted(who: Patient) -> Values | None:
    names = [strip.name for strip in source.strips(who.scene) if sequencer.is_muted(who.scene, strip)]
    return {"names": ", ".join(names)} if names else None


def _unmute(who: Patient) -> None:
    for strip in source.strips(who.scene):
        sequencer.unmute(who.scene, strip)


def _quiet(who: Patient) -> Values | None:
    return None if who.scene.use_audio else {}


def _let_hear(who: Patient) -> None:
    who.scene.use_audio = True


def _every_frame(who: Patient) -> Values | None:
    has_sound = source.strips(who.scene)
    return {} if has_sound and who.scene.sync_mode == "NONE" else None


def _follow_sound(who: Patient) -> None:
    who.scene.sync_mode = "AUDIO_SYNC"


CHECKS = (
    Check(
        "film_rate", "scene", "warning",
        "The audio comes from a video at {film} FPS, and the scene is at {rate} FPS: the face drifts from the "
        "video.",
        _other_video_rate, _use_video_rate, "Use Video Frame Rate",
    ),
    Check(
        "crooked_rate", "scene", "warning",
        "The scene is at {rate} FPS, which is not a standard frame rate; {meant} FPS is.",
        _crooked, _straighten, "Fix Frame Rate",
    ),
    Check(
        "slow_rate", "scene", "note",
        "At {rate} FPS, lip closures of p, b and m can fall between two frames.",
        _slow,
    ),
    Check(
        "time_stretch", "scene", "warning",
        "Time stretching ({old} to {new}) plays keys and audio at different speeds.",
        _stretched, _unstretch, "Disable Stretching",
    ),
    Check(
        "short_range", "scene", "warning",
        "The scene ends at frame {end}, before the audio ends at frame {last}.",
        _short, _lengthen, "Extend Range",
    ),
    Check(
        "late_range", "scene", "warning",
        "The audio starts at frame {first}, before the scene starts at frame {start}.",
        _late, _begin_earlier, "Extend Range",
    ),
    Check(
        "preview_range", "scene", "note",
        "The preview range (frames {first} to {last}) plays only a part of the audio.",
        _preview, _preview_off, "Clear Preview Range",
    ),
    Check(
        "muted_strips", "scene", "warning",
        "The sound strips are muted, so the face moves without audio: {names}.",
        _muted, _unmute, "Unmute Audio",
    ),
    Check(
        "muted_scene", "scene", "warning",
        "The scene's audio is muted, so playback is silent.",
        _quiet, _let_hear, "Unmute Audio",
    ),
    Check(
        "sync_mode", "scene", "warning",
        "Playback is set to Play Every Frame, so the audio runs ahead of the face.",
        _every_frame, _follow_sound, "Sync to Audio",
    ),
)  # fmt: skip
