"""Preferences: which Python runs the engine. Blender reads the annotations as values, so they are not postponed."""

import time
from dataclasses import replace
from pathlib import Path

import bpy

from animcore.core.vocabulary import CACHE_FOLDER

from . import callbacks, resources
from .engine import process
from .locale.translations import spoken

_GLANCE = 3.0  # seconds for which the measured size of the cache is drawn


class AnimcorePreferences(bpy.types.AddonPreferences):
    """Settings of the computer, not of a file."""

    bl_idname = __package__

    python: bpy.props.StringProperty(
        name="External Python",
        description=(
            "Python executable with Animcore and PyTorch installed, for trained models and the GPU; "
            "if empty, the bundled engine is used"
        ),
        subtype="FILE_PATH",
    )
    microphone: bpy.props.StringProperty(
        name="Microphone",
        description="Microphone of Speak Live; if empty, the system default is used",
    )

    cache: bpy.props.StringProperty(
        name="Cache Folder",
        description=(
            "Folder of cached audio features, at most 512 MB, which make another take of the same audio faster; "
            "if empty, a folder of the extension is used"
        ),
        subtype="DIR_PATH",
    )

    def draw(self, _context: bpy.types.Context) -> None:
        """Draw the preferences."""
        column = self.layout.column()
        column.prop(self, "python")
        column.prop(self, "microphone")
        column.prop(self, "cache")
        row = column.row()
        row.operator("animcore.clear_cache", text=f"{spoken('Clear Cache')} ({_size()})", icon="TRASH", translate=False)
        row.operator("animcore.check_engine", icon="CHECKMARK")
        row.operator("animcore.copy_report", text="Copy Log", icon="COPYDOWN")
        row.operator("animcore.open_log", icon="TEXT")
        if note := callbacks.registered.engine_note():
            column.label(text=note, translate=False)


_measured: tuple[float, str] | None = None  # when the size of the cache was measured last, and the size


def _size() -> str:
    """What the cache takes, looked up every few seconds at most: drawing must cost nothing."""
    global _measured
    now = time.monotonic()
    if _measured is None or now - _measured[0] > _GLANCE:
        taken = sum(path.stat().st_size for path in resources.cached(cache()))
        _measured = (now, f"{taken / 2**20:.1f} MB")
    return _measured[1]


def clear() -> int:
    """Remove the engine's cached files; returns their number."""
    global _measured
    _measured = None
    files = resources.cached(cache())
    for path in files:
        path.unlink(missing_ok=True)
    return len(files)


def cache() -> Path:
    """Return the folder of the engine's cached audio features."""
    addon = bpy.context.preferences.addons.get(__package__)
    return resources.cache_folder(addon.preferences.cache if addon is not None else "")


def launch() -> process.Launch:
    """Return the command that starts the engine.

    Raises:
        AddonError: where it is not installed.
    """
    addon = bpy.context.preferences.addons.get(__package__)
    python = bpy.path.abspath(addon.preferences.python) if addon is not None else ""
    made = process.of_python(python) if python else process.carried()
    own = {CACHE_FOLDER: str(cache()), **process.of_blender(bpy.app.binary_path)}
    return replace(made, environment={**made.environment, **own})


def microphone() -> str:
    """Return the name of the microphone; empty for the system default."""
    return _own("microphone")


def _own(name: str) -> str:
    addon = bpy.context.preferences.addons.get(__package__)
    return getattr(addon.preferences, name) if addon is not None else ""
