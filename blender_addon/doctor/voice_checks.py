"""Checks of the audio, from the engine's analysis."""

from __future__ import annotations

from ..errors import AddonError
from ..scene import frame_rates
from ..voice import source
from .checks import Check, Patient, Values

Moments = list[tuple[float, str]]  # seconds of the audio, and the name of a marker there

_TELEPHONE = 12_000  # Hz; below it s, f and th lose the frequencies that distinguish them
_CLIPPED = 1e-3  # share of samples
_QUIET = -36.0  # LUFS
_WAIT = 5.0  # seconds of silence worth reporting
_MUSIC, _VOICE = ("music", "no music"), "voice {}"  # names of the markers
_PACKED = 40_000  # bits per second of a lossy codec for speech alone; below it consonants smear


def _unusable(who: Patient) -> Values | None:
    """Why there is no usable audio, before the engine is asked."""
    try:
        source.read(who.scene)
    except AddonError as error:
        return {"message": str(error)} if source.chosen(who.scene) else None
    return None


def _engine_says(who: Patient) -> Values | None:
    return {"message": who.heard["problem"]} if who.heard.get("problem") else None


def _silent(who: Patient) -> Values | None:
    return {} if who.heard and "loudness" in who.heard and who.heard["loudness"] is None else None


def _telephone(who: Patient) -> Values | None:
    rate = who.heard.get("sample_rate", 48_000)
    return {"rate": f"{rate / 1000:g}"} if rate < _TELEPHONE else None


def _packed(who: Patient) -> Values | None:
    rate = who.heard.get("bit_rate") or 0
    return {"codec": who.heard["codec"], "rate": rate // 1000} if 0 < rate < _PACKED else None


def _clipped(who: Patient) -> Values | None:
    share = who.heard.get("clipped_fraction", 0.0)
    return {"share": f"{share:.1%}"} if share > _CLIPPED else None


def _quiet(who: Patient) -> Values | None:
    level = who.heard.get("loudness")
    return {"level": f"{level:.0f}"} if level is not None and level < _QUIET else None


def _waits(who: Patient) -> Values | None:
    spans = who.heard.get("silences", ())
    begin = spans[0][1] if spans and spans[0][0] < 0.1 and who.heard.get("loudness") is not None else 0.0
    return {"seconds": f"{begin:.1f}"} if begin > _WAIT else None


def _music(who: Patient) -> Values | None:
    spans = who.heard.get("music", ())
    seconds = sum(end - start for start, end in spans)
    said = {"seconds": f"{seconds:.1f}", "start": f"{spans[0][0]:.1f}"} if spans else None
    return said if _unmarked(who, _music_moments(who)) else None


def _music_moments(who: Patient) -> Moments:
    return [(time, name) for span in who.heard.get("music", ()) for time, name in zip(span, _MUSIC, strict=True)]


def _speakers(who: Patient) -> Values | None:
    return {"count": len(who.heard["speakers"])} if _unmarked(who, _speaker_moments(who)) else None


def _speaker_moments(who: Patient) -> Moments:
    return [(start, _VOICE.format(number)) for start, _, number in who.heard.get("speakers", ())]


def _unmarked(who: Patient, moments: Moments) -> list[tuple[int, str]]:
    """Frame and name of the timeline markers that are missing at these seconds of the audio."""
    rate = float(frame_rates.exact_rate(who.scene.render.fps, who.scene.render.fps_base))
    begin = source.start_frame(who.scene)
    stand = {(marker.frame, marker.name) for marker in who.scene.timeline_markers}
    wanted = [(begin + round(seconds * rate), name) for seconds, name in moments]
    return [one for one in wanted if one not in stand]


def _mark(who: Patient, moments: Moments) -> None:
    for frame, name in _unmarked(who, moments):
        who.scene.timeline_markers.new(name, frame=frame)


CHECKS = (
    Check("no_voice", "voice", "stop", "{message}", _unusable),
    Check("unreadable_voice", "voice", "stop", "{message}", _engine_says),
    Check("silent_voice", "voice", "warning", "The audio is silent: the face will stay still.", _silent),
    Check(
        "low_rate", "voice", "warning",
        "The audio has a sample rate of {rate} kHz, as on a telephone: s, f and th are hard to distinguish.",
        _telephone,
    ),
    Check(
        "packed_voice", "voice", "note",
        "The audio is heavily compressed ({codec} at {rate} kbit/s): consonants may be smeared.",
        _packed,
    ),
    Check(
        "clipped_voice", "voice", "warning",
        "{share} of the samples are clipped: if the audio is distorted, record it again with a lower gain.",
        _clipped,
    ),
    Check("quiet_voice", "voice", "note", "The speech is quiet ({level} LUFS): noise may be taken for it.", _quiet),
    Check("late_voice", "voice", "note", "The speech starts after {seconds} seconds of silence.", _waits),
    Check(
        "music", "voice", "note",
        "Music or a steady tone was detected ({seconds} s of it, from {start} s): the lips may follow it.",
        _music, lambda who: _mark(who, _music_moments(who)), "Add Markers",
    ),
    Check(
        "two_speakers", "voice", "note",
        "Two speakers were detected ({count} turns): one face would speak both.",
        _speakers, lambda who: _mark(who, _speaker_moments(who)), "Add Markers",
    ),
)  # fmt: skip
