"""Transcripts out of files: plain text, captions (`.srt`, `.vtt`) and Praat's `.TextGrid`, with the times they have."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from animcore.core.reading import check_file
from animcore.core.vocabulary import casefolded
from animcore.errors import InputError
from animcore.files.animation_curves import FormatOptions
from animcore.files.subtitles import captions, textgrid
from animcore.files.text_tables import text_of
from animcore.motion import Event
from animcore.speech import transcript
from animcore.speech.pronunciation import PHONEMES, pronunciations
from animcore.speech.transcript import Transcript, Word

SUFFIXES = (".textgrid", ".srt", ".vtt", ".txt")  # the most detailed first


def load(path: str | Path) -> Transcript:
    """Read a transcript; captions have rough times of utterances, a TextGrid exact times of words.

    Raises:
        InputError: when the file is missing, of another kind, broken or without words, or has an unknown tag.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise InputError(f"{path.name} is not a transcript; those end in {', '.join(SUFFIXES)}.")
    check_file(path)
    try:
        if suffix == ".textgrid":
            return _of_textgrid(path)
        if suffix == ".txt":
            return transcript.parse(text_of(path).lstrip("\ufeff"))
        form = captions.SRT if suffix == ".srt" else captions.VTT
        animation = form.read(path, FormatOptions())
        segments = ((one.label.replace("\n", " "), one.start, one.end) for one in animation.events)
        return transcript.from_segments(segments, sounds=True)
    except InputError as error:
        named = path.name in str(error)
        raise error if named else InputError(f"{path.name}: {error}") from error


def from_request(wish: str) -> Transcript:
    """Read typed text: the name of a transcript's file, or the words themselves.

    Raises:
        InputError: as `load` and `transcript.parse` do.
    """
    named = "\n" not in wish and wish.strip().lower().endswith(SUFFIXES)
    return load(Path(wish.strip())) if named else transcript.parse(wish)


def find_beside(recording: Path, folder: Path) -> Path:
    """Return the transcript of a recording in a folder: the file of its name with an ending of `SUFFIXES`.

    Raises:
        InputError: where there is none.
    """
    found = {
        path.suffix.lower(): path for path in folder.iterdir() if casefolded(path.stem) == casefolded(recording.stem)
    }
    path = next((found[suffix] for suffix in SUFFIXES if suffix in found), None)
    if path is None:
        raise InputError(f"{folder} has no transcript of {recording.name}: no {recording.stem}{' or '.join(SUFFIXES)}.")
    return path


def _of_textgrid(path: Path) -> Transcript:
    events = textgrid.read(path, FormatOptions()).events
    words = [word for one in events if one.kind == "word" for word in _words(one)]
    if not words:
        raise InputError(f"{path.name} has no tier of words, which a transcript consists of.")
    phonemes = [replace(one, label=_plain(one.label)) for one in events if one.kind == "phoneme"]
    return Transcript(tuple(words), phonemes=tuple(one for one in phonemes if one.label in PHONEMES[1:]))


def _words(one: Event) -> tuple[Word, ...]:
    """The words of an interval: one word is timed exactly, those of a whole utterance roughly."""
    if not pronunciations(one.label):
        return ()
    if not any(sign.isspace() for sign in one.label):
        return (Word(one.label, one.start, one.end, exact=True),)
    return transcript.from_segments([(one.label, one.start, one.end)]).words


def _plain(label: str) -> str:
    """A phoneme of the English aligners (`AH0`) under its name here."""
    return label.lower().rstrip("012")
