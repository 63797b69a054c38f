"""The text of a recording, and its emotions: words in order, some with times, and tags such as `[joy 0.7]`.

A tag stands before the words that it is about and holds until the next tag or the end of its segment: a line of plain
text, or a caption. `files/transcripts.py` reads the files.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from animcore.core.vocabulary import EMOTIONS
from animcore.direction import EmotionSpan
from animcore.errors import InputError
from animcore.motion import Event
from animcore.speech.pronunciation import pronunciations

# What directors write, as an emotion of `vocabulary.EMOTIONS` and how strong it is where no number stands behind it.
ADJECTIVES: dict[str, tuple[str, float]] = {name: (name, 0.7) for name in EMOTIONS} | {
    "happy": ("joy", 0.7), "joyful": ("joy", 0.8), "warm": ("joy", 0.35), "warmly": ("joy", 0.35),
    "friendly": ("joy", 0.4), "cheerful": ("joy", 0.7), "amused": ("joy", 0.5), "smiling": ("joy", 0.5),
    "smile": ("joy", 0.5), "laughing": ("joy", 1.0), "delighted": ("joy", 0.9), "excited": ("joy", 0.8),
    "sad": ("sadness", 0.7), "sorry": ("sadness", 0.5), "disappointed": ("sadness", 0.5), "tearful": ("sadness", 0.9),
    "crying": ("sadness", 1.0), "hurt": ("sadness", 0.6), "melancholic": ("sadness", 0.4),
    "angry": ("anger", 0.7), "furious": ("anger", 1.0), "annoyed": ("anger", 0.4), "irritated": ("anger", 0.4),
    "stern": ("anger", 0.3), "disgusted": ("disgust", 0.7), "revolted": ("disgust", 0.9),
    "afraid": ("fear", 0.7), "scared": ("fear", 0.7), "fearful": ("fear", 0.7), "terrified": ("fear", 1.0),
    "anxious": ("fear", 0.4), "worried": ("fear", 0.4), "nervous": ("fear", 0.35),
    "surprised": ("surprise", 0.7), "astonished": ("surprise", 0.9), "amazed": ("surprise", 0.8),
    "shocked": ("surprise", 1.0), "curious": ("surprise", 0.3),
    "contemptuous": ("contempt", 0.7), "scornful": ("contempt", 0.7), "smug": ("contempt", 0.5),
    "sarcastic": ("contempt", 0.4), "mocking": ("contempt", 0.5),
    "calm": ("neutral", 0.7), "serious": ("neutral", 0.7), "relaxed": ("neutral", 0.5),
}  # fmt: skip

_LONGEST = 200  # signs of a word; a longer one is none, and to spell it would take minutes
_PART = re.compile(r"\[([^\[\]]*)\]|([^\s\[]+)")
_NO_WORD = re.compile(r"<[^<>]*>")  # `<unk>`, `<eps>`: what recognizers write where they know no word
# what transcribers write of sounds beside the words
_SOUNDS = {
    "noise", "music", "applause", "laughter", "laughs", "silence", "pause", "inaudible", "unintelligible", "crosstalk",
    "cough", "coughs", "breath", "breathing", "breathes", "inhales", "exhales", "sigh", "sighs", "cheering", "sound",
    "blank_audio", "unk", "eps", "sil", "sp", "spn", "foreign", "beep", "bleep", "click", "hesitation",
}  # fmt: skip
_TAG = re.compile(r"\s*([^\W\d]+)\s*(?:[ =:]\s*(\d*\.?\d+)\s*)?")
_SIGN = re.compile(r"[㐀-鿿][^\w㐀-鿿]*|[^㐀-鿿]+")  # Chinese stands without blanks: a sign is a word


@dataclass(frozen=True)
class Word:
    """A word of a transcript.

    Attributes:
        label: as it is written, with its punctuation.
        start, end: seconds between which it is spoken, None where unknown.
        exact: whether it fills that time, rather than lying somewhere within.
    """

    label: str
    start: float | None = None
    end: float | None = None
    exact: bool = False


@dataclass(frozen=True)
class EmotionCue:
    """An emotion that words call for.

    Attributes:
        emotion: of `vocabulary.EMOTIONS`.
        intensity: 0..1.
        first, last: places of its first word and behind its last one among the transcript's words.
    """

    emotion: str
    intensity: float
    first: int
    last: int


@dataclass(frozen=True)
class Transcript:
    """Words in their order, the emotions of tags, and phonemes where they are known."""

    words: tuple[Word, ...]
    cues: tuple[EmotionCue, ...] = ()
    phonemes: tuple[Event, ...] = ()


def parse(text: str) -> Transcript:
    """Read plain text; a line is a segment.

    Raises:
        InputError: for a tag that names no emotion, or where there are no words.
    """
    return from_segments((line, None, None) for line in text.splitlines())


def from_segments(segments: Iterable[tuple[str, float | None, float | None]], *, sounds: bool = False) -> Transcript:
    """Read segments of text with the seconds between which they are spoken, such as captions.

    Args:
        segments: text, start and end.
        sounds: whether a tag that names no emotion is a sound, as captions have them (`[door slams]`).

    Raises:
        InputError: for a tag that names neither an emotion nor a sound, or where there are no words.
    """
    words: list[Word] = []
    cues: list[EmotionCue] = []
    for text, start, end in segments:
        begun: tuple[str, float, int] | None = None
        for tag, label in _PART.findall(text):
            if label:
                words += [
                    Word(sign, start, end)
                    for sign in _SIGN.findall(_NO_WORD.sub("", label))
                    if len(sign) < _LONGEST and pronunciations(sign)
                ]
                continue
            if _is_sound(tag, any_other=sounds):
                continue
            cues += _closed(begun, len(words))
            begun = (*_emotion_of(tag), len(words))
        cues += _closed(begun, len(words))
    if not words:
        raise InputError("The transcript has no words; write the text of the audio.")
    return Transcript(tuple(words), tuple(cues))


def _closed(begun: tuple[str, float, int] | None, last: int) -> list[EmotionCue]:
    """The cue that ends here, unless it is about no word."""
    return [EmotionCue(*begun, last)] if begun is not None and begun[2] < last else []


def _is_sound(tag: str, *, any_other: bool) -> bool:
    """Whether a tag describes a sound beside the words, or every tag does that names no emotion."""
    named = _TAG.fullmatch(tag.lower())
    known = named is not None and named[1] in ADJECTIVES
    return not known and (any_other or tag.strip().lower() in _SOUNDS)


def _emotion_of(tag: str) -> tuple[str, float]:
    """The emotion of a tag's text and its intensity."""
    found = _TAG.fullmatch(tag.lower())
    if found is None or found[1] not in ADJECTIVES:
        near = difflib.get_close_matches(tag.lower().strip(), ADJECTIVES, 1)
        hint = f"did you mean [{near[0]}]?" if near else "take it out, or write one such as [joy 0.7] or [worried]."
        raise InputError(f"The transcript has the tag [{tag}], which names no emotion; {hint}")
    emotion, usual = ADJECTIVES[found[1]]
    intensity = float(found[2]) if found[2] else usual
    if intensity > 1.0:
        raise InputError(f"The tag [{tag}] of the transcript asks for more than 1; an emotion goes from 0 to 1.")
    return emotion, intensity


def emotions(transcript: Transcript, spoken: Sequence[Event | None]) -> tuple[EmotionSpan, ...]:
    """Return the emotions of a transcript in seconds.

    Args:
        transcript: of W words.
        spoken: where each of the W words is, None where it was not found.
    """
    spans = []
    for cue in transcript.cues:
        heard = [word for word in spoken[cue.first : cue.last] if word is not None]
        if not heard:
            continue
        start = 0.0 if cue.first == 0 else max(heard[0].start, 0.0)
        following = next((one for one in transcript.cues if one.first == cue.last), None)
        behind = spoken[cue.last] if cue.last < len(spoken) else None
        end = behind.start if following is not None and behind is not None else heard[-1].end
        last = None if cue.last == len(spoken) else max(end, start + 0.01)
        spans.append(EmotionSpan(cue.emotion, cue.intensity, start, last))
    return tuple(spans)
