"""A transcript aligned with a voice: the times of its words, its emotions, and words that were not found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest

from animcore.audio.recording import AudioClip
from animcore.core.progress import Progress, silent
from animcore.direction import Direction, EmotionKey, EmotionSpan, directed
from animcore.motion import Event
from animcore.solvers.speech_face import lip_sync
from animcore.speech import alignment, transcript
from animcore.speech.transcript import Transcript

_NAMED = 5  # words that are listed where they were not found
_ADJOINS = 0.02  # seconds between two spans that follow each other
_COMES = 0.3  # seconds in which an emotion comes and goes that no other one joins


@dataclass(frozen=True)
class TimedTranscript:
    """The alignment of a transcript with a recording.

    Attributes:
        spoken: its words and phonemes with their times, for `perform`.
        direction: the direction that was given, with the emotions of the transcript's tags.
        notes: for the user, one sentence each.
    """

    spoken: tuple[Event, ...]
    direction: Direction
    notes: tuple[str, ...]


def align_transcript(
    clip: AudioClip, text: Transcript, direction: Direction, progress: Progress = silent
) -> TimedTranscript:
    """Find a transcript in a voice.

    Raises:
        AnimcoreError: when the network's file is missing or broken.
    """
    heard = lip_sync.detect_phonemes(clip, progress)
    found = alignment.align(text, heard.probabilities, heard.fps)
    spans = transcript.emotions(text, found.words)
    felt = blended(spans) if direction.transition == "blend" else spans
    missed = [word.label for word, event in zip(text.words, found.words, strict=True) if event is None]
    notes = []
    if missed:
        named = ", ".join(missed[:_NAMED]) + (" ..." if len(missed) > _NAMED else "")
        notes.append(f"{len(missed)} of the transcript's {len(text.words)} words are not in {clip.name}: {named}")
    return TimedTranscript(found.events, replace(direction, emotions=(*direction.emotions, *felt)), tuple(notes))


def blended(spans: Sequence[EmotionSpan]) -> tuple[EmotionSpan | EmotionKey, ...]:
    """Return spans, in the order of time, as emotions that go evenly over into each other where one follows another.

    Where there is no emotion before or after a span, it fades within 0.3 s.
    """
    cues: dict[float, dict[str, float]] = {}
    over = 0.0  # seconds at which the span before ends
    for span, after in zip_longest(spans, spans[1:]):
        if span.start - over > _ADJOINS:
            cues[max(over, span.start - _COMES)] = {}
        cues[span.start] = {span.emotion: span.intensity}
        over = span.start if span.end is None else span.end
        if span.end is not None and (after is None or after.start - span.end > _ADJOINS):
            cues[max(span.start, span.end - _COMES)] = {span.emotion: span.intensity}
            cues[span.end] = {}
    return tuple(directed((), cues, "blend"))
