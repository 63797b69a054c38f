"""A transcript laid on a voice: when its words are said, what they feel, and what could not be found."""

from __future__ import annotations

from dataclasses import dataclass, replace

from animcore.audio import AudioClip
from animcore.direction import Direction
from animcore.motion import Event
from animcore.progress import Progress, silent
from animcore.solvers import articulation
from animcore.speech import alignment, transcript
from animcore.speech.transcript import Transcript

_NAMED = 5  # words that are named where they are not heard


@dataclass(frozen=True)
class Script:
    """What a transcript tells of a recording.

    Attributes:
        spoken: its words and phonemes with their times, for `perform`.
        direction: the direction that was given, with the emotions of the transcript's tags.
        notes: what the user should know, one sentence each.
    """

    spoken: tuple[Event, ...]
    direction: Direction
    notes: tuple[str, ...]


def follow(clip: AudioClip, text: Transcript, direction: Direction, progress: Progress = silent) -> Script:
    """Find a transcript in a voice.

    Raises:
        AnimcoreError: when the network's file is missing or broken.
    """
    heard = articulation.listen(clip, progress)
    found = alignment.align(text, heard.probabilities, heard.fps)
    felt = transcript.emotions(text, found.words)
    missed = [word.label for word, event in zip(text.words, found.words, strict=True) if event is None]
    notes = []
    if missed:
        named = ", ".join(missed[:_NAMED]) + (" ..." if len(missed) > _NAMED else "")
        notes.append(f"{len(missed)} of the transcript's {len(text.words)} words are not heard in {clip.name}: {named}")
    return Script(found.events, replace(direction, emotions=(*direction.emotions, *felt)), tuple(notes))
