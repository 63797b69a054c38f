"""The score of a line: its curves, its audio and its text held against each other, where no truth is known."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from animcore.audio.recording import AudioClip
from animcore.evaluation.lines import curves, lips, sound, words
from animcore.evaluation.lines.findings import QUALITY, Finding, LineScore, found, quality
from animcore.evaluation.lines.listening import listen
from animcore.evaluation.lines.mouth import of_motion
from animcore.motion import Event, Motion
from animcore.speech import transcript as transcripts
from animcore.speech.transcript import Transcript


def score(
    motion: Motion,
    clip: AudioClip,
    text: str | Transcript | None = None,
    offset: float = 0.0,
    lacks: Sequence[str] = (),
) -> LineScore:
    """Score a line.

    Where the speech network has just heard the clip for the solver (within `feature_cache.in_memory`), it is not asked
    again, and the score costs a few milliseconds.

    Args:
        motion: the performance.
        clip: the audio that it was made from.
        text: what is said, where it is known.
        offset: seconds that the face was ordered to be later than the audio.
        lacks: sentences on what a format or a rig could not take, as `ExportReport.lacks` has them.

    Raises:
        InputError: for a text with a tag that names no emotion.
        AnimcoreError: when the network's file is missing or broken.
    """
    heard = listen(clip)
    values: dict[str, float] = {"seconds": clip.duration}
    faults: list[Finding] = [_lack(lack, clip.duration) for lack in lacks]
    if clip.facts.silent:
        return _scored(values, [*faults, sound.nothing(heard)])
    transcript = _transcript(text)
    events: tuple[Event, ...] = ()
    parts = [sound.judge(heard)]
    if transcript is not None:
        spoken = words.follow(transcript, motion, heard, offset)
        events = spoken.events
        parts.append(words.judge(spoken, heard))
    mouth = of_motion(motion, offset)
    if mouth is not None:
        parts += [lips.judge(mouth, heard, events), curves.judge(mouth, heard)]
    for more, wrong in parts:
        values |= more
        faults += wrong
    return _scored(values, faults)


def _transcript(text: str | Transcript | None) -> Transcript | None:
    if isinstance(text, str):
        return transcripts.parse(text) if text.strip() else None
    return text


def _lack(sentence: str, duration: float) -> Finding:
    return found("format", sentence, 1.0, 0.0, 1.0, (0.0, duration), 0.0)


def _scored(values: dict[str, float], faults: Iterable[Finding]) -> LineScore:
    """The score with its faults, the gravest first."""
    ordered = tuple(sorted(faults, key=lambda fault: -fault.severity))
    return LineScore({QUALITY: quality(ordered), **values}, ordered)
