"""Paths stored in a .blend: relative to it from its first save on.

Blender does this for files of its own data-blocks and not for properties of an extension.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bpy

from ...scene import handlers
from ..properties import capture_of, splats_of
from . import splat_objects

Kept = tuple[Any, str, str]  # whose, which, and what it was

_before: list[Kept] = []  # while the first save is under way


@handlers.persistent
def make_relative(target: str, *_args: Any) -> None:
    """Blender is about to save into a file."""
    _before.clear()
    if target and not bpy.data.filepath and bpy.context.preferences.filepaths.use_relative_paths:
        for owner, name, kept, path in _paths():
            _before.append((owner, name, kept))
            setattr(owner, name, splat_objects.relative(path, str(Path(target).parent)))


@handlers.persistent
def keep_open(target: str, *_args: Any) -> None:
    """Blender has saved: where that was a copy, what is open keeps its paths."""
    if target != bpy.data.filepath:
        for owner, name, kept in _before:
            setattr(owner, name, kept)
    _before.clear()


def _paths() -> Iterator[tuple[Any, str, str, Path]]:
    """All paths of this file: whose, which, as it is kept, and where that is."""
    for holder in bpy.data.objects:
        own = holder.library is None and holder.override_library is None
        if own and splat_objects.is_holder(holder):
            yield splats_of(holder), "filepath", splats_of(holder).filepath, splat_objects.path_of(holder)
    for scene in bpy.data.scenes:
        kept = capture_of(scene).folder
        if kept and scene.library is None:
            yield capture_of(scene), "folder", kept, Path(bpy.path.abspath(kept))


_HANDLERS = (("save_pre", make_relative), ("save_post", keep_open), ("save_post_fail", keep_open))


def start() -> None:
    """Hook into Blender."""
    handlers.add(_HANDLERS)


def stop() -> None:
    """Unhook."""
    handlers.remove(_HANDLERS)
