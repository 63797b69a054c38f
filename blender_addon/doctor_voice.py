"""What can be wrong with the voice, from what the engine heard in it."""

from __future__ import annotations

from . import voice
from .doctor import Check, Patient, Values
from .errors import AddonError

_TELEPHONE = 12_000  # Hz; below it s, f and th lose what tells them apart
_CLIPPED = 1e-3  # share of samples
_QUIET = -36.0  # LUFS
_WAIT = 5.0  # seconds of silence worth saying
_PACKED = 40_000  # bits a second of a lossy codec for a voice alone; below it consonants smear


def _unusable(who: Patient) -> Values | None:
    """Why there is no voice to speak of, before the engine is asked."""
    try:
        voice.read(who.scene)
    except AddonError as error:
        return {"message": str(error)} if voice.chosen(who.scene) else None
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


CHECKS = (
    Check("no_voice", "voice", "stop", "{message}", _unusable),
    Check("unreadable_voice", "voice", "stop", "{message}", _engine_says),
    Check("silent_voice", "voice", "warning", "Nothing is heard in the voice: the face will stay still.", _silent),
    Check(
        "low_rate", "voice", "warning",
        "The voice was recorded at {rate} kHz, as a telephone does: s, f and th can hardly be told apart.",
        _telephone,
    ),
    Check(
        "packed_voice", "voice", "note",
        "The voice is packed hard ({codec} at {rate} kbit/s): consonants may be smeared.",
        _packed,
    ),
    Check(
        "clipped_voice", "voice", "warning",
        "{share} of the samples are clipped: if it sounds distorted, record it again with a lower gain.",
        _clipped,
    ),
    Check("quiet_voice", "voice", "note", "The voice is very quiet ({level} LUFS): noise may be taken for it.", _quiet),
    Check("late_voice", "voice", "note", "The voice begins only after {seconds} seconds of silence.", _waits),
)  # fmt: skip
