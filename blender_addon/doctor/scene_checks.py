"""What can be wrong with the scene: its clock, its range and what is heard of the sequencer."""

from __future__ import annotations

from fractions import Fraction

from animcore.core.frame_rates import exact_rate as named_rate
from animcore.errors import InputError

from ..scene import frame_rates, sequencer
from ..voice import source
from .checks import Check, Patient, Values

_SLOW = 20  # frames a second; a closure of p, b or m lasts 0.06 s and falls between the keys of fewer
_NEAR = Fraction(6, 1000)  # share: 23.98 is 23.976, and 24 is not


def _rate(who: Patient) -> Fraction:
    return frame_rates.exact_rate(who.scene.render.fps, who.scene.render.fps_base)


def _set_rate(who: Patient, rate: Fraction) -> None:
    whole = round(rate)
    who.scene.render.fps, who.scene.render.fps_base = whole, float(whole / rate)


def _meant(who: Patient) -> Fraction | None:
    """The rate that a crooked one is meant to be; None where it is one that cameras and films have."""
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


def _filmed(who: Patient) -> Fraction | None:
    """The rate of the pictures that the voice was recorded with."""
    rate = who.heard.get("film_rate")
    return Fraction(*rate) if rate else None


def _other_film(who: Patient) -> Values | None:
    film = _filmed(who)
    if film is None or abs(film - _rate(who)) < (_NEAR * film if who.heard.get("film_varies") else Fraction(1, 1000)):
        return None
    return {"film": f"{float(film):.5g}", "rate": f"{float(_rate(who)):.5g}"}


def _take_films_rate(who: Patient) -> None:
    film = _filmed(who)
    if film is not None:
        _set_rate(who, film)


def _slow(who: Patient) -> Values | None:
    return {"rate": f"{float(_rate(who)):.4g}"} if _rate(who) < _SLOW else None


def _stretched(who: Patient) -> Values | None:
    render = who.scene.render
    same = render.frame_map_old == render.frame_map_new
    return None if same else {"old": render.frame_map_old, "new": render.frame_map_new}


def _unstretch(who: Patient) -> None:
    who.scene.render.frame_map_old = who.scene.render.frame_map_new = 100


def _last_frame(who: Patient) -> int:
    """The frame that the voice ends on; that of its start where its length is not known."""
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
        "The voice comes from a film at {film} frames a second, and the scene plays {rate}: beside the film the face "
        "would run away from it.",
        _other_film, _take_films_rate, "Take the Film's Rate",
    ),
    Check(
        "crooked_rate", "scene", "warning",
        "The scene plays {rate} frames a second, which no film has; {meant} is meant.",
        _crooked, _straighten, "Set the Rate",
    ),
    Check(
        "slow_rate", "scene", "note",
        "At {rate} frames a second lips that close for p, b or m may fall between two frames.",
        _slow,
    ),
    Check(
        "time_stretch", "scene", "warning",
        "Time stretching ({old} to {new}) plays keys at another speed than the sound.",
        _stretched, _unstretch, "Turn Off",
    ),
    Check(
        "short_range", "scene", "warning",
        "The scene ends at frame {end}, the voice only at frame {last}.",
        _short, _lengthen, "Lengthen",
    ),
    Check(
        "late_range", "scene", "warning",
        "The voice begins at frame {first}, before the scene does at frame {start}.",
        _late, _begin_earlier, "Begin Earlier",
    ),
    Check(
        "preview_range", "scene", "note",
        "The preview range (frames {first} to {last}) plays only a part of the voice.",
        _preview, _preview_off, "Play All",
    ),
    Check(
        "muted_strips", "scene", "warning",
        "The sound is muted on the sequencer ({names}): the face would speak, and nobody hears it.",
        _muted, _unmute, "Unmute",
    ),
    Check(
        "muted_scene", "scene", "warning",
        "The scene's audio is muted: playback is silent.",
        _quiet, _let_hear, "Unmute",
    ),
    Check(
        "sync_mode", "scene", "warning",
        "Playback shows every frame however long it takes, and the sound runs ahead of the face.",
        _every_frame, _follow_sound, "Sync to Audio",
    ),
)  # fmt: skip
