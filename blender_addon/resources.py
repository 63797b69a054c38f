"""Where files lie: what the extension carries, beside it in a zip or above it in a checkout, and the user's own."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import bpy

from animcore.core.vocabulary import CACHE_FOLDER
from animcore.retarget import rig_profiles

from .errors import AddonError

_CACHED = ".heard.npz"  # the suffix of the engine's cached files (animcore/solvers/speech_face/feature_cache.py)
_HERE = Path(__file__).resolve().parent


def beside_file() -> Path:
    """Return the folder of the open file; the user's home before it is saved."""
    return Path(bpy.data.filepath).parent if bpy.data.filepath else Path.home()


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


def hybrid_head() -> Path:
    """Return the folder of the hybrid head that comes with Animcore.

    Raises:
        AddonError: where it is missing.
    """
    path = folder("assets") / "avatar" / "curls"
    if not path.is_dir():
        raise AddonError(f"The hybrid head ({path}) is missing; install the Animcore zip again.")
    return path


def user_folder(name: str) -> Path:
    """Return a folder of the user's own that outlives updates of the extension; it need not be there yet."""
    if __package__ is not None and __package__.startswith("bl_ext."):
        return Path(bpy.utils.extension_path_user(__package__, path=name))
    return Path(bpy.utils.user_resource("CONFIG")) / "animcore" / name


def tell_user_folder() -> None:
    """Let the rig reader here and in the engine's process find the user's own profiles; they are read at once."""
    os.environ.setdefault(rig_profiles.USER_FOLDER, str(user_folder("rigs")))
    rig_profiles.reload()
    if not bpy.app.background:
        threading.Thread(
            target=rig_profiles.profiles, daemon=True
        ).start()  # else the first character would wait for them


def cache_folder(chosen: str) -> Path:
    """Return the folder of the engine's cache: the chosen one, the environment's, or the extension's."""
    named = chosen or os.environ.get(CACHE_FOLDER)
    return Path(bpy.path.abspath(named)) if named else user_folder("cache")


def cached(folder: Path) -> list[Path]:
    """Return the engine's cached files in a folder."""
    return [path for path in folder.glob("*" + _CACHED) if path.is_file()]
