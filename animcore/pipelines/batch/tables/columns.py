"""Which column of a table is which: the names that tools and people give them, and the program that wrote the table."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

# Our name -> the names of it elsewhere, without case, blanks and signs. The first that a table has is taken. Wwise: the
# tab-delimited files of its Audio File Importer. Unreal: the sheets of "Export Dialogue Script" (FDialogueScriptEntry)
# and string tables. Yarn: the string tables of Yarn Spinner. FMOD: the keys of audio tables.
NAMES: dict[str, tuple[str, ...]] = {
    "id": ("id", "lineid", "stringid", "voiceid", "dialogueid", "key", "stringkey", "linekey", "cue", "cueid", "lineno",
           "dialogueasset", "objectpath", "localizationkeys", "identifier", "name"),
    "audio": ("audio", "audiofile", "audiofilename", "audiopath", "wav", "wavfile", "wave", "voicefile", "vofile",
              "soundfile", "sound", "asset", "recording", "path", "filepath", "filename", "file"),
    "text": ("text", "spokendialogue", "dialogue", "line", "subtitle", "transcript", "sourcestring", "string",
             "translation", "target", "script", "words", "caption", "sentence"),
    "language": ("language", "lang", "locale", "culture", "audiosourcelanguage", "languagecode", "lng"),
    "speaker": ("speaker", "speakingvoice", "voice", "actor", "voiceactor", "talent", "cast"),
    "character": ("character", "charactername", "npc", "role", "speakingcharacter"),
    "style": ("style", "gesturestyle", "bodystyle"),
    "emotion": ("emotion", "emotions", "mood", "feeling"),
    "intensity": ("intensity", "strength"),
    "seed": ("seed",),
    "listening_to": ("listeningto", "listensto", "otheraudio", "partner"),
    "look_at": ("lookat", "gaze", "gazetarget"),
    "in": ("in", "start", "begin", "timein", "starttime"),
    "out": ("out", "end", "timeout", "endtime"),
    "offset_ms": ("offsetms", "offset", "delayms"),
    "formats": ("formats", "format"),
    "fps": ("fps", "framerate"),
    "note": ("note", "notes", "comment", "comments", "voiceactordirection", "direction", "context"),
    "do": ("do", "task", "work"),
    "arguments": ("arguments", "args"),
    "gpus": ("gpus", "gpu"),
    "max_seconds": ("maxseconds", "maxduration", "maxlength", "timelimit", "maxtime"),
}  # fmt: skip
_AUDIO_ENDINGS = (
    ".wav", ".flac", ".ogg", ".mp3", ".wem", ".m4a", ".aac", ".opus", ".aif", ".aiff", ".mp4", ".mov", ".mkv", ".webm",
    ".w64", ".wma", ".caf", ".bwf",
)  # fmt: skip


@dataclass(frozen=True)
class Columns:
    """What the columns of a table are.

    Attributes:
        place: our name -> header in the table.
        carried: headers that mean nothing here and are kept.
        tool: the program that wrote such a table, or empty.
    """

    place: Mapping[str, str]
    carried: tuple[str, ...]
    tool: str = ""


def recognize(header: Sequence[str], sample: Sequence[Mapping[str, str]] = ()) -> Columns:
    """Find the columns of a table by their names, in any order.

    Args:
        header: names of the columns.
        sample: the first rows: a column named `file` holds audio where its cells end as audio files do, and in tables
            of Yarn the name of a script.
    """
    plain: dict[str, str] = {}
    for name in header:
        plain.setdefault(_plain(name), name)
    tool = _tool(plain)
    place: dict[str, str] = {}
    for ours, theirs in NAMES.items():
        found = next((plain[one] for one in theirs if one in plain and plain[one] not in place.values()), None)
        if found is not None and not (ours == "audio" and not _is_audio(found, sample, plain)):
            place[ours] = found
    if "character" in place and "speaker" not in place:  # who is heard and who is seen are one, where one is named
        place["speaker"] = place["character"]
    used = set(place.values())
    return Columns(place, tuple(name for name in header if name not in used and name.strip()), tool)


def has_audio_ending(cell: str) -> bool:
    """Whether a cell ends as the name of an audio or video file does."""
    return cell.strip().strip('"').lower().endswith(_AUDIO_ENDINGS)


def line_id(cell: str) -> str:
    r"""Return the id of a cell as a name: `abc` of Yarn's `line:abc`, `Hi` of Wwise's `\Actors\<Sound Voice>Hi`.

    Of Unreal's asset paths (`/Game/VO/Hi.Hi`) and lists of keys (`("A,B")`) the last name, or the first key, is taken.
    """
    text = unicodedata.normalize("NFC", cell.strip())
    if text.startswith("line:"):
        return text[5:].strip()
    if text.startswith("(") and text.endswith(")"):
        text = text.strip("()").split('"')[1] if '"' in text else text.strip("()")
        text = text.rpartition(",")[2].strip()
    if text.startswith("\\"):
        return re.sub(r"^<[^>]*>", "", text.rpartition("\\")[2]).strip()
    if text.startswith("/Game/"):
        return text.rpartition("/")[2].partition(".")[0]
    return text


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _tool(plain: Mapping[str, str]) -> str:
    if "spokendialogue" in plain:
        return "Unreal dialogue script"
    if {"audiofile", "objectpath"} <= plain.keys():
        return "Wwise"
    if {"id", "text", "node", "file"} <= plain.keys():
        return "Yarn Spinner"
    if {"key", "sourcestring"} <= plain.keys():
        return "Unreal string table"
    return ""


def _is_audio(header: str, sample: Sequence[Mapping[str, str]], plain: Mapping[str, str]) -> bool:
    """Whether a column is that of the audio; a column named `file` has to look like it."""
    if _plain(header) not in ("file", "asset", "path", "sound", "filename", "filepath"):
        return True
    cells = [row.get(header, "").strip() for row in sample]
    cells = [cell for cell in cells if cell]
    return bool(cells) and sum(map(has_audio_ending, cells)) * 2 >= len(cells)
