"""The lines of a batch that `animcore batch run` left in a folder: read from its ledger, or from its files alone.

Imports no bpy. The ledger's last entry of a line counts; a line of it that is cut off or unknown is passed over.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..errors import AddonError

_MOTION, _EDITS = ".motion.npz", ".edits.npz"
_LARGEST = 1 << 30  # bytes of a ledger
_BROKEN = (ValueError, TypeError, LookupError, AttributeError)


@dataclass(frozen=True)
class BatchLine:
    """A line with a take.

    Attributes:
        name: its path in the folder without suffix.
        motion: its motion file.
        audio: its recording; None where it is not there.
        text: what is said.
        speaker: who speaks.
        quality: 0 to 1 by its scores; 1 where it has none.
        has_edits: whether hand edits are in the motion.
    """

    name: str
    motion: Path
    audio: Path | None = None
    text: str = ""
    speaker: str = ""
    quality: float = 1.0
    has_edits: bool = False

    @property
    def edits(self) -> Path:
        """The file of its hand edits."""
        return self.motion.with_name(self.motion.name.removesuffix(_MOTION) + _EDITS)


def read(folder: Path) -> list[BatchLine]:
    """Return the lines of a batch that have a take, in the order of the table.

    Raises:
        AddonError: where the folder has none.
    """
    if not folder.is_dir():
        raise AddonError(f"There is no folder {folder}; choose the output folder of a batch.")
    known: dict[str, tuple[float, int, BatchLine | None]] = {}
    for path in sorted((folder / "ledger").glob("*.jsonl")):
        for when, row, name, line in _entries(path, folder):
            if name not in known or when >= known[name][0]:
                known[name] = (when, row, line)
    found = [line for _, _, line in sorted(known.values(), key=lambda one: one[1]) if line is not None]
    if not known:
        found = [_of_file(path, folder) for path in sorted(folder.rglob(f"*{_MOTION}"))]
    if not found:
        raise AddonError(f"{folder.name} holds no takes; choose the output folder of `animcore batch run`.")
    return found


def _entries(path: Path, folder: Path) -> Iterator[tuple[float, int, str, BatchLine | None]]:
    """Time, row and name of the entries of a file, each with its line where that has a take."""
    if path.stat().st_size > _LARGEST:
        raise AddonError(f"{path.name} is too large to be the ledger of a batch.")
    with path.open("rb") as handle:
        for text in handle:
            try:
                entry = json.loads(text)
                record = entry["record"]
                name, row = str(record["name"]), int(record["row"])
                line = None if entry.get("is_removed") else _line(record, name, folder)
                yield float(entry["at"]), row, name, line
            except _BROKEN:
                continue


def _line(record: dict[str, object], name: str, folder: Path) -> BatchLine | None:
    motion = folder / str(record.get("motion") or f"{name}{_MOTION}")
    if not motion.resolve().is_relative_to(folder.resolve()) or not motion.is_file():
        return None
    audio = folder / str(record.get("audio", ""))
    scores = record.get("scores")
    quality = float(scores.get("quality", 1.0)) if isinstance(scores, dict) else 1.0
    return BatchLine(
        name,
        motion,
        audio if audio.is_file() else None,
        str(record.get("text", "")),
        str(record.get("speaker", "")),
        quality,
        bool(record.get("has_edits", False)),
    )


def _of_file(path: Path, folder: Path) -> BatchLine:
    return BatchLine(path.relative_to(folder).as_posix().removesuffix(_MOTION), path)
