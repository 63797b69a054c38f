"""Audio files of Animcore: next to the .blend, or packed into it where it is not saved yet."""

from __future__ import annotations

import filecmp
import shutil
import tempfile
from pathlib import Path
from typing import Any

import bpy

_FOLDER = "animcore_sound"  # next to the .blend


def keep(made: Path, name: str) -> Path:
    """Move a WAV file to where it stays: `name` in a folder beside the .blend, else in Blender's temporary folder.

    A file of that name with the same sound is used; another one is left alone, and the new one gets a number.
    """
    for folder in _places():
        try:
            folder.mkdir(parents=True, exist_ok=True)
            return _moved(made, folder, name)
        except OSError:
            continue
    return made


def is_temporary(path: Path) -> bool:
    """Whether a file that was kept goes when Blender ends."""
    folder = _beside()
    return folder is None or path.parent != folder


def settle(sound: bpy.types.Sound, path: Path, name: str) -> None:
    """Let a data-block hold a kept file by a relative path; a temporary file is packed into the .blend."""
    sound.name = name
    if is_temporary(path):
        sound.pack()
        sound.filepath = f"//{_FOLDER}/{path.name}"
    else:
        sound.filepath = bpy.path.relpath(str(path))


def _beside() -> Path | None:
    return Path(bpy.data.filepath).parent / _FOLDER if bpy.data.filepath else None


def _places() -> list[Path]:
    beside, temporary = _beside(), bpy.app.tempdir or tempfile.gettempdir()
    return [*([beside] if beside is not None else []), Path(temporary) / _FOLDER]


def _moved(made: Path, folder: Path, name: str) -> Path:
    number = 1
    while True:
        place = folder / (f"{name}.wav" if number == 1 else f"{name}_{number}.wav")
        if not place.exists():
            return Path(shutil.move(made, place))
        if filecmp.cmp(made, place, shallow=False):
            made.unlink(missing_ok=True)
            return place
        number += 1


def file_name(text: str) -> str:
    """Return a text as a name that every system takes."""
    return "".join(one if one.isalnum() or one in " ._-+()" else "_" for one in text)[:80].strip(" .") or "sound"


def of_strip(strip: Any) -> str:
    """Return the file that a strip is of: the one that the user chose, where Animcore laid a copy of its sound."""
    return str(strip.get(SOURCE) or strip.sound.filepath)


SOURCE = "animcore_source"  # custom property of a strip: the file whose sound was copied for it
