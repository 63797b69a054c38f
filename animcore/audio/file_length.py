"""How long an audio track is by what its file claims: to report that a file is cut off, and for nothing else."""

from __future__ import annotations

import struct
from fractions import Fraction
from pathlib import Path
from typing import Any

# Formats that state the length of a track. Of others FFmpeg guesses it, or takes it from where the file ends.
_STATE_IT = {"mov", "flac", "aiff", "asf", "caf", "w64", "tta", "ape", "wv"}
_VBR_MARKS = (b"Xing", b"Info", b"VBRI")  # the first frame of an MP3 file that counts the others
_HEAD = 1 << 16  # bytes within which a header is looked for
_SLACK, _SHARE = 0.25, 0.02  # seconds, and share of the whole, by which a claim may be off
_UNKNOWN = 0x7FFFFFFF  # a size from here on is what programs write that cannot go back to the header


def claimed_duration(path: Path, container: Any, stream: Any) -> float | None:
    """Return the seconds that the file states for a track; None where it states none."""
    form = container.format.name.split(",")
    if form[0] == "wav":
        return _wav_seconds(path)
    if form[0] == "matroska":
        return _matroska_seconds(stream)
    states = form[0] in _STATE_IT or (form[0] == "mp3" and _counts_frames(path))
    return float(stream.duration * stream.time_base) if states and stream.duration else None


def cut_off(path: Path, claim: float | None, found: float) -> str:
    """Return how much of the claimed length is there, in words; empty where nothing is missing.

    Args:
        path: the file.
        claim: seconds that it states; None where it states none.
        found: seconds that were decoded.
    """
    if claim is not None and found < claim - max(_SLACK, _SHARE * claim):
        return f"{found:.1f} of {claim:.1f} s"
    return f"{found:.1f} s" if _last_page_is_broken(path) else ""


def _matroska_seconds(stream: Any) -> float | None:
    """The end that a track's statistics name, less its start."""
    parts = stream.metadata.get("DURATION", "").split(":")
    try:
        hours, minutes, seconds = map(float, parts)
    except ValueError:
        return None
    return hours * 3600 + minutes * 60 + seconds - float((stream.start_time or 0) * stream.time_base)


def _counts_frames(path: Path) -> bool:
    """Whether the first frame of an MP3 file states how many follow."""
    with path.open("rb") as handle:
        head = handle.read(10)
        tag = head[:3] == b"ID3" and len(head) == 10
        size = sum((byte & 127) << (7 * place) for place, byte in enumerate(reversed(head[6:]))) + 10 if tag else 0
        handle.seek(size)
        first = handle.read(4096)
    return any(mark in first for mark in _VBR_MARKS)


def _wav_seconds(path: Path) -> float | None:
    """Seconds of the data chunk of a RIFF file by its header."""
    with path.open("rb") as handle:
        head = handle.read(_HEAD)
    place, bytes_a_second = 12, 0
    while place + 8 <= len(head):
        name, size = head[place : place + 4], int.from_bytes(head[place + 4 : place + 8], "little")
        if name == b"fmt " and place + 20 <= len(head):
            (bytes_a_second,) = struct.unpack_from("<I", head, place + 16)
        if name == b"data":
            known = 0 < size < _UNKNOWN and bytes_a_second
            return float(Fraction(size, bytes_a_second)) if known else None
        place += 8 + size + size % 2
    return None


def _last_page_is_broken(path: Path) -> bool:
    """Whether an Ogg file ends within a page."""
    with path.open("rb") as handle:
        if handle.read(4) != b"OggS":
            return False
        size = handle.seek(0, 2)
        handle.seek(max(0, size - _HEAD))
        tail = handle.read()
    page = tail[tail.rfind(b"OggS") :]
    if len(page) < 27 or len(page) < 27 + page[26]:
        return True
    return len(page) < 27 + page[26] + sum(page[27 : 27 + page[26]])
