"""A copy of the user's file for another Blender, which works at it while the user goes on with the file."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import bpy

from ..errors import AddonError


def of_file(
    scene: bpy.types.Scene, root: bpy.types.Object | bpy.types.Collection | None, folder: Path
) -> dict[str, Any]:
    """Write a copy of the open file into a folder; returns what `opened` needs to find everything in it.

    Without a character, `opened_scene` opens it.

    Raises:
        AddonError: where it cannot be written.
    """
    path = folder / "copy.blend"
    try:
        bpy.ops.wm.save_as_mainfile(filepath=str(path), copy=True, check_existing=False, compress=False)
    except RuntimeError as error:
        raise AddonError(
            f"A copy of the file cannot be written ({str(error).strip()}); free space on the disk."
        ) from error
    return {
        "file": str(path),
        "scripts": not bpy.app.autoexec_fail,
        "shown": scene.name,
        "kind": "collections" if isinstance(root, bpy.types.Collection) else "objects",
        "root": root.name if root is not None else "",
    }


def opened(request: dict[str, Any]) -> tuple[bpy.types.Scene, bpy.types.Object | bpy.types.Collection]:
    """Open the copy of a file, which then goes; returns its scene and its character.

    Raises:
        AddonError: where they are not in it.
    """
    scene = opened_scene(request)
    root = getattr(bpy.data, request["kind"]).get((request["root"], None))  # an override may be called as what it is of
    if root is None:
        raise AddonError(f"There is no {request['root']!r} in the copy of the file; choose the character again.")
    if bpy.context.mode != "OBJECT":
        bpy.ops.object.mode_set(mode="OBJECT")
    return scene, root


def opened_scene(request: dict[str, Any]) -> bpy.types.Scene:
    """Open the copy of a file, which then goes; returns its scene.

    Raises:
        AddonError: where it is not in it.
    """
    path = Path(request["file"])
    bpy.ops.wm.open_mainfile(filepath=str(path), load_ui=False, use_scripts=bool(request["scripts"]))
    with suppress(OSError):
        path.unlink()
    scene = bpy.data.scenes.get((request["shown"], None))
    if scene is None:
        raise AddonError(f"There is no scene {request['shown']!r} in the copy of the file; try again.")
    if bpy.context.window is not None:
        bpy.context.window.scene = scene
    return scene
