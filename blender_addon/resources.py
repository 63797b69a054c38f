"""Where the files that the extension carries lie: beside it in an installed zip, above it in a checkout. No bpy."""

from __future__ import annotations

from pathlib import Path

from .errors import AddonError

_HERE = Path(__file__).resolve().parent


def folder(name: str) -> Path:
    """Return the folder of that name (``assets``).

    Raises:
        AddonError: where the installation is incomplete.
    """
    for parent in (_HERE, _HERE.parent):
        if (parent / name).is_dir():
            return parent / name
    raise AddonError(f"The extension's folder {name!r} is missing; install the Animcore zip again.")


def default_character() -> Path:
    """Return the `.blend` of the default character.

    Raises:
        AddonError: where it is missing.
    """
    path = folder("assets") / "character" / "character.blend"
    if not path.is_file():
        raise AddonError(f"The default character ({path}) is missing; install the Animcore zip again.")
    return path
